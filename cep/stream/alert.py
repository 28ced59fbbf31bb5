"""What a rule is, what an alert is, and the id that makes an alert recognisable when it comes twice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Literal

from cep.engines.matcher import Limits, Outcome
from cep.event import Event, Key, Value
from cep.plan.compile import Plan

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")

Status = Literal["live", "shadow"]
STATUSES: tuple[Status, ...] = ("live", "shadow")


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule: its plan and everything an alert says about it. `order` breaks ties between rules."""

    name: str
    version: int
    plan: Plan
    title: str = ""
    severity: Severity = "medium"
    description: str = ""
    tags: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    path: str = ""
    order: int = 0
    status: Status = "live"
    """A `shadow` rule runs as all others do; its alerts say that nobody is to act on them."""
    number: int = 0
    """Which version it is of those in a topic of rules; 0 for a rule of a file."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event of an alert: the variable that took it and the event with the fields the rule reads."""

    var: str
    event: Event


@dataclass(frozen=True, slots=True)
class Alert:
    """What leaves the system. `ts_ms` is the time of the match, `detected_ms` when it was decided."""

    alert_id: str
    rule: Rule
    type: str
    key: Mapping[str, Value]
    ts_ms: int
    first_ms: int
    last_ms: int
    detected_ms: int
    outcome: Outcome
    events: tuple[Evidence, ...]
    fields: Mapping[str, Value] = field(default_factory=dict)
    incomplete: bool = False


def alert_id(rule: str, version: int, key: Key, events: tuple[Evidence, ...], outcome: Outcome) -> str:
    """The same for the same rule, version, key, events and outcome, on every run and in every process.

    An event is named by its time, its place in the input and its type, never by its content, so two equal
    events are two.

    >>> alert_id("r", 1, ("u",), (), "match") == alert_id("r", 1, ("u",), (), "match")
    True
    """
    return digest(f"{rule}\x00{version}\x00{identity(key, events, outcome)}")


def identity(key: Key, events: tuple[Evidence, ...], outcome: Outcome) -> str:
    """What tells a match from all others of its rule: the same for all rules that have this match."""
    parts = [repr(plain_key(key)), outcome]
    for item in events:
        event = item.event
        parts.append(f"{item.var}\x01{event.ts_ms}\x01{event.seq}\x01{event.type}")
    parts.append("")
    return "\x00".join(parts)


def digest(text: str) -> str:
    """The short name of a text: 20 hexadecimal digits."""
    return blake2b(text.encode(), digest_size=10).hexdigest()


def plain_key(key: Key) -> Key:
    """A key with its numbers in one spelling: 5, 5.0 and 5.00 are one key, whichever came last.

    >>> plain_key((5.0, Decimal("1.50"), "5.0", True))
    (5, Decimal('1.5'), '5.0', True)
    """
    if not any(isinstance(part, (float, Decimal)) for part in key):
        return key
    return tuple(_plain(part) if isinstance(part, (float, Decimal)) else part for part in key)


def _plain(number: float | Decimal) -> Value:
    if not math.isfinite(number):
        return number
    if number == int(number):
        return int(number)
    if isinstance(number, float):
        return number
    sign, digits, exponent = number.as_tuple()
    while digits[-1] == 0:
        digits, exponent = digits[:-1], int(exponent) + 1
    return Decimal((sign, digits, int(exponent)))
