"""What operators and aggregates compute: plain functions over values, null in, null out, nothing raised.

A float that meets a Decimal is taken as the decimal that it is written as, so that `0.9 * amount` is exact in
money. Bool is not a number. Values of kinds that cannot be compared give null.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal, DecimalException
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise
from typing import Any

from cep.event import Event, Timestamp, Value, duration_ms

Number = (int, float, Decimal)
_PLAIN = frozenset(Number)
Pair = Callable[[Value, Value], Value]


def is_number(value: Value) -> bool:
    """Int, float or Decimal; neither bool nor a point in time."""
    return type(value) in _PLAIN or (isinstance(value, Number) and not isinstance(value, (bool, Timestamp)))


def alike(left: Value, right: Value) -> tuple[Value, Value] | None:
    """Both values in one kind in which they can be compared and computed; None if there is none."""
    if type(left) is type(right):
        return left, right
    if is_number(left) and is_number(right):
        if isinstance(left, float) and isinstance(right, Decimal):
            return Decimal(repr(left)), right
        if isinstance(left, Decimal) and isinstance(right, float):
            return left, Decimal(repr(right))
        return left, right
    return None


def finite(value: Value) -> Value:
    """Null in place of NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return value


def _comparison(compute: Callable[[Any, Any], Any]) -> Pair:
    def compare(left: Value, right: Value) -> Value:
        if left is None or right is None:
            return None
        both = alike(left, right)
        if both is None:
            return None
        try:
            return bool(compute(*both))
        except (TypeError, DecimalException):
            return None

    return compare


COMPARISONS: dict[str, Pair] = {
    "=": _comparison(operator.eq),
    "!=": _comparison(operator.ne),
    "<": _comparison(operator.lt),
    "<=": _comparison(operator.le),
    ">": _comparison(operator.gt),
    ">=": _comparison(operator.ge),
}


def _arithmetic(numbers: Callable[[Any, Any], Any], times: Callable[[Value, Value], Value]) -> Pair:
    def compute(left: Value, right: Value) -> Value:
        if left is None or right is None:
            return None
        try:
            if is_number(left) and is_number(right):
                both = alike(left, right)
                return None if both is None else finite(numbers(*both))
            return times(left, right)
        except (TypeError, ValueError, ArithmeticError):
            return None

    return compute


def _add(left: Value, right: Value) -> Value:
    match left, right:
        case timedelta(), timedelta():
            return left + right
        case Timestamp(), timedelta():
            return Timestamp(left + duration_ms(right))
        case timedelta(), Timestamp():
            return Timestamp(right + duration_ms(left))
        case _:
            return None


def _subtract(left: Value, right: Value) -> Value:
    match left, right:
        case timedelta(), timedelta():
            return left - right
        case Timestamp(), Timestamp():
            return timedelta(milliseconds=int(left) - int(right))
        case Timestamp(), timedelta():
            return Timestamp(left - duration_ms(right))
        case _:
            return None


def _multiply(left: Value, right: Value) -> Value:
    if isinstance(left, timedelta) and is_number(right):
        return left * float(right)
    if isinstance(right, timedelta) and is_number(left):
        return right * float(left)
    return None


def _divide(left: Value, right: Value) -> Value:
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return left / right
    if isinstance(left, timedelta) and is_number(right):
        return left / float(right)
    return None


ARITHMETIC: dict[str, Pair] = {
    "+": _arithmetic(operator.add, _add),
    "-": _arithmetic(operator.sub, _subtract),
    "*": _arithmetic(operator.mul, _multiply),
    "/": _arithmetic(operator.truediv, _divide),
}


def negate(value: Value) -> Value:
    """Arithmetic minus of a number or a duration."""
    return -value if is_number(value) or isinstance(value, timedelta) else None


def fold_and(values: Iterable[Value]) -> Value:
    """False if any is false, else null if any is null, else true.

    >>> fold_and([True, None]), fold_and([None, False]), fold_and([])
    (None, False, True)
    """
    unknown = False
    for value in values:
        if value is False:
            return False
        unknown = unknown or value is not True
    return None if unknown else True


def fold_or(values: Iterable[Value]) -> Value:
    """True if any is true, else null if any is null, else false."""
    unknown = False
    for value in values:
        if value is True:
            return True
        unknown = unknown or value is not False
    return None if unknown else False


def between(value: Value, low: Value, high: Value) -> Value:
    """`low <= value AND value <= high`."""
    return fold_and((COMPARISONS["<="](low, value), COMPARISONS["<="](value, high)))


