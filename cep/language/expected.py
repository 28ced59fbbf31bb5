"""What could stand where reading stopped, grouped by meaning and in the user's words."""

from __future__ import annotations

from typing import Final

from cep.language.failure import END, Failure
from cep.language.words import CLAUSES, GROUPS, KEYWORDS, MODIFIERS, SUFFIXES, TESTS

_SIGNS: Final = {
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "SEMICOLON": "`;`",
    "ASSIGN": "`=`",
}
# Few words in a message are read, many are not.
_SHOWN_MAX: Final = 6


def expected_words(failure: Failure) -> list[str]:
    """What could stand where reading stopped, grouped by meaning; what may be left out is not told."""
    expected = failure.expected
    if "SEQ" in expected:
        return _begin_of_step(failure)
    if "STRING" in expected and "MINUS" in expected:
        return _begin_of_value(failure)
    if "STRING" in expected:
        return ["a constant"]
    words = ["an operator"] if "PLUS" in expected else _names(failure) + _numbers(expected)
    words += _keywords(failure)
    words += [sign for kind, sign in _SIGNS.items() if kind in expected and not _is_optional(kind, failure)]
    return words or ["the end of the text"]


def _begin_of_step(failure: Failure) -> list[str]:
    if failure.owner == "SEQ":
        return ["a step"]
    if failure.in_group:
        return ["a branch"]
    return ["an event type", "SEQ", "AND", "OR", "ATLEAST", "USE"]


def _begin_of_value(failure: Failure) -> list[str]:
    conditions = {"WHERE", "AND", "OR", "NOT", "LSQB"}
    before = failure.words[-1].kind if failure.words else ""
    what = "a condition" if before in conditions and "IN" not in failure.expected else "a value"
    return [what, "`)`"] if "RPAR" in failure.expected else [what]


def _names(failure: Failure) -> list[str]:
    """The meaning of a name here, by what stands before it."""
    if "EVENT" in failure.expected:
        return ["an event type"]
    before = failure.words[-1].kind if failure.words else ""
    if "NAME" not in failure.expected or "QUANT" in failure.expected or "WHERE" in failure.expected:
        return []
    clause = next((word.kind for word in reversed(failure.words) if word.kind in CLAUSES), "")
    match before:
        case "OF" | "FIRST" | "LAST":
            return ["a variable"]
        case "USE" | "PATTERN" | "PREDICATE":
            return ["a name"]
        case "FROM" | "BAR":
            return ["an event type"]
        case "BY":
            return ["a field"]
        case "COMMA" if clause in {"FROM", "BY"} and failure.owner != "call":
            return ["an event type" if clause == "FROM" else "a field"]
        case "DOT":
            return ["the name of a field"]
        case _:
            return ["a name"]


def _numbers(expected: frozenset[str]) -> list[str]:
    words = []
    if "DURATION" in expected:
        words.append("a duration such as 10m")
    if "INT" in expected:
        words.append("a number of events" if "DURATION" in expected else "a number")
    if expected >= {"PERCENT"}:
        words.append("a percentage such as 10%")
    return words


def _keywords(failure: Failure) -> list[str]:
    expected = failure.expected
    optional = TESTS | {"AND", "OR", "NOT"} if "PLUS" in expected else frozenset()
    if "RPAR" in expected or failure.in_group:
        optional |= SUFFIXES | MODIFIERS | {"OF", "OVER"}
    keywords = sorted((expected & KEYWORDS) - optional)
    clauses = [word for word in keywords if word in CLAUSES]
    if len(clauses) > 3:
        # A clause may always follow, so it is worth a word only outside of groups.
        return ["a clause (WHERE, WITHIN, …)"] if END in expected or "SEMICOLON" in expected else []
    return [word for word in keywords if word not in GROUPS or len(keywords) <= 3]


def _is_optional(kind: str, failure: Failure) -> bool:
    """Whether a sign would only go on with what is complete already."""
    return kind in {"LSQB", "LPAR"} and bool({"PLUS", "RPAR", "RSQB", END, "WHERE"} & failure.expected)


def expected_text(failure: Failure) -> str:
    """What could stand here as it is written in a message: `a step or `)``."""
    words = expected_words(failure)
    *first, last = words[:_SHOWN_MAX]
    return f"{', '.join(first)} or {last}" if first else last
