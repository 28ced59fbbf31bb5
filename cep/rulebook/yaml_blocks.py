r"""Where the characters of a YAML scalar stand in the file, for every way to write a scalar.

    file    pattern: |          value   SEQ(A a,\n  B b)      pieces   value 0 → file 13
              SEQ(A a,                                                  9 → file 24
                B b)

A piece is a run of characters that follow each other in both. A new one begins where the file holds more
than the value (indentation, folded line ends) or spells a character its own way (`''`, `\n`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, assert_never

from cep.errors import Span

Style = Literal["plain", "single", "double", "literal", "folded"]

Piece: TypeAlias = tuple[int, int]
"""Offset in the value, offset in the file."""

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)+")
_BREAK: Final = re.compile(r"[\n\r\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"[ \t\n\r\x85\u2028\u2029]+")
_ESCAPE: Final = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)", re.DOTALL)


def pieces(text: str, span: Span, value: str, style: Style) -> list[Piece]:
    """The pieces of a scalar that stands at `span` in the file `text`; at least one, in order.

    >>> pieces("k: 'it''s'", Span(3, 10), "it's", "single")
    [(0, 4), (3, 8)]
    """
    properties = _PROPERTIES.match(text, span.start, span.end)
    start = properties.end() if properties else span.start
    match style:
        case "plain":
            found = list(_words(text, start, span.end, value))
        case "single" | "double":
            found = list(_quoted(text, start + 1, max(start + 1, span.end - 1), escapes=style == "double"))
        case "folded":
            found = list(_words(text, _next_line(text, start, span.end), span.end, value))
        case "literal":
            found = list(_lines(text, _next_line(text, start, span.end), span.end, value))
        case _:
            assert_never(style)
    # Blanks before the first piece are none of it, but an offset there must have a place too.
    return found if found and found[0][0] == 0 else [(0, found[0][1] if found else start), *found]


def _next_line(text: str, start: int, end: int) -> int:
    found = _BREAK.search(text, start, end)
    return found.end() if found else end


def _lines(text: str, start: int, end: int, value: str) -> Iterator[Piece]:
    """A literal block: line by line the same, but for one indentation."""
    lines = value.split("\n")
    if lines[-1] == "":
        lines.pop()
    raw = text[start:end].split("\n")
    both = list(zip(raw, lines, strict=False))
    indent = next((len(row) - len(line) for row, line in both if line), 0)
    at = 0
    for row, line in both:
        yield at, start + min(indent, len(row))
        start += len(row) + 1
        at += len(line) + 1


def _words(text: str, start: int, end: int, value: str) -> Iterator[Piece]:
    """Folded lines: what is not blank stands in the value in the same order."""
    at = 0
    while start < end:
        found = _BREAK.search(text, start, end)
        stop = found.start() if found else end
        line = text[start:stop]
        content = line.strip(" \t")
        if content:
            blanks = _BLANKS.match(value, at)
            at = blanks.end() if blanks else at
            yield at, start + line.index(content)
            at += len(content)
        start = stop + 1


def _quoted(text: str, start: int, end: int, *, escapes: bool) -> Iterator[Piece]:
    at, i = 0, start
    yield at, i
    while i < end:
        if escapes and text[i] == "\\":
            at, i = _after_escape(text, i, at, end)
            yield at, i
        elif not escapes and text[i] == "'":
            at, i = at + 1, i + 2
            yield at, i
        elif (blanks := _BLANKS.match(text, i, end)) and (breaks := len(_BREAK.findall(blanks[0]))):
            # One line end folds to a blank; of more, the first one goes and the others stay.
            at, i = at + max(1, breaks - 1), blanks.end()
            yield at, i
        else:
            at, i = at + 1, i + 1


def _after_escape(text: str, i: int, at: int, end: int) -> Piece:
    escape = _ESCAPE.match(text, i, end)
    assert escape is not None, "the text before the closing quote does not end within an escape"
    if not _BREAK.fullmatch(escape[0][1:]):
        return at + 1, escape.end()
    # An escaped line end is nothing, and so is the indentation behind it.
    blanks = _BLANKS.match(text, i + 1, end)
    assert blanks is not None
    return at + len(_BREAK.findall(blanks[0])) - 1, blanks.end()
