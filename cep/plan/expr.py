"""Expressions as data, with every name resolved; tells local ones (current event only) from correlated.

An expression is asked in a scope: the event under test, what the run has bound, the key. Null is None and
logic is three-valued, as in SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final, Literal, TypeAlias

from cep.event import Value
from cep.values import value


@value
class Const:
    """A constant; a list is a tuple. Two are equal only if their types are: 1 and 1.0 differ."""

    value: Value

    def __eq__(self, other: object) -> bool:
        """Same type and same value."""
        return (
            isinstance(other, Const) and type(self.value) is type(other.value) and self.value == other.value
        )

    def __hash__(self) -> int:
        """By type and text, since a constant may hold what cannot be hashed."""
        return hash((type(self.value), repr(self.value)))


@value
class Field:
    """A field of the event under test; `("ts",)` is its event time, the empty path is the event itself."""

    path: tuple[str, ...]


@value
class Ref:
    """A field of an event bound to `var`: `index` 0 is the first, -1 the last; null if there is none."""

    var: str
    path: tuple[str, ...]
    index: int = -1


@value
class Elem:
    """A field of the element that the enclosing `Aggregate` or `Every` is looking at."""

    path: tuple[str, ...]


@value
class KeyPart:
    """One value of the run's key."""

    index: int


@value
class Prev:
    """`operand` (over `Field`s) asked of the event that `var` took `back` before the one under test."""

    var: str
    operand: Expr
    back: int = 1


AggregateName = Literal[
    "count", "sum", "avg", "min", "max", "stddev", "percentile", "collect", "any", "all", "duration", "gap"
]


@value
class Aggregate:
    """A function over all events of `var` taken so far; `operand` (over `Elem`) None counts the events.

    `extra` holds further constants: the rank of `percentile`. Over no event `count` is 0, `any` is false,
    `all` is true, `collect` is an empty list, everything else is null. Nulls are left out, except in
    `collect`; `any` and `all` are three-valued.
    """

    name: AggregateName
    var: str
    operand: Expr | None
    distinct: bool = False
    extra: tuple[Value, ...] = ()


@value
class Every:
    """True if `operand` (over `Elem`) is true for every event of `var`: a loop variable named in `WHERE`."""

    var: str
    operand: Expr


@value
class UnlessFirst:
    """`operand`, but `value` while `var` has taken nothing: a comparison with `prev()` of the own loop."""

    var: str
    operand: Expr
    value: bool


@value
class Not:
    """Three-valued negation."""

    operand: Expr


@value
class Negate:
    """Arithmetic minus."""

    operand: Expr


@value
class Logic:
    """`AND` or `OR` over two or more operands."""

    op: Literal["AND", "OR"]
    operands: tuple[Expr, ...]


@value
class Compare:
    """A comparison; null if a side is null or the sides cannot be compared."""

    op: Literal["=", "!=", "<", "<=", ">", ">="]
    left: Expr
    right: Expr


@value
class Arith:
    """`+ - * /` over numbers, durations and timestamps; null if a side is null or unfit, or by 0."""

    op: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr


@value
class In:
    """Membership in a list, in the text of an IP network, or in a list of either."""

    left: Expr
    right: Expr


@value
class Between:
    """`low <= operand AND operand <= high`."""

    operand: Expr
    low: Expr
    high: Expr


@value
class Like:
    """`LIKE` with `%` and `_` over the whole text, or `MATCHES`: the regular expression is found in it."""

    op: Literal["LIKE", "MATCHES"]
    left: Expr
    right: Expr


@value
class IsNull:
    """True or false, never null."""

    operand: Expr


@value
class ListOf:
    """A list made of expressions."""

    items: tuple[Expr, ...]


@value
class Call:
    """A scalar function by its lower-case name."""

    name: str
    args: tuple[Expr, ...]