def contains(group: Value, value: Value) -> Value:
    """`value IN group`: a list, a network, or a list of either."""
    if value is None or group is None:
        return None
    if isinstance(group, str):
        return _in_network(group, value)
    if not isinstance(group, (list, tuple)):
        return None
    return fold_or(
        fold_or((COMPARISONS["="](item, value), _in_network(item, value))) if _is_network(item) else
        COMPARISONS["="](item, value)
        for item in group
    )  # fmt: skip


def _is_network(item: Value) -> bool:
    return isinstance(item, str) and "/" in item and _network(item) is not None


def _in_network(network: str, value: Value) -> Value:
    found, address = _network(network), _address(value) if isinstance(value, str) else None
    if found is None or address is None:
        return None
    return address.version == found.version and address in found


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def like(value: Value, pattern: Value) -> Value:
    """The whole text fits: `%` is any text, `_` one character.

    >>> like("foo1", "foo%"), like("foo", "fo_"), like(None, "x")
    (True, True, None)
    """
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    return _like(pattern).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _like(pattern: str) -> re.Pattern[str]:
    parts = [".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern]
    return re.compile("".join(parts), re.DOTALL)


def matches(value: Value, pattern: Value) -> Value:
    """The regular expression is found somewhere in the text."""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    found = _regex(pattern)
    return None if found is None else found.search(value) is not None


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None


# --- aggregates ------------------------------------------------------------------------------------------


def aggregate(
    name: str, values: Sequence[Value], extra: Sequence[Value] = (), *, distinct: bool = False
) -> Value:
    """An aggregate over values; nulls are left out, but for `collect`, `any` and `all`.

    >>> aggregate("avg", [1, None, 2]), aggregate("count", ["a", "a", None], distinct=True)
    (1.5, 1)
    """
    if name == "any":
        return fold_or(values)
    if name == "all":
        return fold_and(values)
    if name != "collect":
        values = [value for value in values if value is not None]
    if distinct:
        values = _distinct(values)
    if name == "count":
        return len(values)
    if name == "collect":
        return list(values)
    if not values:
        return None
    return _percentile(values, extra) if name == "percentile" else AGGREGATES[name](values)


def _distinct(values: Sequence[Value]) -> list[Value]:
    if all(type(value) is str for value in values):
        return list(dict.fromkeys(values))
    kept: dict[tuple[str, str], Value] = {}
    for value in values:
        kind = "number" if is_number(value) else type(value).__name__
        text = str(Decimal(repr(value)).normalize()) if isinstance(value, float) else repr(value)
        if isinstance(value, Decimal):
            text = str(value.normalize())
        elif isinstance(value, int) and kind == "number":
            text = str(Decimal(value).normalize())
        kept.setdefault((kind, text), value)
    return list(kept.values())


def _sum(values: Sequence[Value]) -> Value:
    total = values[0] if is_number(values[0]) or isinstance(values[0], timedelta) else None
    for value in values[1:]:
        total = ARITHMETIC["+"](total, value)
    return total


def _avg(values: Sequence[Value]) -> Value:
    return ARITHMETIC["/"](_sum(values), len(values))


def _least(values: Sequence[Value]) -> Value:
    return extreme(values, "<")


def _greatest(values: Sequence[Value]) -> Value:
    return extreme(values, ">")


def extreme(values: Sequence[Value], op: str) -> Value:
    """The smallest (`<`) or largest (`>`) value; null if they cannot be compared."""
    best = values[0]
    for value in values[1:]:
        better = COMPARISONS[op](value, best)
        if better is None:
            return None
        best = value if better else best
    return best


def _stddev(values: Sequence[Value]) -> Value:
    """Of the whole population."""
    if not all(is_number(value) for value in values):
        return None
    mean = sum(float(value) for value in values) / len(values)
    return finite(math.sqrt(sum((float(value) - mean) ** 2 for value in values) / len(values)))


def _percentile(values: Sequence[Value], extra: Sequence[Value]) -> Value:
    """By nearest rank: the smallest value that at least that share of the values does not exceed."""
    rank = extra[0] if extra else 50
    if not all(is_number(value) for value in values) or not is_number(rank):
        return None
    share = float(rank) if isinstance(rank, Decimal) and rank <= 1 else float(rank) / 100
    ordered = sorted(values, key=float)
    return ordered[max(0, min(len(ordered), math.ceil(share * len(ordered))) - 1)]


def _duration(values: Sequence[Value]) -> Value:
    events = [value for value in values if isinstance(value, Event)]
    return timedelta(milliseconds=events[-1].ts_ms - events[0].ts_ms) if events else None


def _gap(values: Sequence[Value]) -> Value:
    times = [value.ts_ms for value in values if isinstance(value, Event)]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    return timedelta(milliseconds=max(pauses, default=0)) if times else None


AGGREGATES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _least,
    "max": _greatest,
    "stddev": _stddev,
    "duration": _duration,
    "gap": _gap,
}
