"""Taking a matcher down to bytes after every event and setting it up again changes no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.columns import Batch
from cep.engines import feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.event import Event
from cep.plan.compile import Plan
from tests.conformance.cases import Case, read_file
from tests.conformance.run import UNLIMITED, compile_rule, match_all, write
from tests.conformance.text import UnsayableError
from tests.engines.story import events_of, plan_of
from tests.engines.test_decisions import CASES as DECISIONS
from tests.engines.test_nesting import CASES as NESTINGS
from tests.engines.told_cases import Case as ToldCase
from tests.engines.told_cases import ids
from tests.shared import SHARED, shared_path
from tests.state.resumed import Resumed

FILES: Final = ("flink-cep.json",)

PATTERNS: Final = (
    "SEQ(A a, B b) BY u WITHIN 5ms",
    "SEQ(A a+, NOT C c, B b) BY u WITHIN 8ms",
    "SEQ(A a, NOT B[x = a.x] b FOR 4ms) BY u",
    "SEQ(NOT C c FOR 3ms, A a, B b{2,}) BY u WITHIN 9ms PICK EACH",
    "SEQ(NOT C[x = a.x] c FOR 6ms, A a) BY u",
    "SEQ ANY(A a+, B b) BY u WITHIN 6ms PICK ALL AFTER MATCH NO SKIP LIMIT 50",
    "SEQ STRICT(A a*, B b+?) BY u PICK LEFTMOST WITHIN 6ms",
    "SEQ(A a, NOT B[x = c.x] b, C c) BY u WITHIN 7 EVENTS",
    "AND(A a, B b, C c) BY u WITHIN 6ms",
    "SEQ(A a, SEQ(B b, C c){1,2} UNTIL A[x > 2]) BY u WITHIN 9ms",
    "A a{2,} BY u WITHIN 4ms ON CLOSE EMIT (n = count(a))",
    "SEQ(A a, B b+) BY u WITHIN 6ms ON UPDATE EMIT (n = sum(b.x))",
    "SEQ(A a, B b) BY u WITHIN 5ms UNLESS C[x = a.x] ON TIMEOUT EMIT (x = a.x)",
    "SEQ(A a, A b) BY u AFTER MATCH STOP WITHIN 9ms",
    "SEQ(A a, SEQ(B b, C c) WITHIN 3ms) BY u WITHIN 9ms",
)


def by_key(answer: tuple[object, ...]) -> str:
    return str(answer[0])


def told(match: Match) -> tuple[object, ...]:
    """All that a match says, with events by their place."""
    bound = {var: [event.seq for event in taken] for var, taken in match.bindings.items()}
    return (
        match.key,
        bound,
        match.start,
        match.last,
        match.ts_ms,
        match.detected,
        match.outcome,
        match.incomplete,
    )


def fed(plan: Plan, matcher: Matcher, items: Sequence[Event | int]) -> list[tuple[object, ...]]:
    """What a matcher gives for events, one at a time, and watermarks (ints)."""
    tests = feed.Tests([plan])
    found: list[Match] = []
    for item in items:
        if isinstance(item, int):
            found += matcher.advance(item)
        else:
            batch = Batch.of([item])
            found += matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
    found += matcher.advance(FOREVER_MS - 1)
    return [told(match) for match in found]


def cases() -> list[Case]:
    paths = [SHARED.joinpath("conformance", name) for name in FILES]
    return [case for path in paths if path.exists() for case in read_file(path).cases]


def test_the_cases_are_there() -> None:
    assert all(read_file(shared_path("conformance", name)).cases for name in FILES)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_conformance_streams(case: Case) -> None:
    try:
        rule = write(case)
    except UnsayableError:
        return
    plan, _ = compile_rule(rule.text)
    if plan is None:
        return
    resumed = Resumed(plan, lambda plan: ReferenceMatcher(plan, UNLIMITED))
    plain = ReferenceMatcher(plan, UNLIMITED)
    answers = [match_all(case, plan, matcher, "single", rule) for matcher in (resumed, plain)]
    assert [told(match) for match in answers[0]] == [told(match) for match in answers[1]]


@pytest.mark.parametrize("told_case", [*DECISIONS, *NESTINGS], ids=ids([*DECISIONS, *NESTINGS]))
def test_told_cases(told_case: ToldCase) -> None:
    plan = plan_of(told_case.pattern)
    items = events_of(told_case.stream, told_case.shared)
    assert fed(plan, Resumed(plan, ReferenceMatcher), items) == fed(plan, ReferenceMatcher(plan), items)


STEPS = st.tuples(
    st.sampled_from("AABBCD"), st.integers(0, 4), st.integers(1, 3), st.sampled_from("uv"), st.integers(0, 3)
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=25), small=st.booleans())
@pytest.mark.parametrize("pattern", PATTERNS)
def test_random_streams(pattern: str, steps: list[tuple[str, int, int, str, int]], small: bool) -> None:
    """Two keys; time is told now and then; with limits so small that they bite, too."""
    plan = plan_of(pattern)
    limits = Limits(runs_per_key=2, events_per_key=3) if small else Limits()
    items: list[Event | int] = []
    now_ms = 0
    for seq, (kind, later_ms, x, user, pause) in enumerate(steps):
        now_ms += later_ms
        items.append(Event(kind, now_ms, seq, {"x": x, "u": user}, line=seq + 1, source="log"))
        items += [now_ms - 1] * (pause == 0)
    resumed = Resumed(plan, lambda plan: ReferenceMatcher(plan, limits))
    plain = fed(plan, ReferenceMatcher(plan, limits), items)
    assert fed(plan, resumed, items) == plain
    assert not resumed.kept() or "STOP" in pattern or "EVENTS" in pattern, (
        "when all time has passed nothing is left"
    )
    events = [item for item in items if isinstance(item, Event)]
    untold = fed(plan, ReferenceMatcher(plan, limits), events)
    # Between keys the order follows the telling; the answers of a key come in one order.
    assert sorted(untold, key=by_key) == sorted(plain, key=by_key), "telling the time changes nothing"
