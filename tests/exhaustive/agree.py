"""Holds engines against the oracle: every stream at once, each as a key of one feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.engines.feed import Tests, make_feed
from cep.engines.matcher import FOREVER_MS, Limits, Matcher
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
    rows = [
        (ms, number, Event(kind, ms, place, {"stream": number}))
        for number, stream in enumerate(found)
        for place, (kind, ms) in enumerate(stream)
    ]
    return Batch.of([event for _, _, event in sorted(rows, key=lambda row: row[:2])])


def matchers(plan: Plan) -> dict[str, Matcher]:
    """A matcher of each engine; engines that would match the plan by the same means are asked once."""
    made = {name: make([(plan, UNBOUNDED)])[0] for name, make in ENGINES.items()}
    distinct = {type(matcher): name for name, matcher in reversed(made.items())}
    return {name: made[name] for name in distinct.values()}


def by_matcher(plan: Plan, matcher: Matcher, batch: Batch) -> dict[int, list[Told]]:
    """What a matcher finds in each stream."""
    tests = Tests([plan])
    found = matcher.process(make_feed(plan, batch, tests.masks(batch)))
    found += matcher.advance(FOREVER_MS - 1)
    told: dict[int, list[Told]] = defaultdict(list)
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
        asked = [Asked(text, plan, batch_of(every), timed=timed) for text, plan in alike]
        for number, stream in enumerate(every):
            for each in asked:
                yield from each.disagreement(number, stream)
            asked = [each for each in asked if each.agrees]


def likeness(rule: tuple[str, Plan]) -> tuple[Node, str, str, bool]:
    """What decides how a pattern can be read, and in which streams."""
    text, plan = rule
    kinds = "".join(kind for kind in TYPES if plan.types is None or kind in plan.types)
    return plan.pattern.node, kinds, starts(text, kinds), "1ms" in text or "2ms" in text


class Asked:
    """A pattern, and what the engines find in every stream."""

    def __init__(self, text: str, plan: Plan, batch: Batch, *, timed: bool) -> None:
        """Ask the engines."""
        self.agrees = True
        self._text, self._plan, self._timed = text, plan, timed
        self._told = {name: by_matcher(plan, matcher, batch) for name, matcher in matchers(plan).items()}
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
