"""Small streams and their matches in one line of text each, for tests that a person can check by eye.

stream  "A1 A2 B3(x=5) W9"     type and time in ms (or 5s, 5m, 5h, 5d); fields in brackets; W is a watermark
match   "a=1 b=3"              variables and the times of their events; a time-out ends with "!"
"""

from __future__ import annotations

import re
from ast import literal_eval

import numpy as np

from cep.columns import Batch
from cep.engines.feed import Tests, make_feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits
from cep.errors import Source
from cep.event import Event, Value
from cep.language.parser import parse_pattern
from cep.plan.analyse import analyse
from cep.plan.compile import Plan, compile_pattern
from cep.plan.lower import lower
from tests.engines.engines import ALL

WORD = re.compile(r"(?P<type>[A-Z][A-Za-z]*?)(?P<time>\d+(?:ms|[smhd])?)(?:\((?P<fields>[^)]*)\))?$")
UNITS_MS = {"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def to_ms(time: str) -> int:
    """A time as it stands in a stream.

    >>> to_ms("7"), to_ms("5m")
    (7, 300000)
    """
    number = time.rstrip("msdh")
    return int(number) * UNITS_MS[time[len(number) :]]


def plan_of(text: str) -> Plan:
    """Compile a pattern text; AssertionError with the rendered problems if it has errors."""
    source = Source.whole("pattern", text)
    tree, problems = parse_pattern(source)
    assert tree is not None, problems
    pattern, problems = lower(tree, source)
    assert pattern is not None, problems
    plan = compile_pattern(pattern)
    errors = [problem for problem in analyse(plan, source) if problem.severity == "error"]
    assert not errors, errors
    return plan


def events_of(stream: str, shared: str = "") -> list[Event | int]:
    """The events and watermarks (as ints) of a stream; every event has the `shared` fields too."""
    found: list[Event | int] = []
    for seq, word in enumerate(stream.split()):
        match = WORD.match(word)
        assert match, word
        kind, ms = match["type"], to_ms(match["time"])
        if kind == "W":
            found.append(ms)
            continue
        fields: dict[str, Value] = {}
        for pair in f"{shared},{match['fields'] or ''}".split(","):
            if pair:
                name, _, value = pair.partition("=")
                fields[name] = literal_eval(value)
        found.append(Event(kind, ms, seq, fields, line=seq + 1))
    return found


def matches(
    pattern: str | Plan,
    stream: str,
    *,
    flush: bool = True,
    limits: Limits | None = None,
    shared: str = "",
    engine: str = "reference",
) -> list[Match]:
    """What an engine gives, one event at a time."""
    plan = plan_of(pattern) if isinstance(pattern, str) else pattern
    (matcher,) = ALL[engine]([(plan, limits or Limits())])
    tests = Tests([plan])
    found: list[Match] = []
    for item in events_of(stream, shared):
        if isinstance(item, int):
            found += matcher.advance(item)
        else:
            batch = Batch.of([item])
            found += matcher.process(make_feed(plan, batch, tests.masks(batch)))
    return [*found, *(matcher.advance(FOREVER_MS - 1) if flush else [])]


def told(match: Match) -> str:
    """A match in one line."""
    parts = [f"{var}={','.join(str(e.ts_ms) for e in events)}" for var, events in match.bindings.items()]
    return " ".join(parts) + ("!" if match.outcome == "timeout" else "")


def alerts(
    text: str,
    stream: str,
    *,
    flush: bool = True,
    limits: Limits | None = None,
    shared: str = "",
    engine: str = "reference",
) -> list[str]:
    """All matches, told, in the order they were given."""
    found = matches(text, stream, flush=flush, limits=limits, shared=shared, engine=engine)
    return [told(match) for match in found]


def batch_of(stream: str) -> Batch:
    """The events of a stream as one batch."""
    batch = Batch.of([item for item in events_of(stream) if isinstance(item, Event)])
    return batch.take(np.lexsort((batch.seq, batch.ts_ms)))
