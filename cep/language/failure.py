"""The place where reading a text came to a stop, with all that is needed to say why in the user's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from cep.errors import Span
from cep.language.draft import Draft
from cep.language.problem import Edit, Problem, Word
from cep.language.words import CLAUSES, GROUPS

Start = Literal["pattern", "library"]

END: Final = "$END"
"""The kind that stands for the end of the text."""

CLOSERS: Final = {"(": ")", "[": "]"}

_LEXEME: Final = re.compile(
    r"""(?:ts|ip|re|dec)?'(?:[^'\n]|'')*'  # a text or a typed constant
    | "[^"\n]*" | `[^`\n]*`
    | (?:\#|--)[^\n]*                      # a comment
    | \$?\w+(?:\.\d+\w*)?%?                # a word or a number
    | &&|\|\||->|=>|=<|<=|>=|==|!=|<>|:=
    | \S""",
    re.VERBOSE,
)
_ANY_WORD: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Failure:
    """Reading `text` stopped at `at`, behind `words`, where only a token of the kinds `expected` could stand.

    `read` tries another text, and gives its failure if it has one.
    """

    text: str
    start: Start
    at: int
    words: tuple[Word, ...]
    expected: frozenset[str]
    read: Callable[[str], Failure | None]

    @property
    def is_end(self) -> bool:
        """Whether the text is at its end, but for blanks and comments."""
        return self.at >= len(self.text)

    @cached_property
    def found(self) -> Word:
        """What stands where reading stopped; its kind says nothing. Empty at the end of the text."""
        lexeme = _LEXEME.match(self.text, self.at)
        if self.is_end or not lexeme:
            end = self.words[-1].span.end if self.words else 0
            return Word(END, "", Span(end, end + 1))
        return Word("", lexeme.group(), Span(*lexeme.span()))

    @property
    def rest(self) -> str:
        """The text from where reading stopped."""
        return self.text[self.at :]

    @property
    def left(self) -> int:
        """How many characters were not read."""
        return len(self.text) - self.at

    def said(self, *kinds: str) -> bool:
        """Whether the last tokens before the place are of these kinds."""
        return tuple(word.kind for word in self.words[-len(kinds) :]) == kinds

    @cached_property
    def openings(self) -> list[int]:
        """The indexes in `words` of the brackets that are open, outermost first."""
        stack: list[int] = []
        for i, word in enumerate(self.words):
            if word.kind in {"LPAR", "LSQB"}:
                stack.append(i)
            elif word.kind in {"RPAR", "RSQB"}:
                stack.pop()
        return stack

    @cached_property
    def owner(self) -> str:
        """What the innermost open bracket belongs to: a keyword such as `SEQ`, `call`, `[`, or nothing."""
        if not self.openings:
            return ""
        i = self.openings[-1]
        if self.words[i].kind == "LSQB":
            return "["
        for back in (1, 2):
            if i >= back and self._is_group(i - back):
                return self.words[i - back].kind
        if any(word.kind == "EMIT" for word in self.words[max(0, i - 2) : i]):
            return "EMIT"
        return "call" if i and self.words[i - 1].kind == "NAME" else "("

    def _is_group(self, i: int) -> bool:
        """Whether the word at `i` joins steps; AND and OR between two conditions do not."""
        if self.words[i].kind in {"AND", "OR"}:
            starts = {"LPAR", "COMMA", "NOT", "NEXT", "ANY", "ASSIGN"}
            return i == 0 or self.words[i - 1].kind in starts
        return self.words[i].kind in GROUPS

    @property
    def in_group(self) -> bool:
        """Whether the innermost open bracket holds steps."""
        return self.owner in GROUPS

    @cached_property
    def is_balanced(self) -> bool:
        """Whether the open brackets are closed later in the text."""
        depth = len(self.openings)
        for word in self.lexemes(self.at):
            depth += (word.text in {"(", "["}) - (word.text in {")", "]"})
            if depth == 0:
                return True
        return not self.openings

    def lexemes(self, start: int) -> Iterator[Word]:
        """The pieces of the text from `start` on, without comments, however little they make sense."""
        for found in _LEXEME.finditer(self.text, start):
            if not found.group().startswith(("#", "--")):
                yield Word("", found.group(), Span(*found.span()))

    def gets_further(self, *edits: Edit) -> bool:
        """Whether the text with these edits can be read further than without."""
        other = self.read(Draft.of(self.text).edited(edits).text)
        return other is None or other.left < self.left

    def problem(self, message: str, label: str = "", help: str = "", *edits: Edit) -> Problem:  # noqa: A002
        """A problem with what stands where reading stopped."""
        return Problem(self.found.span, message, label, help, edits)

    def replaced(self, message: str, text: str, label: str = "") -> Problem:
        """A problem with what stands here, which is mended by writing `text` instead."""
        return self.problem(message, label, text.strip(), Edit(*_ends(self.found.span), text))

    def without_this_part(self) -> tuple[Edit, ...]:
        """Edits that take the clause, pattern or definition with the failure out of the text.

        What follows can then be read for itself. Nothing if its end is not certain.
        """
        if self.start == "library":
            return self._without_definition()
        end = self._end_of_part()
        if end is None:
            return ()
        begin = self.begin_of_clause()
        return (Edit(0, end, "EVENT "),) if begin is None else (Edit(begin, end, ""),)

    def _without_definition(self) -> tuple[Edit, ...]:
        stops = [word.span.end for word in self.words if word.kind == "SEMICOLON"]
        end = next((word.span.end for word in self.lexemes(self.at) if word.text == ";"), None)
        return () if end is None else (Edit(stops[-1] if stops else 0, end, " "),)

    def begin_of_clause(self) -> int | None:
        """Where the clause begins that reading stopped in; None if it stopped before the first."""
        depth, begin = 0, None
        for word in self.words:
            depth += (word.kind in {"LPAR", "LSQB"}) - (word.kind in {"RPAR", "RSQB"})
            is_clause = word.kind in CLAUSES and not _follows_on(self.words, word)
            if depth == 0 and is_clause:
                begin = word.span.start
        return begin

    def _end_of_part(self) -> int | None:
        """Where the next clause begins outside of brackets, or the text ends; None if brackets stay open.

        Only words in capitals count: a field may be called `limit`.
        """
        depth, before = len(self.openings), ""
        for word in self.lexemes(self.at):
            depth += (word.text in {"(", "["}) - (word.text in {")", "]"})
            if depth < 0:
                return None
            if depth == 0 and word.text in CLAUSES and word.span.start > self.at and before != ".":
                return word.span.start
            before = word.text
        return len(self.text) if depth == 0 else None


def _follows_on(words: tuple[Word, ...], word: Word) -> bool:
    """Whether this word is the end of `ON CLOSE EMIT`, whose clause began before."""
    i = words.index(word)
    return word.kind == "EMIT" and i >= 2 and words[i - 2].kind == "ON"


def _ends(span: Span) -> tuple[int, int]:
    return span.start, span.end
