"""The syntax tree of expressions, and the small parts that patterns share with them.

Spans do not take part in equality, so `parse(show(tree)) == tree` is a fair test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cep.errors import Span
from cep.event import Value

NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything that stands in the text. `span` covers all of it."""

    span: Span = field(default=NOWHERE, compare=False)


LiteralKind = Literal[
    "int", "float", "percent", "duration", "string", "timestamp", "ip", "regex", "decimal", "bool", "null"
]


@dataclass(frozen=True, slots=True)
class LiteralExpr(Node):
    """A constant. `value` is the Python value: percent as Decimal fraction, duration as timedelta, timestamp
    as Timestamp, regex and ip as their text. `text` is how it was written, without quotes and prefix.
    """

    kind: LiteralKind
    value: Value
    text: str


@dataclass(frozen=True, slots=True)
class ParamExpr(Node):
    """`$name`, given by the rule's `params` or by `USE`."""

    name: str


@dataclass(frozen=True, slots=True)
class NameExpr(Node):
    """A bare name: a field, a variable, a key or a table, by where it stands. `this` is one too."""

    name: str


@dataclass(frozen=True, slots=True)
class FieldExpr(Node):
    """`base.name`."""

    base: Expr
    name: str


@dataclass(frozen=True, slots=True)
class IndexExpr(Node):
    """`base[index]` or `base[index AT at]`."""

    base: Expr
    index: Expr
    at: Expr | None = None


@dataclass(frozen=True, slots=True)
class NotExpr(Node):
    """`NOT operand`."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class NegExpr(Node):
    """`-operand`."""

    operand: Expr


LogicOp = Literal["AND", "OR"]
CompareOp = Literal["=", "!=", "<", "<=", ">", ">="]
ArithOp = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class LogicExpr(Node):
    """`left AND right`, `left OR right`."""

    op: LogicOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class CompareExpr(Node):
    """A comparison; `==` is written `=` here and `<>` is `!=`."""

    op: CompareOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class ArithExpr(Node):
    """`+ - * /`."""

    op: ArithOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class InExpr(Node):
    """`left [NOT] IN right`."""

    left: Expr
    right: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class BetweenExpr(Node):
    """`operand [NOT] BETWEEN low AND high`, both ends included."""

    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class LikeExpr(Node):
    """`left [NOT] LIKE right` (`%` any text, `_` one character), `left [NOT] MATCHES right` (regex found)."""

    op: Literal["LIKE", "MATCHES"]
    left: Expr
    right: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class IsNullExpr(Node):
    """`operand IS [NOT] NULL`."""

    operand: Expr
    negated: bool


@dataclass(frozen=True, slots=True)
class ListExpr(Node):
    """`(a, b, …)` or `[a, b, …]`; both mean the same and are written `(a, b)`, one item as `[a]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class StarExpr(Node):
    """`*` as an argument: `count(*)`."""


@dataclass(frozen=True, slots=True)
class OverSyntax(Node):
    """`OVER dur [BY path, …] [WHERE expr]`: an aggregate over history."""

    duration: DurationSyntax
    by: tuple[PathSyntax, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class PathSyntax(Node):
    """`user_id` or `device.ip`."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        """The parts joined by dots."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class DurationSyntax(Node):
    """`1h30m` (then `ms` is set and `text` is how it was written) or `$span` (then `param` is set)."""

    ms: int | None
    param: str | None
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class CountSyntax(Node):
    """`3` (then `number` is set) or `$n` (then `param` is set)."""

    number: int | None
    param: str | None
