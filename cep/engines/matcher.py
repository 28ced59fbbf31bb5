"""The contract of every engine: what goes in, what is counted, what comes out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import field
from typing import Literal, Protocol

from cep.engines.feed import Feed
from cep.engines.match import Match
from cep.engines.snapshot import Overall, Snapshot
from cep.event import Key
from cep.values import mutable, value

FOREVER_MS = 1 << 62
"""Later than any event: the deadline of what has none, and the time at the end of all input."""

TIMER_SEQ = 1 << 62
"""Stands after every event of the same millisecond: what a deadline completes comes last."""

Overflow = Literal["drop_oldest", "drop_newest", "stop_rule"]


@value
class Limits:
    """Bounds of one rule: partial matches of a key, events of one partial match, what to do at the bound."""

    runs_per_key: int = 256
    events_per_key: int = 1000
    overflow: Overflow = "drop_oldest"


@mutable
class Counters:
    """What an engine counts while it runs."""

    offered: int = 0
    """Events held against the automaton."""
    null_keys: int = 0
    """Events with a null in their key: they never match."""
    dropped_runs: int = 0
    """Partial matches given up at a limit."""
    stopped: bool = False
    """The rule stopped itself at a limit (`overflow: stop_rule`)."""
    open_runs_max: int = 0
    """The most partial matches any key had at once."""


class Matcher(Protocol):
    """One plan, all keys of a worker.

    `process` and `advance` are called in the order of event time: every event of a feed is later than every
    watermark given before, and both return matches sorted by `Match.sort_key`.
    """

    counters: Counters

    def process(self, feed: Feed) -> Sequence[Match]:
        """Hold events against all runs; deadlines that pass before an event fire before it."""
        ...

    def advance(self, watermark_ms: int) -> Sequence[Match]:
        """Event time has reached the watermark: absences that lasted match, windows that ended expire."""
        ...

    def deadline_ms(self, key: Key) -> int | None:
        """The next time `advance` can matter for this key."""
        ...

    def open_runs(self) -> int:
        """How many partial matches there are now, over all keys."""
        ...

    def touched(self) -> set[Key]:
        """Keys whose state may have changed since the last call, at a cost that follows the changes.

        The first call starts the count: who never asks pays nothing.
        """
        ...

    def snapshot(self, key: Key) -> Snapshot | None:
        """What lives of a key; None: nothing, a store may forget it."""
        ...

    def snapshots(self, keys: Collection[Key]) -> Iterator[tuple[Key, Snapshot | None]]:
        """`snapshot` of each of these keys as it is now, in any order.

        They may be read later: whatever the matcher does meanwhile, they tell of the moment of the call.
        """
        ...

    def restore(self, key: Key, snapshot: Snapshot) -> None:
        """Go on with a key from a snapshot of the same plan, in place of what is held of it."""
        ...

    def overall(self) -> Overall:
        """What is held beside the keys."""
        ...

    def restore_overall(self, overall: Overall) -> None:
        """Go on from that; before the first event."""
        ...


@mutable
class Gathered:
    """Matches as they are found, for the caller to take away."""

    matches: list[Match] = field(default_factory=list)

    def take(self) -> list[Match]:
        """All matches since the last call, sorted."""
        found = sorted(self.matches, key=lambda match: match.sort_key)
        self.matches = []
        return found
