"""Matches by definition: every way to read a stream as a pattern is tried, and the unlawful ones are dropped.

THIS IS NO ENGINE: it knows no states, looks back and ahead as it likes, and takes exponential time. That is
what makes it short enough to be believed. It answers for one key, the whole stream, and the end of all time.

    read      which event each step might take, trying all; a step that nothing is left for takes NEVER, so
              that the readings also tell what a partial match waits for
    lawful    nothing forbidden came, no time limit is over, and no event was passed over that had to be taken
    given     picks choose among what one event or one deadline completes, then skips take away

A reading is told by trails: the decisions (round or end of a loop, branch) and events on the way to a step.

Covers SEQ, AND, OR, ATLEAST of events, loops with their marks and UNTIL, NOT, WITHIN, GAP, FOR, UNLESS, every
PICK, every AFTER MATCH, ON UPDATE; steps are told by type alone. Not covered, so not to be asked: filters and
WHERE, BY, LIMIT, ON CLOSE, ON TIMEOUT, windows by count or clock, NOT at either end of a branch of AND.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from itertools import groupby, product

from cep.plan.pattern import (
    Absent,
    Both,
    Chain,
    Choice,
    Follow,
    Node,
    Part,
    Pattern,
    Repeat,
    Scope,
    Step,
    Take,
)

NEVER = 1 << 30
Mark = tuple[str | int, ...]
Trail = tuple[Mark, ...]
Wait = tuple[Absent, int, bool]
"""An absence, the event it begins behind (-1: the start), and whether a match at the end waits for it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A step takes event `at`. `since`: the event its part of the pattern took before (-1: the start)."""

    trail: Trail
    at: int = field(compare=False)
    step: Step = field(compare=False)
    since: int = field(compare=False)
    waits: tuple[Wait, ...] = field(compare=False)
    follow: Follow | None = field(default=None, compare=False)
    spans: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    untils: tuple[tuple[Step, int], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a reading has come to; `ends` are the trails of the branches of every AND behind it."""

    trail: Trail = ()
    since: int = -1
    waits: tuple[Wait, ...] = ()
    ends: tuple[Trail, ...] = ()

    def to(self, *mark: str | int) -> Thread:
        return replace(self, trail=(*self.trail, mark))


Reading = tuple[tuple[Taken, ...], Thread | None]
"""Steps with their events, and where the reading has come to; None if it stops at NEVER."""


