"""A batch through the track: all runs at once jump to the next event of their key that concerns their stage.

    stage 1   runs 4 9 17   ─search─▶   the next event that a move or a kill of stage 1 may fit
                                        move: to its stage · kill: over · neither: jump again (strict: over)

A jump is a handful of array operations, however many runs wait at the stage. Runs never look at each other,
so how far one comes does not depend on the rest; picks and skips choose among what they complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Ints, distinct_of
from cep.engines.answers import Answers, KeyOrder
from cep.engines.arrays import evaluate, true_where
from cep.engines.matcher import FOREVER_MS, TIMER_SEQ
from cep.engines.vector_asks import Needs, Reader, Refs, Registers, RunsAsked
from cep.engines.vector_pool import NONE, Runs
from cep.engines.vector_rows import RowStore
from cep.engines.vector_track import Kill, Move, Stage, Track
from cep.event import Key
from cep.plan.compile import Test
from cep.plan.expr import Expr
from cep.plan.pattern import Path

Index = NDArray[np.intp]

OVER = -1
"""The stage of a run that is over: a match, killed, or out of time."""


@dataclass(frozen=True)
class Setting:
    """What is the same for every batch of a track. `offered`: tests of the rows that are seen, None: all."""

    track: Track
    paths: tuple[Path, ...]
    within_ms: int
    needs: Needs
    offered: frozenset[Test] | None
    types: tuple[str, ...] | None


@dataclass(frozen=True)
class Log:
    """What runs took in a batch: for each run in order."""

    runs: Index
    rows: Index
    moves: NDArray[np.int16]


@dataclass
class Stepping:
    """The runs of a batch under way; after `go` those still open, and the matches with their decision."""

    setting: Setting
    answers: Answers
    order: KeyOrder
    reader: Reader
    runs: Runs
    at: Index
    """Where each run stands: the position of the last event it looked at."""
    variants: Ints
    """Of tracks side by side, that of each run."""
    _taken: list[tuple[Index, Index, int]] = field(default_factory=list)
    """Runs that took a row each, the rows, and by which move."""
    matched: list[tuple[Index, Ints, Ints]] = field(default_factory=list)
    """Runs, with the time and the sequence number of what completed them."""
    _queue: dict[int, list[Index]] = field(default_factory=dict)

    def go(self, carried: int, starts: Sequence[tuple[Move, Index]]) -> None:
        """Step everything: the first `carried` runs go on from their stage, the others start where told."""
        stages = self.runs.stage[:carried]
        for stage in distinct_of(stages).tolist():
            self._enqueue(stage, np.flatnonzero(stages == stage))
        begun = carried
        for move, positions in starts:
            runs = np.arange(begun, begun + len(positions))
            begun += len(positions)
            rows = self.order.rows[positions]
            self._take(move, runs, positions, self._after(move, runs, rows))
        while self._queue:
            stage = min(self._queue)
            parts = self._queue.pop(stage)
            self._jump(
                self.setting.track.stages[stage], parts[0] if len(parts) == 1 else np.concatenate(parts)
            )

    @cached_property
    def log(self) -> Log:
        """What the runs took; to be asked when all have gone as far as they can."""
        none = np.zeros(0, dtype=np.intp)
        moves = np.array([move for _, _, move in self._taken], dtype=np.int16)
        return Log(
            np.concatenate([none, *(runs for runs, _, _ in self._taken)]),
            np.concatenate([none, *(rows for _, rows, _ in self._taken)]),
            np.repeat(moves, [len(runs) for runs, _, _ in self._taken]),
        )

    # --- one stage ---------------------------------------------------------------------------------------

    def _jump(self, stage: Stage, runs: Index) -> None:
        at = self._next(stage, self.at[runs])
        if stage.differs is not None:
            at = self._leap(stage, *stage.differs, runs, at)
        found = self.order.ids_and_none[at] == self.runs.key[runs]
        if stage.waits:
            self._lasted(runs[~found])
        if not found.all():
            runs, at = runs[found], at[found]
        if not len(runs):
            return
        late = self.order.ts_ms[at] > self.runs.deadline_ms[runs]
        if late.any():
            if stage.waits:
                self._fire(runs[late])
            else:
                self._end(runs[late], at[late])
            runs, at = runs[~late], at[~late]
        runs, at = self._without_killed(stage, runs, at, first=True)
        for move in stage.moves:
            if not len(runs):
                return
            runs, at = self._try(stage, move, runs, at)
        runs, at = self._without_killed(stage, runs, at, first=False)
        if stage.strict:
            self._end(runs, at)
        elif len(runs):
            self.at[runs] = at
            self._enqueue(stage.number, runs)

    def _next(self, stage: Stage, at: Index) -> Index:
        """The positions of the next rows that runs of a stage must look at."""
        setting = self.setting
        if stage.strict:
            name = ("offered behind", setting.paths, setting.offered, setting.types)
            return self.answers.behind(offered(setting, self.answers), name, len(self.order.ids), at)
        return self.answers.following(setting.paths, stage.concerns, at)

    def _leap(self, stage: Stage, name: str, var: str, runs: Index, at: Index) -> Index:
        """Where the value is that of the run, go on to the next row with another value, or of another key."""
        values = self.answers.field(name)
        mine = self.reader((name,), self.runs.registers.last[var][runs])
        if values.kind != "text" or mine.kind != "text" or mine.words is not values.words:
            return at
        order, setting = self.order, self.setting
        codes = self.answers.once(
            ("codes by key", name, setting.paths), lambda: np.append(values.values[order.rows], -1)
        )
        same = (codes[at] == mine.values) & ~mine.null & (order.ids_and_none[at] == self.runs.key[runs])
        if not same.any():
            return at
        name_of_table = ("changes", setting.paths, stage.concerns, name)
        there = self.answers.positions(setting.paths, stage.concerns)
        changes = self.answers.once(name_of_table, lambda: _changes(there, codes, order))
        at = at.copy()
        at[same] = changes[np.searchsorted(there, at[same])]
        return at

    def _without_killed(self, stage: Stage, runs: Index, at: Index, *, first: bool) -> tuple[Index, Index]:
        for kill in stage.kills:
            hit = self._killed(kill, runs, at) if kill.first == first else np.zeros(len(runs), dtype=np.bool_)
            if hit.any():
                self._end(runs[hit], at[hit])
                runs, at = runs[~hit], at[~hit]
        return runs, at

    def _killed(self, kill: Kill, runs: Index, at: Index) -> Bools:
        hit = self.answers.mask_by_key(self.setting.paths, kill.test)[at]
        if kill.for_ms is not None:
            hit = hit & (self.order.ts_ms[at] <= self.runs.last_ms[runs] + kill.for_ms)
        return hit if kill.correlated is None else self._narrowed(hit, (kill.correlated,), runs, at, None)

    def _try(self, stage: Stage, move: Move, runs: Index, at: Index) -> tuple[Index, Index]:
        """Send the runs on that the move fits; the others, with where they are."""
        fits = np.ones(len(runs), dtype=np.bool_)
        if stage.strict or len(stage.moves) + len(stage.kills) > 1:
            fits = self.answers.mask_by_key(self.setting.paths, move.test)[at]
        if move.gap_ms is not None:
            fits = fits & (self.order.ts_ms[at] - self.runs.last_ms[runs] <= move.gap_ms)
        if move.hold_ms:
            fits = fits & (self.order.ts_ms[at] > self.runs.last_ms[runs] + move.hold_ms)
        if move.correlated is not None:
            fits = self._narrowed(fits, (move.correlated,), runs, at, None)
        if move.conditions:
            fits = self._narrowed(fits, move.conditions, runs, at, move)
        if fits.all():
            going, places, runs, at = runs, at, runs[:0], at[:0]
        else:
            going, places, runs, at = runs[fits], at[fits], runs[~fits], at[~fits]
        if len(going):
            self._take(move, going, places, self._after(move, going, self.order.rows[places]))
        return runs, at

    def _narrowed(
        self, mask: Bools, asks: tuple[Expr, ...], runs: Index, at: Index, taking: Move | None
    ) -> Bools:
        """The part of a mask where all conditions are true: with the event bound by `taking`, or without."""
        found = np.zeros(len(mask), dtype=np.bool_)
        chosen = np.flatnonzero(mask)
        if not len(chosen):
            return found
        runs, rows = runs[chosen], self.order.rows[at[chosen]]
        registers = self.runs.registers.of(runs)
        if taking is not None:
            registers.put(np.arange(len(runs)), registers.taken(taking.var, rows, self.reader))
        found[chosen] = self._true(asks, runs, rows, registers)
        return found

    def _true(self, asks: tuple[Expr, ...], runs: Index, rows: Refs | None, registers: Registers) -> Bools:
        asked = RunsAsked(self.reader, rows, registers, lambda: self._keys(runs))
        true = np.ones(len(runs), dtype=np.bool_)
        for ask in asks:
            true = true & true_where(evaluate(ask, asked), len(runs))
        return true

    def _keys(self, runs: Index) -> list[Key]:
        keys = self.order.table.keys
        return [keys[i] for i in self.runs.key[runs].tolist()]

    # --- what becomes of runs ----------------------------------------------------------------------------

    def _after(self, move: Move, runs: Index, rows: Index) -> Registers:
        """What registers hold once the move has taken its rows."""
        registers = self.runs.registers
        if not (registers.last or registers.first or registers.folds):
            return registers
        return registers.of(runs).taken(move.var, rows, self.reader)

    def _take(self, move: Move, runs: Index, at: Index, after: Registers) -> None:
        rows = self.order.rows[at]
        self._taken.append((runs, rows, move.number))
        if after is not self.runs.registers:
            self.runs.registers.put(runs, after)
        self.at[runs] = at
        self.runs.size[runs] += 1
        self.runs.last_ms[runs] = self.order.ts_ms[at]
        self._arrive(self.setting.track.stages[move.target], runs, at)

    def _arrive(self, stage: Stage, runs: Index, at: Index) -> None:
        if stage.ends:
            self._match(runs, at)
            return
        if stage.ends_if is not None:
            true = self._true(stage.ends_if, runs, None, self.runs.registers.of(runs))
            self._match(runs[true], at[true])
            runs, at = runs[~true], at[~true]
            if not stage.moves:
                self._end(runs, at)
                return
        if stage.waits:
            fires = self.runs.last_ms[runs] + stage.hold_ms
            if stage.whole:
                fires = np.maximum(fires, self._window_ms(runs))
            self.runs.deadline_ms[runs] = np.minimum(fires, FOREVER_MS)
        else:
            self.runs.deadline_ms[runs] = self._limit_ms(stage, runs)
        self._enqueue(stage.number, runs)

    def _window_ms(self, runs: Index) -> Ints:
        return np.minimum(self.runs.start_ms[runs] + self.setting.within_ms, FOREVER_MS)

    def _limit_ms(self, stage: Stage, runs: Index) -> Ints:
        """The last time at which some move of the stage may still take an event."""
        gaps = [move.gap_ms for move in stage.moves if move.gap_ms is not None]
        window = self._window_ms(runs)
        if len(gaps) < len(stage.moves):
            return window
        return np.minimum(window, self.runs.last_ms[runs] + max(gaps))

    def _match(self, runs: Index, at: Index) -> None:
        if len(runs):
            self.matched.append((runs, self.order.ts_ms[at], self.order.seq[at]))
            self._end(runs, at)

    def _lasted(self, runs: Index) -> None:
        """Absences without another event to ask: over if the key has shown that their time has passed."""
        if not len(runs):
            return
        seen = offered(self.setting, self.answers)
        ends = np.searchsorted(seen, np.searchsorted(self.order.ids, self.runs.key[runs], side="right")) - 1
        passed = self.order.ts_ms[seen[ends]] > self.runs.deadline_ms[runs]
        self._fire(runs[passed])

    def _fire(self, runs: Index) -> None:
        """Absences that have lasted: they match at their deadline."""
        if len(runs):
            timers = np.full(len(runs), TIMER_SEQ, dtype=np.int64)
            self.matched.append((runs, self.runs.deadline_ms[runs], timers))
            self._end(runs, np.full(len(runs), len(self.order.ids)))

    def _end(self, runs: Index, at: Index) -> None:
        self.runs.stage[runs] = OVER
        self.at[runs] = at

    def _enqueue(self, stage: int, runs: Index) -> None:
        if len(runs):
            self.runs.stage[runs] = stage
            self._queue.setdefault(stage, []).append(runs)


def _changes(there: Index, codes: NDArray[np.int32], order: KeyOrder) -> Index:
    """For each of some positions the next of them with another code or key; one past the end if none is."""
    ids = order.ids[there]
    news = np.flatnonzero((codes[there[1:]] != codes[there[:-1]]) | (ids[1:] != ids[:-1])) + 1
    blocks = np.zeros(len(there), dtype=np.intp)
    blocks[news] = 1
    firsts = np.append(there[news], len(order.ids))
    return np.append(firsts[np.cumsum(blocks)], len(order.ids))


def offered(setting: Setting, answers: Answers) -> Index:
    """The positions of all rows that the plan sees."""
    if setting.offered is not None:
        return answers.positions(setting.paths, setting.offered)
    rows = answers.order(setting.paths).rows
    question = ("offered", setting.paths, setting.types)
    return answers.once(question, lambda: np.flatnonzero(answers.of_types(setting.types)[rows]))


def setup(
    setting: Setting, answers: Answers, carried: Runs, kept: RowStore, barred: Codes
) -> tuple[Stepping, list[tuple[Move, Index]]]:
    """The runs of a batch: those carried over, and one for each start, `barred` keys aside."""
    order = answers.order(setting.paths)
    reader = Reader(answers.batch, answers.field, kept)
    starts = _starts(setting, answers, order, reader, barred)
    places = np.concatenate([np.zeros(0, dtype=np.intp), *(positions for _, positions in starts)])
    count = len(places)
    fresh = Runs(
        key=order.ids[places],
        start_ms=order.ts_ms[places],
        start_seq=order.seq[places],
        last_ms=order.ts_ms[places],
        deadline_ms=order.ts_ms[places],
        stage=np.zeros(count, dtype=np.int32),
        size=np.zeros(count, dtype=np.int32),
        cell=np.full(count, NONE, dtype=np.int32),
        registers=Registers.empty(setting.needs, count),
    )
    at = np.concatenate([order.starts_of(carried.key) - 1, places]) if len(carried) else places.copy()
    lanes = [np.full(len(positions), move.variant, dtype=np.int64) for move, positions in starts]
    variants = np.concatenate([setting.track.variants[carried.stage], *lanes])
    return Stepping(setting, answers, order, reader, joined(carried, fresh), at, variants), starts


def _starts(
    setting: Setting, answers: Answers, order: KeyOrder, reader: Reader, barred: Codes
) -> list[tuple[Move, Index]]:
    """Where runs start, for each variant by the first move of the first stage that fits."""
    found: list[tuple[Move, Index]] = []
    begun = np.zeros(0, dtype=np.intp)
    for move in setting.track.stages[0].moves:
        if found and found[-1][0].variant != move.variant:
            begun = begun[:0]
        places = answers.positions(setting.paths, frozenset([move.test]))
        if len(barred):
            places = places[~np.isin(order.ids[places], barred)]
        asks = (move.correlated,) if move.correlated is not None else ()
        if asks or move.conditions:
            places = places[_begin(setting, move, places, order, reader)]
        if len(begun):
            places = places[~np.isin(places, begun)]
        begun = np.concatenate([begun, places])
        found.append((move, places))
    return found


def _begin(setting: Setting, move: Move, places: Index, order: KeyOrder, reader: Reader) -> Bools:
    """Which events a first step takes, conditions and all."""
    rows = order.rows[places]
    keys = order.table.keys
    registers = Registers.empty(setting.needs, len(rows))
    true = np.ones(len(rows), dtype=np.bool_)
    if move.correlated is not None:
        asked = RunsAsked(reader, rows, registers, lambda: [keys[i] for i in order.ids[places].tolist()])
        true = true & true_where(evaluate(move.correlated, asked), len(rows))
    if move.conditions:
        registers.put(np.arange(len(rows)), registers.taken(move.var, rows, reader))
        asked = RunsAsked(reader, rows, registers, lambda: [keys[i] for i in order.ids[places].tolist()])
        for ask in move.conditions:
            true = true & true_where(evaluate(ask, asked), len(rows))
    return true


def joined(one: Runs, other: Runs) -> Runs:
    """Two lots of runs as one."""
    if not len(one):
        return other
    names = ("key", "start_ms", "start_seq", "last_ms", "deadline_ms", "stage", "size", "cell")
    columns = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    return Runs(**columns, registers=one.registers.followed_by(other.registers))
