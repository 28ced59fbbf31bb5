"""Matches by definition: every way to read a stream as a pattern is tried, and the unlawful ones are dropped.

THIS IS NO ENGINE: it knows no states, looks back and ahead as it likes, and takes exponential time. That is
what makes it short enough to be believed. It answers for one key, the whole stream, and the end of all time.

    read      which event each step might take (`tests/readings.py`)
    lawful    nothing forbidden came, no time limit is over, and no event was passed over that had to be taken
              (`tests/lawful.py`)
    given     picks choose among what one event or one deadline completes, then skips take away

Covers SEQ, AND, OR, ATLEAST, loops with their marks and UNTIL, NOT, WITHIN, GAP, FOR, UNLESS, every PICK and
AFTER MATCH, ON UPDATE; events are told by type alone. Not covered, so not to be asked: filters and WHERE, BY,
LIMIT, ON CLOSE, ON TIMEOUT, windows by count or clock, NOT at either end of a branch of AND.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from cep.plan.compile import Plan
from cep.plan.pattern import Pattern
from tests.lawful import Found, Law, lawful
from tests.readings import NEVER, START

Told = tuple[int, list[tuple[str, int]]]
"""The time of a match, and its variables with the event that each took, in the order of the events."""


def given(pattern: Pattern, found: Sequence[Found], events: range) -> Iterator[Found]:
    """Picks choose among the matches of one moment; each match given takes away what its skip says."""
    pick, update = pattern.pick, pattern.moment == "update"
    leftmost = pick == "leftmost"
    order = {id(f): ((0, 0, 0) if leftmost else f.moment, f.start, f.liking(events, pick)) for f in found}
    best: dict[object, Found] = {}
    for each in sorted(found, key=lambda f: order[id(f)]):
        best.setdefault(each if pick == "all" else (each.start, update and each.moment), each)
    dead: set[int] = set()
    for _, group in groupby(best.values(), key=lambda f: f.start if leftmost else f.moment):
        rivals = [each for each in group if each.start not in dead]
        for each in {"first": rivals[:1], "last": rivals[-1:]}.get(pick, rivals):
            if each.start not in dead:
                yield each
                floor = floor_of(pattern, each)
                spared = {each.start} if update and floor < NEVER else set()
                dead |= {f.start for f in found if f.start < floor} - spared


def floor_of(pattern: Pattern, found: Found) -> int:
    """The earliest start that a match leaves alive."""
    named = [t.at for t in found.steps if t.step.var == pattern.after_var] or [START]
    return {
        "none": START, "to_next": found.start + 1, "past_last": found.steps[-1].at + 1,
        "to_first": named[0], "to_last": named[-1], "stop": NEVER,
    }[pattern.after]  # fmt: skip


def matches(plan: Plan, stream: Sequence[tuple[str, int]]) -> list[Told]:
    """Every match of a plan's pattern in a stream of types and times, given that time goes on for ever."""
    seen = [i for i, (kind, _) in enumerate(stream) if plan.types is None or kind in plan.types]
    pattern, end_ms = plan.pattern, stream[-1][1]
    law = Law(pattern.node, pattern.within_ms, pattern.unless, pattern.pick in ("all", "leftmost"))
    found = lawful(law, tuple((stream[i][0], stream[i][1] - end_ms) for i in seen), ())
    chosen = given(pattern, found, range(-len(seen), 0))
    return [(f.moment[0] + end_ms, [(t.step.var, seen[t.at]) for t in f.steps]) for f in chosen]
