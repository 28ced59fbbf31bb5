"""The cost class of a rule, with its reason; what is exponential is refused without a limit."""

from __future__ import annotations

import pytest

from cep.errors import Source
from cep.plan.cost import cost
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.engines.story import plan_of

CLASSES = [
    ("C1", "one step", "A a"),
    ("C1", "one step", "A a WHERE a.x > 3"),
    ("C1", "one step", "A|B a"),
    ("C1", "one step", "OR(A a, B b)"),
    ("C1", "one step", "A a{3,} BY u WITHIN 1h"),
    ("C1", "one step", "A a+ GAP 5m ON CLOSE EMIT (n = count(a))"),
    ("C1", "one step", "SEQ(NOT B b FOR 1h, A a)"),
    ("C2", "several steps", "SEQ(A a, B b) WITHIN 1h"),
    ("C2", "several steps", "SEQ(A a, NOT B b FOR 1h, C c) WITHIN 1d PICK LAST"),
    ("C2", "a value of earlier ones", "SEQ(A a, B[x = a.x] b) WITHIN 1h"),
    ("C2", "a value of earlier ones", "SEQ(A a, B b) WHERE a.x != b.x WITHIN 1h"),
    ("C2", "a value of earlier ones", "SEQ(NOT B[x = a.x] b FOR 1h, A a)"),
    ("C2", "an aggregate over a loop", "A a+ WHERE sum(a.x) > 5 WITHIN 1h"),
    ("C2", "an aggregate over a loop", "A a+ WHERE count(DISTINCT a.x) >= 3 WITHIN 1h"),
    ("C3", "compared by more", "SEQ(A a, B[x > a.x] b) WITHIN 1h"),
    ("C3", "compared by more", "SEQ(A a, B b) WHERE a.x < b.x WITHIN 1h"),
    ("C3", "compared by more", "SEQ(A a, NOT B[x BETWEEN a.x AND 5] b, C c) WITHIN 1h"),
    ("C3", "a running value", "A[x > prev(x)] a{3} WITHIN 1h"),
    ("C3", "a running value", "SEQ(A a{2,}, A[x > avg(a.x)] b) WITHIN 1h"),
    ("C3", "PICK EACH", "SEQ(A a, B b) WITHIN 1h PICK EACH"),
    ("C3", "PICK ALL", "SEQ(A a, B b) WITHIN 1h PICK ALL"),
    ("C3", "PICK LEFTMOST", "SEQ STRICT(A a+, B b) WITHIN 1h PICK LEFTMOST"),
    ("C3", "branches in any order", "AND(A a, B b) WITHIN 1h"),
    ("C3", "branches in any order", "ATLEAST(2, A a, B b, C c) WITHIN 1h"),
    ("C4", "every length of every loop", "SEQ(A a+, B b) WITHIN 1h PICK ALL LIMIT 3"),
    ("C4", "tries every event", "SEQ ANY(A a, B b) WITHIN 1h LIMIT 3"),
    ("C4", "tries every event", "SEQ(A a, ANY B b, C c) WITHIN 1h LIMIT 2 PER 1h"),
    ("C4", "tries every event", "A a+ COMBINATIONS WITHIN 1h LIMIT 2"),
]


@pytest.mark.parametrize(("wanted", "reason", "pattern"), CLASSES)
def test_cost_class(wanted: str, reason: str, pattern: str) -> None:
    found = cost(plan_of(pattern))
    assert found.cost_class == wanted
    assert any(reason in words for words in found.reasons), found.reasons


@pytest.mark.parametrize("pattern", [pattern for wanted, _, pattern in CLASSES if wanted == "C4"])
def test_exponential_cost_needs_a_limit(pattern: str) -> None:
    plan, problems = compile_text(Source.whole("p", pattern.partition(" LIMIT")[0]), Schema())
    assert plan is None
    (error,) = [problem for problem in problems if problem.severity == "error"]
    assert (error.code, error.help) == ("E307", "bound what one event may complete: LIMIT 20")


@pytest.mark.parametrize(
    ("pattern", "lookback_ms", "delay_ms"),
    [
        ("SEQ(A a, B b) WITHIN 1h", 0, 0),
        ("SEQ(NOT B b FOR 1h, A a)", 3_600_000, 0),
        ("SEQ(OR(SEQ(NOT B b FOR 1h, A a), SEQ(NOT C c FOR 2h, D d)), E e) WITHIN 1d", 7_200_000, 0),
        ("SEQ(A a, NOT B b FOR 5m)", 0, 300_000),
        ("AND(A a, C c, NOT B b FOR 5m) WITHIN 1h", 0, 300_000),
        ("SEQ(A a, NOT B b) WITHIN 1h", 0, None),
        ("A a+ GAP 5m ON CLOSE EMIT (n = count(a))", 0, None),
        ("SEQ(A a, NOT B b FOR 5m, C c) WITHIN 1h", 0, 0),
    ],
)
def test_look_back_and_delay(pattern: str, lookback_ms: int, delay_ms: int | None) -> None:
    found = cost(plan_of(pattern))
    assert (found.lookback_ms, found.delay_ms) == (lookback_ms, delay_ms)
