"""Text to syntax tree by the tables of the grammar, or where reading stops and what could stand there.

Lark makes the tables; its own reader makes a tree of its own first and takes several times as long.
What is a token is asked of the state, as Lark's contextual lexer does: a word is a keyword only where the
parser could take it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from cep.errors import Span
from cep.language.build import build
from cep.language.build_expressions import Piece
from cep.language.failure import END, Failure, Start
from cep.language.problem import Problem, Word
from cep.language.tables import NOWHERE, Actions, TableRule, Tables, tables

# Deeper trees would exhaust the stack of whoever walks them; nobody reads them either.
DEPTH_MAX: Final = 200

_BLANK: Final = re.compile(r"(?:\s+|(?:#|--)[^\n]*)*")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_NUMBERS: Final = ("DURATION", "PERCENT", "FLOAT", "INT")
_SIGNS: Final = {
    "'": ("STRING",),
    "$": ("PARAM",),
    "`": ("NAME",),
    "=": ("ASSIGN", "CMP"),
    "<": ("CMP",),
    ">": ("CMP",),
    "!": ("CMP",),
    "+": ("QUANT", "PLUS"),
    "*": ("QUANT", "STAR"),
    "?": ("QUANT",),
    "{": ("QUANT",),
    "-": ("MINUS",),
    "/": ("SLASH",),
    ".": ("DOT",),
    ",": ("COMMA",),
    ";": ("SEMICOLON",),
    "|": ("BAR",),
    "(": ("LPAR",),
    ")": ("RPAR",),
    "[": ("LSQB",),
    "]": ("RSQB",),
}
"""The tokens that begin with a sign, in the order in which they are tried."""

# Letters that are one of ours when case is ignored, which `upper` alone does not say.
_FOLDED: Final = str.maketrans("\u0130\u0131\u017f\u212a", "IISK")


Part: TypeAlias = tuple[Any, int, int, int]
"""What was read of one symbol, where it starts and ends with its parentheses, and how high its tree is.

That is a node or, of a repetition, the list of its children; of a token it is the kind, and the height is
-1. Start and end are -1 if it is empty.
"""

Make: TypeAlias = Callable[[str, Piece], Any]
"""Makes a node of a rule's name and its children."""


class _StoppedError(Exception):
    """The text cannot be read on; `path` are the states on the way there."""

    def __init__(self, at: int, path: list[int]) -> None:
        super().__init__()
        self.at = at
        self.path = path


class _TooDeepError(Exception):
    """The tree is deeper than DEPTH_MAX."""


def read(text: str, start: Start, problems: list[Problem]) -> object | Failure | None:
    """The syntax tree of the text, or why it cannot be read; what else is wrong goes to `problems`.

    None if the tree would be too deep.
    """
    reading = _Reading(text, tables(), problems, build)
    try:
        node: object = reading.go(start)[0]
        return node
    except _StoppedError as stopped:
        words, expected = reading.stopped(start, stopped.at)
        return Failure(text, start, stopped.at, words, expected, _failure_of(start))
    except _TooDeepError:
        shape = _Reading(text, tables(), problems, lambda _, piece: piece).go(start)
        problems.append(_too_deep(shape[0]))
        return None


def _failure_of(start: Start) -> Callable[[str], Failure | None]:
    """Why another text cannot be read; None if it can."""

    def failure(text: str) -> Failure | None:
        found = read(text, start, [])
        return found if isinstance(found, Failure) else None

    return failure


