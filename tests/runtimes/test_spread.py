"""Rules spread over processes give the alerts of one process, line for line, and leave no process behind."""

import os
import random
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path

import pytest

from cep.engines.engines import ENGINES, Engine
from cep.engines.matcher import Limits, Matcher
from cep.errors import CepError
from cep.plan.compile import Plan
from cep.ports.alert_lines import alert_line
from cep.ports.lines import Bounds
from cep.runtimes.replay import Input, Options, Summary, replay
from cep.stream.alert import Rule
from tests.runtimes.test_replay import ABSENCE, PAIR, line, put, rule

RULES = [
    rule(f"{PAIR} LIMIT 2 PER 1m", "pair", 0),
    rule(ABSENCE, "absence", 1),
    rule("SEQ(A a, B b) BY v WITHIN 5s PICK EACH AFTER MATCH NO SKIP", "other_key", 2),
    rule("SEQ STRICT(A a, A b, B c) WITHIN 20s", "no_key", 3),
]


def events(path: Path) -> Input:
    random.seed(7)
    kinds = [random.choice("AAB") for _ in range(400)]
    lines = [
        line(kind, 250 * i - random.randrange(900), f"u{random.randrange(5)}", v=i % 3)
        for i, kind in enumerate(kinds)
    ]
    return put(path, [*lines, "{", line("A", 0)])


def told(one: Input, jobs: int, engine: Engine = ENGINES["auto"]) -> tuple[list[str], Summary]:
    summary = Summary()
    options = Options(engine=engine, bounds=Bounds(chunk_rows=150), flush=True, jobs=jobs)
    return [alert_line(alert) for alert in replay(RULES, [one], summary, options=options)], summary


def test_the_same_alerts_and_the_same_summary(tmp_path: Path) -> None:
    one = events(tmp_path / "a.jsonl")
    lines, summary = told(one, 1)
    assert len({rule.name for rule in RULES if summary.alerts[rule.name]}) == len(RULES)
    assert told(one, 3) == (lines, summary)
    assert not active_children()


def test_who_stops_early_leaves_no_process(tmp_path: Path) -> None:
    alerts = replay(RULES, [events(tmp_path / "a.jsonl")], Summary(), options=Options(jobs=2))
    assert isinstance(next(alerts).rule, Rule)
    alerts.close()  # type: ignore[attr-defined]  # it is a generator
    assert not active_children()


def _dies(_rules: Sequence[tuple[Plan, Limits]]) -> list[Matcher]:
    os._exit(3)


def test_a_process_that_dies_is_an_error_and_no_silence(tmp_path: Path) -> None:
    with pytest.raises(CepError, match="has ended before its work was done"):
        told(events(tmp_path / "a.jsonl"), 2, _dies)
    assert not active_children()
