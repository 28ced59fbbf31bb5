"""Bounds: a contradiction that is told is one, on every value there could be."""

from decimal import Decimal
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from cep.language.bounds import Bound, BoundOp, Bounds, holds
from cep.language.expressions import NameExpr

VALUES = [Decimal(n) / 2 for n in range(-2, 14)]
OPS = [op for op in get_args(BoundOp) if op not in {"net", "not net"}]


def passes(value: Decimal | None, bound: Bound) -> bool:
    if value is None:
        return bound.op == "null"
    match bound.op:
        case "<" | "<=" | ">" | ">=":
            return holds(value, bound.op, bound.values[0])
        case "in":
            return value in bound.values
        case "out":
            return value not in bound.values
        case "outside":
            return not bound.values[0] <= value <= bound.values[1]
        case _:
            return bound.op == "not null"


@st.composite
def bounds(draw: st.DrawFn) -> Bound:
    op = draw(st.sampled_from(OPS))
    values = draw(st.lists(st.integers(0, 5), min_size=2, max_size=2))
    match op:
        case "<" | "<=" | ">" | ">=":
            return Bound(op, (values[0],))
        case "null" | "not null":
            return Bound(op)
        case _:
            return Bound(op, tuple(sorted(values)))


@given(st.lists(bounds(), min_size=1, max_size=4), st.booleans())
def test_a_contradiction_leaves_no_value(tests: list[Bound], whole: bool) -> None:
    found = Bounds(whole=whole)
    told = [found.add(bound, NameExpr(str(i))) for i, bound in enumerate(tests)]
    values = [value for value in [*VALUES, None] if value is None or not whole or value == int(value)]
    if any(told):
        assert not [value for value in values if all(passes(value, bound) for bound in tests)]


@given(bounds(), bounds())
def test_two_bounds_that_leave_no_value_are_told(one: Bound, other: Bound) -> None:
    found = Bounds()
    told = [found.add(one, NameExpr("a")), found.add(other, NameExpr("b"))]
    ranges = {"<", "<=", ">", ">=", "outside"}
    simple = one.op != "outside" or other.op not in ranges
    simple = simple and (other.op != "outside" or one.op not in ranges)
    if simple and not [v for v in [*VALUES, None] if passes(v, one) and passes(v, other)]:
        assert any(told)


def test_enum_values_run_out() -> None:
    found = Bounds()
    every = ("a", "b")
    assert found.add(Bound("out", ("a",)), NameExpr("1"), every) is None
    assert found.add(Bound("out", ("b",)), NameExpr("2"), every) == NameExpr("1")


def test_a_single_bound_that_leaves_nothing_is_told_as_itself() -> None:
    assert Bounds().add(Bound("out", ("a", "b")), NameExpr("1"), ("a", "b")) == NameExpr("1")
