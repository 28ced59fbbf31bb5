"""NOT, deadlines and the watermark: what a replay decides when, row by row of the table in the language."""

from __future__ import annotations

from pathlib import Path

import pytest

from cep.ports.rejects import Reject
from tests.runtimes.test_replay import line, put, rule, run

MINUTE_MS = 60_000
PATTERN = "SEQ(A a, NOT B b FOR 10m) BY u"
DEADLINE_MS = 10 * MINUTE_MS


@pytest.mark.parametrize(
    ("later", "decided_ms"),
    [
        ([("X", 9 * MINUTE_MS)], []),
        ([("X", DEADLINE_MS - 1)], []),
        ([("X", DEADLINE_MS)], [DEADLINE_MS]),
        ([("B", DEADLINE_MS), ("X", 11 * MINUTE_MS)], []),
        ([("B", DEADLINE_MS + 1), ("X", 11 * MINUTE_MS)], [DEADLINE_MS]),
        ([("B", 0), ("X", 11 * MINUTE_MS)], []),
        ([("X", 11 * MINUTE_MS), ("X", 99 * MINUTE_MS)], [DEADLINE_MS]),
    ],
    ids=[
        "pending",
        "a millisecond early",
        "at the deadline",
        "forbidden at it",
        "behind it",
        "same ms",
        "once",
    ],
)
def test_a_last_absence(tmp_path: Path, later: list[tuple[str, int]], decided_ms: list[int]) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 0), *(line(kind, ms) for kind, ms in later)], lateness_ms=0)
    for chunk in (1, 100):
        alerts, summary = run([one], rule(PATTERN), chunk=chunk)
        assert [alert.ts_ms for alert in alerts] == decided_ms
        assert summary.waiting == {"r": 0 if decided_ms or later[0][0] == "B" else 1}


def test_what_comes_behind_the_watermark_is_late_and_the_alert_stands(tmp_path: Path) -> None:
    lines = [line("A", 0), line("X", DEADLINE_MS + 1), line("B", 7 * MINUTE_MS), line("X", 20 * MINUTE_MS)]
    one = put(tmp_path / "a.jsonl", lines, lateness_ms=0)
    for chunk in (1, 100):
        rejects: list[Reject] = []
        alerts, _ = run([one], rule(PATTERN), chunk=chunk, rejects=rejects)
        assert [alert.ts_ms for alert in alerts] == [DEADLINE_MS]
        assert [(reject.reason_code, reject.line) for reject in rejects] == [("late", 3)]


def test_what_comes_late_within_the_allowance_counts(tmp_path: Path) -> None:
    lines = [line("A", 0), line("X", DEADLINE_MS + 1), line("B", 7 * MINUTE_MS), line("X", 20 * MINUTE_MS)]
    one = put(tmp_path / "a.jsonl", lines, lateness_ms=5 * MINUTE_MS)
    alerts, summary = run([one], rule(PATTERN), chunk=1)
    assert not alerts
    assert not summary.rejects


def test_time_is_that_of_the_source_that_lags_until_it_ends(tmp_path: Path) -> None:
    slow = put(tmp_path / "a.jsonl", [line("A", 0), line("X", MINUTE_MS)], lateness_ms=0)
    fast = put(tmp_path / "b.jsonl", [line("X", DEADLINE_MS), line("B", DEADLINE_MS + 5)], lateness_ms=0)
    for inputs in ([slow, fast], [fast, slow]):
        alerts, summary = run(inputs, rule(PATTERN), chunk=1)
        assert [alert.ts_ms for alert in alerts] == [DEADLINE_MS]
        assert not summary.rejects


def test_for_counts_from_the_last_event_before_it_and_no_window_clips_it(tmp_path: Path) -> None:
    pattern = rule("SEQ(A a, C c, NOT B b FOR 10m) BY u WITHIN 5m")
    lines = [line("A", 0), line("C", 5 * MINUTE_MS), line("B", 15 * MINUTE_MS + 1)]
    alerts, _ = run([put(tmp_path / "a.jsonl", lines)], pattern)
    assert [alert.ts_ms for alert in alerts] == [15 * MINUTE_MS]
    lines = [line("A", 0), line("C", 5 * MINUTE_MS), line("B", 15 * MINUTE_MS), line("X", 16 * MINUTE_MS)]
    alerts, _ = run([put(tmp_path / "b.jsonl", lines)], pattern)
    assert not alerts
