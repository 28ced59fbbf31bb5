"""Whether one event may fit two steps: types and simple comparisons with constants decide, else it may."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from cep.event import Value
from cep.plan.expr import Compare, Const, Expr, Field, IsNull, Not, conjuncts
from cep.plan.pattern import Step

Op = Literal["=", "!=", "<", "<=", ">", ">="]
Bound = tuple[tuple[str, ...], Op, Value]

_MIRRORED: dict[Op, Op] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def may_overlap(one: Step, other: Step) -> bool:
    """False only if no event fits both.

    >>> from decimal import Decimal
    >>> small = Step(0, "s", ("P",), Compare("<", Field(("amount",)), Const(2)))
    >>> big = Step(1, "b", ("P",), Compare(">", Field(("amount",)), Const(20)))
    >>> may_overlap(small, big), may_overlap(small, Step(2, "x", ("P",)))
    (False, True)
    """
    if one.types is not None and other.types is not None and not set(one.types) & set(other.types):
        return False
    mine, its = conjuncts(one.local), conjuncts(other.local)
    if any(_opposite(a, b) for a in mine for b in its):
        return False
    bounds = [bound for part in mine for bound in _bounds(part)]
    return not any(_disjoint(a, b) for a in bounds for part in its for b in _bounds(part) if a[0] == b[0])


def _opposite(one: Expr, other: Expr) -> bool:
    return one == Not(other) or other == Not(one)


def _bounds(part: Expr) -> Iterator[Bound]:
    match part:
        case Compare(op, Field(path), Const(value)):
            yield path, op, value
        case Compare(op, Const(value), Field(path)):
            yield path, _MIRRORED[op], value
        case IsNull(Field(path)):
            yield path, "=", None
        case _:
            return


def _disjoint(one: Bound, other: Bound) -> bool:
    """Whether no value is within both bounds; unknown pairs are not disjoint."""
    (_, op, value), (_, its_op, its_value) = one, other
    if value is None or its_value is None:
        return (value is None) != (its_value is None)
    if not _comparable(value, its_value):
        return False
    if op == "=":
        return not _holds(value, its_op, its_value)
    if its_op == "=":
        return not _holds(its_value, op, value)
    upward, its_upward = op in (">", ">="), its_op in (">", ">=")
    if "!=" in (op, its_op) or upward == its_upward:
        return False
    low, low_op, high, high_op = (value, op, its_value, its_op) if upward else (its_value, its_op, value, op)
    return bool(low > high or (low == high and (low_op == ">" or high_op == "<")))


def _holds(value: Value, op: Op, bound: Value) -> bool:
    match op:
        case "=":
            return bool(value == bound)
        case "!=":
            return bool(value != bound)
        case "<":
            return bool(value < bound)
        case "<=":
            return bool(value <= bound)
        case ">":
            return bool(value > bound)
        case ">=":
            return bool(value >= bound)


def _comparable(one: Value, other: Value) -> bool:
    numbers = (int, float, Decimal)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return isinstance(one, bool) == isinstance(other, bool)
    return type(one) is type(other)
