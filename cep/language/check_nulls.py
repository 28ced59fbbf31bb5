"""Comparisons that null makes surprising: `country != 'US'` is not true of an event without a country."""

from __future__ import annotations

from cep.language.expressions import (
    BetweenExpr,
    CompareExpr,
    Expr,
    FieldExpr,
    InExpr,
    IsNullExpr,
    LikeExpr,
    LiteralExpr,
    LogicExpr,
    NameExpr,
    NotExpr,
)
from cep.language.scope import Scope, said
from cep.language.tree import conjuncts, walk


def check_nulls(expr: Expr, scope: Scope) -> None:
    """Warn of negated comparisons with a field that may be null, unless the condition asks for null too."""
    if not any(type_.nullable for type_ in scope.found.values()):
        return
    asked = {node.operand for node in walk(expr) if isinstance(node, IsNullExpr)}
    # Beside `country IN ('US', 'CA')` null does not pass anyway.
    asked |= {
        leaf for part in conjuncts(expr) if _is_plain(part) for leaf in walk(part) if isinstance(leaf, Expr)
    }
    _look(expr, scope, asked, negated=False)


def _look(expr: Expr, scope: Scope, asked: set[Expr], *, negated: bool) -> None:
    match expr:
        case LogicExpr(_, left, right):
            _look(left, scope, asked, negated=negated)
            _look(right, scope, asked, negated=negated)
        case NotExpr(operand):
            _look(operand, scope, asked, negated=not negated)
        case CompareExpr(op, left, right):
            if (op == "!=") != negated and LiteralExpr("null", None, "null") not in (left, right):
                _warn(expr, (left, right), scope, asked)
        case InExpr(left, _, opposite) | BetweenExpr(left, _, _, opposite) | LikeExpr(_, left, _, opposite):
            if opposite != negated:
                _warn(expr, (left,), scope, asked)
        case _:
            return


def _is_plain(test: Expr) -> bool:
    match test:
        case CompareExpr(op):
            return op != "!="
        case InExpr(negated=negated) | BetweenExpr(negated=negated) | LikeExpr(negated=negated):
            return not negated
        case _:
            return False


def _warn(test: Expr, sides: tuple[Expr, ...], scope: Scope, asked: set[Expr]) -> None:
    for side in sides:
        type_ = scope.found.get(id(side))
        if type_ is None or not type_.nullable:
            continue
        for leaf in walk(side):
            leaf_type = scope.found.get(id(leaf))
            if not isinstance(leaf, NameExpr | FieldExpr) or leaf_type is None or not leaf_type.nullable:
                continue
            if leaf not in asked:
                name = said(leaf)
                message = f"`{name}` may be null, and a negated test of null is not true"
                label = f"an event without `{name}` does not pass"
                repair = f"{name} IS NULL OR …, or {name} IS NOT NULL AND … if it should not pass"
                scope.report.warning("W403", test.span, message, label, repair)
            return
