"""The syntax tree of expressions, and the small parts that patterns share with them.

Spans do not take part in equality, so `parse(show(tree)) == tree` is a fair test.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from cep.errors import Span
from cep.event import Value
from cep.values import value

NOWHERE = Span(0, 0)


@value
class Node:
    """Anything that stands in the text. `span` covers all of it."""

    span: Span = field(default=NOWHERE, compare=False, kw_only=True)


LiteralKind = Literal[
    "int", "float", "percent", "duration", "string", "timestamp", "ip", "regex", "decimal", "bool", "null"
]


@value
class LiteralExpr(Node):
    """A constant. `value` is the Python value: percent as Decimal fraction, duration as timedelta, timestamp
    as Timestamp, regex and ip as their text. `text` is how it was written, without quotes and prefix.
    """

    kind: LiteralKind
    value: Value
    text: str


@value
class ParamExpr(Node):
    """`$name`, given by the rule's `params` or by `USE`."""

    name: str


@value
class NameExpr(Node):
    """A bare name: a field, a variable, a key or a table, by where it stands. `this` is one too."""

    name: str


@value
class FieldExpr(Node):
    """`base.name`."""

    base: Expr
    name: str


@value
class IndexExpr(Node):
    """`base[index]` or `base[index AT at]`."""

    base: Expr
    index: Expr
    at: Expr | None = None


@value
class NotExpr(Node):
    """`NOT operand`."""

    operand: Expr


@value
class NegExpr(Node):
    """`-operand`."""

    operand: Expr


LogicOp = Literal["AND", "OR"]
CompareOp = Literal["=", "!=", "<", "<=", ">", ">="]
ArithOp = Literal["+", "-", "*", "/"]


@value
class LogicExpr(Node):
    """`left AND right`, `left OR right`."""

    op: LogicOp
    left: Expr
    right: Expr


@value
class CompareExpr(Node):
    """A comparison; `==` is written `=` here and `<>` is `!=`."""

    op: CompareOp
    left: Expr
    right: Expr


@value
class ArithExpr(Node):
    """`+ - * /`."""

    op: ArithOp
    left: Expr
    right: Expr


@value
class InExpr(Node):
    """`left [NOT] IN right`."""

    left: Expr
    right: Expr
    negated: bool


@value
class BetweenExpr(Node):
    """`operand [NOT] BETWEEN low AND high`, both ends included."""

    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@value
class LikeExpr(Node):
    """`left [NOT] LIKE right` (`%` any text, `_` one character), `left [NOT] MATCHES right` (regex found)."""

    op: Literal["LIKE", "MATCHES"]
    left: Expr
    right: Expr
    negated: bool


@value
class IsNullExpr(Node):
    """`operand IS [NOT] NULL`."""

    operand: Expr
    negated: bool


@value
class ListExpr(Node):
    """`(a, b, …)` or `[a, b, …]`; both mean the same and are written `(a, b)`, one item as `[a]`."""

    items: tuple[Expr, ...]


@value
class StarExpr(Node):
    """`*` as an argument: `count(*)`."""


@value
class OverSyntax(Node):
    """`OVER dur [BY path, …] [WHERE expr]`: an aggregate over history."""

    duration: DurationSyntax
    by: tuple[PathSyntax, ...] = ()
    where: Expr | None = None


@value
class CallExpr(Node):
    """`name([DISTINCT] args [OVER …])`; `name` as written, functions are looked up in lower case."""

    name: str
    args: tuple[Expr, ...]
    distinct: bool = False
    over: OverSyntax | None = None


Expr: TypeAlias = (
    LiteralExpr
    | ParamExpr
    | NameExpr
    | FieldExpr
    | IndexExpr
    | NotExpr
    | NegExpr
    | LogicExpr
    | CompareExpr
    | ArithExpr
    | InExpr
    | BetweenExpr
    | LikeExpr
    | IsNullExpr
    | ListExpr
    | StarExpr
    | CallExpr
)


@value
class PathSyntax(Node):
    """`user_id` or `device.ip`."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        """The parts joined by dots."""
        return ".".join(self.parts)


@value
class DurationSyntax(Node):
    """`1h30m` (then `ms` is set and `text` is how it was written) or `$span` (then `param` is set)."""

    ms: int | None
    param: str | None
    text: str = field(compare=False)


@value
class CountSyntax(Node):
    """`3` (then `number` is set) or `$n` (then `param` is set)."""

    number: int | None
    param: str | None
