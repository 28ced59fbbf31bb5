"""The example patterns of the language on small streams, with answers that were worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from cep.engines.evaluate import Scope, value_of
from cep.errors import Source
from cep.plan.compile import Plan
from cep.rulebook.libraries import read_definitions
from cep.rulebook.params import param_literal
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.engines.story import matches, told
from tests.engines.told_cases import Case, cases_of, ids
from tests.language.examples import LIBRARIES, PATTERNS

CASES = cases_of(Path(__file__).parent / "cases" / "examples.txt")

PARAMS = {3: {"users": "3"}, 26: {"delay": "10m"}}

MULE = (
    "Deposit0h(amount=100) Withdrawal1h(amount=90) Deposit2h(amount=9) Withdrawal3h(amount=9) "
    "Deposit4h(amount=10) Withdrawal5h(amount=10) AccountClosed6h"
)

LATER = {
    1: ["high_risk"],
    17: ["OVER 30d", "OVER 30d"],
    18: ["OVER 90d BY user_id, device_id"],
    19: ["speed_kmh(a, this)"],
    21: ["1h TUMBLING"],
    23: ["customers[user_id]", "fx[currency AT ts]"],
    24: ["overlaps(s1, s2)"],
    30: ["OVER 90d"],
}
"""Examples that need what comes later, with the words that are refused."""


def compiled(number: int) -> Plan:
    """The plan of an example, checked as the example of a rule file would be."""
    pattern = LIBRARIES[0].split(";")[0] + ";"  # the predicate beside it needs a table
    definitions, problems = read_definitions(Source.whole("auth.cep", pattern), Schema(), "auth")
    assert not problems
    library = {f"auth.{name}": each for name, each in definitions.items()}
    params = {name: param_literal(value)[0] for name, value in PARAMS.get(number, {}).items()}
    plan, problems = compile_text(Source.whole("example", PATTERNS[number - 1]), Schema(), library, params)
    assert plan is not None, problems
    return plan


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_example(case: Case) -> None:
    plan = compiled(int(case.title.split()[0]))
    found = matches(plan, case.stream, flush=case.flush, shared=case.shared)
    assert tuple(told(match) for match in found) == case.expected


def test_every_example_is_here_with_a_yes_and_a_no() -> None:
    assert len(PATTERNS) == 30
    numbers = [int(case.title.split()[0]) for case in CASES]
    assert set(numbers) | set(LATER) == set(range(1, 31))
    for number in set(numbers):
        answers = [case.expected for case in CASES if int(case.title.split()[0]) == number]
        assert () in answers, f"{number} has no stream without a match"
        assert any(answers), f"{number} has no stream with a match"


@pytest.mark.parametrize("number", LATER)
def test_what_comes_later_is_refused_where_it_stands(number: int) -> None:
    source = Source.whole("example", PATTERNS[number - 1])
    plan, problems = compile_text(source, Schema())
    assert plan is None
    later = [problem for problem in problems if problem.code == "E501"]
    assert [source.text[problem.span.start : problem.span.end] for problem in later] == LATER[number]
    assert all("not supported yet" in problem.message for problem in later)


@pytest.mark.parametrize(
    ("number", "stream", "shared", "fields"),
    [
        (5, "Order1s W2h", "order_id=7", {"order_id": 7, "due": 3_601_000}),
        (14, MULE, "account=1", {"account": 1, "hops": 3, "moved": 109}),
        (20, "PageView0m PageView30m", "session_id=1", {"session_id": 1, "pages": 2}),
        (25, "BruteForce0h(failures=3) Order1h Payment2h", "user_id='u'", {"user_id": "u", "score": 70}),
        (25, "BruteForce0h(failures=9) Order1h Payment2h", "user_id='u'", {"user_id": "u", "score": 100}),
        (25, "BruteForce0h Order1h Payment2h", "user_id='u'", {"user_id": "u", "score": 100}),
    ],
)
def test_what_an_example_tells(number: int, stream: str, shared: str, fields: dict[str, object]) -> None:
    plan = compiled(number)
    emit = plan.pattern.emit
    assert emit is not None
    (match,) = matches(plan, stream, shared=shared)
    scope = Scope(None, match.bindings, match.key)
    assert {name: value_of(expr)(scope) for name, expr in emit.items} == fields
