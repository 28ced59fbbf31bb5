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

from cep.columns import Bools, Codes, Ints, distinct_of
from cep.engines.arrays import Arr, objects
from cep.engines.vector_asks import Folded, Needs, Refs, Registers
from cep.engines.vector_code import of_truths
from cep.engines.vector_fields import Slots, grown
from cep.engines.vector_program import fold_order, ref_order
from cep.engines.vector_rows import FreeList, RowStore

NONE = -1
SWEEP_MIN = 4096
TIMES = ("start_ms", "start_seq", "deadline_ms", "last_ms")


@dataclass
class Runs:
    """Some runs as columns. `size` counts their events; `cell` is the newest of earlier batches, or NONE."""

    key: Codes
    start_ms: Ints
    start_seq: Ints
    deadline_ms: Ints
    last_ms: Ints
    stage: NDArray[np.int32]
    size: NDArray[np.int32]
    cell: Slots
    registers: Registers

    def __len__(self) -> int:
        """How many."""
        return len(self.key)

    def of(self, runs: NDArray[np.intp]) -> Runs:
        """Some of them."""
        return Runs(
            self.key[runs], self.start_ms[runs], self.start_seq[runs], self.deadline_ms[runs],
            self.last_ms[runs], self.stage[runs], self.size[runs], self.cell[runs],
            self.registers.of(runs),
        )  # fmt: skip


