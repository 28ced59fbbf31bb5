"""What an engine tells beside the bindings of a match: when it was decided, what is counted, what waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from cep.columns import Batch
from cep.engines import feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, TIMER_SEQ, Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.event import Event, Position
from tests.engines.engines import ALL
from tests.engines.story import events_of, matches, plan_of, told
from tests.engines.told_cases import Case, cases_of, ids

WAITING = cases_of(Path(__file__).parent / "cases" / "waiting.txt")

each_engine = pytest.mark.parametrize("engine", ["reference", "vector", "arrays"])


def made(pattern: str, engine: str, limits: Limits | None = None) -> tuple[Matcher, feed.Tests]:
    plan = plan_of(pattern)
    return ALL[engine]([(plan, limits or Limits())])[0], feed.Tests([plan])


def given(pattern: str, matcher: Matcher, tests: feed.Tests, stream: str, shared: str = "") -> list[Match]:
    """What one batch gives."""
    batch = Batch.of([item for item in events_of(stream, shared) if isinstance(item, Event)])
    return list(matcher.process(feed.make_feed(plan_of(pattern), batch, tests.masks(batch), 0)))


@pytest.mark.parametrize("case", WAITING, ids=ids(WAITING))
def test_how_many_partial_matches_there_are(case: Case) -> None:
    plan = plan_of(case.pattern)
    matcher, tests, found = ReferenceMatcher(plan), feed.Tests([plan]), []
    for item in events_of(case.stream, case.shared):
        if isinstance(item, int):
            matcher.advance(item)
        else:
            batch = Batch.of([item])
            matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        found.append(str(matcher.open_runs()))
    assert " ".join(found) == case.expected[0]
    assert matcher.counters.open_runs_max == max(map(int, found))


@each_engine
def test_a_match_says_when_it_was_decided(engine: str) -> None:
    """An event completes it at its own place; a deadline completes it behind all events of its time."""
    (by_event,) = matches("SEQ(A a, B b) WITHIN 9ms", "A1 Q2 B3", engine=engine)
    assert (by_event.start, by_event.last) == (Position(1, 0), Position(3, 2))
    assert (by_event.ts_ms, by_event.detected) == (3, Position(3, 2))
    (by_time,) = matches("SEQ(A a, NOT B b FOR 5ms)", "A1 Q9", engine=engine)
    assert (by_time.start, by_time.last) == (Position(1, 0), Position(1, 0))
    assert (by_time.ts_ms, by_time.detected) == (6, Position(6, TIMER_SEQ))
    (timeout,) = matches("SEQ(A a, B b) WITHIN 5ms ON TIMEOUT EMIT (x = a.x)", "A1 Q9", engine=engine)
    assert (timeout.outcome, timeout.ts_ms, timeout.detected) == ("timeout", 6, Position(6, TIMER_SEQ))


def test_the_leftmost_match_is_decided_when_nothing_better_can_come() -> None:
    pattern = "SEQ(A a+, B b?) WITHIN 5ms PICK LEFTMOST"
    (found,) = matches(pattern, "A1 A2 Q9")
    assert told(found) == "a=1,2"
    assert (found.ts_ms, found.detected) == (2, Position(6, TIMER_SEQ))


@each_engine
def test_what_is_counted_is_of_all_batches(engine: str) -> None:
    pattern = "SEQ(A a, B b) BY u WITHIN 9ms"
    matcher, tests = made(pattern, engine)
    given(pattern, matcher, tests, "A1(u=1) A2 Q3(u=1) B4(u=2)")
    given(pattern, matcher, tests, "A5(u=3) B6(u=3) B7 B8")
    # Q is of no step; events without a key are counted and not offered.
    assert (matcher.counters.offered, matcher.counters.null_keys) == (4, 3)


@each_engine
def test_matches_know_their_key_and_conditions_may_ask_for_it(engine: str) -> None:
    pattern = "SEQ(A a, B b) BY u WHERE u + a.x < b.x WITHIN 9ms"
    stream = "A1(u=1,x=1) A2(u=5,x=1) B3(u=1,x=4) B4(u=5,x=4)"
    found = matches(pattern, stream, engine=engine)
    assert [(match.key, told(match)) for match in found] == [((1,), "a=1 b=3")]
    # Of the last event of a loop, too, which is known when the loop is over.
    pattern = "A a{2,} BY u WHERE u + sum(a.x) > 5 WITHIN 9ms"
    found = matches(pattern, "A1(u=1,x=2) A2(u=2,x=2) A3(u=1,x=2) A4(u=2,x=2)", engine=engine)
    assert [(match.key, told(match)) for match in found] == [((2,), "a=2,4")]


def test_the_next_time_that_matters() -> None:
    pattern = "SEQ(A a, NOT C c FOR 3ms, B b) BY u WITHIN 9ms PICK EACH"
    matcher, tests = made(pattern, "reference")
    assert matcher.deadline_ms((1,)) is None
    given(pattern, matcher, tests, "A1(u=1) A2(u=2) A4(u=1)")
    assert [matcher.deadline_ms((user,)) for user in (1, 2, 3)] == [10, 11, None]
    matcher.advance(10)
    assert [matcher.deadline_ms((user,)) for user in (1, 2, 3)] == [13, 11, None]
    matcher.advance(FOREVER_MS - 1)
    assert [matcher.deadline_ms((user,)) for user in (1, 2, 3)] == [None, None, None]


@each_engine
def test_time_that_is_over_matters_no_more(engine: str) -> None:
    pattern = "SEQ(A a, B b) BY u WITHIN 9ms PICK EACH"
    matcher, tests = made(pattern, engine)
    given(pattern, matcher, tests, "A1(u=1) A2(u=2) A4(u=1)")
    due = []
    for watermark_ms in (9, 10, 11, 13):
        matcher.advance(watermark_ms)
        due.append([matcher.deadline_ms((user,)) for user in (1, 2)])
    assert due == [[10, 11], [13, 11], [13, None], [None, None]]
