"""What constants mean: numbers, durations, times, addresses, regular expressions, and bounds of loops."""

from __future__ import annotations

import ipaddress
import math
import re
import warnings
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from cep.errors import Span
from cep.event import UNIT_MS, Timestamp, Value, parse_duration_ms, parse_iso_ms
from cep.language.expressions import CountSyntax, LiteralExpr, LiteralKind
from cep.language.problem import Problem, Word
from cep.language.syntax import Greed, QuantSyntax

INT_MAX: Final = 2**63 - 1
DURATION_MS_MAX: Final = 366 * 100 * UNIT_MS["d"]

_KINDS: Final[dict[str, LiteralKind]] = {
    "INT": "int",
    "FLOAT": "float",
    "PERCENT": "percent",
    "DURATION": "duration",
    "STRING": "string",
    "TRUE": "bool",
    "FALSE": "bool",
    "NULL": "null",
}
_TYPED: Final[dict[str, LiteralKind]] = {"ts": "timestamp", "ip": "ip", "re": "regex", "dec": "decimal"}


def literal(word: Word, problems: list[Problem]) -> LiteralExpr:
    """The constant that a token stands for. What cannot be read is reported and counts as null."""
    kind, text, start = word.kind, word.text, word.span.start
    if kind == "TYPED":
        prefix, _, text = text[:-1].partition("'")
        literal_kind = _TYPED[prefix]
        start += len(prefix) + 1
    else:
        literal_kind = _KINDS[kind]
        if kind == "STRING":
            text = text[1:-1]
        elif kind in {"TRUE", "FALSE", "NULL"}:
            text = text.lower()
    value, problem = _value(literal_kind, text, Span(start, start + len(text)))
    if problem:
        problems.append(problem)
    return LiteralExpr(literal_kind, value, text, span=word.span)


def _value(kind: LiteralKind, text: str, span: Span) -> tuple[Value, Problem | None]:
    match kind:
        case "int":
            return _int(text, span)
        case "float":
            number = float(text.replace("_", ""))
            too_large = Problem(span, "this number is too large for a float", "more than 1.7e308")
            return number, None if math.isfinite(number) else too_large
        case "percent":
            return Decimal(text.rstrip("%").replace("_", "")) / 100, None
        case "duration":
            ms, problem = checked_ms(text, span)
            return timedelta(milliseconds=ms), problem
        case "string":
            return text.replace("''", "'"), None
        case "bool":
            return text == "true", None
        case "null":
            return None, None
        case "timestamp":
            return _timestamp(text, span)
        case "ip":
            return text, _ip_problem(text, span)
        case "regex":
            return text.replace("''", "'"), _regex_problem(text, span)
        case "decimal":
            return _decimal(text, span)


def checked_ms(text: str, span: Span) -> tuple[int, Problem | None]:
    """The milliseconds of a duration, and a problem (with 0) if it is longer than a hundred years."""
    try:
        ms = parse_duration_ms(text)
    except ValueError:  # more digits than any duration needs
        ms = DURATION_MS_MAX + 1
    if ms > DURATION_MS_MAX:
        return 0, Problem(span, "this duration is too long", "more than a hundred years")
    return ms, None


def count(word: Word, problems: list[Problem]) -> CountSyntax:
    """A number or a parameter."""
    if word.kind == "PARAM":
        return CountSyntax(None, word.text[1:], span=word.span)
    number, problem = _int(word.text, word.span)
    if problem:
        problems.append(problem)
    return CountSyntax(number, None, span=word.span)


def quantifier(word: Word, problems: list[Problem]) -> QuantSyntax:
    """`+`, `*?`, `{2,5}+` as the least and the most number of times and how eager the loop is."""
    greed: Greed = "eager"
    text, span = word.text, word.span
    if len(text) > 1 and text[-1] in "?+":
        greed = "reluctant" if text[-1] == "?" else "possessive"
        text = text[:-1]
    if not text.startswith("{"):
        least = CountSyntax(1 if text == "+" else 0, None, span=span)
        most = CountSyntax(1, None, span=span) if text == "?" else None
        return QuantSyntax(least, most, greed, span=span)
    bounds = [
        count(Word("PARAM" if found[0].startswith("$") else "INT", found[0], _inside(span, found)), problems)
        for found in re.finditer(r"\$?\w+", text)
    ]
    low, comma, _ = text[1:-1].partition(",")
    least = bounds.pop(0) if low.strip() and bounds else CountSyntax(0, None, span=span)
    most = least if not comma else bounds[0] if bounds else None
    if not comma and not low.strip():
        problems.append(Problem(span, "`{}` does not say how many", help="{3}, {3,}, {,5} or {3,5}"))
    if most and most.number is not None and least.number is not None and most.number < least.number:
        repair = f"{{{most.number},{least.number}}}"
        message = f"at least {least.number} and at most {most.number} times cannot both hold"
        problems.append(Problem(span, message, help=repair))
    return QuantSyntax(least, most, greed, span=span)


def _inside(span: Span, found: re.Match[str]) -> Span:
    return Span(span.start + found.start(), span.start + found.end())


def _int(text: str, span: Span) -> tuple[int, Problem | None]:
    digits = text.replace("_", "")
    # The length is asked first: Python itself refuses to read thousands of digits.
    if len(digits) > 40 or int(digits) > INT_MAX:
        help_text = f"dec'{digits}' holds any number of digits" if len(digits) <= 40 else ""
        return 0, Problem(span, "this whole number is too large", f"more than {INT_MAX}", help_text)
    return int(digits), None


def _decimal(text: str, span: Span) -> tuple[Value, Problem | None]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None, Problem(span, f"dec'{text}' is not a number", help="dec'9.99'")
    if not number.is_finite():
        return None, Problem(span, f"dec'{text}' is not a number one can count with", help="dec'9.99'")
    return number, None


def _timestamp(text: str, span: Span) -> tuple[Value, Problem | None]:
    """ISO 8601; a time without a zone is UTC, a date without a time is its midnight."""
    try:
        return Timestamp(parse_iso_ms(text)), None
    except ValueError as error:
        reason = str(error) if "range" in str(error) else "not a time as ISO 8601 writes it"
        return None, Problem(span, f"ts'{text}' cannot be read", reason, "ts'2026-01-31T08:30:00Z'")


def _ip_problem(text: str, span: Span) -> Problem | None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        pass
    else:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        message = f"ip'{text}' is no address and no network"
        return Problem(span, message, help="ip'10.0.0.1', ip'10.0.0.0/8' or ip'2001:db8::/32'")
    message = f"ip'{text}' sets bits to the right of its prefix"
    return Problem(span, message, f"the network is {network}", f"ip'{network}'")


def _regex_problem(text: str, span: Span) -> Problem | None:
    pattern = text.replace("''", "'")
    try:
        with warnings.catch_warnings():
            # A set that may change its meaning in a later Python is no error of the rule's author.
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        # Each quote before the place is written twice in the text.
        at = 0 if error.pos is None else error.pos + pattern[: error.pos].count("'")
        at = span.start + min(at, len(text))
        return Problem(Span(at, at + 1), "this regular expression cannot be read", error.msg)
    except (OverflowError, RecursionError):
        return Problem(span, "this regular expression is too large")
    return None
