"""Expressions to canonical text, with the parentheses that the order of operators asks for and no others."""

from __future__ import annotations

from typing import Final, assert_never

from cep.event import duration_text
from cep.language.expressions import (
    ArithExpr,
    BetweenExpr,
    CallExpr,
    CompareExpr,
    CountSyntax,
    DurationSyntax,
    Expr,
    FieldExpr,
    IndexExpr,
    InExpr,
    IsNullExpr,
    LikeExpr,
    ListExpr,
    LiteralExpr,
    LogicExpr,
    NameExpr,
    NegExpr,
    NotExpr,
    OverSyntax,
    ParamExpr,
    PathSyntax,
    StarExpr,
)
from cep.language.words import HIDES_VALUE, quoted

# How tightly a construct holds its parts. An operand that holds less tightly than its place asks for
# needs parentheses.
OR, AND, NOT, TEST, SUM, PRODUCT, UNARY, POSTFIX = range(1, 9)

_LEVELS: Final = {"OR": OR, "AND": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}


def show_expr(expr: Expr, place: int = OR) -> str:
    """The text of an expression for a place that needs at least the tightness `place`."""
    text, level = _text(expr)
    return f"({text})" if level < place else text


def _text(expr: Expr) -> tuple[str, int]:
    """The text without parentheses around it, and how tightly it holds together."""
    match expr:
        case LogicExpr(op, left, right) | ArithExpr(op, left, right):
            level = _LEVELS[op]
            return f"{show_expr(left, level)} {op} {show_expr(right, level + 1)}", level
        case NotExpr(operand):
            return f"NOT {show_expr(operand, NOT)}", NOT
        case NegExpr(operand):
            # Two minus signs in a row would begin a comment.
            apart = " " if isinstance(operand, NegExpr) else ""
            return f"-{apart}{show_expr(operand, UNARY)}", UNARY
        case CompareExpr() | InExpr() | BetweenExpr() | LikeExpr() | IsNullExpr():
            return _test(expr), TEST
        case FieldExpr(base, name):
            return f"{show_expr(base, POSTFIX)}.{quoted(name)}", POSTFIX
        case IndexExpr(base, index, at):
            moment = f" AT {show_expr(at)}" if at else ""
            return f"{show_expr(base, POSTFIX)}[{show_expr(index)}{moment}]", POSTFIX
        case ListExpr((item,)):
            return f"[{show_expr(item)}]", POSTFIX
        case ListExpr(items):
            return f"({', '.join(show_expr(item) for item in items)})", POSTFIX
        case LiteralExpr():
            return _literal(expr), POSTFIX
        case ParamExpr(name):
            return f"${name}", POSTFIX
        case NameExpr(name):
            return quoted(name, HIDES_VALUE), POSTFIX
        case StarExpr():
            return "*", POSTFIX
        case CallExpr():
            return _call(expr), POSTFIX
        case _:
            assert_never(expr)


def _test(expr: CompareExpr | InExpr | BetweenExpr | LikeExpr | IsNullExpr) -> str:
    match expr:
        case CompareExpr(op, left, right):
            return f"{show_expr(left, SUM)} {op} {show_expr(right, SUM)}"
        case InExpr(left, right, negated):
            return f"{show_expr(left, SUM)} {_not(negated)}IN {show_expr(right, SUM)}"
        case BetweenExpr(operand, low, high, negated):
            ends = f"{show_expr(low, SUM)} AND {show_expr(high, SUM)}"
            return f"{show_expr(operand, SUM)} {_not(negated)}BETWEEN {ends}"
        case LikeExpr(op, left, right, negated):
            return f"{show_expr(left, SUM)} {_not(negated)}{op} {show_expr(right, SUM)}"
        case IsNullExpr(operand, negated):
            return f"{show_expr(operand, SUM)} IS {_not(negated)}NULL"
        case _:
            assert_never(expr)


def _not(negated: bool) -> str:  # noqa: FBT001  it is the value itself
    return "NOT " if negated else ""


def _literal(literal: LiteralExpr) -> str:
    match literal.kind:
        case "int" | "float" | "percent" | "duration":
            return literal.text
        case "bool" | "null":
            return literal.text.upper()
        case "string":
            return f"'{literal.text}'"
        case "timestamp":
            return f"ts'{literal.text}'"
        case "ip":
            return f"ip'{literal.text}'"
        case "regex":
            return f"re'{literal.text}'"
        case "decimal":
            return f"dec'{literal.text}'"
        case _:
            assert_never(literal.kind)


def _call(call: CallExpr) -> str:
    library, dot, name = call.name.rpartition(".")
    shown = f"{quoted(library, HIDES_VALUE)}.{quoted(name)}" if dot else quoted(name, HIDES_VALUE)
    distinct = "DISTINCT " if call.distinct else ""
    args = ", ".join(show_expr(arg) for arg in call.args)
    over = f" {show_over(call.over)}" if call.over else ""
    return f"{shown}({distinct}{args}{over})"


def show_over(over: OverSyntax) -> str:
    """`OVER 30d BY user_id WHERE amount > 0`."""
    text = f"OVER {show_duration(over.duration)}"
    if over.by:
        text += f" BY {', '.join(show_path(path) for path in over.by)}"
    if over.where:
        text += f" WHERE {show_expr(over.where)}"
    return text


def show_path(path: PathSyntax, hides: frozenset[str] = frozenset()) -> str:
    """A dotted name; `hides` are the words that its first part must not be mistaken for."""
    first, *rest = path.parts
    return ".".join([quoted(first, hides), *(quoted(part) for part in rest)])


def show_duration(duration: DurationSyntax) -> str:
    """`1h30m` or `$span`, always in the shortest spelling."""
    return f"${duration.param}" if duration.ms is None else duration_text(duration.ms)


def show_count(count: CountSyntax) -> str:
    """`3` or `$n`."""
    return f"${count.param}" if count.number is None else str(count.number)