def _record(refs: int) -> np.dtype[Any]:
    """A run as `kept_run` of step.h lays it out, with so many references."""
    columns = {
        **{name: ("i4", i * 4) for i, name in enumerate(("key", "next", "cell", "size"))},
        **{name: ("i8", 16 + i * 8) for i, name in enumerate(TIMES)},
        "stage": ("i4", 48),
    }
    names, places = [*columns, "refs"], [place for _, place in columns.values()]
    kinds: list[Any] = [kind for kind, _ in columns.values()]
    size = -(-(52 + 4 * refs) // 8) * 8
    layout = {
        "names": names,
        "formats": [*kinds, ("i4", (refs,))],
        "offsets": [*places, 52],
        "itemsize": size,
    }
    return np.dtype(layout)  # type: ignore[call-overload, no-any-return]


class Pool:
    """All open runs of one track, and the events that they have bound."""

    def __init__(self, needs: Needs, rows: RowStore) -> None:
        """No runs."""
        self.rows = rows
        self.slots, self.cells = FreeList(), FreeList()
        self.first = np.zeros(0, dtype=np.int32)
        self._refs, self._folds = ref_order(needs), fold_order(needs)
        self.runs = np.zeros(0, _record(len(self._refs)))
        self.folds: list[NDArray[Any]] = [np.zeros(0) for _ in self._folds]
        """Floats with NaN for null, as long as all values of a fold are numbers or truths; else objects."""
        self.chain: dict[str, NDArray[Any]] = {
            "row": np.zeros(0, np.int32), "move": np.zeros(0, np.int16), "before": np.zeros(0, np.int32),
        }  # fmt: skip
        self._sweep_at = SWEEP_MIN

    def __len__(self) -> int:
        """How many runs."""
        return self.slots.used

    def holds(self, keys: Codes) -> Bools:
        """Which of the keys have runs here."""
        known = keys < len(self.first)
        found = np.zeros(len(keys), dtype=np.bool_)
        found[known] = self.first[keys[known]] != NONE
        return found

    def take(self, keys: Codes) -> Runs:
        """Take out all runs of these keys, each given once."""
        slots = self._slots_of(keys)
        self.first[keys[keys < len(self.first)]] = NONE
        runs = self._gather(slots)
        self.runs["stage"][slots] = NONE
        for fold in self.folds:
            if fold.dtype == object:
                fold[slots] = None
        self.slots.give(slots)
        return runs

    def look(self, keys: Codes) -> Runs:
        """The runs of these keys, left where they are."""
        return self._gather(self._slots_of(keys))

    def put(self, runs: Runs) -> None:
        """Put runs in; of their keys no others may be here."""
        if not len(runs):
            return
        if (runs.key[1:] < runs.key[:-1]).any():
            runs = runs.of(np.argsort(runs.key, kind="stable"))
        slots = self.new_slots(len(runs))
        self.reach(int(runs.key[-1]))
        same = runs.key[1:] == runs.key[:-1]
        following = np.full(len(slots), NONE, dtype=np.int32)
        following[:-1][same] = slots[1:][same]
        self.runs["next"][slots] = following
        heads = np.ones(len(slots), dtype=np.bool_)
        heads[1:] = ~same
        keys = runs.key[heads]
        assert (self.first[keys] == NONE).all(), "the runs of a key are put back together"
        self.first[keys] = slots[heads]
        self._scatter(slots, runs)

    def new_slots(self, count: int) -> Slots:
        """Slots for so many runs more."""
        slots = self.slots.take(count)
        size, before = self.slots.size, len(self.runs)
        self.runs, self.folds = grown(self.runs, size), [grown(fold, size) for fold in self.folds]
        # A slot without a run must not look like one of key 0.
        self.runs["stage"][before:] = NONE
        return slots

    def new_cells(self, count: int) -> Slots:
        """Cells for so many events that runs took."""
        cells = self.cells.take(count)
        self.chain = {name: grown(column, self.cells.size) for name, column in self.chain.items()}
        return cells

    def reach(self, key: int) -> None:
        """Make keys up to this one known."""
        if key >= len(self.first):
            longer = np.full(max(key + 1, len(self.first) * 2), NONE, dtype=np.int32)
            longer[: len(self.first)] = self.first
            self.first = longer

    def due(self, until_ms: int, stages: NDArray[np.int32] | None) -> Codes:
        """The keys with runs whose deadline has come, at one of the stages if told."""
        over = np.flatnonzero((self.runs["stage"] != NONE) & (self.runs["deadline_ms"] <= until_ms))
        if stages is not None:
            over = over[np.isin(self.runs["stage"][over], stages)]
        return distinct_of(self.runs["key"][over])

    def all(self, stages: Bools) -> Runs:
        """The runs at some stages, left where they are; the last entry is for NONE."""
        return self._gather(np.flatnonzero(stages[self.runs["stage"]]).astype(np.int32))

    def sweep(self, until_ms: int, waits: NDArray[np.int32]) -> Codes:
        """`drop_over` once the number of runs has doubled."""
        return self.drop_over(until_ms, waits) if len(self) > self._sweep_at else np.zeros(0, dtype=np.int32)

    def drop_over(self, until_ms: int, waits: NDArray[np.int32]) -> Codes:
        """Drop the runs whose deadline has passed, except where they wait; the keys of those."""
        over = (self.runs["stage"] != NONE) & (self.runs["deadline_ms"] <= until_ms)
        keys = distinct_of(self.runs["key"][over])
        runs = self.take(keys)
        old = (runs.deadline_ms <= until_ms) & ~np.isin(runs.stage, waits)
        self.forget(runs.cell[old])
        self.put(runs.of(np.flatnonzero(~old)))
        self._sweep_at = max(SWEEP_MIN, 2 * len(self))
        return keys

    # --- what runs have bound ----------------------------------------------------------------------------

    def extend(self, cells: Slots, runs: NDArray[np.intp], rows: Slots, moves: NDArray[np.int16]) -> Slots:
        """Chains of runs made longer: `cells` are their ends or NONE; run `runs[i]` took `rows[i]`.

        `runs` ascends, and what a run took stands in order. The new ends.
        """
        slots = self.new_cells(len(rows))
        self.chain["row"][slots] = rows
        self.chain["move"][slots] = moves
        before = cells[runs]
        again = runs[1:] == runs[:-1]
        before[1:][again] = slots[:-1][again]
        self.chain["before"][slots] = before
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
        before, over = self.chain["before"], []
        while len(at):
            over.append(at)
            at = before[at]
            at = at[at != NONE]
        gone = over[0] if len(over) == 1 else np.concatenate(over)
        self.rows.drop(self.chain["row"][gone])
        self.cells.give(gone)

    def trails(self, cells: Slots) -> tuple[NDArray[np.intp], NDArray[np.int16], Slots]:
        """What runs have bound, by their newest cells: number of the run, move and row slot, oldest first."""
        runs, moves, rows = [np.zeros(0, np.intp)], [np.zeros(0, np.int16)], [np.zeros(0, np.int32)]
        at = np.flatnonzero(cells != NONE)
        cell = cells[at]
        while len(at):
            runs.append(at)
            moves.append(self.chain["move"][cell])
            rows.append(self.chain["row"][cell])
            cell = self.chain["before"][cell]
            at, cell = at[cell != NONE], cell[cell != NONE]
        numbers = np.concatenate(runs[::-1])
        order = np.argsort(numbers, kind="stable")
        return numbers[order], np.concatenate(moves[::-1])[order], np.concatenate(rows[::-1])[order]

    # --- columns -----------------------------------------------------------------------------------------

    def _slots_of(self, keys: Codes) -> Slots:
        """The slots of all runs of these keys, ascending."""
        found: list[Slots] = []
        at = self._heads(keys)
        at = at[at != NONE]
        while len(at):
            found.append(at)
            at = self.runs["next"][at]
            at = at[at != NONE]
        return np.sort(np.concatenate([np.zeros(0, dtype=np.int32), *found]))

    def _heads(self, keys: Codes) -> Slots:
        found = np.full(len(keys), NONE, dtype=np.int32)
        known = keys < len(self.first)
        found[known] = self.first[keys[known]]
        return found

    def _gather(self, slots: Slots) -> Runs:
        runs = self.runs[slots]
        refs = {ref: _refs(runs["refs"][:, i]) for i, ref in enumerate(self._refs)}
        registers = Registers(
            {var: found for (var, index), found in refs.items() if index},
            {var: found for (var, index), found in refs.items() if not index},
            {fold: _arr(fold, self.folds[i][slots]) for i, fold in enumerate(self._folds)},
        )
        columns = {name: runs[name] for name in ("key", *TIMES, "stage", "size", "cell")}
        return Runs(**columns, registers=registers)

    def _scatter(self, slots: Slots, runs: Runs) -> None:
        for name in ("key", *TIMES, "stage", "size", "cell"):
            self.runs[name][slots] = getattr(runs, name)
        for i, (var, index) in enumerate(self._refs):
            refs = (runs.registers.last if index else runs.registers.first)[var]
            self.runs["refs"][slots, i] = -2 - refs
        for i, fold in enumerate(self._folds):
            arr = runs.registers.folds[fold]
            if arr.kind == "any" and self.folds[i].dtype != object:
                self.folds[i] = objects(_arr(fold, self.folds[i]))
            if self.folds[i].dtype == object:
                self.folds[i][slots] = objects(arr)
            else:
                self.folds[i][slots] = np.where(arr.null, np.nan, arr.values)


def _refs(slots: Slots) -> Refs:
    """Row slots as references; what is stored for UNBOUND stays so."""
    return -2 - slots.astype(np.int64)


def _arr(fold: Folded, values: NDArray[Any]) -> Arr:
    """What a fold has come to, as it was kept: truths, or numbers, or objects."""
    if values.dtype == object:
        return Arr("any", values, np.array([value is None for value in values.tolist()], dtype=np.bool_))
    null = np.isnan(values)
    known = np.where(null, 0, values)
    if of_truths(fold):
        return Arr("truth", known.astype(np.bool_), null)
    whole = bool((known == np.trunc(known)).all())
    return Arr("number", known.astype(np.int64) if whole else known, null)
