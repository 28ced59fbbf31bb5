"""The events of matches, read only for those that a rule takes: from the batch and from what runs carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools
from cep.engines.vector_pool import Pool
from cep.engines.vector_rows import Slots
from cep.engines.vector_step import Index, Taken
from cep.engines.vector_track import Track
from cep.event import Event, Position

Bindings: TypeAlias = dict[str, list[Event]]


@dataclass(frozen=True)
class Log:
    """What some runs took in a batch: by run, and for each run in order."""

    runs: Index
    rows: Index
    moves: NDArray[np.int16]


def log_of(taken: Sequence[Taken], wanted: Bools) -> Log:
    """What the wanted runs took."""
    none = np.zeros(0, dtype=np.intp)
    parts = [(part, wanted[part.runs]) for part in taken]
    runs = np.concatenate([none, *(part.runs[mask] for part, mask in parts)])
    rows = np.concatenate([none, *(part.rows[mask] for part, mask in parts)])
    moves = np.concatenate([none, *(np.full(int(mask.sum()), part.move) for part, mask in parts)])
    order = np.argsort(runs, kind="stable")
    return Log(runs[order], rows[order], moves[order].astype(np.int16))


@dataclass
class Trails:
    """Where events of candidates are: in `cells` of earlier batches, and in what `runs` took in this one."""

    pool: Pool | None = None
    track: Track | None = None
    cells: Slots = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    batch: Batch | None = None
    fields: tuple[str, ...] = ()
    runs: Index | None = None
    taken: Sequence[Taken] = ()

    def bindings(self, chosen: Index) -> list[tuple[Bindings, Position]]:
        """Variables in order of first binding, with their events, and where the last event stands."""
        if not len(chosen):
            return []
        assert self.pool is not None
        assert self.track is not None
        variables = [move.var for move in self.track.moves]
        found: list[tuple[Bindings, Position]] = []
        cells = self.cells[chosen].tolist()
        for cell, later in zip(cells, self._later(chosen), strict=True):
            bound: Bindings = {}
            earlier = [(move, self.pool.rows.event(row)) for move, row in self.pool.trail(cell)]
            for move, event in earlier + later if earlier else later:
                events = bound.get(variables[move])
                if events is None:
                    bound[variables[move]] = [event]
                else:
                    events.append(event)
            found.append((bound, event.position))
        return found

    def _later(self, chosen: Index) -> list[list[tuple[int, Event]]]:
        """What each took in this batch."""
        if self.runs is None or self.batch is None:
            return [[] for _ in chosen]
        mine = self.runs[chosen]
        top = 1 + max((int(part.runs.max()) for part in self.taken if len(part.runs)), default=0)
        wanted = np.zeros(max(top, int(mine.max()) + 1), dtype=np.bool_)
        wanted[mine] = True
        log = log_of(self.taken, wanted)
        rows, places = np.unique(log.rows, return_inverse=True)
        events = self.batch.events(rows, self.fields)
        taken = [
            (move, events[place]) for move, place in zip(log.moves.tolist(), places.tolist(), strict=True)
        ]
        lows = np.searchsorted(log.runs, mine).tolist()
        highs = np.searchsorted(log.runs, mine, side="right").tolist()
        return [taken[low:high] for low, high in zip(lows, highs, strict=True)]
