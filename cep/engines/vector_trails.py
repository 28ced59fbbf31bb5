"""The events of matches, read only for those that a rule takes: from the batch and from what runs carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Ints, distinct_of
from cep.engines.match import Wanted
from cep.engines.vector_events import EventColumns, of_batch
from cep.engines.vector_fields import Slots
from cep.engines.vector_pool import Pool
from cep.engines.vector_step import Index, Log
from cep.engines.vector_track import Track
from cep.event import Event, Value

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
    runs: Index | None = None
    taken: Log | None = None

    def told(self, chosen: Index) -> Told:
        """The events of those candidates, copied: batch and pool may go on."""
        if self.pool is None or self.track is None:
            return NOTHING
        names = self.pool.rows.names
        runs, moves, slots = self.pool.trails(self.cells[chosen])
        each, places = _once(slots)
        parts = [self.pool.rows.events(each)] if len(each) else []
        if self.runs is not None and self.batch is not None and self.taken is not None:
            log = self._later(self.taken, self.runs[chosen])
            rows, later = _once(log.rows)
            parts.append(of_batch(self.batch, rows, names))
            if len(slots):
                order = np.argsort(np.concatenate([runs, log.runs]), kind="stable")
                runs = np.concatenate([runs, log.runs])[order]
                moves = np.concatenate([moves, log.moves])[order]
                places = np.concatenate([places, later + len(each)])[order]
            else:
                runs, moves, places = log.runs, log.moves, later
        ends = np.searchsorted(runs, np.arange(len(chosen) + 1))
        variables = [move.var for move in self.track.moves]
        return Told(variables, ends, moves, places, EventColumns(names, parts))

    def _later(self, log: Log, mine: Index) -> Log:
        """What candidates took in this batch, by their place in `mine`."""
        place = np.full(1 + max(int(log.runs.max(initial=0)), int(mine.max(initial=0))), -1, dtype=np.intp)
        place[mine] = np.arange(len(mine))
        return log_of(log, place)


def _once(numbers: NDArray[Any]) -> tuple[NDArray[Any], Index]:
    """Each number once, and where each of those given stands: runs have many of their events in common."""
    each = distinct_of(numbers)
    return each, np.searchsorted(each, numbers)


@dataclass(frozen=True)
class Told:
    """What candidates took: candidate i the entries from `ends[i]` to `ends[i + 1]`, oldest first.

    An entry has a move, by whose number `variables` names it, and an event, the one at its place.
    """

    variables: Sequence[str]
    ends: Index
    moves: NDArray[np.integer]
    places: Index
    events: EventColumns
    _columns: dict[tuple[str, str, int], NDArray[np.object_]] = field(default_factory=dict)
    _records: dict[Wanted, list[Mapping[str, Value]]] = field(default_factory=dict)

    def bindings(self, i: int) -> Bindings:
        """What a candidate took, by variable."""
        bound: Bindings = {}
        for move, event in self.story(i):
            bound.setdefault(self.variables[move], []).append(event)
        return bound

    def story(self, i: int) -> list[tuple[int, Event]]:
        """What a candidate took, move by move."""
        entries = slice(self.ends[i], self.ends[i + 1])
        places = map(self.events.event, self.places[entries].tolist())
        return list(zip(self.moves[entries].tolist(), places, strict=True))

    def column(self, var: str, name: str, index: int) -> NDArray[np.object_]:
        """A field of the first (0) or last (-1) event that a variable took, for every candidate."""
        known = self._columns.get((var, name, index))
        if known is None:
            known = self._columns[var, name, index] = self.events.column(name)[self._place(var, index)]
        return known

    def record(self, i: int, wanted: Wanted) -> Mapping[str, Value]:
        """Such fields of a candidate by name: put together once for all candidates and rules."""
        known = self._records.get(wanted)
        if known is None:
            columns = [self.column(*where).tolist() for where in wanted.where]
            rows = zip(*columns, strict=True)
            known = self._records[wanted] = [dict(zip(wanted.names, row, strict=True)) for row in rows]
        return known[i]

    def lasts(self) -> tuple[Ints, Ints]:
        """When the last event of each candidate was, and its number."""
        places = self.places[self.ends[1:] - 1]
        return self.events.ts_ms[places], self.events.seq[places]

    def _place(self, var: str, index: int) -> Index:
        """Where the first or last event of a variable is, -1 if it took none."""
        takes = np.array([taker == var for taker in self.variables], dtype=np.bool_)
        entries = np.flatnonzero(takes[self.moves])
        bounds = np.searchsorted(entries, self.ends)
        first, past = bounds[:-1], bounds[1:]
        found = np.full(len(first), -1, dtype=np.intp)
        some = past > first
        found[some] = self.places[entries[past[some] - 1 if index else first[some]]]
        return found


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
        return self._told.column(var, name, index)[self._number]

    def record(self, wanted: Wanted) -> Mapping[str, Value]:
        """Several such fields by name."""
        return self._told.record(self._number, wanted)


_NONE = np.zeros(0, dtype=np.intp)
NOTHING = Told((), np.zeros(1, dtype=np.intp), _NONE, _NONE, EventColumns((), ()))