def read(node: Node, kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    """Every way to go on with `node`, lawful or not."""
    match node:
        case Take(step):
            for at in (*range(thread.since + 1, len(kinds)), NEVER):
                if at == NEVER or fits(step, kinds[at]):
                    after = thread.to("take", step.index, at)
                    taken = Taken(after.trail, at, step, thread.since, thread.waits)
                    yield (taken,), None if at == NEVER else replace(after, since=at, waits=())
        case Absent():
            yield (), replace(thread, waits=(*thread.waits, (node, thread.since, True)))
        case Chain(parts):
            yield from _chain(parts, kinds, thread)
        case Choice(index, branches):
            for i, branch in enumerate(branches):
                yield from read(branch, kinds, thread.to("or", index, i))
        case Repeat():
            yield from _rounds(node, kinds, thread, 0, thread.since if node.min == 0 else NEVER)
        case Both():
            yield from _both(node, kinds, thread)
        case Scope(_, inner, ms):
            for taken, after in read(inner, kinds, thread):
                first = min((t.at for t in taken), default=NEVER)
                span = (first, ms)
                yield tuple(t if t.at == first else replace(t, spans=(*t.spans, span)) for t in taken), after
        case _:
            raise AssertionError("a lowered pattern has not begun")


def fits(step: Step, kind: str) -> bool:
    """Whether an event of that type is what the step asks for."""
    return step.types is None or kind in step.types


def _led(taken: tuple[Taken, ...], follow: Follow | None, *untils: tuple[Step, int]) -> tuple[Taken, ...]:
    """The steps that come first follow what is before as the part around them says."""
    first = min((t.at for t in taken), default=NEVER)
    return tuple(
        replace(t, follow=t.follow or follow, untils=t.untils + untils) if t.at == first else t for t in taken
    )


def _chain(parts: tuple[Part, ...], kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    if not parts:
        yield (), thread
        return
    for taken, after in read(parts[0].node, kinds, thread):
        taken = _led(taken, parts[0].follow)
        if after is None:
            yield taken, None
            continue
        if not taken and not isinstance(parts[0].node, Absent):
            after = replace(after, waits=tuple((*wait[:2], False) for wait in after.waits))
        for more, end in _chain(parts[1:], kinds, after):
            yield taken + more, end


def _rounds(
    loop: Repeat, kinds: Sequence[str], thread: Thread, done: int, opened: int
) -> Iterator[Reading]:
    if done >= loop.min:
        yield (), thread.to(loop.greed, loop.index, 1)
    if done == loop.max:
        return
    untils = () if loop.until is None else ((loop.until, opened),)
    for taken, after in read(loop.node, kinds, thread.to(loop.greed, loop.index, 0)):
        led = _led(taken, loop.inner if done else None, *untils)
        if after is None:
            yield led, None
        elif led:
            for more, end in _rounds(loop, kinds, after, done + 1, opened if done else led[0].at):
                yield led + more, end


def _both(both: Both, kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    fresh = replace(thread, waits=(), ends=())
    branches = [list(read(b, kinds, fresh.to("and", both.index, i))) for i, b in enumerate(both.branches)]
    for chosen in product(*branches):
        taken = sorted((t for some, _ in chosen for t in some), key=lambda t: t.at)
        ats = [t.at for t in taken if t.at != NEVER]
        if len(set(ats)) < len(ats):
            continue
        held = tuple((replace(absent, for_ms=None), ats[0] if ats else -1, True) for absent in both.absents)
        first = taken[0].at if taken else NEVER
        all_taken = tuple(
            replace(t, waits=thread.waits + t.waits if t.at == first else t.waits + held) for t in taken
        )
        over = [after for some, after in chosen if after is not None]
        begun = any(after is None and any(t.at != NEVER for t in some) for some, after in chosen)
        if len(over) < len(chosen):
            yield all_taken, None
        if len(over) >= both.need and not begun:
            waits = tuple(wait for after in over for wait in after.waits)
            lasting = tuple((a, ats[-1], True) for a in both.absents if a.for_ms is not None) if ats else ()
            ends = (*thread.ends, *(trail for after in over for trail in (after.trail, *after.ends)))
            end = replace(thread.to("out", both.index, *ats), since=ats[-1] if ats else thread.since, ends=ends)
            yield (
                tuple(t for t in all_taken if t.at != NEVER),
                replace(end, waits=waits + lasting if ats else thread.waits + waits),
            )


Moment = tuple[int, int, int]
"""When a reading is a match: time, 1 if a deadline completes it, the event that does."""


@dataclass(frozen=True, slots=True)
class Story:
    """A stream under a pattern: types and times of its events, and what each partial reading waits for."""

    pattern: Pattern
    kinds: Sequence[str]
    ms: Sequence[int]
    since_ms: int
    hopes: dict[tuple[Taken, ...], set[Taken]]
    wholes: dict[tuple[Taken, ...], list[Thread]]

    @property
    def everything(self) -> bool:
        return self.pattern.pick in ("all", "leftmost")

    def could(self, before: tuple[Taken, ...], hope: Taken, x: int) -> bool:
        """Whether the partial reading `before` may take event x for what it hopes for."""
        if not fits(hope.step, self.kinds[x]):
            return False
        if not before:
            rested = all(self._rested(absent, x) for absent, _, _ in hope.waits)
            return rested and not any(fits(step, self.kinds[x]) for step, _ in hope.untils)
        return self._in_time(before, hope, x) and not self._forbidden(before[0].at, hope.waits, x)

    def _rested(self, absent: Absent, x: int) -> bool:
        since_ms = self.ms[x] - (absent.for_ms or 0)
        seen = (y for y in range(x) if self.ms[y] >= since_ms)
        return since_ms >= self.since_ms and not any(fits(absent.step, self.kinds[y]) for y in seen)

    def _in_time(self, before: tuple[Taken, ...], hope: Taken, x: int) -> bool:
        start, now, step = before[0].at, self.ms[x], hope.step
        limits = [(start, self.pattern.within_ms), (before[-1].at, step.gap_ms), *hope.spans]
        for var, ms in step.since:
            limits.append((max((t.at for t in before if t.step.var == var), default=NEVER), ms))
        if any(ms is not None and (at == NEVER or now - self.ms[at] > ms) for at, ms in limits):
            return False
        held_ms = max((self._end_ms(start, wait) for wait in hope.waits if wait[0].for_ms is not None), default=-1)
        behind = range(max(hope.since, start) + 1, x)
        if now <= held_ms or (hope.follow == "strict" and any(self.ms[y] > held_ms for y in behind)):
            return False
        return not any(
            fits(until, self.kinds[y]) for until, since in hope.untils for y in range(min(max(since, start) + 1, x), x + 1)
        )

    def _end_ms(self, start: int, wait: Wait) -> int:
        if wait[0].for_ms is not None:
            return self.ms[max(wait[1], start)] + wait[0].for_ms
        assert self.pattern.within_ms is not None
        return self.ms[start] + self.pattern.within_ms

    def _forbidden(self, start: int, waits: tuple[Wait, ...], x: int) -> bool:
        """Whether something stands before event x that an absence forbids."""
        for wait in waits:
            absent, behind = wait[0], range(max(wait[1], start) + 1, x)
            if absent.next_only:
                behind = range(behind.start, min(behind.start + 1, len(self.kinds)))
            if any(
                fits(absent.step, self.kinds[y]) and (absent.for_ms is None or self.ms[y] <= self._end_ms(start, wait))
                for y in behind
            ):
                return True
        return False

    def chosen(self, before: tuple[Taken, ...], x: int) -> list[Taken]:
        """What a run that has taken `before` takes event x for: one thing, and one more for each fork."""
        able = [hope for hope in self.hopes.get(before, ()) if self.could(before, hope, x)]
        return [
            hope
            for hope in able
            if not any(self._beats(other, hope) for other in able if other != hope)
            and not self._needless(before, hope, x, able)
        ]

    def _beats(self, one: Taken, other: Taken) -> bool:
        _, mine, its = part(one.trail, other.trail)
        if mine[0] in ("or", "and") and its[0] in ("or", "and"):
            return False
        if stays(mine):
            return mine[0] == "possessive"
        return mine[0] != "possessive" and not self.everything

    def _needless(self, before: tuple[Taken, ...], hope: Taken, x: int, able: list[Taken]) -> bool:
        """A reluctant loop takes no event that the way out of it can wait behind."""
        if self.everything:
            return False
        start = before[0].at if before else x
        outs = [(t.trail, t.waits) for t in self.hopes[before] if t not in able and not (before and t.follow == "strict")]
        outs += [(end.trail, end.waits) for end in self.wholes.get(before, ())]
        for trail, waits in outs:
            _, mine, its = part(hope.trail, trail)
            if mine[0] == "reluctant" == its[0] and stays(mine) and not self._forbidden(start, waits, x + 1):
                return True
        return False
