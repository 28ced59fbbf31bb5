"""Matches by definition: every way to read a stream as a pattern is tried, and the unlawful ones are dropped.

THIS IS NO ENGINE: it knows no states, looks back and ahead as it likes, and takes exponential time. That is
what makes it short enough to be believed. It answers for one key, the whole stream, and the end of all time.

    read      which event each step might take (`tests/readings.py`)
    lawful    nothing forbidden came, no time limit is over, and no event was passed over that had to be taken
    given     picks choose among what one event or one deadline completes, then skips take away

Covers SEQ, AND, OR, ATLEAST, loops with their marks and UNTIL, NOT, WITHIN, GAP, FOR, UNLESS, every PICK and
AFTER MATCH, ON UPDATE; events are told by type alone. Not covered, so not to be asked: filters and WHERE, BY,
LIMIT, ON CLOSE, ON TIMEOUT, windows by count or clock, NOT at either end of a branch of AND.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cep.plan.compile import Plan
from cep.plan.pattern import Pattern
from tests.readings import NEVER, Mark, Reading, Steps, Taken, Trail, Wait, fits, parting, stays, ways_on

Told = tuple[int, list[tuple[str, int]]]
"""The time of a match, and its variables with the event that each took, in the order of the events."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lawful reading. `liking`: what it does with each event of the stream; the least is the best."""

    moment: tuple[int, int, int]  # its time, 1 if a deadline completes it, the event that does
    start: int
    liking: tuple[Trail, ...]
    steps: Steps


