"""What the reference engine holds of one key, and how it is kept within the limits of its rule.

At a limit something is given up, counted, and remembered for as long as it might have made a difference: a
match that starts before the time of what was given up was over is marked incomplete.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field

from cep.engines.attempts import Attempt, News, fall_back
from cep.engines.automaton import Automaton
from cep.engines.matcher import FOREVER_MS, Limits
from cep.engines.snapshot import NEVER_MS, Begun, Run, Snapshot
from cep.event import Event
from cep.values import mutable, replaced


@mutable
class KeyState:
    """All there is of a key: attempts oldest first, what look-back absences need, whether it has stopped."""

    attempts: list[Attempt] = field(default_factory=list)
    ordinal: int = 0
    seen: dict[int, deque[Event]] = field(default_factory=dict)
    stopped: bool = False
    incomplete_until_ms: int = NEVER_MS
    """Matches that start up to then may lack something that was given up at a limit."""
    due_ms: int = FOREVER_MS
    timer_ms: int = FOREVER_MS
    """The earliest entry of the key in the queue of timers."""
    remembered: bool = False
    """Whether the key has an entry in the queue of what to forget."""

    def sweep(self) -> None:
        """Forget attempts that nothing can come of."""
        self.attempts = [attempt for attempt in self.attempts if attempt.live]

    def runs(self) -> int:
        """How many partial matches there are."""
        return sum(len(attempt.runs) for attempt in self.attempts)

    def lack(self, until_ms: int) -> None:
        """Something was given up that might have mattered until then."""
        self.incomplete_until_ms = max(self.incomplete_until_ms, until_ms)

    def snapshot(self) -> Snapshot:
        """The state as a value."""
        return Snapshot(
            begun=tuple(Begun(a.start, tuple(a.runs), a.found, a.cut) for a in self.attempts),
            ordinal=self.ordinal,
            seen=tuple((index, tuple(kept)) for index, kept in self.seen.items()),
            stopped=self.stopped,
            incomplete_until_ms=self.incomplete_until_ms,
        )


def restored(snapshot: Snapshot) -> KeyState:
    """The state of a snapshot, with nothing in any queue yet."""
    return KeyState(
        attempts=[Attempt(each.start, list(each.runs), each.found, each.cut) for each in snapshot.begun],
        ordinal=snapshot.ordinal,
        seen={index: deque(kept) for index, kept in snapshot.seen},
        stopped=snapshot.stopped,
        incomplete_until_ms=snapshot.incomplete_until_ms,
    )


def give_up_long(auto: Automaton, state: KeyState, limits: Limits, news: News) -> int:
    """Give up partial matches that took more events than they may hold; how many.

    One that only waits for the end of its window (`ON CLOSE`) is a match now, with what it held before.
    """
    count = 0
    for attempt in state.attempts:
        kept = []
        for run in attempt.runs:
            if run.size <= limits.events_per_key:
                kept.append(run)
                continue
            count += 1
            state.lack(_over_ms(auto, run))
            if auto.closes_late and run.may_end and run.cell is not None and run.cell.before is not None:
                before = run.cell.before
                news.completed.append((attempt, replaced(run, cell=before, last_ms=before.event.ts_ms)))
        attempt.runs = kept
        fall_back(auto, attempt, news)
    return count


def give_up_excess(auto: Automaton, state: KeyState, limits: Limits) -> int:
    """Give up partial matches beyond `runs_per_key`, of the oldest starts or of the newest; how many."""
    excess = count = state.runs() - limits.runs_per_key
    for attempt in state.attempts if limits.overflow == "drop_oldest" else reversed(state.attempts):
        if excess <= 0:
            break
        least = max(0, len(attempt.runs) - excess)
        for run in attempt.runs[least:]:
            state.lack(_over_ms(auto, run))
        excess -= len(attempt.runs) - least
        attempt.runs = attempt.runs[:least]
        if auto.closes_late and not attempt.runs:
            attempt.found = None
    state.sweep()
    return max(0, count)


def _over_ms(auto: Automaton, run: Run) -> int:
    """The time by which a partial match would have been over."""
    if auto.within_ms < FOREVER_MS:
        return run.start.ts_ms + auto.within_ms
    return max((ms for _, ms in run.waiting), default=run.last_ms)
