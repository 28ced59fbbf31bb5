"""Near misses of numbers with a unit: `10 minutes`, `5M`, `1.5h`, `WITHIN 10`, `SAMPLE 5`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from cep.errors import Span
from cep.event import UNIT_MS, duration_text
from cep.language.failure import Failure
from cep.language.problem import Edit, Problem

_UNITS: Final = {
    "ms": ("msec", "msecs", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "w": ("wk", "wks", "week", "weeks"),
}
_UNIT_OF: Final = {word: unit for unit, others in _UNITS.items() for word in (unit, *others)}
_NO_FIXED_LENGTH: Final = {
    "mo": "30d",
    "mon": "30d",
    "month": "30d",
    "months": "30d",
    "y": "365d",
    "yr": "365d",
    "year": "365d",
    "years": "365d",
}
_NUMBER_AND_WORD: Final = re.compile(r"(\d[\d_]*(?:\.\d+)?)(\s*-?\s*)([^\W\d]+)")


def wrong_unit(failure: Failure) -> Problem | None:
    """A number and a unit that are not written as one duration."""
    start = failure.words[-1].span.start if failure.said("INT") or failure.said("FLOAT") else failure.at
    written = _NUMBER_AND_WORD.match(failure.text, start)
    if not written or not start <= failure.at <= written.end():
        return None
    number, between, unit = written.groups()
    if unit in UNIT_MS and not between and "." not in number:
        return None
    span = Span(*written.span())
    if unit == "M":
        meant = f"{number}m"
        edits = (Edit(span.start, span.end, meant),)
        help_text = f"{meant} for minutes, {int(Decimal(number.replace('_', '')) * 30)}d for months"
        return Problem(span, "M is neither minute nor month", help=help_text, edits=edits)
    if unit.lower() in _NO_FIXED_LENGTH:
        days = int(Decimal(number.replace("_", "")) * int(_NO_FIXED_LENGTH[unit.lower()][:-1]))
        edits = (Edit(span.start, span.end, f"{days}d"),)
        message = f"`{unit}` is no unit: months and years differ in length"
        return Problem(span, message, help=f"{days}d", edits=edits)
    if unit.lower() not in _UNIT_OF:
        is_duration = failure.said("WITHIN", "INT") or not {"MINUS", "PLUS"} & failure.expected
        help_text = "units are w d h m s ms, as in 1h30m"
        return None if between or not is_duration else Problem(span, f"`{unit}` is no unit", help=help_text)
    meant = _duration(number.replace("_", ""), _UNIT_OF[unit.lower()])
    edits = (Edit(span.start, span.end, meant),)
    return Problem(span, "a duration is a whole number and a unit in one word", help=meant, edits=edits)


def _duration(number: str, unit: str) -> str:
    """`1.5` and `h` is 1h30m; a whole number keeps its unit."""
    if "." not in number:
        return number + unit
    return duration_text(int(Decimal(number) * UNIT_MS[unit]))


def no_unit(failure: Failure) -> Problem | None:
    """A bare number where a duration is meant."""
    if failure.said("WITHIN", "INT") and "EVENTS" in failure.expected:
        number = failure.words[-1]
        help_text = f"{number.text}s, {number.text}m, {number.text}h, {number.text}d or {number.text} EVENTS"
        edit = Edit(number.span.start, number.span.end, f"{number.text}m ")
        return Problem(number.span, "this number has no unit", "seconds, minutes?", help_text, (edit,))
    unit = _UNIT_OF.get(failure.found.text.lower())
    if unit and "DURATION" in failure.expected and "MINUS" not in failure.expected:
        edit = Edit(failure.at, failure.found.span.end, f"1{unit}")
        return failure.problem("this duration has no number", "", f"1{unit}", edit)
    number_here = re.match(r"\d[\d_]*(\.\d+)?(?![\w.])", failure.rest)
    if not number_here or "DURATION" not in failure.expected or "MINUS" in failure.expected:
        return None
    text = number_here[0]
    span = Span(failure.at, failure.at + len(text))
    help_text = f"{text}s, {text}m, {text}h or {text}d"
    if "." in text:
        help_text = "90m or 1h30m; units are w d h m s ms"
    edit = Edit(span.start, span.end, "1m")
    return Problem(span, "this number has no unit", "seconds, minutes?", help_text, (edit,))


def quoted_duration(failure: Failure) -> Problem | None:
    """`WITHIN '10m'`."""
    text = re.match(r"'((\d+(ms|[smhdw]))+)'", failure.rest)
    if not text or "DURATION" not in failure.expected:
        return None
    edit = Edit(failure.at, failure.at + text.end(), text[1])
    return failure.problem("a duration stands without quotes", "", text[1], edit)


def sample_share(failure: Failure) -> Problem | None:
    """`SAMPLE 10`, `SAMPLE 0.1`: a share is written as a percentage."""
    number = re.match(r"\d+(\.\d+)?", failure.rest)
    if not failure.said("SAMPLE") or not number:
        return None
    share = Decimal(number[0])
    # 0.1 is a fraction, 10 is a percentage whose sign is missing.
    percent = f"{(share * 100).normalize():f}%" if "." in number[0] and share < 1 else f"{number[0]}%"
    edit = Edit(failure.at, failure.at + number.end(), percent)
    return failure.problem("SAMPLE takes a percentage", "", percent, edit)