class _Reading:
    """One text on its way through the tables."""

    def __init__(self, text: str, rules: Tables, problems: list[Problem], make: Make) -> None:
        self._text = text
        self._tables = rules
        self._problems = problems
        self._make = make
        self._tokens: list[Part] = []

    def go(self, start: Start, until: int = -1) -> Part:
        """Take token by token, and before each fold up the rules that end there; or stop at a place."""
        text, states, rules = self._text, self._tables.states, self._tables.rules
        first, last = self._tables.starts[start]
        path, parts = [first], list[Part]()
        at = 0
        while True:
            at = _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches anywhere
            if at == until:
                raise _StoppedError(at, path)
            state = path[-1]
            kind, end = self._token(at, states[state])
            while (to := states[state].get(kind, NOWHERE)) < 0:
                if to == NOWHERE:
                    raise _StoppedError(at, path)
                rule = rules[~to]
                kept = len(path) - rule.size
                if not rule.is_other_name:
                    parts[kept - 1 :] = [self._folded(rule, parts[kept - 1 :])]
                del path[kept:]
                state = states[path[-1]][rule.origin]
                path.append(state)
                if state == last and kind == END:
                    return parts[-1]
            path.append(to)
            token = (kind, at, end, -1)
            parts.append(token)
            self._tokens.append(token)
            at = end

    def stopped(self, start: Start, at: int) -> tuple[tuple[Word, ...], frozenset[str]]:
        """The words before a place where reading stopped, and the kinds of tokens that could have come there.

        Reads once more up to the place: there, parts were folded up for a token that then did not fit.
        """
        self._tokens.clear()
        try:
            self.go(start, at)
        except _StoppedError as stopped:
            path = stopped.path
        last = self._tables.starts[start][1]
        kinds = [name for name in self._tables.states[path[-1]] if name.isupper()]
        expected = frozenset(kind for kind in kinds if self._could_come(kind, path.copy(), last))
        return tuple(self._word_of(token) for token in self._tokens), expected

    def _could_come(self, kind: str, path: list[int], last: int) -> bool:
        states, rules = self._tables.states, self._tables.rules
        while (to := states[path[-1]].get(kind, NOWHERE)) < 0:
            if to == NOWHERE:
                return kind == END and path[-1] == last
            rule = rules[~to]
            del path[len(path) - rule.size :]
            path.append(states[path[-1]][rule.origin])
        return True

    def _token(self, at: int, wanted: Actions) -> tuple[str, int]:
        """The kind of the token that begins there, of those that are wanted, and where it ends.

        The kind is empty if there is none.
        """
        text, patterns = self._text, self._tables.patterns
        if at == len(text):
            return END, at
        word = _WORD.match(text, at)
        if word:
            return self._word(word[0], at, wanted)
        for kind in _SIGNS.get(text[at], _NUMBERS):
            if kind in wanted:
                pattern = patterns.get(kind)
                if pattern is None:
                    return kind, at + 1
                found = pattern.match(text, at)
                if found:
                    return kind, found.end()
        return "", at

    def _word(self, word: str, at: int, wanted: Actions) -> tuple[str, int]:
        """Where a keyword and a name could both stand the keyword wins."""
        end = at + len(word)
        upper = (word if word.isascii() else word.translate(_FOLDED)).upper()
        spellings = self._tables.keywords.get(upper)
        if spellings is not None and upper in wanted and (not spellings or word in spellings):
            return upper, end
        if "TYPED" in wanted and self._text.startswith("'", end):
            typed = self._tables.patterns["TYPED"].match(self._text, at)
            if typed:
                return "TYPED", typed.end()
        return ("NAME", end) if "NAME" in wanted else ("", at)

    def _folded(self, rule: TableRule, parts: list[Part]) -> Part:
        """The parts of a rule as one: a node, or its only child in brackets, or a list of children grown."""
        start, end, height = -1, -1, 0
        for _, begins, ends, high in parts:
            if begins >= 0:
                start, end = (begins if start < 0 else start), ends
            height = max(height, high)
        if rule.is_bracket and len(rule.kept) == 1 and not rule.nones:
            alone = parts[rule.kept[0][0]]
            # A token stays where it is, whatever stands around it.
            return alone if alone[3] < 0 else (alone[0], start, end, height)
        kids = self._kids(rule, parts)
        if not rule.name:
            return kids, start, end, height
        if height > DEPTH_MAX and self._make is build:
            raise _TooDeepError
        span = Span(0, 0) if start < 0 else Span(start, end)
        return self._make(rule.name, Piece(span, kids, self._problems)), start, end, height + 1

    def _kids(self, rule: TableRule, parts: list[Part]) -> list[Any]:
        kids: list[Any] = []
        for place, is_list, nones in rule.kept:
            part = parts[place]
            if nones:
                kids += [None] * nones
            if part[3] < 0:
                kids.append(self._word_of(part))
            elif not is_list:
                kids.append(part[0])
            elif kids:
                kids += part[0]
            else:
                # Nobody else has the list.
                kids = part[0]
        if rule.nones:
            kids += [None] * rule.nones
        return kids

    def _word_of(self, token: Part) -> Word:
        kind, start, end, _ = token
        return Word(kind, self._text[start:end], Span(start, end))


def _too_deep(piece: Piece) -> Problem:
    """Where a tree of pieces becomes too deep, as somebody who reads from the left would find it."""
    left = [(piece, 0)]
    while left:
        one, depth = left.pop()
        if depth > DEPTH_MAX:
            message = "this is nested too deeply, or joins too many parts"
            help_text = "give parts a name in a library, or write x IN (a, b, …) for many values"
            return Problem(one.span, message, f"more than {DEPTH_MAX} levels", help_text)
        left += [(kid, depth + 1) for kid in reversed(one.kids) if isinstance(kid, Piece)]
    raise AssertionError("no part of it is too deep")
