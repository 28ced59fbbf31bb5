"""Values, times and counts as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Context, Decimal
from typing import Final

from cep.cli.terminal import clean_line
from cep.event import EPOCH, Event, Timestamp, Value, duration_ms, duration_text

VALUE_LENGTH_MAX: Final = 60

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def time_text(ts_ms: int) -> str:
    """A time as a date and a clock in UTC, to the second unless there is more to say.

    >>> time_text(1_774_886_496_000), time_text(1_774_886_496_250)
    ('2026-03-30 16:01:36Z', '2026-03-30 16:01:36.250Z')
    """
    try:
        moment = EPOCH + timedelta(milliseconds=ts_ms)
    except OverflowError:
        return f"{int(ts_ms)} ms"
    text = f"{moment:%Y-%m-%d %H:%M:%S}" if moment.year >= 1000 else moment.isoformat(" ")[:19]
    return f"{text}.{ts_ms % 1000:03d}Z" if ts_ms % 1000 else f"{text}Z"


def clock_text(ts_ms: int, beside: str) -> str:
    """A time without what it shares with the time `beside`: the date, or else the year; and without the Z.

    >>> clock_text(1_774_886_496_000, "2026-03-30 17:00:00Z"), clock_text(0, "2026-03-30 17:00:00Z")
    ('16:01:36', '1970-01-01 00:00:00')
    """
    text = time_text(ts_ms).removesuffix("Z")
    if text[:11] == beside[:11]:
        return text[11:]
    return text[5:] if text[:5] == beside[:5] else text


def span_text(ms: int) -> str:
    """A length of time in its two largest units.

    >>> span_text(2_077_200_000), span_text(437_000), span_text(250), span_text(0)
    ('24d 1h', '7m 17s', '250ms', '0s')
    """
    parts = []
    for unit, size in _UNITS:
        number, ms = divmod(ms, size)
        if number:
            parts.append(f"{number}{unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def value_text(value: Value) -> str:
    """A value on one line, cut where it gets long; text stands without quotes.

    >>> value_text(Decimal("1.50")), value_text(None), value_text(timedelta(minutes=3)), value_text([1, "a"])
    ('1.50', 'null', '3m', '[1, a]')
    """
    text = clean_line(_raw(value))
    return text if len(text) <= VALUE_LENGTH_MAX else text[: VALUE_LENGTH_MAX - 1] + "…"


def _raw(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Timestamp():
            return time_text(value)
        case timedelta():
            ms = duration_ms(value)
            return duration_text(ms) if ms >= 0 else f"-{duration_text(-ms)}"
        case float():
            return f"{value:.6g}"
        case Decimal():
            return _decimal(value)
        case list() | tuple():
            return "[" + ", ".join(_raw(item) for item in value) + "]"
        case Mapping():
            return "{" + ", ".join(f"{name}: {_raw(item)}" for name, item in value.items()) + "}"
        case Event():
            return f"{value.type} at {time_text(value.ts_ms)}"
        case _:
            return str(value)


def _decimal(value: Decimal) -> str:
    """A quotient may have 28 digits; nine are enough to read."""
    if len(value.as_tuple().digits) > 15:
        value = Context(prec=9).plus(value)
    return f"{value:f}" if -12 < value.adjusted() < 15 else str(value)


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one.

    >>> counted(1, "alert"), counted(7000, "event"), counted(2, "partial match")
    ('1 alert', '7,000 events', '2 partial matches')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"