Expr: TypeAlias = (
    Const
    | Field
    | Ref
    | Elem
    | KeyPart
    | Prev
    | Aggregate
    | Every
    | UnlessFirst
    | Not
    | Negate
    | Logic
    | Compare
    | Arith
    | In
    | Between
    | Like
    | IsNull
    | ListOf
    | Call
)

TRUE = Const(True)


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it, parents first."""
    left = [expr]
    while left:
        one = left.pop()
        yield one
        for child in _read(one)[::-1]:
            if isinstance(child, tuple):
                left += [item for item in reversed(child) if isinstance(item, Expr)]
            elif isinstance(child, Expr):
                left.append(child)


def _read(expr: Expr) -> list[object]:
    """What the fields of a node hold."""
    names = _FIELDS.get(type(expr))
    if names is None:
        names = _FIELDS[type(expr)] = tuple(each.name for each in fields(expr))
    return [getattr(expr, name) for name in names]


_FIELDS: Final[dict[type, tuple[str, ...]]] = {}
"""The fields of each kind of node, once they were asked for."""


def variables(expr: Expr) -> frozenset[str]:
    """The variables whose bound events the expression reads.

    >>> sorted(variables(Compare(">", Field(("amount",)), Aggregate("avg", "s", Elem(("amount",))))))
    ['s']
    """
    return frozenset(
        node.var for node in walk(expr) if isinstance(node, (Ref, Prev, Aggregate, Every, UnlessFirst))
    )


def null_aware(expr: Expr) -> frozenset[str]:
    """Variables without which the expression may be true all the same: `b IS NULL`, `b.x = 1 OR …`.

    >>> sorted(null_aware(Compare("=", Ref("b", ("x",)), Ref("c", ("x",)))))
    []
    >>> sorted(null_aware(IsNull(Ref("b", ()))))
    ['b']
    """
    aware = (
        node
        for node in walk(expr)
        if isinstance(node, (IsNull, Aggregate, Every, UnlessFirst))
        or (isinstance(node, Logic) and node.op == "OR")
        or (isinstance(node, Call) and node.name in ("coalesce", "if", "least", "greatest"))
    )
    return frozenset(var for node in aware for var in variables(node))


def is_local(expr: Expr) -> bool:
    """Whether the event under test alone decides it."""
    return not any(
        isinstance(node, (Ref, Elem, KeyPart, Prev, Aggregate, Every, UnlessFirst)) for node in walk(expr)
    )


def conjuncts(expr: Expr | None) -> tuple[Expr, ...]:
    """The operands of nested `AND`s; none for None.

    >>> conjuncts(Logic("AND", (Field(("x",)), Logic("AND", (Field(("y",)), TRUE)))))
    (Field(path=('x',)), Field(path=('y',)), Const(value=True))
    """
    if expr is None:
        return ()
    if isinstance(expr, Logic) and expr.op == "AND":
        return tuple(part for operand in expr.operands for part in conjuncts(operand))
    return (expr,)


def conjoin(parts: tuple[Expr, ...]) -> Expr | None:
    """The parts under one `AND`; None for no part."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Logic("AND", parts)


def root_fields(expr: Expr) -> frozenset[tuple[str | None, str]]:
    """(variable or None for the event under test, root field name) of every field read; `ts` is left out."""
    found: set[tuple[str | None, str]] = set()
    _collect(expr, None, found)
    return frozenset(found)


def _collect(expr: Expr, element: str | None, found: set[tuple[str | None, str]]) -> None:
    match expr:
        case Field(path) if path and path != ("ts",):
            found.add((None, path[0]))
        case Elem(path) if path and path != ("ts",):
            found.add((element, path[0]))
        case Ref(var, path) if path and path != ("ts",):
            found.add((var, path[0]))
        case Aggregate(_, var, operand):
            if operand is not None:
                _collect(operand, var, found)
        case Every(var, operand):
            _collect(operand, var, found)
        case _:
            for f in fields(expr):
                child = getattr(expr, f.name)
                for item in child if isinstance(child, tuple) else (child,):
                    if isinstance(item, Expr):
                        _collect(item, element, found)
