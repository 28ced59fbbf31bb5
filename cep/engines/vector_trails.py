"""The events of matches, read only for those that a rule takes: from the batch and from what runs carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools
from cep.engines.vector_pool import Pool
from cep.engines.vector_rows import Slots
from cep.engines.vector_step import Index, Taken
from cep.engines.vector_track import Track
from cep.event import Event


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
    cells: Slots = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    batch: Batch | None = None
    fields: tuple[str, ...] = ()
    runs: Index | None = None
    taken: Sequence[Taken] = ()

    def bindings(self, chosen: Sequence[int]) -> list[dict[str, list[Event]]]:
        """Variables in order of first binding, with their events, of some candidates."""
        return [self._bound(i, later) for i, later in zip(chosen, self._later(chosen), strict=True)]

    def _bound(self, i: int, later: list[tuple[int, Event]]) -> dict[str, list[Event]]:
        assert self.pool is not None
        assert self.track is not None
        earlier = [(move, self.pool.rows.event(row)) for move, row in self.pool.trail(int(self.cells[i]))]
        found: dict[str, list[Event]] = {}
        for move, event in earlier + later:
            found.setdefault(self.track.moves[move].var, []).append(event)
        return found

    def _later(self, chosen: Sequence[int]) -> list[list[tuple[int, Event]]]:
        if self.runs is None or self.batch is None or not len(chosen):
            return [[] for _ in chosen]
        mine = self.runs[np.array(chosen, dtype=np.intp)]
        top = 1 + max((int(part.runs.max()) for part in self.taken if len(part.runs)), default=0)
        wanted = np.zeros(max(top, int(mine.max()) + 1), dtype=np.bool_)
        wanted[mine] = True
        log = log_of(self.taken, wanted)
        lows = np.searchsorted(log.runs, mine).tolist()
        highs = np.searchsorted(log.runs, mine, side="right").tolist()
        moves, rows = log.moves.tolist(), log.rows.tolist()
        batch, fields = self.batch, self.fields
        return [
            [(moves[k], batch.event(rows[k], fields)) for k in range(low, high)]
            for low, high in zip(lows, highs, strict=True)
        ]
