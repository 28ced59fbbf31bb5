"""A replay of files: order, lateness, the end of input, and independence of how much is read at once."""

import json
import random
import tempfile
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.errors import InputError, Source
from cep.inputs import InputSettings, TimeSettings
from cep.ports import open_file
from cep.ports.alert_lines import alert_line
from cep.ports.lines import Bounds
from cep.ports.rejects import Reject
from cep.rulebook.pipeline import compile_text
from cep.runtimes.replay import Input, Options, Summary, projection_of, replay
from cep.schema import Schema
from cep.stream.alert import Alert, Rule

PAIR = "SEQ(A a, B b) BY u WITHIN 10s"
ABSENCE = "SEQ(A a, NOT B b FOR 5s) BY u"


def rule(pattern: str, name: str = "r", order: int = 0) -> Rule:
    """A rule of a pattern that has no problems."""
    plan, problems = compile_text(Source.whole("p", pattern), Schema())
    assert plan is not None, problems
    return Rule(name, 1, plan, order=order)


def line(kind: str, ts_ms: int, u: str | None = "x", **fields: object) -> str:
    """An event as a line of a file."""
    return json.dumps({"type": kind, "ts": ts_ms, "u": u, **fields}) + "\n"


def put(path: Path, lines: Iterable[str], lateness_ms: int = 1000) -> Input:
    """A file of events as an input."""
    path.write_text("".join(lines), encoding="utf-8")
    return Input(str(path), InputSettings(time=TimeSettings(format="epoch_ms"), max_lateness_ms=lateness_ms))


def run(
    inputs: Sequence[Input],
    *rules: Rule,
    chunk: int = 1000,
    batch_rows: int = 0,
    flush: bool = False,
    rejects: list[Reject] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> tuple[list[Alert], Summary]:
    """Replay with a chunk size."""
    summary = Summary()
    bounds = Bounds(chunk_rows=chunk)
    options = Options(bounds=bounds, batch_rows=batch_rows, flush=flush, from_ms=from_ms, to_ms=to_ms)
    on_reject = None if rejects is None else rejects.append
    alerts = list(replay(rules or (rule(PAIR),), inputs, summary, options=options, on_reject=on_reject))
    return alerts, summary


def taken(alerts: Iterable[Alert]) -> list[list[int]]:
    """The times of the events of each alert."""
    return [[item.event.ts_ms for item in alert.events] for alert in alerts]


def test_events_of_several_files_are_in_the_order_of_time(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("A", 60_000)])
    two = put(tmp_path / "b.jsonl", [line("B", 2_000), line("B", 61_000)])
    for inputs in ([one, two], [two, one]):
        alerts, summary = run(inputs, chunk=1)
        assert taken(alerts) == [[1_000, 2_000], [60_000, 61_000]]
        assert [item.event.source for item in alerts[0].events] == [one.path, two.path]
        assert (summary.events, summary.first_ms, summary.last_ms) == (4, 1_000, 61_000)
        assert summary.complete


def test_disorder_within_the_allowed_lateness_is_put_right(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("B", 2_000), line("A", 1_000), line("A", 9_000)])
    alerts, summary = run([one], chunk=1)
    assert taken(alerts) == [[1_000, 2_000]]
    assert not summary.rejects


