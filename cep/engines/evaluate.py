"""Expressions compiled to Python functions: the one meaning of every operator, three-valued as in SQL.

Null is None. Nothing raises: what cannot be computed or compared is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, assert_never

from cep.engines.functions import FUNCTIONS
from cep.engines.operators import (
    ARITHMETIC,
    COMPARISONS,
    aggregate,
    between,
    contains,
    fold_and,
    fold_or,
    like,
    matches,
    negate,
)
from cep.event import Event, Key, Timestamp, Value
from cep.plan.expr import (
    Aggregate,
    Arith,
    Between,
    Call,
    Compare,
    Const,
    Elem,
    Every,
    Expr,
    Field,
    In,
    IsNull,
    KeyPart,
    Like,
    ListOf,
    Logic,
    Negate,
    Not,
    Prev,
    Ref,
    UnlessFirst,
)
from cep.values import mutable


@mutable
class Scope:
    """Where an expression is asked: the event under test, what the run has bound, its key.

    `element` is the event that an aggregate is looking at.
    """

    event: Event | None
    bound: Mapping[str, Sequence[Event]]
    key: Key
    element: Event | None = None


Evaluator: TypeAlias = Callable[[Scope], Value]


def value_of(expr: Expr) -> Evaluator:
    """The function that computes an expression in a scope.

    >>> value_of(Arith("/", Const(4), Const(3)))(Scope(None, {}, ()))
    1.3333333333333333
    """
    match expr:
        case Const(value):
            return lambda _: value
        case Field((name,)) if name != "ts":
            return lambda scope: None if scope.event is None else scope.event.fields.get(name)
        case Field(path):
            return lambda scope: read(scope.event, path)
        case Elem(path):
            return lambda scope: read(scope.element, path)
        case KeyPart(index):
            return lambda scope: scope.key[index]
        case Ref(var, (name,), -1) if name != "ts":
            return lambda scope: events[-1].fields.get(name) if (events := scope.bound.get(var)) else None
        case Ref(var, path, index):
            return lambda scope: read(_pick(scope.bound.get(var), index), path)
        case Prev() | Aggregate() | Every() | UnlessFirst():
            return _over_bound(expr)
        case Not() | Negate() | IsNull():
            return _unary(expr)
        case Logic(op, operands):
            fold = fold_and if op == "AND" else fold_or
            parts = [value_of(operand) for operand in operands]
            return lambda scope: fold(part(scope) for part in parts)
        case Compare(op, left, Const(constant)):
            compare, asked = COMPARISONS[op], value_of(left)
            return lambda scope: compare(asked(scope), constant)
        case Compare(op, left, right) | Arith(op, left, right):
            compute = COMPARISONS[op] if isinstance(expr, Compare) else ARITHMETIC[op]
            one, other = value_of(left), value_of(right)
            return lambda scope: compute(one(scope), other(scope))
        case In() | Like() | Between() | ListOf() | Call():
            return _several(expr)
        case _:
            assert_never(expr)


def true_of(expr: Expr) -> Callable[[Scope], bool]:
    """Whether an expression is true: null is not."""
    value = value_of(expr)
    return lambda scope: value(scope) is True


def read(event: Event | None, path: tuple[str, ...]) -> Value:
    """A field of an event by its path; the empty path is the event, `ts` its time, a missing step null."""
    if event is None or not path:
        return event
    if path == ("ts",):
        return Timestamp(event.ts_ms)
    value = event.fields.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _pick(events: Sequence[Event] | None, index: int) -> Event | None:
    if not events or not -len(events) <= index < len(events):
        return None
    return events[index]


def _over_bound(expr: Prev | Aggregate | Every | UnlessFirst) -> Evaluator:
    operand = None if expr.operand is None else value_of(expr.operand)
    var = expr.var
    match expr:
        case Prev(_, _, back):
            assert operand is not None

            def previous(scope: Scope) -> Value:
                event = _pick(scope.bound.get(var), -back)
                return None if event is None else operand(Scope(event, scope.bound, scope.key))

            return previous
        case UnlessFirst(_, _, value):
            assert operand is not None
            return lambda scope: operand(scope) if scope.bound.get(var) else value
        case Every():
            assert operand is not None
            return lambda scope: fold_and(_each(scope, var, operand))
        case Aggregate(name, _, _, distinct, extra):
            if operand is None:
                return lambda scope: aggregate(name, list(scope.bound.get(var, ())), extra, distinct=distinct)
            return lambda scope: aggregate(name, _each(scope, var, operand), extra, distinct=distinct)
        case _:
            assert_never(expr)


def _each(scope: Scope, var: str, operand: Evaluator) -> list[Value]:
    return [operand(Scope(scope.event, scope.bound, scope.key, event)) for event in scope.bound.get(var, ())]


def _unary(expr: Not | Negate | IsNull) -> Evaluator:
    operand = value_of(expr.operand)
    match expr:
        case Not():

            def opposite(scope: Scope) -> Value:
                value = operand(scope)
                return not value if isinstance(value, bool) else None

            return opposite
        case Negate():
            return lambda scope: negate(operand(scope))
        case IsNull():
            return lambda scope: operand(scope) is None
        case _:
            assert_never(expr)


def _several(expr: In | Like | Between | ListOf | Call) -> Evaluator:
    match expr:
        case In(left, right):
            one, other = value_of(left), value_of(right)
            return lambda scope: contains(other(scope), one(scope))
        case Like(op, left, right):
            test = like if op == "LIKE" else matches
            one, other = value_of(left), value_of(right)
            return lambda scope: test(one(scope), other(scope))
        case Between(operand, low, high):
            value, lower, upper = value_of(operand), value_of(low), value_of(high)
            return lambda scope: between(value(scope), lower(scope), upper(scope))
        case ListOf(items):
            parts = [value_of(item) for item in items]
            return lambda scope: [part(scope) for part in parts]
        case Call(name, args):
            function = FUNCTIONS[name]
            parts = [value_of(arg) for arg in args]
            return lambda scope: function([partial(part, scope) for part in parts])
        case _:
            assert_never(expr)
