"""The block `live:` becomes settings, the environment overrides them, and what is wrong has a place."""

from pathlib import Path
from textwrap import dedent

import pytest

from cep.errors import InputError
from cep.live import LiveSettings, checked, with_environment, without_secrets
from cep.rulebook.project import read_project

WHOLE = """\
inputs: [{name: events, files: ["*.jsonl"]}]
live:
  brokers: one:9092,two:9092
  group: fraud
  topics: {payments: events}
  alerts: fraud.alerts
  batch_records: 500
  start: latest
  kafka: {security.protocol: SASL_SSL, sasl.username: cep}
"""


def problems(text: str) -> list[str]:
    return [f"{d.place.line}:{d.code}:{d.message}" for d in read_project("cep.yaml", dedent(text), Path())[1]]


def test_whole_block() -> None:
    project, found = read_project("cep.yaml", WHOLE, Path())
    assert found == []
    assert project.live == LiveSettings(
        brokers="one:9092,two:9092",
        group="fraud",
        topics=(("payments", "events"),),
        alerts="fraud.alerts",
        batch_records=500,
        start="latest",
        kafka=(("security.protocol", "SASL_SSL"), ("sasl.username", "cep")),
    )


def test_topics_as_a_list_take_the_input_that_fits_their_name() -> None:
    project, found = read_project("cep.yaml", "live: {topics: [payments, logins]}", Path())
    assert (found, project.live.topics) == ([], (("payments", ""), ("logins", "")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("live: {broker: x}", "1:M102:unknown key `broker`"),
        ("live: {topics: {a: nope}}", "1:M103:no input is called `nope`"),
        ("live: {start: latst}", "1:M103:`latst` is no start"),
        ("live: {batch_records: 0}", "1:M103:`batch_records` must be a whole number, 1 or more"),
        ("live: [x]", "1:M103:`live` takes names with values"),
        ("live: {kafka: x}", "1:M103:`kafka` takes names with values"),
    ],
)
def test_problems(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_environment_overrides() -> None:
    settings = with_environment(
        LiveSettings(group="file"),
        {"CEP_GROUP": "env", "CEP_TOPICS": "a=x,b", "CEP_BATCH_RECORDS": "7", "CEP_CONFIG": "no setting"},
    )
    assert settings == LiveSettings(group="env", topics=(("a", "x"), ("b", "")), batch_records=7)


@pytest.mark.parametrize("name", ["CEP_BATCH_RECORDS", "CEP_START"])
def test_wrong_variable_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}=zero"):
        with_environment(LiveSettings(), {name: "zero"})


def test_secrets_are_not_shown() -> None:
    secret = LiveSettings(
        state="rediss://user:hush@host:6379/0",
        kafka=(("sasl.password", "hush"), ("sasl.username", "me"), ("ssl.key.password", "hush")),
    )
    shown = str(without_secrets(secret))
    assert "hush" not in shown
    assert "me" in shown


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LiveSettings(), "no topics to read"),
        (LiveSettings(topics=(("cep.alerts", ""),)), "read and written"),
        (LiveSettings(topics=(("a", ""), ("a", "x"))), "named twice"),
        (LiveSettings(topics=(("a", ""),), web="localhost"), "web: localhost: HOST:PORT is needed"),
        (LiveSettings(topics=(("a", ""),), web="127.0.0.1:70000"), "HOST:PORT is needed"),
    ],
)
def test_contradictions(settings: LiveSettings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked(settings)


def test_agents_take_few_settings_of_the_other_client() -> None:
    agents = LiveSettings(topics=(("payments", "events"),), mode="agent")
    assert checked(agents) == agents
    secure = with_environment(agents, {"CEP_KAFKA_SECURITY_PROTOCOL": "SSL"})
    assert checked(secure).kafka == (("security.protocol", "SSL"),)
    odd = with_environment(agents, {"CEP_KAFKA_FETCH_MAX_BYTES": "1"})
    with pytest.raises(InputError, match=r"kafka: fetch\.max\.bytes: in `mode: agent` only TLS and SASL"):
        checked(odd)
    with pytest.raises(InputError, match="CEP_MODE=twice: one of batch, agent"):
        with_environment(agents, {"CEP_MODE": "twice"})