@pytest.mark.parametrize("flush", [False, True])
def test_chunks_that_are_matched_together_change_nothing(tmp_path: Path, flush: bool) -> None:
    rng = random.Random(11)
    times = [[1_000 * i + rng.randrange(4_000) for i in range(size)] for size in (150, 90)]
    inputs = [
        put(tmp_path / f"{i}.jsonl", [line(rng.choice("ABX"), ms) for ms in each] + ["{\n"])
        for i, each in enumerate(times)
    ]
    told = set()
    sizes = ((1000, 0), (1, 0), (1, 5), (7, 7), (7, 8), (7, 64), (16, 1000), (3, 640))
    for chunk, batch_rows in sizes:
        rejects: list[Reject] = []
        rules = (rule(PAIR), rule(ABSENCE, "absence", 1))
        alerts, summary = run(
            inputs, *rules, chunk=chunk, batch_rows=batch_rows, flush=flush, rejects=rejects
        )
        late = sorted((reject.source, reject.line) for reject in rejects)
        counts = (summary.events, summary.skipped, summary.first_ms, summary.last_ms, summary.complete)
        told.add(repr(([(alert.rule.name, alert.ts_ms) for alert in alerts], taken(alerts), late, counts)))
    assert len(told) == 1
    assert len(alerts) > 20
    assert summary.rejects["late"] > 5


def test_late_event_is_a_reject_and_no_part_of_a_match(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("A", 9_000), line("B", 7_999), line("B", 8_000)])
    rejects: list[Reject] = []
    alerts, summary = run([one], rejects=rejects)
    assert taken(alerts) == [[1_000, 8_000]]
    assert [(reject.reason_code, reject.line) for reject in rejects] == [("late", 3)]
    assert summary.rejects["late"] == 1


def test_lines_that_are_no_events_are_counted_and_given_away(tmp_path: Path) -> None:
    bad = ["{\n", '{"type": "A"}\n', '{"ts": 5}\n', "[]\n", "\n"]
    one = put(tmp_path / "a.jsonl", [line("A", 1), *bad * 2, line("B", 2)])
    rejects: list[Reject] = []
    alerts, summary = run([one], rejects=rejects)
    assert len(alerts) == 1
    assert len(rejects) == sum(summary.rejects.values()) == 8
    assert summary.records == 10
    assert summary.rejects == {"unreadable": 4, "no_time": 2, "no_type": 2}
    assert [len(each) for each in summary.examples.values()] == [3, 2, 2]


def test_types_that_no_rule_reads_move_time_only(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("X", 20_000)])
    alerts, summary = run([one], rule(ABSENCE))
    assert [alert.ts_ms for alert in alerts] == [6_000]
    assert (summary.skipped, summary.events) == (1, 2)


@pytest.mark.parametrize(("last_ms", "decided"), [(5_999, False), (6_000, True)])
def test_at_the_end_time_has_come_to_the_last_event(tmp_path: Path, last_ms: int, decided: bool) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("A", last_ms, u="y")])
    alerts, summary = run([one], rule(ABSENCE))
    assert bool(alerts) is decided
    assert summary.waiting == {"r": 2 - decided}


def test_flush_decides_every_absence(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("A", 2_000, u="y")])
    alerts, summary = run([one], rule(ABSENCE), flush=True)
    assert [(alert.key["u"], alert.ts_ms) for alert in alerts] == [("x", 6_000), ("y", 7_000)]
    assert summary.waiting == {"r": 0}


def test_events_outside_of_the_time_asked_for_are_not_there(tmp_path: Path) -> None:
    lines = [line("A", 1_000), line("B", 2_000), line("A", 3_000), line("B", 4_000), line("B", 5_000)]
    one = put(tmp_path / "a.jsonl", lines)
    alerts, summary = run([one], from_ms=2_000, to_ms=5_000)
    assert taken(alerts) == [[3_000, 4_000]]
    assert (summary.events, summary.outside, summary.records) == (3, 2, 5)


def test_null_key_is_counted(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000, u=None), line("B", 2_000, u=None)])
    alerts, summary = run([one])
    assert not alerts
    assert summary.counters["r"].null_keys == 2


def test_no_events_at_all(tmp_path: Path) -> None:
    alerts, summary = run([put(tmp_path / "a.jsonl", [])], rule(ABSENCE), flush=True)
    assert (alerts, summary.events, summary.span_ms, summary.complete) == ([], 0, 0, True)


def test_missing_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        replay([rule(PAIR)], [Input(str(tmp_path / "no.jsonl"), InputSettings())], Summary())


