"""What several tests with constants leave of a value: a range, a choice, a network, null or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import eq, ge, gt, le, lt, ne
from typing import Final, Literal, TypeAlias

from cep.event import Value
from cep.language.expressions import CompareOp, Expr
from cep.values import mutable, value

BoundOp: TypeAlias = Literal[
    "<", "<=", ">", ">=", "in", "out", "outside", "net", "not net", "null", "not null"
]

MIRRORED: Final[dict[CompareOp, CompareOp]] = {
    "=": "=",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
INVERTED: Final[dict[CompareOp, CompareOp]] = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}

_HOLDS: Final[dict[CompareOp, Callable[[Value, Value], bool]]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def compared(one: Value, other: Value) -> bool:
    """Whether two constants have an order between them.

    >>> compared(1, Decimal(2)), compared(1, "1"), compared(True, 1)
    (True, False, False)
    """
    numbers = (int, float, Decimal)
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return True
    return type(one) is type(other) and one is not None and hasattr(one, "__lt__") and type(one) is not object


def holds(one: Value, op: CompareOp, other: Value) -> bool:
    """A comparison of two constants."""
    return _HOLDS[op](one, other)


@value
class Bound:
    """One test: at most, at least, one of, none of, outside a range, (not) in a network, (not) null.

    `written` are the constants with their places in the text.
    """

    op: BoundOp
    values: tuple[Value, ...] = ()
    written: tuple[tuple[Expr, Value], ...] = ()


@mutable
class Bounds:
    """The tests of one thing so far, each with the part of the condition that says it.

    >>> from cep.language.expressions import NameExpr
    >>> bounds = Bounds()
    >>> bounds.add(Bound(">", (5,)), NameExpr("first"))
    >>> bounds.add(Bound("<", (3,)), NameExpr("second")) == NameExpr("first")
    True
    """

    whole: bool = False
    """Only whole numbers are possible."""
    tests: list[tuple[Bound, Expr]] = field(default_factory=list)

    def add(self, bound: Bound, part: Expr, every: tuple[Value, ...] = ()) -> Expr | None:
        """Note a test; the part that it contradicts, itself if it alone leaves nothing, None if all is well.

        `every` are all values there can be, if that is known.
        """
        against = None
        if bound.op == "null":
            against = next((other for test, other in self.tests if test.op != "null"), None)
        else:
            against = next((other for test, other in self.tests if self._apart(bound, test)), None)
        self.tests.append((bound, part))
        if against is None and bound.op in {"in", "out"} and self._used_up(every):
            against = self.tests[-2][1] if len(self.tests) > 1 else part
        return against

    def _used_up(self, every: tuple[Value, ...]) -> bool:
        """Whether the choices leave no value, after all that is excluded."""
        left = [test.values for test, _ in self.tests if test.op == "in"]
        allowed = [*left, every] if every else left
        if not allowed:
            return False
        out = {value for test, _ in self.tests if test.op == "out" for value in test.values}
        return not any(value not in out and all(value in some for some in allowed) for value in allowed[0])

    def _apart(self, one: Bound, other: Bound) -> bool:
        """Whether no value passes both tests."""
        if other.op == "null":
            return True
        ops = {one.op, other.op}
        if "not null" in ops or "out" in ops:
            return False
        if ops <= {"net", "not net"}:
            return _networks_apart(one, other)
        if one.op == "in":
            return all(not _passes(value, other) for value in one.values)
        if other.op == "in":
            return all(not _passes(value, one) for value in other.values)
        if ops & {"net", "not net", "outside"}:
            return False
        return self._ranges_apart(one, other)

    def _ranges_apart(self, one: Bound, other: Bound) -> bool:
        upward, its_upward = one.op in {">", ">="}, other.op in {">", ">="}
        if upward == its_upward or not compared(one.values[0], other.values[0]):
            return False
        (low, low_op), (high, high_op) = (b for b in ((one.values[0], one.op), (other.values[0], other.op)))
        if not upward:
            (low, low_op), (high, high_op) = (high, high_op), (low, low_op)
        if self.whole and compared(low, 0) and compared(high, 0):
            # Between 3 and 4 there is no whole number.
            low = math.floor(low) + 1 if low_op == ">" else math.ceil(low)
            high = math.ceil(high) - 1 if high_op == "<" else math.floor(high)
            return bool(low > high)
        return bool(low > high or (low == high and (low_op == ">" or high_op == "<")))


def _passes(value: Value, test: Bound) -> bool:
    match test.op:
        case "in":
            return value in test.values
        case "outside":
            low, high = test.values
            return not (compared(value, low) and compared(value, high)) or not low <= value <= high
        case "<" | "<=" | ">" | ">=":
            return not compared(value, test.values[0]) or holds(value, test.op, test.values[0])
        case _:
            return True


def _networks_apart(one: Bound, other: Bound) -> bool:
    inside, outside = (one, other) if one.op == "net" else (other, one)
    if inside.op != "net":
        return False
    mine, its = _network(inside.values[0]), _network(outside.values[0])
    if mine is None or its is None or mine.version != its.version:
        return mine is not None and its is not None and outside.op == "net"
    return not mine.overlaps(its) if outside.op == "net" else _is_within(mine, its)


def _is_within(mine: IPv4Network | IPv6Network, its: IPv4Network | IPv6Network) -> bool:
    return mine.overlaps(its) and mine.prefixlen >= its.prefixlen


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
