"""Parse tree to syntax tree, the rules for expressions: a function for each rule of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, cast

from cep.errors import Span
from cep.language.expressions import (
    ArithExpr,
    ArithOp,
    BetweenExpr,
    CallExpr,
    CompareExpr,
    CompareOp,
    CountSyntax,
    DurationSyntax,
    FieldExpr,
    IndexExpr,
    InExpr,
    IsNullExpr,
    LikeExpr,
    ListExpr,
    LiteralExpr,
    LogicExpr,
    LogicOp,
    NameExpr,
    NegExpr,
    NotExpr,
    OverSyntax,
    ParamExpr,
    PathSyntax,
    StarExpr,
)
from cep.language.literals import checked_ms, count, literal
from cep.language.problem import Problem, Word
from cep.values import value


@value
class Piece:
    """A node of the parse tree: where it stands and its children, which are built already.

    A child is a node of the syntax tree, a token as `Word`, or None for what is optional and was left out.
    What a rule finds wrong goes to `problems`.
    """

    span: Span
    kids: list[Any]
    problems: list[Problem]

    def words(self) -> list[str]:
        """The tokens among the children, in upper case."""
        return [kid.text.upper() for kid in self.kids if isinstance(kid, Word)]

    def nodes(self) -> list[Any]:
        """The children that are nodes."""
        return [kid for kid in self.kids if kid is not None and not isinstance(kid, Word)]


Rule: TypeAlias = Callable[[Piece], Any]

_COMPARE: Final[dict[str, CompareOp]] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}


def name_of(word: Word) -> str:
    """A name without its backquotes."""
    return word.text.strip("`")


def names(words: Iterable[Word]) -> tuple[str, ...]:
    """Several names without their backquotes."""
    return tuple(name_of(word) for word in words)


def param_of(word: Word) -> str:
    """The name of a parameter, without the dollar."""
    return word.text[1:]


def _logic(piece: Piece) -> LogicExpr:
    left, op, right = piece.kids
    return LogicExpr(cast("LogicOp", op.text.upper()), left, right, span=piece.span)


def _not(piece: Piece) -> NotExpr:
    return NotExpr(piece.kids[1], span=piece.span)


def _compare(piece: Piece) -> CompareExpr:
    left, op, right = piece.kids
    return CompareExpr(_COMPARE[op.text], left, right, span=piece.span)


def _in(piece: Piece) -> InExpr:
    left, negation, _, right = piece.kids
    return InExpr(left, right, negation is not None, span=piece.span)


def _between(piece: Piece) -> BetweenExpr:
    operand, negation, _, low, _, high = piece.kids
    return BetweenExpr(operand, low, high, negation is not None, span=piece.span)


def _like(piece: Piece) -> LikeExpr:
    left, negation, op, right = piece.kids
    like = op.text.upper() == "LIKE"
    return LikeExpr("LIKE" if like else "MATCHES", left, right, negation is not None, span=piece.span)


def _is_null(piece: Piece) -> IsNullExpr:
    operand, _, negation, _ = piece.kids
    return IsNullExpr(operand, negation is not None, span=piece.span)


def _arith(piece: Piece) -> ArithExpr:
    left, op, right = piece.kids
    return ArithExpr(cast("ArithOp", op.text), left, right, span=piece.span)


def _negative(piece: Piece) -> NegExpr:
    return NegExpr(piece.kids[1], span=piece.span)


def _field(piece: Piece) -> FieldExpr:
    owner, name = piece.kids
    return FieldExpr(owner, name_of(name), span=piece.span)


def _index(piece: Piece) -> IndexExpr:
    owner, index, *at = (kid for kid in piece.kids if not isinstance(kid, Word))
    return IndexExpr(owner, index, at[0] if at else None, span=piece.span)


def _param_ref(piece: Piece) -> ParamExpr:
    return ParamExpr(param_of(piece.kids[0]), span=piece.span)


def _name(piece: Piece) -> NameExpr:
    return NameExpr(name_of(piece.kids[0]), span=piece.span)


def _list(piece: Piece) -> ListExpr:
    return ListExpr(tuple(piece.kids), span=piece.span)


def _star(piece: Piece) -> StarExpr:
    return StarExpr(span=piece.span)


def _arguments(piece: Piece) -> CallExpr:
    """The call without its name, which `_call` puts in."""
    over = next((kid for kid in piece.kids if isinstance(kid, OverSyntax)), None)
    args = tuple(kid for kid in piece.nodes() if kid is not over)
    return CallExpr("", args, bool(piece.words()), over)


def _call(piece: Piece) -> CallExpr:
    word, call = piece.kids
    name = name_of(word)
    if "." in name:
        problem = Problem(word.span, "a function has no dot in its name", help="library.function(…)")
        piece.problems.append(problem)
    return CallExpr(name, call.args, call.distinct, call.over, span=piece.span)


def _qualified_call(piece: Piece) -> CallExpr:
    """`library.function(…)`: what stands before the dot must be a bare name."""
    owner, word, call = piece.kids
    name = name_of(word)
    if isinstance(owner, NameExpr) and "." not in name + owner.name:
        name = f"{owner.name}.{name}"
    else:
        message = f"`{name}` is called like a method, but values have none"
        label = "only the name of a library may stand before the dot"
        piece.problems.append(Problem(word.span, message, label, f"{name}(value)"))
    return CallExpr(name, call.args, call.distinct, call.over, span=piece.span)


def _over(piece: Piece) -> OverSyntax:
    duration, *rest = piece.nodes()
    paths = tuple(node for node in rest if isinstance(node, PathSyntax))
    where = next((node for node in rest if not isinstance(node, PathSyntax)), None)
    return OverSyntax(duration, paths, where, span=piece.span)


def _literal(piece: Piece) -> LiteralExpr:
    return literal(piece.kids[0], piece.problems)


def _path(piece: Piece) -> PathSyntax:
    return PathSyntax(names(piece.kids), span=piece.span)


def _dur(piece: Piece) -> DurationSyntax:
    word: Word = piece.kids[0]
    if word.kind == "PARAM":
        return DurationSyntax(None, param_of(word), word.text, span=piece.span)
    ms, problem = checked_ms(word.text, word.span)
    if problem:
        piece.problems.append(problem)
    return DurationSyntax(ms, None, word.text, span=piece.span)


def _count(piece: Piece) -> CountSyntax:
    return count(piece.kids[0], piece.problems)


EXPRESSION_RULES: Final[dict[str, Rule]] = {
    "logic": _logic,
    "not_": _not,
    "compare": _compare,
    "in_": _in,
    "between": _between,
    "like": _like,
    "is_null": _is_null,
    "arith": _arith,
    "negative": _negative,
    "field": _field,
    "index": _index,
    "param_ref": _param_ref,
    "name": _name,
    "list": _list,
    "star": _star,
    "arguments": _arguments,
    "call": _call,
    "qualified_call": _qualified_call,
    "over": _over,
    "literal": _literal,
    "path": _path,
    "dur": _dur,
    "count": _count,
}
"""The function for each rule of the grammar that makes an expression or a part of one."""
