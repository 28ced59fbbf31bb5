"""Holds engines against the oracle: every stream at once, each as a key of one feed.

The reference engine takes streams that begin alike as one, for as long as they do: what it holds behind each
stream is a value, and the streams that are longer by an event go on from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.engines.feed import Tests, make_feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.engines.snapshot import Snapshot
from cep.errors import Source
from cep.event import Event
from cep.plan.compile import Plan
from cep.plan.pattern import Node
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.exhaustive.worlds import MODES, TYPES, Stream, starts, streams
from tests.oracle import Told, matches

UNBOUNDED = Limits(runs_per_key=10**6, events_per_key=10**6)


def plan_of(text: str) -> Plan | None:
    """The plan of a pattern with a key for the stream; None if it is refused."""
    return compile_text(Source.whole("pattern", f"{text} BY stream"), Schema())[0]


@cache
def batch_of(found: tuple[Stream, ...]) -> Batch:
    """Every stream as one batch, in the order of time; its number is the key."""
    return _batch(
        (number, place, event) for number, stream in enumerate(found) for place, event in enumerate(stream)
    )


@cache
def levels(found: tuple[Stream, ...]) -> tuple[tuple[dict[int, int], Batch], ...]:
    """For each length the streams of it, each with the one that it is longer than, and their last events."""
    number = {stream: i for i, stream in enumerate(found)}
    alike = groupby(sorted(found, key=len), key=len)
    each = [{number[stream]: number.get(stream[:-1], -1) for stream in level} for _, level in alike]
    return tuple((level, _batch((i, len(found[i]) - 1, found[i][-1]) for i in level)) for level in each)


def _batch(rows: Iterable[tuple[int, int, tuple[str, int]]]) -> Batch:
    events = [Event(kind, ms, place, {"stream": number}) for number, place, (kind, ms) in rows]
    return Batch.of(sorted(events, key=lambda event: (event.ts_ms, event.fields["stream"], event.seq)))


def by_engines(plan: Plan, found: tuple[Stream, ...]) -> dict[str, dict[int, list[Told]]]:
    """What each engine finds; those that would match the plan by the same means are asked once."""
    made = {name: make([(plan, UNBOUNDED)])[0] for name, make in ENGINES.items() if name != "reference"}
    distinct = {type(matcher): name for name, matcher in reversed(made.items())}
    told = {
        name: by_matcher(plan, made[name], batch_of(found))
        for kind, name in distinct.items()
        if kind is not ReferenceMatcher
    }
    return {"reference": by_reference(plan, found), **told}


def by_matcher(plan: Plan, matcher: Matcher, batch: Batch) -> dict[int, list[Told]]:
    """What a matcher finds in each stream."""
    found = matcher.process(make_feed(plan, batch, Tests([plan]).masks(batch)))
    return _told([*found, *matcher.advance(FOREVER_MS - 1)])


def by_reference(plan: Plan, found: tuple[Stream, ...]) -> dict[int, list[Told]]:
    """What the reference engine finds in each stream; an event is offered once for all that share it."""
    told: dict[int, list[Told]] = {}
    so_far: dict[int, list[Told]] = {-1: []}
    held: dict[int, Snapshot | None] = {-1: None}
    tests = Tests([plan])
    for level, batch in levels(found):
        matcher = ReferenceMatcher(plan, UNBOUNDED)
        for number, shorter in level.items():
            snapshot = held[shorter]
            if snapshot is not None:
                matcher.restore((number,), snapshot)
        now = _told(matcher.process(make_feed(plan, batch, tests.masks(batch), since_ms=0)))
        held = {number: matcher.snapshot((number,)) for number in level}
        at_end = _told(matcher.advance(FOREVER_MS - 1))
        so_far = {number: so_far[shorter] + now[number] for number, shorter in level.items()}
        told |= {number: so_far[number] + at_end[number] for number in level}
    return told


def _told(found: Iterable[Match]) -> defaultdict[int, list[Told]]:
    told: defaultdict[int, list[Told]] = defaultdict(list)
    for match in found:
        taken = sorted((event.seq, var) for var, events in match.bindings.items() for event in events)
        told[int(str(match.key[0]))].append((match.ts_ms, [(var, seq) for seq, var in taken]))
    return told


def by_oracle(plan: Plan, stream: Stream, *, timed: bool, known: dict[str, list[Told]]) -> list[Told]:
    """What the oracle finds; where no duration is in the pattern it is asked once for each order of types."""
    if timed:
        return matches(plan, stream)
    kinds = "".join(kind for kind, _ in stream)
    if kinds not in known:
        known[kinds] = matches(plan, [(kind, place) for place, kind in enumerate(kinds)])
    return [(stream[steps[-1][1]][1], steps) for _, steps in known[kinds]]


def disagreements(texts: Iterable[str], events: int) -> Iterator[str]:
    """For each pattern the first stream that an engine reads otherwise than the oracle.

    Neighbours that differ in their clauses alone have the same readings: they take each stream together.
    """
    plans = ((text, plan) for text in texts if (plan := plan_of(text)) is not None)
    for (_, kinds, first, timed), alike in groupby(plans, key=likeness):
        every = streams(kinds, first, events, timed=timed)
        asked = [Asked(text, plan, every, timed=timed) for text, plan in alike]
        for number, stream in enumerate(every):
            for each in asked:
                yield from each.disagreement(number, stream)
            asked = [each for each in asked if each.agrees]


def likeness(rule: tuple[str, Plan]) -> tuple[Node, str, str, bool]:
    """What decides how a pattern can be read, and in which streams."""
    text, plan = rule
    kinds = TYPES if plan.types is None else "".join(sorted(plan.types))
    return plan.pattern.node, kinds, starts(text, kinds), "1ms" in text or "2ms" in text


class Asked:
    """A pattern, and what the engines find in every stream."""

    def __init__(self, text: str, plan: Plan, every: tuple[Stream, ...], *, timed: bool) -> None:
        """Ask the engines."""
        self.agrees = True
        self._text, self._plan, self._timed = text, plan, timed
        self._told = by_engines(plan, every)
        self._known: dict[str, list[Told]] = {}

    def disagreement(self, number: int, stream: Stream) -> Iterator[str]:
        """What the oracle finds in a stream, if an engine found something else."""
        # Matches of one moment are given by where they start and end, not by how good they are.
        expected = sorted(by_oracle(self._plan, stream, timed=self._timed, known=self._known))
        found = {name: sorted(told.get(number, [])) for name, told in self._told.items()}
        wrong = [f"{name}: {got}" for name, got in found.items() if got != expected]
        if wrong:
            self.agrees = False
            shown = " ".join(f"{kind}{ms}" for kind, ms in stream)
            yield "\n  ".join([self._text, shown, f"oracle: {expected}", *wrong])


def part(texts: Iterable[str], number: int, of: int) -> Iterator[str]:
    """Every so many-th of the patterns, each with all its modes: they share their readings."""
    return (text for i, text in enumerate(texts) if i // len(MODES) % of == number)
