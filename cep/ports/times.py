"""Event time as inputs write it, turned into int milliseconds UTC.

    epoch_s epoch_ms epoch_us   a number, or its digits as text; fractions are kept down to the millisecond
    iso8601                     2026-01-31, 2026-01-31T08:30:00Z, 2026-01-31 08:30:00.125+01:00
    %b %d %H:%M:%S              anything `strptime` reads; if it has no year, the settings name the first
    (none)                      guessed from the first time of the file

A guess takes a number below 10¹¹ for seconds, below 10¹⁴ for milliseconds, below 10¹⁷ for microseconds (all
of them are then times after 1973 and before the year 5138), and any other text for ISO 8601.

A format without a year starts with the year that is given. A time more than half a year before the newest one
seen so far belongs to the next year. Around New Year a straggler is still of the old year, if that puts it no
more than a week before the newest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import numpy as np

from cep.columns import Bools, Ints
from cep.event import EPOCH, Timestamp, Value
from cep.inputs import TimeSettings, lacks_year, zone_of

MS_MIN: Final = -62_135_596_800_000
MS_MAX: Final = 253_402_300_799_999
"""The years 1 to 9999: what is outside of them is no event time but a mistaken unit."""

_MS: Final = timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000
_FAR_S: Final = 10**12
_HALF_YEAR_MS: Final = 183 * _DAY_MS
_STRAGGLER_MS: Final = 7 * _DAY_MS
_KNOWN_MAX: Final = 10_000
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,17}(?:\.[0-9]{0,11})?")
_PER_MS: Final = {"epoch_s": Decimal("0.001"), "epoch_ms": Decimal(1), "epoch_us": Decimal(1000)}
_GUESSES: Final = ((10**11, "epoch_s"), (10**14, "epoch_ms"), (10**17, "epoch_us"))

ReadTime = Callable[[Value], int]
"""Raises ValueError with the reason, to be read after the name of the field: "is …, not …"."""


class TimeReader:
    """Reads the times of one file in their order: a guess and the year are kept from row to row."""

    def __init__(self, settings: TimeSettings) -> None:
        """ValueError if the settings cannot be used: an unknown zone, a format that needs a year."""
        self._zone = zone_of(settings.zone)
        if (
            settings.format
            and "%" in settings.format
            and lacks_year(settings.format)
            and settings.year is None
        ):
            raise ValueError(f"the time format {settings.format!r} says no year, so the settings must")
        self._year = settings.year
        self._format = settings.format
        self._read = self._reader(settings.format) if settings.format else None

    def ms(self, raw: Value) -> int:
        """The time in milliseconds UTC; ValueError says why it is none.

        >>> TimeReader(TimeSettings()).ms("2026-01-31T08:30:00+01:00")
        1769844600000
        """
        if type(raw) is Timestamp:
            return int(raw)
        if self._read is None:
            self._format = _guess(raw)
            self._read = self._reader(self._format)
        return self._read(raw)

    @property
    def steady(self) -> bool:
        """Whether a time is now read the same wherever it stands in the file."""
        return self._format is not None and ("%" not in self._format or not lacks_year(self._format))

    @property
    def iso(self) -> bool:
        """Whether times are now read as ISO 8601."""
        return self._format == "iso8601"

    @property
    def zone_ms(self) -> int | None:
        """The offset of times that name no zone; None if it is not always the same."""
        offset = self._zone.utcoffset(None)
        return None if offset is None else offset // _MS

    def ms_of_ints(self, raw: Ints) -> tuple[Ints, Bools]:
        """As `ms` for whole numbers, all at once: the times, and which of the numbers are one.

        >>> TimeReader(TimeSettings(format="epoch_s")).ms_of_ints(np.array([7, 10**12]))[1].tolist()
        [True, False]
        """
        if self._format not in _PER_MS:
            return raw, np.zeros(len(raw), dtype=np.bool_)
        if self._format == "epoch_us":
            raw = raw // 1000
        elif self._format == "epoch_s":
            raw = np.clip(raw, -_FAR_S, _FAR_S) * 1000
        return raw, (raw >= MS_MIN) & (raw <= MS_MAX)

    def _reader(self, time_format: str) -> ReadTime:
        match time_format:
            case "epoch_ms":
                return _epoch_ms
            case "epoch_s" | "epoch_us":
                per_ms = _PER_MS[time_format]
                return lambda raw: _epoch(raw, per_ms, time_format)
            case "iso8601":
                return lambda raw: iso_ms(raw, self._zone)
            case _ if lacks_year(time_format):
                assert self._year is not None
                return _Yearless(time_format, self._year, self._zone).ms
            case _:
                return _Dated(time_format, self._zone).ms


def iso_ms(raw: Value, zone: tzinfo) -> int:
    """An ISO 8601 time in milliseconds UTC; `zone` counts for one without. ValueError if it is none.

    >>> iso_ms("1970-01-02", UTC)
    86400000
    """
    if type(raw) is not str:
        raise _refusal(raw, "iso8601")
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise _refusal(raw, "iso8601") from None
    return datetime_ms(moment, zone)


def datetime_ms(moment: datetime, zone: tzinfo) -> int:
    """A moment in milliseconds UTC, floored; `zone` counts if it names none."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return checked_ms((moment - EPOCH) // _MS)