def test_damaged_file_leaves_what_was_found(tmp_path: Path) -> None:
    good = put(tmp_path / "a.jsonl", [line("A", 1), line("B", 2)])
    bad = tmp_path / "b.jsonl.gz"
    bad.write_bytes(b"\x1f\x8b\x08\x00 this is not what it says")
    summary = Summary()
    found = replay([rule(PAIR)], [good, Input(str(bad), InputSettings())], summary)
    with pytest.raises(InputError, match="damaged"):
        list(found)
    assert not summary.complete
    assert summary.events == 2


def test_alerts_of_one_moment_come_in_the_order_of_rules(tmp_path: Path) -> None:
    one = put(tmp_path / "a.jsonl", [line("A", 1_000), line("B", 2_000)])
    rules = [rule(PAIR, "second", 1), rule(PAIR, "first", 0)]
    for chunk in (1, 2):
        assert [alert.rule.name for alert in run([one], *rules, chunk=chunk)[0]] == ["first", "second"]


def test_projection_names_the_fields_of_each_type() -> None:
    plain = projection_of([rule(PAIR), rule("A[z = 1] a BY v")])
    assert plain.types == frozenset("AB")
    assert [sorted(plain.of(name)) for name in "ABC"] == [["u", "v", "z"], ["u"], []]
    every = projection_of([rule(PAIR), rule("EVENT[w = 1] e BY k")])
    assert every.wants("C")
    assert [sorted(every.of(name)) for name in "AC"] == [["k", "u", "w"], ["k", "w"]]


# --- whatever is read at once ------------------------------------------------------------------------

RULES = (
    rule(PAIR, "pair", 0),
    rule(ABSENCE, "absence", 1),
    rule("A a{2,} BY u WITHIN 4s ON CLOSE EMIT (n = count(a))", "session", 2),
    rule("SEQ(A a, NEXT B b) BY u WITHIN 9s ON TIMEOUT EMIT Slow(u)", "strict", 3),
    rule("B b{2} BY u WITHIN 3s LIMIT 1 PER 5s", "limited", 4),
)
EVENTS = st.lists(st.tuples(st.sampled_from("ABX"), st.integers(0, 20), st.sampled_from("xy")), max_size=25)


@settings(max_examples=60, deadline=None)
@given(files=st.lists(EVENTS, min_size=1, max_size=3), lateness_s=st.integers(0, 6), chunk=st.integers(1, 9))
def test_alerts_do_not_depend_on_chunks(
    files: list[list[tuple[str, int, str]]], lateness_s: int, chunk: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inputs = [
            put(Path(folder) / f"{i}.jsonl", [line(t, s * 1000, u) for t, s, u in events], lateness_s * 1000)
            for i, events in enumerate(files)
        ]
        whole, small = (run(inputs, *RULES, chunk=rows, flush=True) for rows in (1000, chunk))
    assert [alert_line(alert) for alert in small[0]] == [alert_line(alert) for alert in whole[0]]
    assert (small[1].rejects, small[1].suppressed) == (whole[1].rejects, whole[1].suppressed)
    times = [alert.detected_ms for alert in whole[0]]
    assert times == sorted(times)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small pieces, so that a small file is already many of them.
    monkeypatch.setattr(open_file, "BLOCK_BYTES", 1 << 14)

    def peak(count: int) -> int:
        lines = (line("AB"[i % 2], i * 100, u=f"u{i % 50}", amount=i) for i in range(count))
        one = put(tmp_path / "big.jsonl", lines)
        tracemalloc.start()
        summary = Summary()
        for _ in replay([rule(PAIR)], [one], summary, options=Options(bounds=Bounds(chunk_rows=100))):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert summary.events == count
        return found

    small = peak(2_000)
    # How far the reader thread has come at the worst moment is not the same twice.
    assert peak(8_000) < 1.5 * small
