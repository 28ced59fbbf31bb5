"""The words of the language, in groups of what they do, and where each hides a name that is spelt like it."""

from __future__ import annotations

import re
from typing import Final

CLAUSES: Final = frozenset(
    {
        "FROM",
        "BY",
        "WHERE",
        "WITHIN",
        "GAP",
        "UNLESS",
        "PICK",
        "AFTER",
        "LIMIT",
        "SAMPLE",
        "ON",
        "EMIT",
    }
)
"""The words that begin a clause of a pattern."""

SUFFIXES: Final = frozenset({"WITHIN", "GAP", "FOR", "BY"})
"""The words that may follow a step."""

MODIFIERS: Final = frozenset({"CONSECUTIVE", "COMBINATIONS", "UNTIL"})
"""The words that may follow a loop."""

GROUPS: Final = frozenset({"SEQ", "AND", "OR", "ATLEAST"})
"""The words that join steps and are followed by `(`."""

STARTS: Final = GROUPS | {"USE", "EVENT", "NOT", "NEXT", "ANY"}
"""The words that may begin a step."""

TESTS: Final = frozenset({"IN", "BETWEEN", "LIKE", "MATCHES", "IS"})
"""The words that make a condition of two values."""

VALUES: Final = frozenset({"NOT", "TRUE", "FALSE", "NULL", "DISTINCT"})
"""The words that may stand where an expression begins."""

CHOICES: Final = frozenset(
    {
        "ALL",
        "CLOSE",
        "EACH",
        "EVENTS",
        "FIRST",
        "HOP",
        "LAST",
        "LEFTMOST",
        "MATCH",
        "NEXT",
        "NO",
        "PAST",
        "PER",
        "SKIP",
        "STOP",
        "STRICT",
        "TIMEOUT",
        "TO",
        "TUMBLING",
        "UPDATE",
    }
)
"""The words that say more about a clause or a group."""

KEYWORDS: Final = (
    CLAUSES
    | SUFFIXES
    | MODIFIERS
    | STARTS
    | TESTS
    | VALUES
    | CHOICES
    | {"AT", "DEFINE", "OF", "OVER", "PATTERN", "PREDICATE"}
)
"""Every word of the language."""

HIDES_TYPE: Final = STARTS
HIDES_VARIABLE: Final = CLAUSES | SUFFIXES | MODIFIERS | {"FOLLOWED"}
HIDES_VALUE: Final = VALUES
HIDES_NOTHING: Final[frozenset[str]] = frozenset()

_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")


def quoted(name: str, hides: frozenset[str] = HIDES_NOTHING) -> str:
    """A name as it must be written where the words of `hides` would be read as keywords.

    >>> quoted("limit", HIDES_VARIABLE), quoted("limit"), quoted("first name")
    ('`limit`', 'limit', '`first name`')
    """
    plain = _IDENTIFIER.fullmatch(name) and name.upper() not in hides
    # `Event` is no keyword, only `EVENT` and `event` are.
    return name if plain or name == "Event" else f"`{name}`"
