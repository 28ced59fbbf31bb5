"""Open runs between batches, as columns: a row for each run, linked by key; a chain of cells for its events.

    first[key] ──▶ run 7 ──next──▶ run 3 ──▶ none        run 7: stage 2, …, cell ─▶ (b, row 9) ─▶ (a, row 4)

A batch takes out the runs of its keys, steps them, and puts back what is still open, so the cost of a batch
follows its keys and not the number of open runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Ints
from cep.engines.arrays import Arr, objects
from cep.engines.vector_asks import Needs, Refs, Registers
from cep.engines.vector_rows import FreeList, RowStore, Slots, grown

NONE = -1
SWEEP_MIN = 4096


@dataclass
class Runs:
    """Some runs as columns. `size` counts their events; `cell` is the newest of earlier batches, or NONE."""

    key: Codes
    start_ms: Ints
    start_seq: Ints
    last_ms: Ints
    deadline_ms: Ints
    stage: NDArray[np.int16]
    size: NDArray[np.int32]
    cell: Slots
    registers: Registers

    def __len__(self) -> int:
        """How many."""
        return len(self.key)

    def of(self, runs: NDArray[np.intp]) -> Runs:
        """Some of them."""
        return Runs(
            self.key[runs], self.start_ms[runs], self.start_seq[runs], self.last_ms[runs],
            self.deadline_ms[runs], self.stage[runs], self.size[runs], self.cell[runs],
            self.registers.of(runs),
        )  # fmt: skip


class Pool:
    """All open runs of one track, and the events that they have bound."""

    def __init__(self, needs: Needs, rows: RowStore) -> None:
        """No runs."""
        self.rows = rows
        self._needs = needs
        self._slots, self._cells = FreeList(), FreeList()
        self._first = np.zeros(0, dtype=np.int32)
        self._columns: dict[str, NDArray[Any]] = {
            "key": np.zeros(0, np.int32), "next": np.zeros(0, np.int32), "stage": np.zeros(0, np.int16),
            "size": np.zeros(0, np.int32),
            "cell": np.zeros(0, np.int32), "start_ms": np.zeros(0, np.int64),
            "start_seq": np.zeros(0, np.int64),
            "deadline_ms": np.zeros(0, np.int64),
            **{f"last {var}": np.zeros(0, np.int32) for var in sorted(needs.last)},
            **{f"first {var}": np.zeros(0, np.int32) for var in sorted(needs.first)},
            **{f"fold {i}": np.zeros(0, object) for i in range(len(needs.folds))},
        }  # fmt: skip
        self._folds = sorted(needs.folds, key=repr)
        self._chain: dict[str, NDArray[Any]] = {
            "row": np.zeros(0, np.int32), "move": np.zeros(0, np.int16), "before": np.zeros(0, np.int32),
        }  # fmt: skip
        self._sweep_at = SWEEP_MIN

    def __len__(self) -> int:
        """How many runs."""
        return self._slots.used

    def holds(self, keys: Codes) -> Bools:
        """Which of the keys have runs here."""
        known = keys < len(self._first)
        found = np.zeros(len(keys), dtype=np.bool_)
        found[known] = self._first[keys[known]] != NONE
        return found

    def take(self, keys: Codes) -> Runs:
        """Take out all runs of these keys, each given once."""
        found: list[Slots] = []
        at = self._heads(keys)
        at = at[at != NONE]
        while len(at):
            found.append(at)
            at = self._columns["next"][at]
            at = at[at != NONE]
        self._first[keys[keys < len(self._first)]] = NONE
        slots = np.sort(np.concatenate([np.zeros(0, dtype=np.int32), *found]))
        runs = self._gather(slots)
        self._columns["stage"][slots] = NONE
        for i in range(len(self._folds)):
            self._columns[f"fold {i}"][slots] = None
        self._slots.give(slots)
        return runs

    def look(self, keys: Codes) -> Runs:
        """The runs of these keys, left where they are."""
        runs = self.take(keys)
        self.put(runs)
        return runs

    def put(self, runs: Runs) -> None:
        """Put runs in; of their keys no others may be here."""
        if not len(runs):
            return
        if (runs.key[1:] < runs.key[:-1]).any():
            runs = runs.of(np.argsort(runs.key, kind="stable"))
        slots = self._slots.take(len(runs))
        before = len(self._columns["stage"])
        for name in self._columns:
            self._columns[name] = grown(self._columns[name], self._slots.size)
        # A slot without a run must not look like one of key 0.
        self._columns["stage"][before:] = NONE
        top = int(runs.key[-1]) + 1
        if top > len(self._first):
            grown_first = np.full(max(top, len(self._first) * 2), NONE, dtype=np.int32)
            grown_first[: len(self._first)] = self._first
            self._first = grown_first
        same = runs.key[1:] == runs.key[:-1]
        following = np.full(len(slots), NONE, dtype=np.int32)
        following[:-1][same] = slots[1:][same]
        self._columns["next"][slots] = following
        heads = np.ones(len(slots), dtype=np.bool_)
        heads[1:] = ~same
        keys = runs.key[heads]
        assert (self._first[keys] == NONE).all(), "the runs of a key are put back together"
        self._first[keys] = slots[heads]
        self._scatter(slots, runs)

    def due(self, until_ms: int, stages: NDArray[np.int16] | None) -> Codes:
        """The keys with runs whose deadline has come, at one of the stages if told."""
        columns = self._columns
        over = np.flatnonzero((columns["stage"] != NONE) & (columns["deadline_ms"] <= until_ms))
        if stages is not None:
            over = over[np.isin(columns["stage"][over], stages)]
        return np.unique(columns["key"][over])

    def all(self) -> Runs:
        """Every run, left where it is."""
        return self._gather(np.flatnonzero(self._columns["stage"] != NONE).astype(np.int32))

    def sweep(self, until_ms: int, waits: NDArray[np.int16]) -> None:
        """Once their number has doubled, drop the runs whose deadline has passed, except where they wait."""
        if len(self) <= self._sweep_at:
            return
        columns = self._columns
        over = (columns["stage"] != NONE) & (columns["deadline_ms"] <= until_ms)
        runs = self.take(np.unique(columns["key"][over]))
        old = (runs.deadline_ms <= until_ms) & ~np.isin(runs.stage, waits)
        self.forget(runs.cell[old])
        self.put(runs.of(np.flatnonzero(~old)))
        self._sweep_at = max(SWEEP_MIN, 2 * len(self))

    # --- what runs have bound ----------------------------------------------------------------------------

    def extend(self, cells: Slots, runs: NDArray[np.intp], rows: Slots, moves: NDArray[np.int16]) -> Slots:
        """Chains of runs made longer: `cells` are their ends or NONE; run `runs[i]` took `rows[i]`.

        `runs` ascends, and what a run took stands in order. The new ends.
        """
        slots = self._cells.take(len(rows))
        for name in self._chain:
            self._chain[name] = grown(self._chain[name], self._cells.size)
        self._chain["row"][slots] = rows
        self._chain["move"][slots] = moves
        before = cells[runs]
        again = runs[1:] == runs[:-1]
        before[1:][again] = slots[:-1][again]
        self._chain["before"][slots] = before
        last = np.ones(len(slots), dtype=np.bool_)
        last[:-1] = ~again
        ends = cells.copy()
        ends[runs[last]] = slots[last]
        return ends

    def forget(self, cells: Slots) -> None:
        """Give back the cells and rows of runs that are over, by their newest cells."""
        at = cells[cells != NONE]
        if not len(at):
            return
        before, over = self._chain["before"], []
        while len(at):
            over.append(at)
            at = before[at]
            at = at[at != NONE]
        gone = over[0] if len(over) == 1 else np.concatenate(over)
        self.rows.drop(self._chain["row"][gone])
        self._cells.give(gone)

    def trails(self, cells: Slots) -> tuple[NDArray[np.intp], NDArray[np.int16], Slots]:
        """What runs have bound, by their newest cells: number of the run, move and row slot, oldest first."""
        runs, moves, rows = [np.zeros(0, np.intp)], [np.zeros(0, np.int16)], [np.zeros(0, np.int32)]
        at = np.flatnonzero(cells != NONE)
        cell = cells[at]
        while len(at):
            runs.append(at)
            moves.append(self._chain["move"][cell])
            rows.append(self._chain["row"][cell])
            cell = self._chain["before"][cell]
            at, cell = at[cell != NONE], cell[cell != NONE]
        numbers = np.concatenate(runs[::-1])
        order = np.argsort(numbers, kind="stable")
        return numbers[order], np.concatenate(moves[::-1])[order], np.concatenate(rows[::-1])[order]

    # --- columns -----------------------------------------------------------------------------------------

    def _heads(self, keys: Codes) -> Slots:
        found = np.full(len(keys), NONE, dtype=np.int32)
        known = keys < len(self._first)
        found[known] = self._first[keys[known]]
        return found

    def _gather(self, slots: Slots) -> Runs:
        columns = self._columns
        registers = Registers(
            {var: _refs(columns[f"last {var}"][slots]) for var in self._needs.last},
            {var: _refs(columns[f"first {var}"][slots]) for var in self._needs.first},
            {fold: _arr(columns[f"fold {i}"][slots]) for i, fold in enumerate(self._folds)},
        )
        newest = self._chain["row"][columns["cell"][slots]]
        return Runs(
            columns["key"][slots], columns["start_ms"][slots], columns["start_seq"][slots],
            self.rows.times_ms(newest), columns["deadline_ms"][slots], columns["stage"][slots],
            columns["size"][slots], columns["cell"][slots], registers,
        )  # fmt: skip

    def _scatter(self, slots: Slots, runs: Runs) -> None:
        columns = self._columns
        for name in ("key", "start_ms", "start_seq", "deadline_ms", "stage", "size", "cell"):
            columns[name][slots] = getattr(runs, name)
        for var, refs in runs.registers.last.items():
            columns[f"last {var}"][slots] = -2 - refs
        for var, refs in runs.registers.first.items():
            columns[f"first {var}"][slots] = -2 - refs
        for i, fold in enumerate(self._folds):
            columns[f"fold {i}"][slots] = objects(runs.registers.folds[fold])


def _refs(slots: Slots) -> Refs:
    """Row slots as references; what is stored for UNBOUND stays so."""
    return -2 - slots.astype(np.int64)


def _arr(values: NDArray[np.object_]) -> Arr:
    """Folds as they were kept: numbers if all are."""
    kinds = {type(value) for value in values.tolist()} - {type(None)}
    null = np.array([value is None for value in values.tolist()], dtype=np.bool_)
    if kinds <= {int, float} or kinds == {bool}:
        number = np.where(null, 0, values)
        if kinds == {bool}:
            return Arr("truth", number.astype(np.bool_), null)
        return Arr("number", number.astype(np.float64 if float in kinds else np.int64), null)
    return Arr("any", values, null)
