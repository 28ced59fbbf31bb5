"""Rules as records: versions never change, a revision means the same for ever, nonsense is refused."""

from dataclasses import replace

import pytest

from cep.ports.rule_records import (
    VERSIONS_MAX,
    RuleHistory,
    RuleStatus,
    RuleVersion,
    changed,
    enabled,
    read_version,
    records_of,
    rolled_back,
    version_value,
)
from tests.ports.made_rules import MadeTopic

ONE = RuleVersion("one", 1, "live", "rule: one\npattern: A a\n", {"x.cep": "DEFINE PATTERN p = A a;\n"})


def push(topic: MadeTopic, *wanted: RuleVersion) -> int:
    history = topic.history()
    topic.write(records_of(history, [new for one in wanted if (new := changed(history, one)) is not None]))
    return topic.history().revision


def told(history: RuleHistory, name: str = "one") -> list[tuple[int, str, str]]:
    return [(v.number, v.status, v.text) for v in (placed.version for placed in history.versions(name))]


def test_there_and_back() -> None:
    full = replace(ONE, types={"A": {"x": "int?"}}, by="eve", when="today", status="shadow")
    assert read_version(full.key, version_value(full)) == full


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (ONE.key, b"{", "not JSON"),
        (ONE.key, b"[]", "not a rule as this version writes it"),
        (ONE.key, version_value(ONE).replace(b'"format":1', b'"format":2'), "format 1"),
        (
            ONE.key,
            version_value(ONE).replace(b"pattern: A", b"pattern: B"),
            "its hash is not that of its text",
        ),
        (ONE.key, version_value(ONE).replace(b'"live"', b'"gone"'), "status gone"),
        (ONE.key, version_value(ONE).replace(b'"version":1', b'"version":true'), "version True"),
        (ONE.key, version_value(ONE).replace(b'"by":"",', b""), "`by` is missing"),
        (ONE.key, version_value(ONE).replace(b'"types":{}', b'"types":[]'), "are mappings"),
        (ONE.key, version_value(ONE).replace(b'"types":{}', b'"types":{"A":{"x":1}}'), "hold texts"),
        (b"two@1", version_value(ONE), "its key says two@1, its text one@1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_old_version_stays(
    key: bytes, value: bytes, reason: str
) -> None:
    history = RuleHistory()
    history.add(0, ONE.key, version_value(ONE))
    history.add(1, key, value)
    assert [(refused.offset, refused.key) for refused in history.refused] == [(1, key.decode())]
    assert reason in history.refused[0].reason
    assert history.newest("one") == ONE
    assert history.names() == ["one"]


def test_every_change_is_a_version_and_compaction_takes_none() -> None:
    topic = MadeTopic()
    first = push(topic, ONE, replace(ONE, name="two"))
    assert push(topic, ONE) == first, "nothing has changed"
    second = push(topic, replace(ONE, text="B"))
    push(topic, replace(ONE, text="B", status="disabled"))
    history = topic.history()
    assert told(history) == [(1, "live", ONE.text), (2, "live", "B"), (3, "disabled", "B")]
    assert [p.version.number for p in history.versions("one", first)] == [1]
    assert [p.version.number for p in history.versions("one", second)] == [1, 2]
    assert topic.records[topic.end - 2] == (b"one", b'{"rule":"one","version":3}')


def test_rollback_and_enable_are_new_versions() -> None:
    topic = MadeTopic()
    steps: list[tuple[str, RuleStatus]]
    steps = [("A", "live"), ("A", "disabled"), ("B", "shadow"), ("B", "disabled")]
    for text, status in steps:
        push(topic, replace(ONE, text=text, status=status))
    history = topic.history()
    back = rolled_back(history, "one", None)
    assert back is not None
    assert (back.number, back.text, back.status) == (1, "A", "live")
    assert (enabled(history, "one").text, enabled(history, "one").status) == ("B", "shadow")
    push(topic, back)
    assert told(topic.history())[-1] == (5, "live", "A")
    second = rolled_back(topic.history(), "one", 3)
    assert second is not None
    assert second.text == "B"
    assert rolled_back(topic.history(), "one", 9) is None


def test_old_versions_leave_the_topic() -> None:
    topic = MadeTopic()
    for number in range(VERSIONS_MAX + 3):
        push(topic, replace(ONE, text=str(number)))
    numbers = [number for number, _, _ in told(topic.history())]
    assert numbers == list(range(4, VERSIONS_MAX + 4))
