"""The fast engine against the stepped one: random rules, streams, batches and limits; the same answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import pytest

from cep.columns import Batch
from cep.engines import feed
from cep.engines.engines import Engine
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.engines.snapshot import Snapshot
from cep.engines.vector import choice
from cep.event import Event, Key, Value
from cep.plan.compile import Plan
from tests.engines.engines import ALL, FAST
from tests.engines.story import events_of, plan_of
from tests.engines.vocabularies import Vocabularies
from tests.state.resumed import Resumed

PATTERNS: Final = (
    "A a", "SEQ(A a, B b)", "SEQ(A a, A b, B c)", "SEQ(A|B a, C c)", "SEQ(A a, EVENT e, B b)",
    "SEQ(A a, NOT C n, B b)", "SEQ(A a, NOT B[x = a.x] n, C c)", "SEQ(A a, NOT B b FOR 3ms, C c)",
    "SEQ(A a, B b, NOT C n FOR 4ms)", "SEQ(A a, NOT C n)", "SEQ(A a, NOT B b FOR 3ms, NOT C c FOR 5ms)",
    "A a{3}", "A a{2,}", "SEQ(A a{2,}, B b)", "SEQ(A a{1,3}, B b)", "SEQ(A a, B b?, C c)",
    "SEQ(A a, B b+?, C c)", "SEQ(A a, B b++, C c)", "SEQ(A a, SEQ(B b, C c){2})",
    "AND(A a, B b, C c)", "SEQ(AND(A a, B b), NOT C n, A d)", "ATLEAST(2, A a, B b, C c)",
    "OR(A a, B b)", "SEQ(A a, OR(B b, C c))", "SEQ STRICT(A a, B b, C c)", "SEQ(A a, NEXT B b, C c)",
    "A a{2,} CONSECUTIVE", "SEQ(A a, B b GAP 3ms)", "SEQ(A a, NOT C c FOR 2ms, B b GAP 4ms)",
    "SEQ(A[x > 1] a, B[x < a.x] b)", "SEQ(A a, A[x > a.x] b, A[x > b.x] c)", "SEQ(A a, B[s != a.s] b)",
    "SEQ(A a, B[s = a.s] b)", "SEQ(A a, B[x <= a.x] b, B[x != a.x] c)", "SEQ(A a, A[x >= a.x] b)",
    "SEQ(A a, NOT A[x < a.x] n, A[x >= a.x] b)", "SEQ(A a, B[x = a.x] b) UNLESS B[x = a.x] c",
    "SEQ(A a, B[ts - a.ts < 5ms] b)", "SEQ(A a, A b{2,3}, B[x != first(b).x] c)", "A[x > prev(x)] a{3}",
    "A a+ WHERE sum(a.x) > 4", "SEQ(A a+, B b) WHERE count(a) > 1", "SEQ(A a+, B b) WHERE b.x > max(a.x)",
    "SEQ(A a{2,}, B b) WHERE b.x > avg(a.x)", "SEQ(A a+, B b) WHERE a.x > 1",
    "SEQ(A a, B b) WHERE a.x + b.x > 3", "SEQ(A a, B b) WHERE b.s = 'p'",
    "SEQ(A a, B b) WHERE b.s IS NULL OR a.s = b.s", "SEQ(A a, B b) UNLESS C c",
    "SEQ(A a, B b) UNLESS C[x = a.x] c",
)  # fmt: skip
ENDS: Final = (
    "", "PICK LAST", "PICK EACH", "PICK EACH AFTER MATCH NO SKIP", "AFTER MATCH NO SKIP",
    "AFTER MATCH SKIP TO NEXT", "AFTER MATCH STOP", "PICK EACH AFTER MATCH SKIP TO NEXT",
    "PICK LAST AFTER MATCH NO SKIP", "PICK EACH LIMIT 1", "PICK ALL AFTER MATCH NO SKIP LIMIT 5",
    "AFTER MATCH SKIP TO LAST a", "PICK EACH AFTER MATCH SKIP TO FIRST a",
)  # fmt: skip
NUMBERS: Final[tuple[tuple[Value, ...], ...]] = ((0, 1, 2, 3), (0.5, 1.0, 2.25, 3.0), (0, 1.5, "p", None))


@dataclass
class Story:
    """A rule, its limits, and a stream cut into batches, with what is told of time behind each."""

    plan: Plan
    text: str
    limits: Limits
    events: list[Event]
    cuts: list[int]
    told_ms: list[int | None] = field(default_factory=list)
    shared: tuple[str, ...] = ()
    """Columns whose texts keep their codes from batch to batch."""


def story(rng: random.Random) -> Story | None:
    """A random one; None if the rule is refused or the vector engine leaves it to the stepped one."""
    pattern, end = rng.choice(PATTERNS), rng.choice(ENDS)
    head, unless, cancel = pattern.partition(" UNLESS")
    body, where, condition = head.partition(" WHERE ")
    by = rng.choice([" BY u", " BY u", ""])
    text = f"{body}{by}{where}{condition} WITHIN {rng.choice([3, 6, 12, 30])}ms{unless}{cancel} {end}"
    try:
        plan = plan_of(text)
    except AssertionError:
        return None
    if choice(plan).track is None:
        return None
    limits = Limits(
        runs_per_key=rng.choice([2, 3, 256]),
        events_per_key=rng.choice([3, 1000]),
        overflow=rng.choice(["drop_oldest", "drop_newest"]),
    )
    events = stream(rng, rng.choice([5, 20, 60]), rng.choice(["k", "kl", "klmn"]))
    cuts = rng.choice([list(range(1, len(events) + 1)), [], rng.sample(range(1, len(events)), 3)])
    cuts = sorted({*cuts, len(events)})
    next_ms = [events[cut].ts_ms if cut < len(events) else events[-1].ts_ms + 1 for cut in cuts]
    told_ms = [rng.choice([ms - 1, None]) if ms else None for ms in next_ms]
    return Story(plan, text, limits, events, cuts, told_ms, rng.choice([(), ("u",), ("s",), ("u", "s")]))


def stream(rng: random.Random, length: int, keys: str) -> list[Event]:
    """Events of few types and keys, many at one time; a key or a field is missing now and then."""
    numbers = rng.choice(NUMBERS)
    events, now_ms = [], 0
    for seq in range(length):
        now_ms += rng.choice([0, 0, 1, 1, 2, 3, 8])
        fields: dict[str, Value] = {"u": rng.choice(keys)} if rng.random() < 0.95 else {}
        fields |= {"x": rng.choice(numbers), "s": rng.choice([*"ppqqrr", None])}
        fields = {name: value for name, value in fields.items() if value is not None}
        events.append(Event(rng.choice("AABBCD"), now_ms, seq, fields, line=seq + 1))
    return events


def told(match: Match) -> tuple[object, ...]:
    """All that a match says."""
    bound = {
        var: [(e.type, e.ts_ms, e.seq, e.line, e.fields) for e in events]
        for var, events in match.bindings.items()
    }
    return (
        match.key, list(bound), bound, match.start, match.last, match.ts_ms, match.detected, match.outcome,
        match.incomplete,
    )  # fmt: skip


def fed(one: Story, matcher: Matcher) -> tuple[list[tuple[object, ...]], list[int]]:
    """What a matcher gives, and how many partial matches it has after each time that is told."""
    tests, low, open_runs = feed.Tests([one.plan]), 0, []
    found: list[Match] = []
    words = Vocabularies(one.shared)
    for cut, told_ms in zip(one.cuts, one.told_ms, strict=True):
        batch = words.batch(Batch.of(one.events[low:cut]))
        found += matcher.process(feed.make_feed(one.plan, batch, tests.masks(batch), 0))
        if told_ms is not None:
            found += matcher.advance(told_ms)
            open_runs.append(matcher.open_runs())
        low = cut
    found += matcher.advance(FOREVER_MS - 1)
    return [told(match) for match in found], open_runs


def counted(matcher: Matcher) -> tuple[int, int, int]:
    counters = matcher.counters
    return counters.offered, counters.null_keys, counters.dropped_runs


def shown(one: Story) -> str:
    events = " ".join(f"{e.type}{e.ts_ms}{dict(e.fields)}" for e in one.events)
    return f"{one.text} {one.limits}\n{events}\n{one.cuts} {one.told_ms} {one.shared}"


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("seed", range(12))
def test_random_stories(seed: int, engine: str) -> None:
    rng, tried = random.Random(seed), 0
    while tried < 40:
        one = story(rng)
        if one is None:
            continue
        tried += 1
        stepped = ReferenceMatcher(one.plan, one.limits)
        (fast,) = ALL[engine]([(one.plan, one.limits)])
        assert fed(one, fast) == fed(one, stepped), shown(one)
        assert counted(fast) == counted(stepped), shown(one)


@pytest.mark.parametrize("seed", range(4))
def test_random_stories_from_bytes(seed: int) -> None:
    """Taken down to bytes and set up again around every call, by one engine after the other."""
    rng, tried = random.Random(1000 + seed), 0
    while tried < 12:
        one = story(rng)
        if one is None:
            continue
        tried += 1
        turns = cycle([ALL["vector"], ALL["reference"], ALL["arrays"]])

        def made(plan: Plan, limits: Limits = one.limits, turns: Iterator[Engine] = turns) -> Matcher:
            return next(turns)([(plan, limits)])[0]

        resumed = Resumed(one.plan, made)
        assert fed(one, resumed)[0] == fed(one, ReferenceMatcher(one.plan, one.limits))[0], shown(one)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_rules_that_share_a_kernel(seed: int) -> None:
    """Rules that differ in window, pick and skip only: each gives what it gives alone."""
    rng = random.Random(2000 + seed)
    for pattern in ("SEQ(A a, NOT C n, B b)", "SEQ(A a, B b, NOT C n FOR 4ms)", "A a{2,}"):
        plans = [plan_of(f"{pattern} BY u WITHIN {ms}ms {end}") for ms in (3, 9, 20) for end in ENDS[:7]]
        events = stream(rng, 80, "kl")
        for limits in (Limits(), Limits(runs_per_key=3)):
            shared = ALL["vector"]([(plan, limits) for plan in plans])
            assert len({id(one._kernel) for one in shared}) == 1  # type: ignore[attr-defined]
            alone = [ReferenceMatcher(plan, limits) for plan in plans]
            assert together(plans, shared, events) == together(plans, alone, events)


def together(plans: Sequence[Plan], matchers: Sequence[Matcher], events: list[Event]) -> list[list[object]]:
    """What each of several matchers gives, all fed the same batches one after the other."""
    tests = feed.Tests(plans)
    found: list[list[object]] = [[] for _ in plans]
    for low in range(0, len(events), 7):
        batch = Batch.of(events[low : low + 7])
        answers = tests.masks(batch)
        for i, (plan, matcher) in enumerate(zip(plans, matchers, strict=True)):
            found[i] += map(told, matcher.process(feed.make_feed(plan, batch, answers, 0)))
            found[i] += map(told, matcher.advance(int(batch.ts_ms[-1]) - 1))
    for i, matcher in enumerate(matchers):
        found[i] += map(told, matcher.advance(FOREVER_MS - 1))
    return found


def test_a_snapshot_holds_what_a_skip_left() -> None:
    plan = plan_of("SEQ(A a, B b) BY u WITHIN 9ms")
    key: Key = ("k",)
    snapshots: list[Snapshot | None] = []
    for engine in ("reference", *FAST):
        (matcher,) = ALL[engine]([(plan, Limits())])
        tests = feed.Tests([plan])
        batch = Batch.of([e for e in events_of("A1 A2 B3 A4 A5", "u='k'") if isinstance(e, Event)])
        matcher.touched()
        matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        assert matcher.touched() == {key}
        assert matcher.deadline_ms(key) == 13
        snapshots.append(matcher.snapshot(key))
        matcher.advance(14)
        assert matcher.touched() == {key}
        assert matcher.snapshot(key) is None
    assert [
        [(begun.start, [run.state for run in begun.runs]) for begun in snapshot.begun] if snapshot else None
        for snapshot in snapshots
    ] == [[((4, 3), [1]), ((5, 4), [1])]] * 3
