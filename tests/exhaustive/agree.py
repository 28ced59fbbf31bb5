"""Holds engines against the oracle: every stream at once, each as a key of one feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.engines.feed import Tests, make_feed
from cep.engines.matcher import FOREVER_MS, Limits
from cep.errors import Source
from cep.event import Event
from cep.plan.compile import Plan
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.exhaustive.worlds import TYPES, Stream, starts, streams
from tests.oracle import Told, matches

DISTINCT = tuple({make: name for name, make in reversed(ENGINES.items())}.values())
"""Engines with more than one name are asked once."""
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


def by_engine(plan: Plan, engine: str, batch: Batch) -> dict[int, list[Told]]:
    """What an engine finds in each stream."""
    matcher, tests = ENGINES[engine]([(plan, UNBOUNDED)])[0], Tests([plan])
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
    """For each pattern the first stream that an engine reads otherwise than the oracle."""
    for text in texts:
        plan = plan_of(text)
        if plan is None:
            continue
        kinds = "".join(kind for kind in TYPES if plan.types is None or kind in plan.types)
        timed, known = "1ms" in text or "2ms" in text, dict[str, list[Told]]()
        every = streams(kinds, starts(text, kinds), events, timed=timed)
        told = {engine: by_engine(plan, engine, batch_of(every)) for engine in DISTINCT}
        for number, stream in enumerate(every):
            # Matches of one moment are given by where they start and end, not by how good they are.
            expected = sorted(by_oracle(plan, stream, timed=timed, known=known))
            wrong = [
                f"{name}: {got[number]}" for name, got in told.items() if sorted(got[number]) != expected
            ]
            if wrong:
                shown = " ".join(f"{kind}{ms}" for kind, ms in stream)
                yield "\n  ".join([text, shown, f"oracle: {expected}", *wrong])
                break


def part(texts: Iterable[str], number: int, of: int) -> Iterator[str]:
    """Every so many-th of the texts."""
    return islice(texts, number, None, of)
