"""A shadow runs as all others do; its alerts say so, go elsewhere, and are the same ones when it is live."""

import json
from pathlib import Path

import pytest

from cep.cli.live_setup import open_live, start_rows
from cep.live import LiveSettings
from cep.ports.topic_records import Part, Records
from cep.runtimes.live_metrics import Metrics
from cep.runtimes.live_task import Done, Task
from tests.cli.shop import cep
from tests.live.project import RULES, lines, make_events, write_project

SHADOWED = RULES.replace("rule: pair\n", "rule: pair\nstatus: shadow\n")
LIVE = "cep.alerts"
SHADOW = "cep.alerts.shadow"


def records(first: int, last: int) -> list[Records]:
    values = [value for _, value in make_events(1_200, seed=2, keys=10)][first:last]
    return [Records(Part("events", 0), list(range(first, last)), values)]


def task(folder: Path, rules: str) -> Task:
    return Task(open_live({"CEP_CONFIG": str(write_project(folder, rules=rules))}).tasks, 0)


def ids(done: Done, topic: str, rule: str) -> list[tuple[str, str]]:
    alerts = [json.loads(one.value or b"") for one in done.out if one.topic == topic]
    return [(alert["alert_id"], alert["status"]) for alert in alerts if alert["rule"] == rule]


def test_its_alerts_go_elsewhere_and_keep_their_ids_when_it_is_live(tmp_path: Path) -> None:
    live, shadow, promoted = (
        task(tmp_path / name, rules) for name, rules in (("l", RULES), ("s", SHADOWED), ("p", RULES))
    )
    live.begin({"events": 0})
    shadow.begin({"events": 0})
    truth = live.process(records(0, 1_200))
    first = shadow.process(records(0, 600))
    assert ids(first, LIVE, "pair") == []
    assert ids(first, LIVE, "burst") != []
    assert {status for _, status in ids(first, SHADOW, "pair")} == {"shadow"}
    assert (first.shadows["pair"], first.alerts["pair"]) == (len(ids(first, SHADOW, "pair")), 0)
    # Promoted it goes on with what it holds: nothing is missing and nothing comes twice.
    entries = [(key, value) for key, value in first.delta.changes.items() if value is not None]
    begin = promoted.restore(iter(entries), {"events": 600}, {"events": 0})
    promoted.refill(records(begin["events"], 600))
    second = promoted.process(records(600, 1_200))
    assert ids(second, SHADOW, "pair") == []
    both = [one for one, _ in ids(first, SHADOW, "pair") + ids(second, LIVE, "pair")]
    assert both == [one for one, _ in ids(truth, LIVE, "pair")]
    metrics = Metrics()
    metrics.processed(shadow, first)
    assert (
        f'cep_shadow_alerts_total{{rule="pair"}} {len(ids(first, SHADOW, "pair"))}.0'
        in metrics.text().decode()
    )


def test_the_start_tells_of_it(tmp_path: Path) -> None:
    config = write_project(tmp_path, rules=SHADOWED)
    assert start_rows(open_live({"CEP_CONFIG": str(config)}))["rules"] == (
        "2 rules live: silence, burst; 1 shadow: pair"
    )
    rows = start_rows(open_live({"CEP_CONFIG": str(config), "CEP_RULES_FROM": "topic"}))
    assert rows["rules"] == "those of the topic cep.rules, followed"


def test_the_topic_is_named_after_that_of_alerts() -> None:
    assert LiveSettings(alerts="mine").written[-1] == "mine.shadow"
    assert LiveSettings(shadow_alerts="other").written[-1] == "other"


def test_a_replay_marks_them_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, rules=SHADOWED)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "0").write_bytes(lines([value for _, value in make_events(300, seed=2, keys=3)]))
    monkeypatch.chdir(tmp_path)
    alerts = [json.loads(line) for line in cep("replay", "--format", "json").stdout.splitlines()]
    assert {(alert["rule"], alert["status"]) for alert in alerts} >= {("pair", "shadow"), ("burst", "live")}
    heads = [line for line in cep("replay", "--format", "table").stdout.splitlines() if "k=" in line]
    assert {"  SHADOW" in line for line in heads if line.startswith("pair")} == {True}
    assert not any("SHADOW" in line for line in heads if line.startswith("burst"))
