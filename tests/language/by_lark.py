"""Texts read by Lark itself, which makes the tables that ours are read by: what the reader is held to."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from cep.errors import Span
from cep.language.build import build
from cep.language.build_expressions import Piece
from cep.language.failure import END, Start
from cep.language.grammar import lark_of
from cep.language.problem import Problem, Word

Answer = tuple[object, list[Problem]] | tuple[int, tuple[Word, ...], frozenset[str]]
"""A tree and what its parts find wrong; or where reading stopped, the tokens before and what could come."""


@cache
def lark() -> Lark:
    """Lark's reader of the grammar."""
    return lark_of(resources.files("cep.language").joinpath("grammar.lark").read_text(encoding="utf-8"))


def by_lark(text: str, start: Start) -> Answer:
    """What Lark makes of a text."""
    try:
        tree = lark().parse(text, start=start)
    except UnexpectedToken as error:
        # The end of the text has no place of its own.
        at = len(text) if error.token.type == END else error.token.start_pos or 0
    except UnexpectedCharacters as error:
        at = cast("int", error.pos_in_stream)  # lark declares it None
    else:
        problems: list[Problem] = []
        return _built(tree, problems), problems
    # Once more up to the place: the parser that failed has already folded up what it had read.
    reader = lark().parse_interactive(text, start=start)
    words: list[Word] = []
    with suppress(UnexpectedCharacters, UnexpectedToken):
        for token in reader.iter_parse():
            if (token.start_pos or 0) >= at:
                break
            words.append(_word(token))
    return at, tuple(words), frozenset(reader.accepts())  # type: ignore[no-untyped-call]  # lark left it out


def _built(node: Tree[Token] | Token | None, problems: list[Problem]) -> Any:  # noqa: ANN401  as in `build`
    if node is None:
        return None
    if isinstance(node, Token):
        return _word(node)
    span = Span(0, 0) if node.meta.empty else Span(node.meta.start_pos, node.meta.end_pos)
    return build(node.data, Piece(span, [_built(kid, problems) for kid in node.children], problems))


def _word(token: Token) -> Word:
    start = token.start_pos or 0
    return Word(token.type, str(token), Span(start, start + len(token)))
