"""A match: what every engine gives, and the name that tells it from all others of its rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from cep.event import Event, Key, Position, Value
from cep.values import value

T = TypeVar("T")

Outcome = Literal["match", "timeout"]
Bindings: TypeAlias = Mapping[str, Sequence[Event]]

_BY_POSITION: Final = attrgetter("event.ts_ms", "event.seq")


@value
class Evidence:
    """One event of a match: the variable that took it and the event with the fields the rule reads."""

    var: str
    event: Event


class Wanted:
    """Root fields of first or last events by name. Made by `wanted`: there is one for what is alike."""

    __slots__ = ("names", "where")

    def __init__(self, names: tuple[str, ...], where: tuple[tuple[str, str, int], ...]) -> None:
        """`where`: variable, field, and 0 or -1."""
        self.names = names
        self.where = where


@lru_cache(maxsize=4096)
def wanted(names: tuple[str, ...], where: tuple[tuple[str, str, int], ...]) -> Wanted:
    """Rules that want the same share it, so that it is quickly looked up."""
    return Wanted(names, where)


class Taken(Protocol):
    """What a match took, in the form in which its engine has it."""

    def bindings(self) -> Bindings:
        """The events of each variable, oldest first."""
        ...

    def field(self, var: str, name: str, index: int) -> Value:
        """A root field of the first (0) or last (-1) event of a variable; null if there is no such event."""
        ...

    def record(self, wanted: Wanted) -> Mapping[str, Value]:
        """Several such fields by name, to be read only: others may share them."""
        ...


@value
class Whole:
    """Bindings that are at hand."""

    bound: Bindings

    def bindings(self) -> Bindings:
        """Themselves."""
        return self.bound

    def field(self, var: str, name: str, index: int) -> Value:
        """A root field of the first or last event of a variable."""
        events = self.bound.get(var)
        return events[index].fields.get(name) if events else None

    def record(self, wanted: Wanted) -> Mapping[str, Value]:
        """Several such fields by name."""
        return {name: self.field(*where) for name, where in zip(wanted.names, wanted.where, strict=True)}


class Match:
    """A completed run, or (outcome `timeout`) the longest part of one that its window ended.

    `ts_ms` is the time of the match: that of its last event, or the deadline when an absence or the end of a
    window completed it. `detected` is when it was decided. `incomplete`: a limit had dropped runs of the key.
    What it took is put together when somebody asks: of most matches few things are ever read.
    """

    __slots__ = (
        "_bindings", "_each", "_evidence", "_identity", "detected", "incomplete", "key", "last", "outcome",
        "start", "taken", "ts_ms",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what a match consists of
        self,
        key: Key,
        taken: Taken,
        start: Position,
        last: Position,
        ts_ms: int,
        detected: Position,
        outcome: Outcome = "match",
        *,
        incomplete: bool = False,
    ) -> None:
        """`taken` is asked at any later time, for the bindings once."""
        self.key = key
        self.start = start
        self.last = last
        self.ts_ms = ts_ms
        self.detected = detected
        self.outcome: Outcome = outcome
        self.incomplete = incomplete
        self.taken = taken
        self._bindings: Bindings | None = None
        self._evidence: tuple[Evidence, ...] | None = None
        self._identity: str | None = None
        self._each: tuple[object, Sequence[Any]] = (None, ())

    @property
    def bindings(self) -> Bindings:
        """The events of each variable, oldest first."""
        if self._bindings is None:
            self._bindings = self.taken.bindings()
        return self._bindings

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All events in order, each with its variable."""
        if self._evidence is None:
            events = [Evidence(var, event) for var, taken in self.bindings.items() for event in taken]
            events.sort(key=_BY_POSITION)
            self._evidence = tuple(events)
        return self._evidence

    @property
    def identity(self) -> str:
        """See `identity`."""
        if self._identity is None:
            self._identity = identity(self.key, self.evidence, self.outcome)
        return self._identity

    def each(self, work: Callable[[str, Event], T]) -> Sequence[T]:
        """What a function makes of each event and its variable, made once for all rules that have it."""
        if self._each[0] is not work:
            self._each = (work, [work(item.var, item.event) for item in self.evidence])
        found: Sequence[T] = self._each[1]
        return found

    @property
    def sort_key(self) -> tuple[Position, Position, Position]:
        """By when it was decided, then by where it starts and ends."""
        return (self.detected, self.start, self.last)

    def __reduce__(self) -> tuple[Callable[..., Match], tuple[Any, ...]]:
        """For another process: what it took is put together now."""
        places = (self.start, self.last, self.ts_ms, self.detected)
        return _match, (self.key, dict(self.bindings), places, self.outcome, self.incomplete)


def _match(
    key: Key,
    bindings: Bindings,
    places: tuple[Position, Position, int, Position],
    outcome: Outcome,
    incomplete: bool,  # noqa: FBT001 - as it was written down
) -> Match:
    """A match whose bindings are at hand."""
    return Match(key, Whole(bindings), *places, outcome, incomplete=incomplete)


def identity(key: Key, events: Sequence[Evidence], outcome: Outcome) -> str:
    """What tells a match from all others of its rule: the same for all rules that have this match.

    An event is named by its time, its place in the input and its type, never by its content, so two equal
    events are two.
    """
    parts = [repr(plain_key(key)), outcome]
    for item in events:
        event = item.event
        parts.append(f"{item.var}\x01{event.ts_ms}\x01{event.seq}\x01{event.type}")
    parts.append("")
    return "\x00".join(parts)


def plain_key(key: Key) -> Key:
    """A key with its numbers in one spelling: 5, 5.0 and 5.00 are one key, whichever came last.

    >>> plain_key((5.0, Decimal("1.50"), "5.0", True))
    (5, Decimal('1.5'), '5.0', True)
    """
    for part in key:
        if isinstance(part, (float, Decimal)):
            return tuple(_plain(part) if isinstance(part, (float, Decimal)) else part for part in key)
    return key


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
