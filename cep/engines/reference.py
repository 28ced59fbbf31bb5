"""The automaton stepped run by run: the meaning of the language, to be read first. Not the fast engine.

    per key:   attempt (start e1) ── runs, best first          an attempt is all runs with one start
               attempt (start e4) ── runs …

Each event: deadlines before it fire; it may cancel (`UNLESS`); it is offered to every run, oldest attempt
first; it may start an attempt. Then the matches it completed are picked, and each match given takes away what
the skip policy says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from cep.engines.attempts import News, fire, merge, offer, start
from cep.engines.automaton import Automaton
from cep.engines.evaluate import Scope
from cep.engines.feed import Feed
from cep.engines.history import Bound, bindings
from cep.engines.key_state import KeyState, give_up_excess, give_up_long, restored
from cep.engines.match import Match, Outcome, Whole
from cep.engines.matcher import FOREVER_MS, TIMER_SEQ, Counters, Gathered, Limits
from cep.engines.runs import Arrival, due_ms
from cep.engines.skip import picked, survivors
from cep.engines.snapshot import NEVER_MS, Overall, Run, Snapshot
from cep.event import Event, Key, Position
from cep.plan.compile import Plan
from cep.plan.nfa import Arc

STALE_TIMERS_MAX: Final = 1024
"""How many timers may stand in the queue beyond two for each key before it is made anew."""


class ReferenceMatcher:
    """See `Matcher`: one plan, every key, in plain Python."""

    def __init__(self, plan: Plan, limits: Limits | None = None) -> None:
        """A matcher with no state yet."""
        self.counters = Counters()
        self._auto = Automaton(plan)
        self._plan = plan
        self._limits = limits or Limits()
        self._keys: dict[Key, KeyState] = {}
        self._timers: list[tuple[int, int, Key]] = []
        self._timers_set = 0
        self._forgets: list[tuple[int, int, Key]] = []
        self._out = Gathered()
        self._covers_from_ms: int | None = None
        self._touched: set[Key] | None = None
        self._lookbacks = {a.step.index: a for arc in self._auto.arcs[0] for a in arc.lookback}

    def process(self, feed: Feed) -> list[Match]:
        """Hold events against all runs; deadlines that pass before an event fire before it."""
        self.counters.null_keys += feed.null_keys
        if self._covers_from_ms is None:
            self._covers_from_ms = feed.since_ms
        last_row, event = -1, None
        for row, key, bits in feed.offers:
            if self.counters.stopped:
                break
            if row != last_row or event is None:
                last_row, event = row, feed.batch.event(row, self._plan.fields)
            self.counters.offered += 1
            self._offer(key, event, bits)
        return self._out.take()

    def advance(self, watermark_ms: int) -> list[Match]:
        """Event time has reached the watermark: absences that lasted match, windows that ended expire."""
        while self._timers and self._timers[0][0] <= watermark_ms:
            ms, _, key = heappop(self._timers)
            state = self._keys.get(key)
            if state is not None:
                state.timer_ms = FOREVER_MS if state.timer_ms == ms else state.timer_ms
                self._touch(key)
                self._pass_time(key, state, watermark_ms)
                self._settle(key, state)
        self._forget(watermark_ms)
        return self._out.take()

    def deadline_ms(self, key: Key) -> int | None:
        """The next time `advance` can matter for this key."""
        state = self._keys.get(key)
        return None if state is None or state.due_ms >= FOREVER_MS else state.due_ms

    def open_runs(self) -> int:
        """How many partial matches there are now, over all keys."""
        return sum(len(attempt.runs) for state in self._keys.values() for attempt in state.attempts)

    def keys_held(self) -> int:
        """How many keys have state now."""
        return len(self._keys)

    def holds(self, key: Key) -> bool:
        """Whether there is anything of a key."""
        return key in self._keys

    # --- state as a value --------------------------------------------------------------------------------

    def touched(self) -> set[Key]:
        """Keys whose state may have changed since the last call; the first call starts the count."""
        touched, self._touched = self._touched, set()
        return touched or set()

    def snapshot(self, key: Key) -> Snapshot | None:
        """What lives of a key; None: nothing, a store may forget it."""
        state = self._keys.get(key)
        return None if state is None else state.snapshot()

    def snapshots(self, keys: Collection[Key]) -> Iterator[tuple[Key, Snapshot | None]]:
        """`snapshot` of each of these keys as it is now."""
        return iter([(key, self.snapshot(key)) for key in keys])

    def restore(self, key: Key, snapshot: Snapshot) -> None:
        """Go on with a key from a snapshot of the same plan, in place of what is held of it."""
        # Entries of an older state in the queues find nothing due and do no harm.
        state = self._keys[key] = restored(snapshot)
        self._remember(key, state)
        self._settle(key, state)

    def overall(self) -> Overall:
        """What is held beside the keys."""
        return Overall(self._covers_from_ms, self.counters.stopped)

    def restore_overall(self, overall: Overall) -> None:
        """Go on from that; before the first event."""
        self._covers_from_ms, self.counters.stopped = overall.since_ms, overall.stopped

    # --- one event ---------------------------------------------------------------------------------------

    def _offer(self, key: Key, event: Event, bits: int) -> None:
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = KeyState()
        elif state.stopped:
            return
        else:
            self._touch(key)
        self._pass_time(key, state, event.ts_ms - 1)
        if state.stopped:
            return
        if not state.attempts and not self._recent(state, event.ts_ms - 1):
            # As if `advance` had come between: how events are cut into batches must not be seen in alerts.
            state.ordinal, state.seen = 0, {}
        state.ordinal += 1
        now, news = Arrival(event, key, bits, state.ordinal), News()
        self._cancel(state, now)
        for attempt in state.attempts:
            offer(self._auto, attempt, now, news)
        given_up = give_up_long(self._auto, state, self._limits, news)
        begun = start(self._auto, now, self._allowed(state, now), news)
        if begun is not None:
            state.attempts.append(begun)
        state.sweep()
        if self._auto.merges and len(state.attempts) > 1:
            merge(self._auto, state.attempts)
            state.sweep()
        self._give(state, key, news, event.ts_ms, event.position)
        self._note_seen(state, now)
        self._bound(state, given_up)
        self._remember(key, state)
        self._settle(key, state)
        if key in self._keys:
            self._touch(key)

    def _cancel(self, state: KeyState, now: Arrival) -> None:
        """`UNLESS` comes before everything else that the event could be."""
        for unless in self._plan.pattern.unless:
            if self._auto.may_fit(unless, now.bits):
                for attempt in state.attempts:
                    attempt.runs = [
                        run
                        for run in attempt.runs
                        if not self._auto.fits(unless, now.bits, Scope(now.event, Bound(run.cell), now.key))
                    ]
                    if self._auto.closes_late and not attempt.runs:
                        attempt.found = None
        state.sweep()

    # --- absences before the first event -----------------------------------------------------------------

    def _allowed(self, state: KeyState, now: Arrival) -> list[int]:
        return [i for i, arc in enumerate(self._auto.arcs[0]) if self._rested(state, arc, now)]

    def _rested(self, state: KeyState, arc: Arc, now: Arrival) -> bool:
        """Whether the arc's absences held until now; never while the stream is younger than they are long."""
        for absent in arc.lookback:
            assert absent.for_ms is not None, "a leading absence without FOR is refused at load"
            assert arc.step is not None
            since_ms = now.event.ts_ms - absent.for_ms
            if self._covers_from_ms is None or since_ms < self._covers_from_ms:
                return False
            bound = {arc.step.var: [now.event]}
            for event in state.seen.get(absent.step.index, ()):
                scope = Scope(event, bound, now.key)
                if event.ts_ms >= since_ms and self._auto.suspect_fits(absent.step, scope):
                    return False
        return True

    def _note_seen(self, state: KeyState, now: Arrival) -> None:
        """Keep what a leading absence will ask for: all if it refers to the first event, else the last."""
        for index, absent in self._lookbacks.items():
            if not self._auto.may_fit(absent.step, now.bits):
                continue
            kept = state.seen.setdefault(index, deque())
            if absent.step.correlated is None:
                kept.clear()
            kept.append(now.event)
            while kept[0].ts_ms < now.event.ts_ms - (absent.for_ms or 0):
                kept.popleft()
            if len(kept) > self._limits.events_per_key:
                state.lack(kept.popleft().ts_ms + (absent.for_ms or 0))

    def _remember(self, key: Key, state: KeyState, since_ms: int = NEVER_MS) -> None:
        """Have the key looked at again when the last thing that it keeps beside its runs is of no use."""
        last_ms = [
            kept[-1].ts_ms + (self._lookbacks[i].for_ms or 0) for i, kept in state.seen.items() if kept
        ]
        if since_ms <= state.incomplete_until_ms < FOREVER_MS and state.incomplete_until_ms != NEVER_MS:
            last_ms.append(state.incomplete_until_ms)
        if last_ms and not state.remembered:
            state.remembered = True
            self._timers_set += 1
            heappush(self._forgets, (max(last_ms) + 1, self._timers_set, key))

    def _forget(self, watermark_ms: int) -> None:
        """Drop what was kept for leading absences and has become too old for them."""
        while self._forgets and self._forgets[0][0] <= watermark_ms:
            _, _, key = heappop(self._forgets)
            state = self._keys.get(key)
            if state is None:
                continue
            state.remembered = False
            self._touch(key)
            state.seen = self._recent(state, watermark_ms)
            self._remember(key, state, watermark_ms)
            self._settle(key, state)

    def _recent(self, state: KeyState, watermark_ms: int) -> dict[int, deque[Event]]:
        """What was kept for leading absences and is not too old for them yet."""
        return {
            i: kept
            for i, kept in state.seen.items()
            if kept and kept[-1].ts_ms + (self._lookbacks[i].for_ms or 0) >= watermark_ms
        }

    # --- time --------------------------------------------------------------------------------------------

    def _pass_time(self, key: Key, state: KeyState, until_ms: int) -> None:
        """Fire every deadline of the key up to a time, in order."""
        while state.due_ms <= until_ms and state.due_ms < FOREVER_MS:
            ms, news = state.due_ms, News()
            for attempt in state.attempts:
                fire(self._auto, attempt, ms, news)
            state.sweep()
            self._give(state, key, news, ms, Position(ms, TIMER_SEQ))
            state.due_ms = self._next_due(state)

    def _next_due(self, state: KeyState) -> int:
        runs = (run for attempt in state.attempts for run in attempt.runs)
        return min((due_ms(self._auto, run) for run in runs), default=FOREVER_MS)

    def _settle(self, key: Key, state: KeyState) -> None:
        """Set the key's timer; forget a key that has nothing."""
        state.due_ms = self._next_due(state)
        if state.due_ms < state.timer_ms:
            self._timers_set += 1
            heappush(self._timers, (state.due_ms, self._timers_set, key))
            state.timer_ms = state.due_ms
        lacks = state.remembered and state.incomplete_until_ms > NEVER_MS
        if not (state.attempts or state.seen or state.stopped or lacks):
            self._keys.pop(key, None)
        if len(self._timers) > 2 * len(self._keys) + STALE_TIMERS_MAX:
            self._renew_timers()

    def _renew_timers(self) -> None:
        """Drop timers of keys that are gone or wait for something else by now: else they pile up."""
        self._timers = []
        for key, state in self._keys.items():
            state.timer_ms = state.due_ms
            if state.due_ms < FOREVER_MS:
                self._timers_set += 1
                self._timers.append((state.due_ms, self._timers_set, key))
        heapify(self._timers)

    def _touch(self, key: Key) -> None:
        if self._touched is not None:
            self._touched.add(key)

    # --- limits ------------------------------------------------------------------------------------------

    def _bound(self, state: KeyState, given_up: int) -> None:
        """Keep to the limits: `given_up` partial matches were too long already, now for those too many."""
        self.counters.open_runs_max = max(self.counters.open_runs_max, state.runs())
        stops = self._limits.overflow == "stop_rule"
        if stops and (given_up or state.runs() > self._limits.runs_per_key):
            self._stop(given_up)
            return
        self.counters.dropped_runs += given_up + give_up_excess(self._auto, state, self._limits)

    def _stop(self, given_up: int) -> None:
        """The rule gives up everything, for ever."""
        self.counters.dropped_runs += given_up + self.open_runs()
        self.counters.stopped = True
        for each in self._keys:
            self._touch(each)
        self._keys.clear()
        self._timers, self._forgets = [], []

    # --- matches -----------------------------------------------------------------------------------------

    def _give(self, state: KeyState, key: Key, news: News, ts_ms: int, detected: Position) -> None:
        """Pick among what one event or deadline completed, give it out, and skip."""
        pattern = self._plan.pattern
        if pattern.emit_timeout is not None:
            for _, run in news.expired:
                self._out.matches.append(self._match(run, key, state, ts_ms, detected, "timeout"))
        if self._auto.leftmost:
            self._give_leftmost(state, key, detected)
            return
        if not news.completed:
            return
        if not self._auto.goes_on:
            over = {id(attempt) for attempt, _ in news.completed}
            state.attempts = [a for a in state.attempts if id(a) not in over]
        starts = [attempt.start for attempt, _ in news.completed]
        chosen = [news.completed[i] for i in picked(pattern.pick, starts)]
        room = self._room()
        while chosen and not state.stopped:
            attempt, run = chosen.pop(0)
            found = self._match(run, key, state, ts_ms, detected, "match")
            if room > 0:
                self._out.matches.append(found)
            room -= 1
            mine = attempt if pattern.moment == "update" else None
            goes_on = survivors(pattern.after, pattern.after_var, found.start, found.last, found.bindings)
            state.attempts = [a for a in state.attempts if a is mine or goes_on(a.start)]
            chosen = [pair for pair in chosen if goes_on(pair[0].start)]
            state.stopped = pattern.after == "stop"

    def _room(self) -> int:
        """How many matches one event may complete: `LIMIT n` without `PER`."""
        limit = self._plan.pattern.limit
        return limit.count if limit is not None and limit.per_ms is None else FOREVER_MS

    def _give_leftmost(self, state: KeyState, key: Key, detected: Position) -> None:
        """A match is decided when no earlier start, and no better run of its own start, is left."""
        pattern = self._plan.pattern
        room = self._room()
        while state.attempts and state.attempts[0].found is not None and not state.attempts[0].runs:
            run = state.attempts[0].found
            fired = [ms for i, ms in run.waiting if self._auto.arcs[run.state][i].step is None]
            ts_ms = max([run.last_ms, *(ms for ms in fired if ms <= detected.ts_ms)])
            found = self._match(run, key, state, ts_ms, detected, "match")
            if room > 0:
                self._out.matches.append(found)
            room -= 1
            goes_on = survivors(pattern.after, pattern.after_var, found.start, found.last, found.bindings)
            state.attempts = [a for a in state.attempts[1:] if goes_on(a.start)]
            if pattern.after == "stop":
                state.stopped, state.attempts = True, []

    def _match(
        self, run: Run, key: Key, state: KeyState, ts_ms: int, detected: Position, outcome: Outcome
    ) -> Match:
        assert run.cell is not None
        assert run.start.ts_ms <= run.last_ms <= ts_ms
        return Match(
            key=key,
            taken=Whole(bindings(run.cell)),
            start=run.start,
            last=run.cell.event.position,
            ts_ms=ts_ms,
            detected=detected,
            outcome=outcome,
            incomplete=run.start.ts_ms <= state.incomplete_until_ms,
        )