def _refusal(raw: Value, form: str) -> ValueError:
    return ValueError(f"is {raw!r:.60}, not {form}")


def _guess(raw: Value) -> str:
    """Only a time that can be read settles the guess; after any other the next row is asked."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
        raise _refusal(raw, "a time")
    if isinstance(raw, str) and not _NUMBER.fullmatch(raw):
        iso_ms(raw, UTC)
        return "iso8601"
    size = abs(Decimal(str(raw)))
    for bound, time_format in _GUESSES:
        if size.is_finite() and size < bound:
            return time_format
    raise ValueError(f"is {raw!r:.60}: no epoch in seconds, milliseconds or microseconds is that large")


def _epoch_ms(raw: Value) -> int:
    return checked_ms(raw) if type(raw) is int else _epoch(raw, _PER_MS["epoch_ms"], "epoch_ms")


def _epoch(raw: Value, per_ms: Decimal, name: str) -> int:
    if isinstance(raw, str) and _NUMBER.fullmatch(raw):
        number = Decimal(raw)
    elif isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
        # The shortest text of a float is what the input wrote; its binary value may lie a hair below.
        number = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    else:
        raise _refusal(raw, name)
    if not number.is_finite() or number.adjusted() > 20:
        raise _refusal(raw, name)
    return checked_ms(int((number / per_ms).to_integral_value(ROUND_FLOOR)))


def checked_ms(ms: int) -> int:
    """The same number, or ValueError if no time is meant by it."""
    if not MS_MIN <= ms <= MS_MAX:
        raise ValueError(
            f"is {ms} in milliseconds, a time outside the years 1 to 9999: is it in another unit?"
        )
    return ms


class _Dated:
    """A `strptime` format that says the year."""

    def __init__(self, time_format: str, zone: tzinfo) -> None:
        self._format = time_format
        self._zone = zone
        self._known: dict[str, int] = {}

    def ms(self, raw: Value) -> int:
        if not isinstance(raw, str):
            raise _refusal(raw, f"of the form {self._format!r}")
        found = self._known.get(raw)
        if found is None:
            try:
                moment = datetime.strptime(raw, self._format)  # noqa: DTZ007 (zone below)
            except ValueError:
                raise _refusal(raw, f"of the form {self._format!r}") from None
            found = datetime_ms(moment, self._zone)
            _remember(self._known, raw, found)
        return found


class _Yearless:
    """A `strptime` format without a year, read in the order of the file."""

    def __init__(self, time_format: str, year: int, zone: tzinfo) -> None:
        self._format = time_format
        self._first_year = self._year = year
        self._zone = zone
        self._newest_ms: int | None = None
        self._known: dict[str, int] = {}

    def ms(self, raw: Value) -> int:
        try:
            ms = self._of_this_year(raw)
        except ValueError:
            return self._leap_day(raw)
        newest = ms if self._newest_ms is None else self._newest_ms
        if newest - ms > _HALF_YEAR_MS:
            return self._new_year(self._of_year(raw, self._year + 1))
        if ms - newest > _HALF_YEAR_MS and self._year > self._first_year:
            before = self._of_year(raw, self._year - 1)
            if newest - before <= _STRAGGLER_MS:
                return before
        self._newest_ms = max(newest, ms)
        return ms

    def _leap_day(self, raw: Value) -> int:
        """29 February may be the first day that is logged in a new year; this one has none."""
        if isinstance(raw, str) and self._newest_ms is not None:
            try:
                ms = self._of_year(raw, self._year + 1)
            except ValueError:
                pass
            else:
                if ms - self._newest_ms <= _HALF_YEAR_MS:
                    return self._new_year(ms)
        raise _refusal(raw, f"of the form {self._format!r} in {self._year}")

    def _new_year(self, ms: int) -> int:
        self._year += 1
        self._known.clear()
        self._newest_ms = ms
        return ms

    def _of_this_year(self, raw: Value) -> int:
        found = self._known.get(raw) if isinstance(raw, str) else None
        if found is None:
            found = self._of_year(raw, self._year)
            _remember(self._known, raw, found)
        return found

    def _of_year(self, raw: Value, year: int) -> int:
        if not isinstance(raw, str):
            raise _refusal(raw, f"of the form {self._format!r}")
        # Without a year 29 February would be read in 1900, which had none.
        try:
            moment = datetime.strptime(f"{year:04d} {raw}", f"%Y {self._format}")  # noqa: DTZ007 (zone below)
        except ValueError:
            raise _refusal(raw, f"of the form {self._format!r} in {year}") from None
        return datetime_ms(moment, self._zone)


def _remember(known: dict[str, int], raw: str, ms: int) -> None:
    """Times repeat in a log; the memory of them is bounded."""
    if len(known) >= _KNOWN_MAX:
        known.clear()
    known[raw] = ms
