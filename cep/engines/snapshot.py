"""What lives of one key, as a value in the words of the automaton: it can be written down after any event.

    Snapshot ── attempt (start e1) ── Run, Run …      Run ──▶ cells ──▶ events, see `history`
             ── attempt (start e4) ── Run …

No engine of its own: states, arcs and steps are those of the plan, so what one engine gives another may take.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from cep.engines.history import Cell
from cep.event import Event, Position
from cep.values import value

NEVER_MS: Final = -(1 << 62)
"""Before any event."""

Open = tuple[int, int]
"""An arc's index in its state, and the last time it may be taken (or, to ACCEPT, the time it is taken)."""


class Place(Protocol):
    """Where a run has come to: the state, iterations of loops, loops that `UNTIL` has closed."""

    @property
    def state(self) -> int:
        """A state of the automaton."""
        ...

    @property
    def counts(self) -> tuple[tuple[int, int], ...]:
        """Loops with their iterations."""
        ...

    @property
    def closed(self) -> frozenset[int]:
        """Loops that are closed."""
        ...


@value
class Run:
    """A partial match. `counts` and `scopes` are registers: iterations of loops, start times of scopes."""

    state: int
    open: tuple[Open, ...]
    cell: Cell | None
    start: Position
    ordinal: int
    """How many events of the key came up to the first one; counted only for `WITHIN n EVENTS`."""
    last_ms: int = 0
    counts: tuple[tuple[int, int], ...] = ()
    scopes: tuple[tuple[int, int], ...] = ()
    closed: frozenset[int] = frozenset()
    suspects: tuple[tuple[int, Event], ...] = ()
    """Events that an absence may forbid, by step: it refers to what is taken later."""
    fresh: bool = True
    """Whether no event has passed since the last one taken."""
    may_end: bool = False
    """Whether it is a match as it is: already given, or (`ON CLOSE`) given when it can take no more."""
    aside: frozenset[int] = frozenset()
    """Open arcs that it leaves to a better or a worse run which has come as far (`PICK LEFTMOST`)."""

    @property
    def waiting(self) -> tuple[Open, ...]:
        """The open arcs by which it may go on itself."""
        return tuple(pair for pair in self.open if pair[0] not in self.aside) if self.aside else self.open

    def at(self, opened: tuple[Open, ...], aside: Iterable[int] = ()) -> Run:
        """The run with these arcs open, of which it leaves more aside than before."""
        left = self.aside.union(aside)
        left = left.intersection(index for index, _ in opened) if left else left
        # Not by `replace`: this is done for every event and run.
        return Run(
            self.state, opened, self.cell, self.start, self.ordinal, self.last_ms, self.counts, self.scopes,
            self.closed, self.suspects, self.fresh, self.may_end, left,
        )  # fmt: skip

    @property
    def size(self) -> int:
        """How many events are bound."""
        return 0 if self.cell is None else self.cell.size


@value
class Begun:
    """All runs that start at one event, best first.

    `found` is a match that a better run may still beat; `cut` the longest run that a deadline has ended.
    """

    start: Position
    runs: tuple[Run, ...]
    found: Run | None = None
    cut: Run | None = None


@value
class Snapshot:
    """All there is of a key.

    `seen` is what leading absences will ask for: step → events, oldest first. A match that starts up to
    `incomplete_until_ms` may lack something that was given up at a limit.
    """

    begun: tuple[Begun, ...] = ()
    ordinal: int = 0
    seen: tuple[tuple[int, tuple[Event, ...]], ...] = ()
    stopped: bool = False
    incomplete_until_ms: int = NEVER_MS


@value
class Overall:
    """What a matcher holds beside its keys: since when it saw events, whether a limit stopped the rule."""

    since_ms: int | None = None
    stopped: bool = False
