"""Conditions that can never be true, and conditions that always are.

Each `AND` is read as bounds on the things it compares with constants: `amount > 5 AND amount < 3` leaves no
amount. Things compared with each other are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cep.event import Value
from cep.language.bounds import INVERTED, MIRRORED, Bound, Bounds, compared, holds
from cep.language.expressions import (
    BetweenExpr,
    CompareExpr,
    CompareOp,
    Expr,
    InExpr,
    IsNullExpr,
    ListExpr,
    LiteralExpr,
    LogicExpr,
    NegExpr,
    NotExpr,
)
from cep.language.scope import Scope, said
from cep.language.suggest import listed, nearest
from cep.language.tree import conjuncts

NOTHING = object()
"""No constant."""


def check_truth(expr: Expr, scope: Scope) -> None:
    """A filter or a WHERE: parts that contradict each other, and parts that say nothing."""
    known: dict[Expr, Bounds] = {}
    for part in conjuncts(expr):
        if isinstance(part, LogicExpr):
            _choices(part, scope)
        elif not _decided(part, scope):
            _contradiction(part, known, scope)


def _choices(expr: LogicExpr, scope: Scope) -> None:
    """`OR`: every side is a condition of its own; two sides may leave nothing out."""
    sides = list(_disjuncts(expr))
    for side in sides:
        check_truth(side, scope)
    for i, side in enumerate(sides):
        for earlier in sides[:i]:
            if side == earlier:
                label = "it stands on both sides of OR"
                scope.error("E209", side, f"`{said(side)}` is said twice", label, "remove one of them")
            elif _opposite(earlier, side):
                message = f"`{said(earlier)}` or `{said(side)}` is always true"
                label = "one of the two holds for every value"
                scope.error("E209", expr, message, label, "remove this test, or ask for IS NOT NULL")


def _disjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, LogicExpr) and expr.op == "OR":
        yield from _disjuncts(expr.left)
        yield from _disjuncts(expr.right)
    else:
        yield expr


def _opposite(one: Expr, other: Expr) -> bool:
    match one, other:
        case NotExpr(operand), _ if operand == other:
            return True
        case _, NotExpr(operand) if operand == one:
            return True
        case CompareExpr(op, left, right), CompareExpr(its_op, its_left, its_right):
            if (left, right) == (its_left, its_right):
                return {op, its_op} in ({"<", ">="}, {">", "<="}, {"=", "!="}, {"<=", ">="})
            return (left, right) == (its_right, its_left) and MIRRORED[its_op] == INVERTED[op]
        case _:
            return False


# --------------------------------------------------------------------------------- one part by itself


def _decided(part: Expr, scope: Scope) -> bool:
    """Whether a part is true or false whatever comes; that is reported, except for TRUE."""
    match part:
        case LiteralExpr("bool", value):
            if not value:
                scope.error("E208", part, "FALSE is never true", "nothing can pass this")
            return True
        case CompareExpr(op, left, right):
            return _decided_comparison(part, op, left, right, scope)
        case BetweenExpr(_, low, high, negated):
            ends = constant(low), constant(high)
            if NOTHING in ends or not compared(*ends) or ends[0] <= ends[1]:
                return False
            code, what = ("E209", "every") if negated else ("E208", "no")
            message = f"BETWEEN {said(low)} AND {said(high)} holds no value"
            label = f"the first is larger than the second, so {what} value passes"
            scope.error(code, part, message, label, f"BETWEEN {said(high)} AND {said(low)}")
            return True
        case NotExpr(NotExpr(operand)):
            return _decided(operand, scope)
        case InExpr() | IsNullExpr() | NotExpr():
            return False
        case _:
            return False


def _decided_comparison(part: Expr, op: CompareOp, left: Expr, right: Expr, scope: Scope) -> bool:
    one, other = constant(left), constant(right)
    if (one is None or other is None) and op in {"=", "!="}:
        value = said(right if one is None else left)
        message = "a comparison with NULL is never true"
        repair = f"{value} IS NULL" if op == "=" else f"{value} IS NOT NULL"
        scope.error("E208", part, message, "null is equal to nothing, not even to null", repair)
        return True
    if left == right:
        always = op in {"=", "<=", ">="}
        message = f"`{said(part)}` is {'always' if always else 'never'} true"
        label = "both sides are the same"
        scope.error(
            "E209" if always else "E208", part, message, label, "compare with another event, or remove it"
        )
        return True
    if NOTHING in (one, other) or not compared(one, other):
        return False
    always = holds(one, op, other)
    message = f"`{said(part)}` is {'always' if always else 'never'} true"
    scope.error("E209" if always else "E208", part, message, "both sides are constants", "compare a field")
    return True


def constant(expr: Expr) -> Value:
    """The value of a constant expression, or `NOTHING`."""
    match expr:
        case LiteralExpr("regex" | "ip"):
            return NOTHING
        case LiteralExpr(value=value):
            return value
        case NegExpr(operand):
            value = constant(operand)
            return -value if compared(value, 0) else NOTHING
        case _:
            return NOTHING


# --------------------------------------------------------------------------------- parts of one AND


def _contradiction(part: Expr, known: dict[Expr, Bounds], scope: Scope) -> None:
    for subject, bound in _bounds(part):
        type_ = scope.found.get(id(subject))
        if (
            type_ is not None
            and type_.kind == "enum"
            and type_.values
            and not _in_enum(bound, subject, type_.values, scope)
        ):
            return
        bounds = known.setdefault(subject, Bounds(whole=type_ is not None and type_.kind == "int"))
        values = type_.values if type_ is not None else ()
        against = bounds.add(bound, part, values)
        if against is part:
            scope.error(
                "E208", part, f"`{said(part)}` is never true", f"it leaves no value of `{said(subject)}`"
            )
            return
        if bound.op == "in" and values and set(values) <= set(bound.values):
            message = f"`{said(subject)}` is always one of these"
            scope.error("E209", part, message, "the list holds every value that it has", "remove the test")
            return
        if against is not None:
            message = f"`{said(against)}` and `{said(part)}` are never both true"
            label = f"no value of `{said(subject)}` passes both"
            scope.error("E208", part, message, label, "remove one of them, or join them by OR")
            return


def _in_enum(bound: Bound, subject: Expr, values: tuple[str, ...], scope: Scope) -> bool:
    """Whether all texts that an enum is compared with are values of it."""
    for at, value in bound.written:
        if isinstance(value, str) and value not in values:
            close = nearest(value, values)
            label = f"did you mean '{close[0]}'?" if close else f"its values are {listed(values)}"
            code = "E209" if bound.op == "out" else "E208"
            scope.error(code, at, f"`{said(subject)}` is never '{value}'", label)
            return False
    return True


def _bounds(part: Expr, *, negated: bool = False) -> Iterator[tuple[Expr, Bound]]:
    """What a part says about one thing compared with constants."""
    match part:
        case NotExpr(operand):
            yield from _bounds(operand, negated=not negated)
        case CompareExpr(op, left, right):
            subject, at, op = (
                (left, right, op) if constant(right) is not NOTHING else (right, left, MIRRORED[op])
            )
            value = constant(at)
            if value is NOTHING or constant(subject) is not NOTHING or value is None:
                return
            op = INVERTED[op] if negated else op
            if op == "=" or op == "!=":  # noqa: PLR1714  mypy narrows this way only
                yield subject, Bound("in" if op == "=" else "out", (value,), ((at, value),))
            else:
                yield subject, Bound(op, (value,))
        case BetweenExpr(subject, low, high, opposite):
            ends = (constant(low), constant(high))
            if NOTHING in ends or None in ends:
                return
            if opposite != negated:
                yield subject, Bound("outside", ends)
            else:
                yield subject, Bound(">=", ends[:1])
                yield subject, Bound("<=", ends[1:])
        case InExpr(subject, ListExpr(items), opposite):
            values = tuple(constant(item) for item in items)
            if NOTHING not in values and None not in values:
                written = tuple(zip(items, values, strict=True))
                yield subject, Bound("in" if opposite == negated else "out", values, written)
        case InExpr(subject, LiteralExpr("ip", value), opposite):
            yield subject, Bound("net" if opposite == negated else "not net", (value,))
        case IsNullExpr(subject, opposite):
            yield subject, Bound("null" if opposite == negated else "not null")
        case _:
            return
