"""The tree of errors, positions in a source text, and the caret printer.

CepError                anything this package refuses
├── LoadError           rules or settings with problems; carries every diagnostic found
└── InputError          an input that cannot be opened or read at all
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import accumulate
from typing import Final, Literal

from cep.values import value

Severity = Literal["error", "warning", "note"]

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@value
class Span:
    """A half-open range of character offsets in one source text.

    >>> Span(3, 5).cover(Span(9, 12))
    Span(start=3, end=12)
    """

    start: int
    end: int

    def cover(self, other: Span) -> Span:
        """The smallest span that holds both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@value
class Place:
    """A position in a file as people count it: line and column from 1."""

    line: int
    column: int


@value
class Source:
    """A text to be parsed and where each of its lines stands in a file.

    `text` may be a block inside a larger file (a pattern inside YAML): then `lines` are the lines of that
    file and `starts[i]` is the place of the first character of line i of `text`. Where the file holds the
    text in other pieces than its lines (folded lines, escapes), `offsets[i]` says where piece i begins.
    """

    name: str
    text: str
    lines: tuple[str, ...]
    starts: tuple[Place, ...]
    offsets: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index the line beginnings of `text` once, unless the pieces are given."""
        if not self.offsets:
            lengths = [len(line) + 1 for line in self.text.split("\n")[:-1]]
            object.__setattr__(self, "offsets", tuple(accumulate(lengths, initial=0)))

    @staticmethod
    def whole(name: str, text: str) -> Source:
        r"""A file or a bare text that is parsed from its first character.

        >>> Source.whole("p.cep", "A a\nB b").place(4)
        Place(line=2, column=1)
        """
        lines = tuple(text.split("\n"))
        return Source(name, text, lines, tuple(Place(i + 1, 1) for i in range(len(lines))))

    def place(self, offset: int) -> Place:
        """The line and column in the file of an offset in `text`; one past the end is allowed."""
        offset = max(0, min(offset, len(self.text)))
        row = bisect_right(self.offsets, offset) - 1
        row = min(row, len(self.starts) - 1)
        start = self.starts[row]
        return Place(start.line, start.column + offset - self.offsets[row])

    def row_end(self, offset: int) -> int:
        """The offset where the line of `offset` ends (its newline, or the end of the text)."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end


@value
class Diagnostic:
    """One problem: code, message in the user's words, where, a label beside the caret, and a repair."""

    code: str
    severity: Severity
    message: str
    source: Source
    span: Span
    label: str = ""
    help: str = ""

    @property
    def place(self) -> Place:
        """Where the problem starts."""
        return self.source.place(self.span.start)

    @property
    def sort_key(self) -> tuple[str, int, int, int, str]:
        """File, line, column, severity, code."""
        place = self.place
        return (self.source.name, place.line, place.column, _RANK[self.severity], self.code)


LINE_MAX: Final = 200
"""A longer line of a source is shown in part."""


class CepError(Exception):
    """Anything this package refuses; its text is for the user."""


class LoadError(CepError):
    """Rules, patterns or settings with problems; `diagnostics` holds all of them, sorted by position."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep the diagnostics and render them as the error's text."""
        self.diagnostics = sorted(diagnostics, key=lambda d: d.sort_key)
        super().__init__(render_all(self.diagnostics))


class InputError(CepError):
    """An input that cannot be opened or read at all."""


def render(diagnostic: Diagnostic) -> str:
    """One diagnostic as text: place, code, message, the source line, a caret line, the repair.

    >>> source = Source.whole("p.cep", "SEQ(Login a, NOT Buy p)")
    >>> print(render(Diagnostic("E302", "error", "the last NOT needs FOR or WITHIN", source,
    ...     Span(13, 22), "decided by time", "NOT Buy p FOR 10m")))
    p.cep:1:14: error[E302]: the last NOT needs FOR or WITHIN
        1 | SEQ(Login a, NOT Buy p)
          |              ^^^^^^^^^ decided by time
          = help: NOT Buy p FOR 10m
    """
    source, place = diagnostic.source, diagnostic.place
    head = f"{source.name}:{place.line}:{place.column}: {diagnostic.severity}[{diagnostic.code}]: "
    out = [head + diagnostic.message]
    if 1 <= place.line <= len(source.lines):
        line = source.lines[place.line - 1]
        end = min(diagnostic.span.end, source.row_end(diagnostic.span.start))
        # Never past the line: in a folded text the span may run on into the next line of the file.
        width = max(1, min(end - diagnostic.span.start, len(line) + 1 - place.column))
        line, column, width = _excerpt(line, place.column, width)
        pad = "".join("\t" if char == "\t" else " " for char in line[: column - 1])
        pad += " " * (column - 1 - len(pad))
        out.append(f"{place.line:5d} | {line}".rstrip())
        out.append(f"      | {pad}{'^' * width} {diagnostic.label}".rstrip())
    if diagnostic.help:
        out.append(f"      = help: {diagnostic.help}")
    return "\n".join(out)


def _excerpt(line: str, column: int, width: int) -> tuple[str, int, int]:
    """The part of a very long line around its caret, with the column and the width of the caret in it."""
    if len(line) <= LINE_MAX:
        return line, column, width
    start = max(0, min(column - 1 - LINE_MAX // 4, len(line) - LINE_MAX))
    part = line[start : start + LINE_MAX]
    before, after = "…" * (start > 0), "…" * (start + LINE_MAX < len(line))
    column += len(before) - start
    return before + part + after, column, min(width, len(before) + len(part) + 2 - column)


def render_all(diagnostics: Sequence[Diagnostic]) -> str:
    """Several diagnostics in the order given, a blank line between them."""
    return "\n\n".join(render(diagnostic) for diagnostic in diagnostics)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them is an error rather than advice."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)