class Story:
    """A stream under a pattern."""

    def __init__(self, pattern: Pattern, kinds: Sequence[str], ms: Sequence[int], since_ms: int) -> None:
        self.pattern, self.kinds, self.ms, self.since_ms = pattern, kinds, ms, since_ms
        self.everything = pattern.pick in ("all", "leftmost")
        self.ways_on = ways_on(pattern.node, tuple(kinds))
        self._chosen: dict[tuple[Steps, int], list[Taken]] = {}

    def could(self, before: Steps, hope: Taken, x: int) -> bool:
        """Whether a run that has taken `before` could take event x for what it hopes for."""
        if not fits(hope.step, self.kinds[x]) or not self.waits(before, hope, x):
            return False
        held_ms = max((self.end_ms(before, w) for w in hope.waits if before and w.absent.for_ms), default=-1)
        behind = range(max(hope.since, before[0].at) + 1, x) if before and hope.follow == "strict" else ()
        next_only = [wait for wait in hope.waits if wait.absent.next_only]
        parted = any(self.ms[y] > held_ms for y in behind)
        return self.ms[x] > held_ms and not parted and not self.broken(before, next_only, x + 1)

    def waits(self, before: Steps, hope: Taken, x: int) -> bool:
        """Whether it still hopes when event x comes: not too late, nothing forbidden came, no loop closed."""
        start = before[0].at if before else x
        limits = [(start, self.pattern.within_ms), *hope.spans]
        limits += [(before[-1].at, hope.step.gap_ms)] if before else []
        for names, ms in hope.step.since:
            limits.append((max((t.at for t in before if t.step.var in names), default=NEVER), ms))
        late = any(ms is not None and (at == NEVER or self.ms[x] - self.ms[at] > ms) for at, ms in limits)
        closing = ((u, range(min(max(since, start) + 1, x), x + 1)) for u, since in hope.untils)
        closed = any(fits(until, self.kinds[y]) for until, events in closing for y in events)
        rested = bool(before) or all(self.rested(wait, x) for wait in hope.waits)
        return rested and not late and not closed and not self.broken(before, hope.waits, x)

    def rested(self, wait: Wait, x: int) -> bool:
        """Whether nothing forbidden stands before a first event, and history is long enough to tell."""
        since_ms = self.ms[x] - (wait.absent.for_ms or 0)
        seen = (self.kinds[y] for y in range(x) if self.ms[y] >= since_ms)
        return since_ms >= self.since_ms and not any(fits(wait.absent.step, kind) for kind in seen)

    def end_ms(self, before: Steps, wait: Wait) -> int:
        """The last time that an absence forbids."""
        if wait.absent.for_ms is not None:
            return self.ms[max(wait.since, before[0].at)] + wait.absent.for_ms
        return NEVER if self.pattern.within_ms is None else self.ms[before[0].at] + self.pattern.within_ms

    def broken(self, before: Steps, waits: Sequence[Wait], stop: int) -> bool:
        """Whether an absence forbids one of the events before `stop`."""
        for wait in waits if before else ():
            first = max(wait.since, before[0].at) + 1
            events = range(first, min(stop, first + 1) if wait.absent.next_only else stop)
            seen = (self.kinds[y] for y in events if self.ms[y] <= self.end_ms(before, wait))
            if any(fits(wait.absent.step, kind) for kind in seen):
                return True
        return False

    def chosen(self, before: Steps, x: int) -> list[Taken]:
        """What it takes event x for: one thing, and one for each branch; under `everything` all it can."""
        if (before, x) not in self._chosen:
            ways = [way for way in self.ways_on.get(before, ()) if self.alive(before, way, x)]
            hopes = [h for h in {h: 0 for some, _ in ways for h in some} if self.waits(before, h, x)]
            able = [hope for hope in hopes if self.could(before, hope, x)]
            idle = [hope for hope in hopes if hope not in able and hope.follow != "strict"]
            rest = [h.trail for h in idle if not self.broken(before, h.waits, x + 1)]
            rest += [end.trail for _, end in ways if end.over and not self.broken(before, end.waits, x + 1)]
            self._chosen[before, x] = [
                hope
                for hope in able
                if not any(self.yields(hope.trail, h.trail, able=True) for h in able if h != hope)
                and not any(self.yields(hope.trail, trail, able=False) for trail in rest)
            ]
        return self._chosen[before, x]

    def yields(self, one: Trail, other: Trail, *, able: bool) -> bool:
        """Whether an event is left to the way out of its loop (of a reluctant one even if it only waits)."""
        _, mine, its = parting(one, other)
        if stays(mine) == stays(its):
            return False
        if stays(mine):
            return not self.everything and (mine[1] != "possessive" if able else mine[1] == "reluctant")
        return able and mine[1] == "possessive"

    def closes(self, mine: Mark, its: Mark) -> bool:
        """Whether taking an event one way leaves no run that waits to go the other way."""
        if mine[1] == its[1] and mine[1] in ("or", "and", "take"):
            return mine[1] != "or"
        return not self.everything or (mine[1] == "possessive" and stays(mine))

    def alive(self, steps: Steps, way: Reading, x: int) -> bool:
        """Whether no event between the first and x was passed over that had to be taken."""
        taken = {t.at for t in steps}
        passed = (y for y in range(steps[0].at if steps else x, x) if y not in taken)
        return not any(self.missed(steps, way, y) for y in passed)

    def missed(self, steps: Steps, way: Reading, y: int) -> bool:
        """Whether a run could not pass over event y, given all that it takes and hopes for later."""
        before = tuple(t for t in steps if t.at < y)
        trails = [t.trail for t in (*steps[len(before) :], *way[0])] + [*way[1].ends]
        trails += [way[1].trail] if way[1].over else []
        for taken in (t for t in self.chosen(before, y) if t.follow != "any"):
            partings = [parting(taken.trail, trail) for trail in trails]
            depth = max(at for at, _, _ in partings)
            if all(self.closes(a, b) for at, a, b in partings if at == depth):
                return True
        return False

    def found(self, steps: Steps, way: Reading) -> Iterator[Found]:
        """The reading if it is lawful."""
        for k, t in enumerate(steps):
            if all(t.trail[:-1] != hope.trail[:-1] for hope in self.chosen(steps[:k], t.at)):
                return
        start, last, end = steps[0].at, steps[-1].at, way[1]
        waits = [wait for wait in end.waits if wait.lasting or wait.absent.for_ms is not None]
        deadlines = [(self.end_ms(steps, wait), 1, 0) for wait in waits]
        moment = max(deadlines, default=(self.ms[last], 0, last))
        over = sum((at_ms, 0, x) <= moment for x, at_ms in enumerate(self.ms))
        unless = any(fits(u, kind) for u in self.pattern.unless for kind in self.kinds[start + 1 : over])
        if not unless and not self.broken(steps, waits, len(self.ms)) and self.alive(steps, way, over):
            # To wait is worse than to take an event; for the leftmost it is as good as what is waited for.
            rest = end.trail if self.pattern.pick == "leftmost" else ((NEVER, "wait", 0, ()),)
            trails = {t.at: t.trail for t in steps}
            if self.pattern.pick == "leftmost":
                trails = {y: t.trail for t in reversed(steps) for y in range(t.at + 1)}
            yield Found(moment, start, tuple(trails.get(x, rest) for x in range(len(self.ms))), steps)

    def given(self) -> Iterator[Found]:
        """Picks choose among the matches of one moment; each match given takes away what its skip says."""
        pick, update = self.pattern.pick, self.pattern.moment == "update"
        over = [(steps, way) for steps, ways in self.ways_on.items() for way in ways if way[1].over]
        found = [each for steps, way in over for each in self.found(steps, way)]
        found.sort(key=lambda f: ((0, 0, 0) if pick == "leftmost" else f.moment, f.start, f.liking))
        best: dict[object, Found] = {}
        for each in found:
            best.setdefault(each if pick == "all" else (each.start, update and each.moment), each)
        dead: set[int] = set()
        for _, group in groupby(best.values(), key=lambda f: f.start if pick == "leftmost" else f.moment):
            rivals = [each for each in group if each.start not in dead]
            for each in {"first": rivals[:1], "last": rivals[-1:]}.get(pick, rivals):
                if each.start not in dead:
                    yield each
                    floor = self.floor(each)
                    spared = {each.start} if update and floor < NEVER else set()
                    dead |= {f.start for f in found if f.start < floor} - spared

    def floor(self, found: Found) -> int:
        """The earliest start that a match leaves alive."""
        named = [t.at for t in found.steps if t.step.var == self.pattern.after_var] or [0]
        return {
            "none": 0, "to_next": found.start + 1, "past_last": found.steps[-1].at + 1,
            "to_first": named[0], "to_last": named[-1], "stop": NEVER,
        }[self.pattern.after]  # fmt: skip


def matches(plan: Plan, stream: Sequence[tuple[str, int]]) -> list[Told]:
    """Every match of a plan's pattern in a stream of types and times, given that time goes on for ever."""
    seen = [i for i, (kind, _) in enumerate(stream) if plan.types is None or kind in plan.types]
    story = Story(plan.pattern, [stream[i][0] for i in seen], [stream[i][1] for i in seen], stream[0][1])
    return [(f.moment[0], [(t.step.var, seen[t.at]) for t in f.steps]) for f in story.given()]
