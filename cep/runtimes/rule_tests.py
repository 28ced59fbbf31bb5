"""The tests that a rule carries: their events go through the detector, the alerts are compared.

Time starts at 0 and at the end goes to infinity, so every absence is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from cep.columns import Batch
from cep.engines.engines import ENGINES, Engine
from cep.event import Event, Timestamp, Value, duration_ms, parse_duration_ms, parse_iso_ms
from cep.stream.alert import Alert, Rule
from cep.stream.detector import Detector
from cep.values import value

Expected: TypeAlias = Mapping[str, Value]
"""What an alert must have: `type`, `outcome`, `at` (ms), and any of its fields or parts of its key."""

# Numbers are compared to about nine digits: a quotient may have any number of them.
_TOLERANCE: Final = Decimal("1e-9")


@value
class Difference:
    """A member of an expectation that the alert nearest to it does not have."""

    name: str
    expected: Value
    got: Value


@value
class Missing:
    """An expectation that no alert meets; the differences to the nearest alert that is left, if one is."""

    expected: Expected
    differences: tuple[Difference, ...] = ()


@value
class Verdict:
    """What came of one test: all alerts, those that nothing expects, and expectations that nothing meets."""

    alerts: tuple[Alert, ...]
    unexpected: tuple[Alert, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every alert was expected and every expectation met."""
        return not self.unexpected and not self.missing


def run_rule_test(
    rule: Rule, events: Sequence[Event], expected: Sequence[Expected], engine: Engine = ENGINES["reference"]
) -> Verdict:
    """Feed the events in the order of their times; events of one time keep the order given."""
    ordered = sorted(events, key=lambda event: event.position)
    detector = Detector([rule], engine)
    alerts: list[Alert] = []
    if ordered:
        alerts += detector.process(Batch.of(ordered), ordered[-1].ts_ms)
    alerts += detector.flush()
    return compare(alerts, expected)


def compare(alerts: Sequence[Alert], expected: Sequence[Expected]) -> Verdict:
    """Pair alerts with expectations so that as many as possible are met; what is left over is wrong."""
    members = [alert_members(alert) for alert in alerts]
    meets = [[i for i, found in enumerate(members) if not _differences(wanted, found)] for wanted in expected]
    taken: dict[int, int] = {}
    for wish in range(len(expected)):
        _pair(wish, meets, taken, set())
    met = set(taken.values())
    left = [i for i in range(len(alerts)) if i not in taken]
    missing = tuple(
        Missing(wanted, _nearest(wanted, [members[i] for i in left]))
        for wish, wanted in enumerate(expected)
        if wish not in met
    )
    return Verdict(tuple(alerts), tuple(alerts[i] for i in left), missing)


def alert_members(alert: Alert) -> dict[str, Value]:
    """What an expectation may name; a field of the alert hides a part of the key with the same name."""
    return {
        **alert.key,
        **alert.fields,
        "type": alert.type,
        "outcome": alert.outcome,
        "at": alert.ts_ms,
    }


def _pair(wish: int, meets: Sequence[Sequence[int]], taken: dict[int, int], tried: set[int]) -> bool:
    """Give an alert to an expectation, moving others to another alert where that helps (Kuhn 1955)."""
    for alert in meets[wish]:
        if alert not in tried:
            tried.add(alert)
            if alert not in taken or _pair(taken[alert], meets, taken, tried):
                taken[alert] = wish
                return True
    return False


def _nearest(wanted: Expected, left: Sequence[Mapping[str, Value]]) -> tuple[Difference, ...]:
    found = [_differences(wanted, members) for members in left]
    return min(found, key=len, default=())


def _differences(wanted: Expected, members: Mapping[str, Value]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, value, members.get(name))
        for name, value in wanted.items()
        if name not in members or not same_value(value, members[name])
    )


def same_value(wanted: Value, got: Value) -> bool:
    """Whether a value is the one written in a test; a time may be written as a duration since the start.

    >>> same_value(Decimal("2.50"), 2.5), same_value("1m", Timestamp(60_000))
    (True, True)
    """
    if wanted is None or got is None:
        return wanted is None and got is None
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    match got:
        case Timestamp():
            return _time_ms(wanted) == got
        case timedelta():
            return _duration_ms(wanted) == duration_ms(got)
        case int() | float() | Decimal():
            return _is_number(wanted) and _close(wanted, got)
        case list() | tuple():
            return (
                isinstance(wanted, (list, tuple))
                and len(wanted) == len(got)
                and all(same_value(a, b) for a, b in zip(wanted, got, strict=True))
            )
        case Mapping():
            return (
                isinstance(wanted, Mapping)
                and wanted.keys() == got.keys()
                and all(same_value(value, got[name]) for name, value in wanted.items())
            )
        case _:
            return str(wanted) == str(got)


def _time_ms(wanted: Value) -> int | None:
    """A time as milliseconds, as a duration since the start of the test, or as ISO 8601."""
    ms = _duration_ms(wanted)
    if ms is not None or not isinstance(wanted, str):
        return ms
    try:
        return parse_iso_ms(wanted)
    except ValueError:
        return None


def _duration_ms(wanted: Value) -> int | None:
    match wanted:
        case int():
            return int(wanted)
        case timedelta():
            return duration_ms(wanted)
        case str():
            try:
                return parse_duration_ms(wanted)
            except ValueError:
                return None
        case _:
            return None


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _close(wanted: Value, got: Value) -> bool:
    try:
        one, other = Decimal(str(wanted)), Decimal(str(got))
    except InvalidOperation:
        return False
    if not (one.is_finite() and other.is_finite()):
        return False
    return abs(one - other) <= _TOLERANCE * max(abs(one), abs(other))
