"""Keys spread over processes give the alerts of one process, line for line, and leave no process behind."""

import gzip
import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread

import pytest

from cep.engines.engines import ENGINES, Engine
from cep.engines.matcher import Limits, Matcher
from cep.errors import CepError, InputError
from cep.plan.compile import Plan
from cep.ports.alert_lines import alert_line
from cep.ports.lines import Bounds
from cep.runtimes.replay import Here, Input, Options, Summary, replay
from cep.runtimes.spread import spread_over
from cep.stream.alert import Rule
from tests.properties.worlds import plan_of
from tests.runtimes.test_replay import put

PATTERNS = (
    "SEQ(A a, B b)",
    "SEQ(A a, NOT B n FOR 2s)",
    "SEQ(NOT C n FOR 3s, A a)",
    "SEQ(A a, B b+, C c)",
    "SEQ(A a, NOT C n, B[x > a.x] b)",
    "SEQ STRICT(A a, B b)",
    "AND(A a, C c)",
    "OR(SEQ(A a, C c), B b{2})",
    "SEQ(A a, EVENT b, C c)",
    "A a+",
)  # fmt: skip
KEYS = ("BY u", "BY v", "BY u, v", "")
CLAUSES = (
    "WITHIN 3s LIMIT 2 PER 10s",
    "WITHIN 1s PICK EACH AFTER MATCH NO SKIP EMIT (n = 1)",
    "WITHIN 2s ON TIMEOUT EMIT T(n = 1)",
    "WITHIN 4 EVENTS AFTER MATCH SKIP TO NEXT",
)
SEVERAL_KEYS = (
    "AND(A a BY u, C c BY w) WITHIN 3s",
    "SEQ(A a BY u, B b BY v) WITHIN 1s PICK EACH",
    "SEQ(A a BY u, A|B b BY w) WITHIN 3s",
    "SEQ(A a BY u, NEXT C c BY w) WITHIN 3s",
)


def rules() -> list[Rule]:
    """Rules of every kind, those included that cannot be held apart by key."""
    # Each pattern has each key, each key each clause.
    texts = [
        f"{one} {key} {CLAUSES[(i + j) % len(CLAUSES)]}"
        for i, one in enumerate(PATTERNS)
        for j, key in enumerate(KEYS)
    ]
    found = [(text, plan) for text in (*texts, *SEVERAL_KEYS) if (plan := plan_of(text)) is not None]
    assert len(found) > 35
    limits = (Limits(), Limits(runs_per_key=3), Limits(runs_per_key=4, overflow="stop_rule"))
    return [Rule(text, 1, plan, limits=limits[i % 5 % 3], order=i) for i, (text, plan) in enumerate(found)]


RULES = rules()


def events(path: Path, count: int = 600) -> Input:
    """Keys that are equal though written in two ways, keys that are null, lines that are no event."""
    draw = random.Random(7)
    us = (1, 1.0, "1", "b", "c", "d", 2.5, None)
    lines = [
        json.dumps({
            "type": draw.choice("AABC"), "ts": 120 * i - draw.randrange(900), "x": draw.randrange(9),
            "u": draw.choice(us), "v": draw.choice((*range(12), None)), "w": draw.choice(us),
        }) + "\n"
        for i in range(count)
    ]  # fmt: skip
    return put(path, [*lines, "{", '{"type": "A", "ts": 0}\n'])


def told(
    one: Input, jobs: int, engine: Engine = ENGINES["auto"], rules: Sequence[Rule] = RULES
) -> tuple[list[str], Summary]:
    summary = Summary()
    detector = Here if jobs == 1 else spread_over(jobs)
    options = Options(engine=engine, bounds=Bounds(chunk_rows=200), flush=True, detector=detector)
    return [alert_line(alert) for alert in replay(rules, [one], summary, options=options)], summary


@contextmanager
def another_thread() -> Iterator[None]:
    """While there is one, processes do not begin as a copy of this one."""
    over = Event()
    thread = Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_the_same_alerts_and_the_same_summary(tmp_path: Path, engine: str) -> None:
    one = events(tmp_path / "a.jsonl")
    lines, summary = told(one, 1, ENGINES[engine])
    assert sum(summary.alerts.values()) == len(lines) > 1000
    assert sum(summary.suppressed.values()) > 100
    counted = summary.counters.values()
    assert any(each.stopped for each in counted)
    assert any(each.null_keys for each in counted)
    assert any(each.dropped_runs for each in counted)
    for jobs in (2, 3):
        found, spread = told(one, jobs, ENGINES[engine])
        assert found == lines
        assert spread == summary
    assert not active_children()


def test_the_same_from_processes_that_begin_afresh(tmp_path: Path) -> None:
    one = events(tmp_path / "a.jsonl")
    with another_thread():
        assert told(one, 2) == told(one, 1)
    assert not active_children()


def test_rules_that_cannot_be_held_apart_take_a_process_each_at_most(tmp_path: Path) -> None:
    whole = [rule for rule in RULES if "BY" not in rule.name][:2]
    one = events(tmp_path / "a.jsonl", 300)
    assert told(one, 5, rules=whole) == told(one, 1, rules=whole)
    assert told(one, 2, rules=()) == told(one, 1, rules=())


def test_who_stops_early_leaves_no_process(tmp_path: Path) -> None:
    alerts = replay(
        RULES, [events(tmp_path / "a.jsonl")], Summary(), options=Options(detector=spread_over(2))
    )
    assert isinstance(next(alerts).rule, Rule)
    alerts.close()  # type: ignore[attr-defined]  # it is a generator
    assert not active_children()


def _dies(_rules: Sequence[tuple[Plan, Limits]]) -> list[Matcher]:
    os._exit(3)


def test_a_process_that_dies_is_an_error_and_no_silence(tmp_path: Path) -> None:
    with pytest.raises(CepError, match="has ended before its work was done"):
        told(events(tmp_path / "a.jsonl"), 2, _dies)
    assert not active_children()


def test_a_process_that_is_killed_is_an_error_and_no_silence(tmp_path: Path) -> None:
    options = Options(detector=spread_over(2), bounds=Bounds(chunk_rows=50))
    alerts = replay(RULES, [events(tmp_path / "a.jsonl")], Summary(), options=options)
    next(alerts)
    active_children()[-1].kill()
    with pytest.raises(CepError, match="has ended before its work was done"):
        list(alerts)
    assert not active_children()


def _fails(_rules: Sequence[tuple[Plan, Limits]]) -> list[Matcher]:
    raise KeyError(7)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_the_same_wherever_it_happens(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(KeyError, match="7"):
        told(events(tmp_path / "a.jsonl"), jobs, _fails)
    assert not active_children()


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_read_before_a_damage_is_told_before_it(tmp_path: Path, jobs: int) -> None:
    one = events(tmp_path / "a.jsonl")
    ids = [json.loads(line)["alert_id"] for line in told(one, 1)[0]]
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(one.path).read_bytes())[:-8] + b"\x00" * 8)
    options = Options(bounds=Bounds(chunk_rows=200), detector=Here if jobs == 1 else spread_over(jobs))
    alerts = replay(RULES, [Input(str(packed), one.settings)], Summary(), options=options)
    found: list[str] = []
    with pytest.raises(InputError, match="damaged"):
        found.extend(alert.alert_id for alert in alerts)
    assert len(found) > 200
    assert found == ids[: len(found)]
