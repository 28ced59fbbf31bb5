"""Every way to read a stream as a pattern, lawful or not: the first of three parts of `tests/oracle.py`.

A reading says which event each step takes. A step for which nothing is left takes NEVER, so the readings also
tell what a partial match hopes for. Each step has a trail: the decisions on the way to it (another round of
a loop, or out; which branch), the preferred one with the lower number, and the events taken between them.

Events are counted from the end of the stream (-1 is the last), so that what is read of the end of a stream is
read the same in every longer one. Here the first event taken is the first of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from cep.plan.pattern import Absent, Both, Chain, Choice, Follow, Node, Part, Repeat, Scope, Step, Take

NEVER = 1 << 30
START = -NEVER
Mark = tuple[int, str, int, tuple[int, ...]]
"""The way taken (or event), the kind of decision, where it stands in the pattern, what an AND has taken."""
Trail = tuple[Mark, ...]


class Wait(NamedTuple):
    """An absence and the event it begins behind (or START); a match waits for a `lasting` one."""

    absent: Absent
    since: int
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """A step takes event `at`. `since`: the event its part of the pattern took before (or START)."""

    trail: Trail
    at: int = field(compare=False)
    step: Step = field(compare=False)
    since: int = field(compare=False)
    waits: tuple[Wait, ...] = field(compare=False)
    follow: Follow | None = field(default=None, compare=False)
    spans: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    untils: tuple[tuple[Step, int], ...] = field(default=(), compare=False)

    def but(
        self,
        *,
        waits: tuple[Wait, ...] = (),
        follow: Follow | None = None,
        spans: tuple[tuple[int, int], ...] = (),
        untils: tuple[tuple[Step, int], ...] = (),
    ) -> Taken:
        """The same with more to heed; how it follows is said by the innermost part that says it."""
        return Taken(
            self.trail, self.at, self.step, self.since, self.waits + waits, self.follow or follow,
            self.spans + spans, self.untils + untils,
        )  # fmt: skip


Steps = tuple[Taken, ...]


class Thread(NamedTuple):
    """Where a reading has come to: it is over, or stops at NEVER. `ends`: where branches of AND are over.

    `hopes`: what unfinished branches of an ATLEAST waited for until it was over.
    `beside`: in a branch of AND, so that the first event may be that of another branch.
    """

    trail: Trail = ()
    since: int = START
    waits: tuple[Wait, ...] = ()
    ends: tuple[Trail, ...] = ()
    hopes: tuple[Taken, ...] = ()
    over: bool = True
    beside: bool = False

    def to(self, way: int, kind: str, index: int, taken: Sequence[int] = ()) -> Thread:
        return self._replace(trail=(*self.trail, (way, kind, index, tuple(taken))))


Reading = tuple[Steps, Thread]


@lru_cache(maxsize=4)
def ways_on(node: Node, kinds: tuple[str, ...]) -> Mapping[Steps, list[Reading]]:
    """For what has been taken: the steps still hoped for, and where the reading has come to."""
    found: dict[Steps, list[Reading]] = {}
    for steps, end in read(node, kinds, Thread()):
        taken = tuple(sorted((t for t in steps if t.at != NEVER), key=lambda t: t.at))
        found.setdefault(taken, []).append((tuple(t for t in steps if t.at == NEVER), end))
    return found


def read(node: Node, kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    """Every way to go on with `node`, lawful or not."""
    match node:
        case Take(step):
            first = -len(kinds)
            stop = 0 if thread.beside or thread.since != START else min(first + 1, 0)
            for at in (*range(max(thread.since + 1, first), stop), NEVER):
                if at == NEVER or fits(step, kinds[at]):
                    end = thread.to(at, "take", step.index)
                    taken = Taken(end.trail, at, step, thread.since, thread.waits)
                    yield (taken,), end._replace(since=at, waits=(), over=at != NEVER)
        case Absent():
            yield (), thread._replace(waits=(*thread.waits, Wait(node, thread.since)))
        case Chain(parts):
            yield from _chain(parts, kinds, thread)
        case Choice(index, branches):
            for i, branch in enumerate(branches):
                yield from read(branch, kinds, thread.to(i, "or", index))
        case Repeat():
            yield from _rounds(node, kinds, thread, 0, thread.since if node.min == 0 else NEVER)
        case Both():
            yield from _both(node, kinds, thread)
        case Scope(_, inner, ms):
            for steps, end in read(inner, kinds, thread):
                first = min((t.at for t in steps), default=NEVER)
                yield (
                    tuple(t if t.at == first else t.but(spans=((first, ms),)) for t in steps),
                    end,
                )
        case _:
            raise AssertionError("a lowered pattern has not begun")


def fits(step: Step, kind: str) -> bool:
    """Whether an event of that type is what the step asks for."""
    return step.types is None or kind in step.types


def stays(mark: Mark) -> bool:
    """Whether a decision goes on in a loop or an AND, and not out of it."""
    return mark[1] != "out" and (mark[1] in ("and", "or", "take") or mark[0] == (mark[1] == "reluctant"))


def parting(one: Trail, other: Trail) -> tuple[int, Mark, Mark]:
    """Where two trails part: after how many marks, and the marks there; equal ones part at their last."""
    pairs = enumerate(zip(one, other, strict=False))
    return next(((i, a, b) for i, (a, b) in pairs if a != b), (len(one), one[-1], other[-1]))


def _led(steps: Steps, follow: Follow | None, *untils: tuple[Step, int]) -> Steps:
    """The steps that come first follow what is before as the part around them says."""
    if follow is None and not untils:
        return steps
    first = min((t.at for t in steps), default=NEVER)
    return tuple(t.but(follow=follow, untils=untils) if t.at == first else t for t in steps)


def _chain(parts: tuple[Part, ...], kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    if not parts:
        yield (), thread
        return
    for steps, end in read(parts[0].node, kinds, thread):
        led = _led(steps, parts[0].follow)
        if not end.over:
            yield led, end
            continue
        after = end
        if not led and not isinstance(parts[0].node, Absent):
            # An optional part was passed over: an absence before it is over if the match is.
            passed = tuple(wait._replace(lasting=False) for wait in thread.waits)
            after = end._replace(waits=passed + end.waits[len(passed) :])
        for more, last in _chain(parts[1:], kinds, after):
            yield led + more, last


def _rounds(loop: Repeat, kinds: Sequence[str], thread: Thread, done: int, opened: int) -> Iterator[Reading]:
    stay = 1 if loop.greed == "reluctant" else 0
    if done >= loop.min:
        yield (), thread.to(1 - stay, loop.greed, loop.index)
    if done == loop.max:
        return
    untils = () if loop.until is None else ((loop.until, opened),)
    for steps, end in read(loop.node, kinds, thread.to(stay, loop.greed, loop.index)):
        led = _led(steps, loop.inner if done else None, *untils)
        if not end.over:
            yield led, end
        elif led:
            for more, last in _rounds(loop, kinds, end, done + 1, opened if done else led[0].at):
                yield led + more, last


def _both(both: Both, kinds: Sequence[str], thread: Thread) -> Iterator[Reading]:
    """Branches are read apart; no event is taken twice, and the whole is over when enough branches are."""
    apart = thread._replace(waits=(), ends=(), hopes=(), beside=thread.beside or thread.since == START)
    branches = [list(read(b, kinds, apart.to(i, "and", both.index))) for i, b in enumerate(both.branches)]
    for chosen in product(*branches):
        steps = sorted((t for some, _ in chosen for t in some), key=lambda t: t.at)
        ats = [t.at for t in steps if t.at != NEVER]
        if len(set(ats)) < len(ats) or (
            not thread.beside and thread.since == START and ats[:1] > [-len(kinds)]
        ):
            continue
        first = ats[0] if ats else NEVER
        held = tuple(Wait(replace(absent, for_ms=None), first) for absent in both.absents)
        led = [t.but(waits=thread.waits if t.at == first else held) for t in steps]
        out = thread.to(len(branches), "out", both.index, ats)._replace(ends=_ends(thread, chosen))
        over = [end.over for _, end in chosen]
        if not all(over):
            yield tuple(led), out._replace(over=False)
        if sum(over) >= both.need:
            waits = tuple(wait for _, end in chosen if end.over for wait in end.waits)
            lasting = tuple(
                Wait(absent, ats[-1]) for absent in both.absents if absent.for_ms is not None and ats
            )
            since = ats[-1] if ats else thread.since
            end = out._replace(since=since, waits=waits + (lasting if ats else thread.waits))
            bound = tuple(t for t in led if t.at != NEVER)
            yield bound, end._replace(ends=_ends(thread, [each for each in chosen if each[1].over]))
            if not all(over):
                # An unfinished branch has read the stream as it would by itself.
                hopes = (*thread.hopes, *(h for _, e in chosen for h in e.hopes), *led[len(bound) :])
                yield bound, end._replace(hopes=hopes)


def _ends(thread: Thread, branches: Sequence[Reading]) -> tuple[Trail, ...]:
    inner = (trail for _, end in branches for trail in end.ends)
    return (*thread.ends, *inner, *(end.trail for _, end in branches if end.over))
