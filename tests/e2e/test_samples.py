"""The rules over the samples find every planted case, and nothing else."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cep.stream.alert import Alert
from tests.e2e.replaying import replayed
from tests.shared import ROOT

pytestmark = pytest.mark.xdist_group("replay of samples")

TRUTH = [json.loads(line) for line in (ROOT / "samples" / "truth.jsonl").read_text().splitlines()]
Found = tuple[str, tuple[int, ...]]


@pytest.fixture(scope="module")
def alerts() -> list[Alert]:
    found, summary = replayed(ROOT / "cep.yaml", ROOT / "rules", [ROOT / "samples" / "events.jsonl.gz"])
    assert summary.events >= 50_000
    assert not summary.rejects
    return found


def _lines(alert: Alert) -> Found:
    return alert.rule.name, tuple(sorted(item.event.line for item in alert.events))


def test_each_planted_case_alerts_with_its_events_and_nothing_else_does(alerts: list[Alert]) -> None:
    planted = Counter((case["rule"], tuple(sorted(case["lines"]))) for case in TRUTH if case["should_alert"])
    found = Counter(_lines(alert) for alert in alerts)
    assert sorted(planted - found) == []
    assert sorted(found - planted) == []


def test_alerts_say_what_was_planted(alerts: list[Alert]) -> None:
    by_lines = {_lines(alert): alert for alert in alerts}
    for case in TRUTH:
        if case["should_alert"]:
            alert = by_lines[case["rule"], tuple(sorted(case["lines"]))]
            assert alert.type == case["emit"], case
            assert dict(alert.key) == case["key"], case
            assert alert.first_ms == case["ts_from"], case
            assert alert.last_ms == case["ts_to"], case
            assert (alert.outcome == "timeout") == (case["outcome"] == "timeout"), case


def test_alerts_come_in_the_order_of_their_detection(alerts: list[Alert]) -> None:
    times = [alert.detected_ms for alert in alerts]
    assert times == sorted(times)
    assert len({alert.alert_id for alert in alerts}) == len(alerts)


def test_every_rule_has_planted_cases_of_both_kinds(alerts: list[Alert]) -> None:
    rules = {alert.rule.name for alert in alerts}
    for wanted in (True, False):
        assert {case["rule"] for case in TRUTH if case["should_alert"] is wanted} == rules
