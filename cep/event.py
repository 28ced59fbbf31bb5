"""The immutable facts everything else is about: events, their values and their keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from cep.values import value

Value: TypeAlias = Any
"""What a field holds: None, bool, int, float, Decimal, str, Timestamp, timedelta, list or dict."""

Key: TypeAlias = tuple[Value, ...]
"""The values of the `BY` paths; the empty tuple when a rule has no `BY`."""


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What event time counts from."""


class Timestamp(int):
    """A point in event time, int milliseconds UTC: kept apart from int so that it prints as a time.

    >>> Timestamp(0)
    Timestamp(0)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Show the type with the number."""
        return f"Timestamp({int(self)})"


class Position(NamedTuple):
    """The place of an event in the one order there is: event time, then arrival."""

    ts_ms: int
    seq: int


@value
class Event:
    """A decoded fact. `seq` breaks ties of time; `line` (from 1) of input `source` says where it was read.

    Two events are the same only if they are the same object: equal content may occur twice.
    """

    type: str
    ts_ms: int
    seq: int
    fields: Mapping[str, Value]
    line: int = 0
    source: str = ""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Callable[..., Event], tuple[object, ...]]:
        """For another process: many are sent, and this is the quickest way to write one down."""
        return Event, (self.type, self.ts_ms, self.seq, self.fields, self.line, self.source)

    @property
    def position(self) -> Position:
        """Time first, then arrival."""
        return Position(self.ts_ms, self.seq)


def duration_ms(value: timedelta) -> int:
    """A duration as int milliseconds, floored.

    >>> duration_ms(timedelta(minutes=10))
    600000
    """
    return value // timedelta(milliseconds=1)


UNIT_MS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""The units of durations."""

_DURATION: Final = re.compile(r"(?:\d{1,15}(?:ms|[smhdw]))+")


def parse_duration_ms(text: str) -> int:
    """The milliseconds of a duration as people write it; units are w d h m s ms. ValueError if it is none.

    >>> parse_duration_ms("1h30m")
    5400000
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write 30s, 10m, 1h30m or 7d")
    parts = re.findall(r"(\d+)(ms|[smhdw])", text)
    return sum(int(number) * UNIT_MS[unit] for number, unit in parts)


def duration_text(ms: int) -> str:
    """A duration in its shortest spelling without weeks.

    >>> duration_text(5_400_000), duration_text(0), duration_text(1_001)
    ('1h30m', '0s', '1s1ms')
    """
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        number, ms = divmod(ms, UNIT_MS[unit])
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def parse_iso_ms(text: str) -> int:
    """The milliseconds of an ISO 8601 time, or of the midnight of a date; UTC unless it names a zone.

    ValueError if it is none.

    >>> parse_iso_ms("1970-01-02"), parse_iso_ms("1970-01-01T01:00+01:00")
    (86400000, 0)
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return duration_ms(moment - EPOCH)
