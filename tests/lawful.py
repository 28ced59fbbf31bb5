"""Which readings of a stream are lawful: the second of three parts of the oracle, `tests/oracle.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from cep.plan.pattern import Node, PickKind, Step
from tests.readings import (
    NEVER,
    START,
    Mark,
    Reading,
    Steps,
    Taken,
    Trail,
    Wait,
    fits,
    parting,
    stays,
    ways_on,
)

Stream = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A lawful reading; `end` is the trail behind its last step."""

    moment: tuple[int, int, int]  # its time, 1 if a deadline completes it, the event that does
    start: int
    steps: Steps
    end: Trail = field(compare=False)

    def liking(self, events: range, pick: PickKind) -> tuple[Trail, ...]:
        """What it does with each event of the stream; the least is the best."""
        # To wait is worse than to take an event; for the leftmost it is as good as what is waited for.
        if pick == "leftmost":
            next_of = {y: t.trail for t in reversed(self.steps) for y in range(events[0], t.at + 1)}
            return tuple(next_of.get(x, self.end) for x in events)
        trails = {t.at: t.trail for t in self.steps}
        return tuple(trails.get(x, ((NEVER, "wait", 0, ()),)) for x in events)


class Law(NamedTuple):
    """What of a pattern decides which readings are lawful; `everything`: a run takes all that it can."""

    node: Node
    within_ms: int | None
    unless: tuple[Step, ...]
    everything: bool


class Story:
    """A stream under a law, and what came before it."""

    def __init__(self, law: Law, stream: Stream, past: Stream) -> None:
        self.law, self.past = law, past
        self.kinds, self.ms = tuple(kind for kind, _ in stream), tuple(ms for _, ms in stream)
        self.ways_on = ways_on(law.node, self.kinds)
        self._chosen: dict[tuple[Steps, int], list[Taken]] = {}

    def could(self, before: Steps, hope: Taken, x: int) -> bool:
        """Whether a run that has taken `before` could take event x for what it hopes for."""
        barred = any(fits(until, self.kinds[x]) for until, _ in hope.untils)
        if barred or not fits(hope.step, self.kinds[x]) or not self.waits(before, hope, x):
            return False
        held_ms = max(
            (self.end_ms(before, w) for w in hope.waits if before and w.absent.for_ms), default=START
        )
        behind = range(max(hope.since, before[0].at) + 1, x) if before and hope.follow == "strict" else ()
        next_only = [wait for wait in hope.waits if wait.absent.next_only]
        parted = any(self.ms[y] > held_ms for y in behind)
        return self.ms[x] > held_ms and not parted and not self.broken(before, next_only, x + 1)

    def waits(self, before: Steps, hope: Taken, x: int) -> bool:
        """Whether it still hopes when event x comes: not too late, nothing forbidden came, no loop closed."""
        start = before[0].at if before else x
        limits = [(start, self.law.within_ms), *hope.spans]
        limits += [(before[-1].at, hope.step.gap_ms)] if before else []
        for names, ms in hope.step.since:
            limits.append((max((t.at for t in before if t.step.var in names), default=NEVER), ms))
        late = any(ms is not None and (at == NEVER or self.ms[x] - self.ms[at] > ms) for at, ms in limits)
        closing = ((u, range(max(since, start) + 1, x + 1)) for u, since in hope.untils)
        closed = any(fits(until, self.kinds[y]) for until, events in closing for y in events)
        rested = bool(before) or all(self.rested(wait, x) for wait in hope.waits)
        return rested and not late and not closed and not self.broken(before, hope.waits, x)

    def rested(self, wait: Wait, x: int) -> bool:
        """Whether nothing forbidden stands before a first event, and history is long enough to tell."""
        since_ms = self.ms[x] - (wait.absent.for_ms or 0)
        seen = (kind for kind, ms in self.past if ms >= since_ms)
        known_ms = min([ms for _, ms in self.past], default=self.ms[x])
        return since_ms >= known_ms and not any(fits(wait.absent.step, kind) for kind in seen)

    def end_ms(self, before: Steps, wait: Wait) -> int:
        """The last time that an absence forbids."""
        if wait.absent.for_ms is not None:
            return self.ms[max(wait.since, before[0].at)] + wait.absent.for_ms
        return NEVER if self.law.within_ms is None else self.ms[before[0].at] + self.law.within_ms

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
            return not self.law.everything and (mine[1] != "possessive" if able else mine[1] == "reluctant")
        return able and mine[1] == "possessive"

    def closes(self, mine: Mark, its: Mark) -> bool:
        """Whether taking an event one way leaves no run that waits to go the other way."""
        if mine[1] == its[1] and mine[1] in ("or", "and", "take"):
            return mine[1] != "or"
        return not self.law.everything or (mine[1] == "possessive" and stays(mine))

    def alive(self, steps: Steps, way: Reading, x: int) -> bool:
        """Whether no event between the first and x was passed over that had to be taken."""
        taken = {t.at for t in steps}
        passed = (y for y in range(steps[0].at if steps else x, x) if y not in taken)
        return not any(self.missed(steps, way, y) for y in passed)

    def missed(self, steps: Steps, way: Reading, y: int) -> bool:
        """Whether a run could not pass over event y, given all that it takes and hopes for later."""
        before = tuple(t for t in steps if t.at < y)
        later = (*steps[len(before) :], *way[0])
        # What it is too late for when the event comes is no reason, even if other branches make time again.
        trails = [t.trail for t in later if t.since >= y or self.waits(before, t, y)] + [*way[1].ends]
        trails += [way[1].trail] if way[1].over else []
        trails += [hope.trail for hope in way[1].hopes if self.waits(before, hope, y)]
        for taken in (t for t in self.chosen(before, y) if t.follow != "any"):
            partings = [parting(taken.trail, trail) for trail in trails]
            depth = max((at for at, _, _ in partings), default=0)
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
        over = start + sum((self.ms[x], 0, x) <= moment for x in range(start, 0))
        unless = any(fits(u, self.kinds[x]) for u in self.law.unless for x in range(start + 1, over))
        if not unless and not self.broken(steps, waits, 0) and self.alive(steps, way, over):
            yield Found(moment, start, steps, end.trail)


@lru_cache(maxsize=1024)
def lawful(law: Law, stream: Stream, past: Stream) -> tuple[Found, ...]:
    """Every lawful reading: what begins with the first event, and what the rest of the stream has."""
    if not stream:
        return ()
    story = Story(law, stream, past)
    over = [(steps, way) for steps, ways in story.ways_on.items() for way in ways if way[1].over and steps]
    looks_back = any(hope.waits for hopes, _ in story.ways_on[()] for hope in hopes)
    own = [each for steps, way in over for each in story.found(steps, way)]
    return (*own, *lawful(law, stream[1:], (*past, stream[0]) if looks_back else ()))
