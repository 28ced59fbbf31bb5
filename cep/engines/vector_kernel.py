"""One track and its open runs, for all rules that differ only in what they choose among its matches.

Rules that agree on everything but the length of `WITHIN`, picks, skips and outputs share a kernel. It steps
runs for the longest window and gives candidates: what each start would complete if nothing else did. A rule
takes from them what its own window, pick and skip policy allow.

A key in which more runs might be open than a limit allows is handed to the stepped engine of every rule, with
its runs, and comes back when none of them has anything of it. So limits have one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

import numpy as np

from cep.columns import Batch, Codes, Ints, distinct_of
from cep.engines.answers import Answers, KeyOrder
from cep.engines.feed import Feed
from cep.engines.key_table import KeyTable
from cep.engines.matcher import FOREVER_MS, TIMER_SEQ, Limits
from cep.engines.vector_asks import Needs
from cep.engines.vector_compiled import Bench, Stepped, Stepper
from cep.engines.vector_crowds import keys_at, overflowing, rows_of
from cep.engines.vector_fields import Slots
from cep.engines.vector_found import NOTHING, Client, Found, Handed, Matched, Story
from cep.engines.vector_pool import NONE, Pool, Runs
from cep.engines.vector_program import program_of
from cep.engines.vector_rows import RowStore
from cep.engines.vector_step import OVER, Setting, Stepping, offered, setup
from cep.engines.vector_track import Track
from cep.engines.vector_trails import Trails, log_of
from cep.engines.vector_union import tests_of
from cep.event import Key, Position
from cep.plan.compile import Plan


class Kernel:
    """The open runs of one track. Each rule may call `process` and `advance` once for the same step."""

    def __init__(
        self,
        plans: Sequence[Plan],
        track: Track,
        within_ms: int | None,
        limits: Limits,
        fields: Iterable[str],
        bench: Bench | None = None,
    ) -> None:
        """No runs. A plan for each variant of the track; all have the same keys, and read the same types.

        `fields` are the root fields that a rule reads, `bench` is for compiled steps.
        """
        plan = plans[0]
        tests = frozenset().union(*map(tests_of, plans))
        needs = Needs.of(track.asks())
        self.setting = Setting(
            track=track,
            paths=plan.key_groups[0].paths,
            within_ms=FOREVER_MS if within_ms is None else within_ms,
            needs=needs,
            offered=None if plan.reads_all else tests,
            types=plan.types,
        )
        program = None if bench is None else program_of(track, needs, sorted(tests, key=repr))
        self._stepper = None
        if bench is not None and program is not None:
            most = (limits.runs_per_key, limits.events_per_key)
            self._stepper = Stepper(self.setting, program, bench, most)
        self.pool = Pool(needs, RowStore(fields, () if program is None else program.kept))
        self.clients: list[Client] = []
        self.tracks = False
        """Whether somebody asks which keys were touched."""
        self._variants = track.variants
        self._variant_of_move = np.array([move.variant for move in track.moves], dtype=np.int64)
        self._limits = limits
        self._held: dict[Key, None] = {}
        self._waits = np.array([stage.number for stage in track.stages if stage.waits], dtype=np.int32)
        # The last entry is for OVER, which counts from the end.
        self._is_wait = np.array([stage.waits for stage in track.stages] + [False], dtype=np.bool_)
        self._answers: Answers | None = None
        self._found: Found = NOTHING
        self._fired: tuple[int, Found] = (-FOREVER_MS, NOTHING)
        self._counted: dict[int, tuple[int, int]] = {}
        self._open: dict[tuple[int, int, int], int] = {}
        self._over: list[Slots] = []
        self._table: KeyTable | None = None

    # --- a batch -----------------------------------------------------------------------------------------

    def process(self, answers: Answers) -> Found:
        """What the batch completes."""
        if self._answers is not answers:
            self._answers, self._fired, self._counted = answers, (-FOREVER_MS, NOTHING), {}
            self._forget()
            self._found = self._step(answers)
        return self._found

    def counted(self, feed: Feed, variant: int) -> tuple[int, int]:
        """Of the batch under way the rows with a null in their key, and those that a variant looks at."""
        if variant not in self._counted:
            self._counted[variant] = feed.null_keys, feed.count
        return self._counted[variant]

    def _step(self, answers: Answers) -> Found:
        self._open.clear()
        order = answers.order(self.setting.paths)
        if self.pool.holds not in order.table.holders:
            order.table.holders.append(self.pool.holds)
        self._table = order.table
        barred = self._barred(answers)
        stepped = None
        if self._stepper is not None:
            stepped = self._stepper.step(answers, order, self.pool, barred)
        if stepped is not None:
            return self._committed(stepped, order, answers, barred)
        carried = self.pool.take(self._touched(answers)) if len(self.pool) else self.pool.take(order.keys[:0])
        before = len(carried)
        stepping, starts = setup(self.setting, answers, carried, self.pool.rows, barred)
        stepping.go(before, starts)
        handed = overflowing(stepping, self._limits)
        runs = stepping.runs
        given: list[Handed] = []
        if len(handed):
            given = [
                self._hand(order.table.keys[key], carried.of(np.flatnonzero(carried.key == key)))
                for key in handed.tolist()
            ]
            runs.stage[np.isin(runs.key, handed)] = OVER
        found = self._candidates(stepping, answers.batch, handed, given, barred)
        self._put_back(stepping, before, answers)
        return found

    def _committed(self, stepped: Stepped, order: KeyOrder, answers: Answers, barred: Codes) -> Found:
        """What a compiled step found; the pool is as the step left the runs."""
        given = []
        for key in stepped.handed.tolist():
            runs = self.pool.take(np.array([key], dtype=np.int32))
            given.append(self._hand(order.table.keys[key], runs))
            self._over.append(runs.cell[runs.cell != NONE])
        matched = stepped.matched
        self._over.append(stepped.commit())

        def touched() -> set[Key]:
            return set(self._keys(distinct_of(np.concatenate([stepped.keys, stepped.handed]))))

        held = rows_of(order, [stepped.handed, barred], len(answers.batch))
        return self._told_of(matched, answers.batch, Found(handed=given, held=held, touched=touched))

    def _touched(self, answers: Answers) -> Codes:
        """Keys of the batch that have runs and a row that the plan sees."""
        setting = self.setting
        question = ("keys seen", setting.paths, setting.offered, setting.types)
        keys = answers.once(
            question, lambda: keys_at(answers.order(setting.paths), offered(setting, answers))
        )
        return keys[self.pool.holds(keys)]

    def _barred(self, answers: Answers) -> Codes:
        """Numbers of the keys that are stepped; those that nobody has anything of any more are not."""
        table = answers.order(self.setting.paths).table
        for key in [key for key in self._held if all(client.idle(key) for client in self.clients)]:
            del self._held[key]
        ids = (table.id_of(key) for key in self._held)
        return np.array(sorted(i for i in ids if i is not None), dtype=np.int32)

    # --- limits ------------------------------------------------------------------------------------------

    def _hand(self, key: Key, runs: Runs) -> Handed:
        self._held[key] = None
        return Handed(key, self._stories(runs))

    def _stories(self, runs: Runs) -> list[tuple[Position, Story]]:
        """Of runs of one key."""
        return sorted(map(self._told(runs), range(len(runs))), key=itemgetter(0))

    def _told(self, runs: Runs) -> Callable[[int], tuple[Position, Story]]:
        """What tells of each run where it started and what it has taken, from copies made now."""
        moves = self.setting.track.moves
        told = Trails(self.pool, self.setting.track, runs.cell).told(np.arange(len(runs)))
        start_ms, start_seq = runs.start_ms.tolist(), runs.start_seq.tolist()

        def of(i: int) -> tuple[Position, Story]:
            story = [(moves[move], event) for move, event in told.story(i)]
            return Position(start_ms[i], start_seq[i]), story

        return of

    # --- what comes of it --------------------------------------------------------------------------------

    def _candidates(
        self, stepping: Stepping, batch: Batch, handed: Codes, given: list[Handed], barred: Codes
    ) -> Found:
        all_runs = stepping.runs

        def touched() -> set[Key]:
            return set(self._keys(distinct_of(all_runs.key)))

        held = rows_of(stepping.order, [handed, barred], len(batch))
        rest = Found(handed=given, held=held, touched=touched)
        if not stepping.matched:
            return rest
        none = np.zeros(0, dtype=np.int64)
        runs = np.concatenate([none, *(part[0] for part in stepping.matched)]).astype(np.intp)
        ts_ms = np.concatenate([none, *(part[1] for part in stepping.matched)])
        seq = np.concatenate([none, *(part[2] for part in stepping.matched)])
        if len(handed):
            kept = ~np.isin(stepping.runs.key[runs], handed)
            runs, ts_ms, seq = runs[kept], ts_ms[kept], seq[kept]
        matched = Matched(
            *(runs, all_runs.key[runs], all_runs.cell[runs]),
            *(all_runs.start_ms[runs], all_runs.start_seq[runs], all_runs.last_ms[runs]),
            *(ts_ms, seq, stepping.log),
        )
        return self._told_of(matched, batch, rest)

    def _told_of(self, matched: Matched | None, batch: Batch, rest: Found) -> Found:
        """The matches as candidates, in the order of key, decision and start; `rest` is all beside them."""
        if matched is None:
            return rest
        m = matched
        by = np.lexsort((m.start_seq, m.start_ms, m.seq, m.ts_ms, m.key))
        return Found(
            keys=self._keys(m.key[by]),
            start_ms=m.start_ms[by],
            start_seq=m.start_seq[by],
            last_ms=m.last_ms[by],
            ts_ms=m.ts_ms[by],
            seq=m.seq[by],
            variants=self._variant_of_move[m.moves(self.pool.chain["move"])][by],
            trails=Trails(self.pool, self.setting.track, m.cell[by], batch, m.runs[by], m.log),
            handed=rest.handed,
            held=rest.held,
            touched=rest.touched,
        )

    def _put_back(self, stepping: Stepping, carried: int, answers: Answers) -> None:
        """Keep what is open. A window that ends before the batch does can take no later event."""
        runs = stepping.runs
        waits = self._is_wait[runs.stage]
        open_ = (runs.stage != OVER) & (waits | (runs.deadline_ms >= int(answers.batch.ts_ms[-1])))
        closed = runs.cell[:carried][~open_[:carried]]
        self._over.append(closed[closed != NONE])
        kept = np.flatnonzero(open_)
        if not len(kept):
            return
        place = np.full(len(runs), -1, dtype=np.intp)
        place[kept] = np.arange(len(kept))
        staying = runs.of(kept)
        log = log_of(stepping.log, place)
        if len(log.runs):
            users = np.bincount(log.rows)
            rows = users.nonzero()[0]
            slots = np.empty(len(users), dtype=np.int32)
            slots[rows] = self.pool.rows.add(answers, rows, users[rows])
            staying.cell = self.pool.extend(staying.cell, log.runs, slots[log.rows], log.moves)
            for refs in (*staying.registers.last.values(), *staying.registers.first.values()):
                inside = refs >= 0
                refs[inside] = -2 - slots[refs[inside]]
        self.pool.put(staying)

    def _forget(self) -> None:
        for cells in self._over:
            self.pool.forget(cells)
        self._over = []

    # --- time --------------------------------------------------------------------------------------------

    def advance(self, watermark_ms: int) -> Found:
        """What time alone completes."""
        if self._fired[0] != watermark_ms:
            self._fired = (watermark_ms, self._fire(watermark_ms) if len(self.pool) else NOTHING)
        return self._fired[1]

    def _fire(self, watermark_ms: int) -> Found:
        self._open.clear()
        self._tell_over(self.pool.sweep(watermark_ms, self._waits))
        if not len(self._waits):
            return NOTHING
        keys = self.pool.due(watermark_ms, self._waits)
        if not len(keys):
            return NOTHING
        runs = self.pool.take(keys)
        self._tell_over(keys)
        past = runs.deadline_ms <= watermark_ms
        self.pool.put(runs.of(np.flatnonzero(~past)))
        self._over.append(runs.cell[past])
        runs = runs.of(np.flatnonzero(past & np.isin(runs.stage, self._waits)))
        runs = runs.of(np.lexsort((runs.start_seq, runs.start_ms, runs.deadline_ms, runs.key)))
        return Found(
            keys=self._keys(runs.key),
            start_ms=runs.start_ms,
            start_seq=runs.start_seq,
            last_ms=runs.last_ms,
            ts_ms=runs.deadline_ms,
            seq=np.full(len(runs), TIMER_SEQ, dtype=np.int64),
            variants=self._variants[runs.stage],
            trails=Trails(self.pool, self.setting.track, runs.cell),
        )

    def expire(self, watermark_ms: int) -> None:
        """Drop the runs that time has ended, which else stay until they are many; who tracks is told."""
        self._open.clear()
        self._tell_over(self.pool.drop_over(watermark_ms, self._waits))

    def _tell_over(self, keys: Codes) -> None:
        if self.tracks and len(keys):
            named = self._keys(keys)
            for client in self.clients:
                client.touch(named)

    # --- one key -----------------------------------------------------------------------------------------

    def is_held(self, key: Key) -> bool:
        """Whether a key is stepped."""
        return key in self._held

    def hold(self, key: Key) -> None:
        """Have a key stepped from now on by every rule."""
        if key in self._held:
            return
        number = self._number(key)
        self._held[key] = None
        if len(number):
            self._open.clear()
            runs = self.pool.take(number)
            handed = Handed(key, self._stories(runs))
            self.pool.forget(runs.cell)
            for client in self.clients:
                client.adopt(handed)

    def runs_of(self, key: Key, variant: int) -> Runs:
        """The open runs of a key."""
        return self._of_variant(self.pool.look(self._number(key)), variant)

    def _of_variant(self, runs: Runs, variant: int) -> Runs:
        return runs.of(np.flatnonzero(self._variants[runs.stage] == variant))

    def stories_of(
        self, keys: Iterable[Key], variant: int, within_ms: int, watermark_ms: int
    ) -> Iterator[tuple[Key, Sequence[tuple[Position, Story]]]]:
        """What the open runs of each key have taken by now, as far as a window allows, oldest first.

        All is copied now, and made into events when it is asked for.
        """
        wanted = list(keys)
        known = [None if self._table is None else self._table.id_of(key) for key in wanted]
        # A key without a number has no runs.
        numbers = np.array([NONE if number is None else number for number in known], dtype=np.int32)
        runs = self._of_variant(self.pool.look(numbers[numbers != NONE]), variant)
        runs = runs.of(np.flatnonzero(self.due_ms(runs, within_ms) > watermark_ms))
        runs = runs.of(np.lexsort((runs.start_seq, runs.start_ms, runs.key)))
        first = np.searchsorted(runs.key, numbers).tolist()
        behind = np.searchsorted(runs.key, numbers, side="right").tolist()
        told = self._told(runs)
        places = zip(wanted, first, behind, strict=True)
        return ((key, [told(i) for i in range(low, high)]) for key, low, high in places)

    def due_ms(self, runs: Runs, within_ms: int) -> Ints:
        """When runs end by time alone, for a rule with that window."""
        limit = np.minimum(runs.deadline_ms, np.minimum(runs.start_ms + within_ms, FOREVER_MS))
        late = runs.last_ms - runs.start_ms > within_ms
        due: Ints = np.where(
            late, runs.start_ms, np.where(np.isin(runs.stage, self._waits), runs.deadline_ms, limit)
        )
        return due

    def open_runs(
        self, variant: int, within_ms: int, watermark_ms: int, horizons: Sequence[tuple[Key, Position]]
    ) -> int:
        """How many runs are open for a rule with that window; up to its horizons there are none."""
        stages = np.append(self._variants == variant, False)
        if not horizons:
            asked = variant, within_ms, watermark_ms
            if asked not in self._open:
                due_ms = self.due_ms(self.pool.all(stages), within_ms)
                self._open[asked] = int(np.count_nonzero(due_ms > watermark_ms))
            return self._open[asked]
        runs = self.pool.all(stages)
        mine = self.due_ms(runs, within_ms) > watermark_ms
        if self._table is not None and len(runs):
            at_ms = np.full(int(runs.key.max()) + 1, -FOREVER_MS, dtype=np.int64)
            at_seq = np.zeros(len(at_ms), dtype=np.int64)
            for key, at in horizons:
                number = self._table.id_of(key)
                if number is not None and number < len(at_ms):
                    at_ms[number], at_seq[number] = at
            ms, seq = at_ms[runs.key], at_seq[runs.key]
            mine &= (runs.start_ms > ms) | ((runs.start_ms == ms) & (runs.start_seq > seq))
        return int(np.count_nonzero(mine))

    def _number(self, key: Key) -> Codes:
        number = None if self._table is None else self._table.id_of(key)
        return np.array([] if number is None else [number], dtype=np.int32)

    def _keys(self, numbers: Codes) -> list[Key]:
        assert self._table is not None
        keys = self._table.keys
        return [keys[i] for i in numbers.tolist()]
