"""What the scalar functions compute. Each is given its arguments unasked, so that `if` is lazy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cep.engines.operators import extreme, is_number
from cep.event import Event, Timestamp, Value

Argument: TypeAlias = Callable[[], Value]
Function: TypeAlias = Callable[[Sequence[Argument]], Value]


def _eager(compute: Callable[..., Value]) -> Function:
    """A function of values: null if its first argument is null."""

    def call(args: Sequence[Argument]) -> Value:
        values = [arg() for arg in args]
        if values and values[0] is None:
            return None
        try:
            return compute(*values)
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return None

    return call


def _if(args: Sequence[Argument]) -> Value:
    return args[1]() if args[0]() is True else args[2]()


def _coalesce(args: Sequence[Argument]) -> Value:
    return next((value for arg in args if (value := arg()) is not None), None)


def _extreme(op: str) -> Function:
    def call(args: Sequence[Argument]) -> Value:
        values = [value for arg in args if (value := arg()) is not None]
        return extreme(values, op) if values else None

    return call


def _hour(time: Value) -> Value:
    return _clock(time).hour


def _weekday(time: Value) -> Value:
    """Monday is 1, Sunday 7."""
    return _clock(time).isoweekday()


def _clock(time: Value) -> datetime:
    if isinstance(time, datetime):
        return time
    if not isinstance(time, Timestamp):
        raise TypeError
    return datetime.fromtimestamp(time / 1000, UTC)


def _local(time: Value, zone: Value) -> Value:
    """The time as the clocks of a zone show it."""
    if not isinstance(time, Timestamp) or not isinstance(zone, str):
        return None
    found = _zone(zone)
    return None if found is None else datetime.fromtimestamp(time / 1000, found)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _length(value: Value) -> Value:
    return len(value) if isinstance(value, (str, list, tuple)) else None


def _contains(value: Value, part: Value) -> Value:
    return _text(part) in _text(value)


def _levenshtein(left: Value, right: Value) -> Value:
    """How many characters must be put in, taken out or changed."""
    one, other = _text(left), _text(right)
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, its in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (char != its))
    return row[-1]


def _round(value: Value, digits: Value = 0) -> Value:
    if not is_number(value) or not isinstance(digits, int):
        return None
    exact = isinstance(value, Decimal) or digits
    return round(value, digits) if exact else round(value)


def _whole(compute: Callable[[Value], int]) -> Callable[[Value], Value]:
    return lambda value: compute(value) if is_number(value) else None


def _abs(value: Value) -> Value:
    return abs(value) if not isinstance(value, (bool, str)) else None


def _hash(*values: Value) -> Value:
    """A number from 0 to 2^32 − 1, the same on every machine."""
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=4).digest(), "big")


def _type(event: Value) -> Value:
    return event.type if isinstance(event, Event) else None


FUNCTIONS: dict[str, Function] = {
    "if": _if,
    "coalesce": _coalesce,
    "least": _extreme("<"),
    "greatest": _extreme(">"),
    "hour": _eager(_hour),
    "weekday": _eager(_weekday),
    "local": _eager(_local),
    "lower": _eager(lambda value: _text(value).lower()),
    "upper": _eager(lambda value: _text(value).upper()),
    "trim": _eager(lambda value: _text(value).strip()),
    "length": _eager(_length),
    "starts_with": _eager(lambda value, part: _text(value).startswith(_text(part))),
    "ends_with": _eager(lambda value, part: _text(value).endswith(_text(part))),
    "contains": _eager(_contains),
    "levenshtein": _eager(_levenshtein),
    "abs": _eager(_abs),
    "round": _eager(_round),
    "floor": _eager(_whole(math.floor)),
    "ceil": _eager(_whole(math.ceil)),
    "hash": _eager(_hash),
    "type": _eager(_type),
}
