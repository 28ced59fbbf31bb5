"""The events of matches, read only for those that a rule takes: from the batch and from what runs carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from cep.columns import Batch
from cep.engines.vector_events import NO_EVENTS, EventLists, of_batch
from cep.engines.vector_pool import Pool
from cep.engines.vector_rows import Slots
from cep.engines.vector_step import Index, Log
from cep.engines.vector_track import Track
from cep.event import Event, Position, Value
from cep.values import value

Bindings: TypeAlias = dict[str, list[Event]]


def log_of(log: Log, place: Index) -> Log:
    """What some runs took, in order: run r now is number `place[r]`, or is left out where it is below 0."""
    runs = place[log.runs]
    there = np.flatnonzero(runs >= 0)
    order = there[np.argsort(runs[there], kind="stable")]
    return Log(runs[order], log.rows[order], log.moves[order])


@dataclass
class Trails:
    """Where events of candidates are: in `cells` of earlier batches, and in what `runs` took in this one."""

    pool: Pool | None = None
    track: Track | None = None
    cells: Slots = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    batch: Batch | None = None
    fields: tuple[str, ...] = ()
    runs: Index | None = None
    taken: Log | None = None

    def told(self, chosen: Index) -> Told:
        """The events of those candidates, copied: batch and pool may go on."""
        if not len(chosen):
            return Told((), [], [], [], NO_EVENTS)
        assert self.pool is not None
        assert self.track is not None
        runs, moves, slots = self.pool.trails(self.cells[chosen])
        events = self.pool.rows.events(slots)
        if self.runs is not None and self.batch is not None and self.taken is not None:
            log = self._later(self.taken, self.runs[chosen])
            events = events.followed_by(of_batch(self.batch, log.rows, self.fields))
            order = np.argsort(np.concatenate([runs, log.runs]), kind="stable")
            runs = np.concatenate([runs, log.runs])[order]
            moves = np.concatenate([moves, log.moves])[order]
        else:
            order = np.arange(len(runs))
        ends = np.searchsorted(runs, np.arange(len(chosen) + 1)).tolist()
        variables = [move.var for move in self.track.moves]
        return Told(variables, ends, moves.tolist(), order.tolist(), events)

    def _later(self, log: Log, mine: Index) -> Log:
        """What candidates took in this batch, by their place in `mine`."""
        place = np.full(1 + max(int(log.runs.max(initial=0)), int(mine.max())), -1, dtype=np.intp)
        place[mine] = np.arange(len(mine))
        return log_of(log, place)


@value
class Told:
    """What candidates took: candidate i the entries from `ends[i]` to `ends[i + 1]`, oldest first.

    An entry has a move, by whose number `variables` names it, and an event.
    """

    variables: Sequence[str]
    ends: list[int]
    moves: list[int]
    places: list[int]
    events: EventLists
    _fields: dict[tuple[str, str, int], list[Value]] = field(default_factory=dict)

    def bindings(self, i: int) -> Bindings:
        """What a candidate took, by variable."""
        bound: Bindings = {}
        for entry in range(self.ends[i], self.ends[i + 1]):
            var, event = self.variables[self.moves[entry]], self.events.event(self.places[entry])
            taken = bound.get(var)
            if taken is None:
                bound[var] = [event]
            else:
                taken.append(event)
        return bound

    def taken(self, i: int) -> Took:
        """What one candidate took."""
        return Took(self, i)

    def fields(self, var: str, name: str, index: int) -> list[Value]:
        """A field of the first (0) or last (-1) event that a variable took, for every candidate."""
        known = self._fields.get((var, name, index))
        if known is None:
            known = self._fields[var, name, index] = self._read(var, name, index)
        return known

    def _read(self, var: str, name: str, index: int) -> list[Value]:
        found: list[Value] = [None] * (len(self.ends) - 1)
        values = self.events.column(name)
        wanted = {number for number, taker in enumerate(self.variables) if taker == var}
        if values is not None:
            for i, (low, high) in enumerate(pairwise(self.ends)):
                for entry in range(high - 1, low - 1, -1) if index else range(low, high):
                    if self.moves[entry] in wanted:
                        found[i] = values[self.places[entry]]
                        break
        return found

    def story(self, i: int) -> list[tuple[int, Event]]:
        """What a candidate took, move by move."""
        entries = range(self.ends[i], self.ends[i + 1])
        return [(self.moves[entry], self.events.event(self.places[entry])) for entry in entries]

    def lasts(self) -> list[Position]:
        """Where the last event of each candidate stands."""
        ts_ms, seq, places = self.events.ts_ms, self.events.seq, self.places
        lasts = [places[end - 1] for end in self.ends[1:]]
        return [Position(ts_ms[place], seq[place]) for place in lasts]


class Took:
    """What one candidate took: see `match.Taken`."""

    __slots__ = ("_number", "_told")

    def __init__(self, told: Told, number: int) -> None:
        """Nothing is read yet."""
        self._told = told
        self._number = number

    def bindings(self) -> Bindings:
        """The events of each variable, oldest first."""
        return self._told.bindings(self._number)

    def field(self, var: str, name: str, index: int) -> Value:
        """A root field of the first or last event of a variable."""
        return self._told.fields(var, name, index)[self._number]
