"""A key that has nothing left to wait for is forgotten, so that memory follows windows and not history."""

from __future__ import annotations

import pytest

from cep.columns import Batch
from cep.engines import feed
from cep.engines.reference import ReferenceMatcher
from cep.event import Event
from tests.engines.story import plan_of


@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        ("SEQ(A a, B b) BY u WITHIN 10ms", "A"),
        ("SEQ(NOT A a FOR 10ms, B b) BY u", "A"),
        ("SEQ(NOT A[x = b.x] a FOR 10ms, B b) BY u", "AB"),
        ("A a+ BY u GAP 5ms ON CLOSE EMIT (n = count(a))", "A"),
        ("SEQ(A a, NOT B b FOR 10ms) BY u", "AB"),
        ("A a{3} BY u WITHIN 10ms LIMIT 1 PER 10ms", "AAA"),
    ],
)
def test_a_key_is_forgotten_when_its_windows_are_over(pattern: str, types: str) -> None:
    plan = plan_of(pattern)
    matcher, tests = ReferenceMatcher(plan), feed.Tests([plan])
    held = []
    for round_ in range(40):
        events = [
            Event(kind, round_ * 100 + i, round_ * 10 + i, {"u": round_, "x": 1})
            for i, kind in enumerate(types)
        ]
        batch = Batch.of(events)
        matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        matcher.advance(round_ * 100 + 99)
        held.append(matcher.keys_held())
    assert max(held) <= 1


@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        ("SEQ(A a, B b) BY u WITHIN 10ms", "A"),
        ("SEQ(NOT A a FOR 10ms, B b) BY u", "A"),
        ("SEQ(NOT A[x = b.x] a FOR 10ms, B b) BY u", "AA"),
        ("A a+ BY u GAP 5ms ON CLOSE EMIT (n = count(a))", "AA"),
    ],
)
def test_a_key_that_was_restored_is_forgotten_too(pattern: str, types: str) -> None:
    plan = plan_of(pattern)
    matcher, tests = ReferenceMatcher(plan), feed.Tests([plan])
    batch = Batch.of([Event(kind, i, i, {"u": 1, "x": 1}) for i, kind in enumerate(types)])
    matcher.process(feed.make_feed(plan, batch, tests.masks(batch), -99))
    snapshot = matcher.snapshot((1,))
    assert snapshot is not None
    other = ReferenceMatcher(plan)
    other.restore_overall(matcher.overall())
    other.restore((1,), snapshot)
    assert (other.snapshot((1,)), other.keys_held()) == (snapshot, 1)
    assert [match.ts_ms for match in other.advance(99)] == [match.ts_ms for match in matcher.advance(99)]
    assert (other.keys_held(), other.snapshot((1,))) == (0, None)


def test_what_an_absence_asked_for_is_forgotten_to_the_millisecond() -> None:
    plan = plan_of("SEQ(NOT A a FOR 10ms, B b) BY u")
    matcher, tests = ReferenceMatcher(plan), feed.Tests([plan])
    batch = Batch.of([Event("A", 5, 0, {"u": 1})])
    matcher.process(feed.make_feed(plan, batch, tests.masks(batch), -99))
    held = []
    for ms in (14, 15, 16):
        matcher.advance(ms)
        held.append(matcher.keys_held())
    assert held == [1, 1, 0]


def test_a_key_that_is_gone_keeps_no_other_one() -> None:
    plan = plan_of("SEQ(NOT A a FOR 10ms, B b) BY u")
    matcher, tests = ReferenceMatcher(plan), feed.Tests([plan])
    batch = Batch.of(
        [Event(kind, ms, ms, {"u": user}) for kind, ms, user in (("A", 0, 1), ("A", 1, 2), ("B", 12, 1))]
    )
    assert len(matcher.process(feed.make_feed(plan, batch, tests.masks(batch), -99))) == 1
    assert matcher.keys_held() == 1
    matcher.advance(99)
    assert matcher.keys_held() == 0


def test_a_key_that_stopped_is_remembered() -> None:
    plan = plan_of("A a BY u AFTER MATCH STOP")
    matcher, tests = ReferenceMatcher(plan), feed.Tests([plan])
    batch = Batch.of([Event("A", i, i, {"u": "x"}) for i in range(3)])
    assert len(matcher.process(feed.make_feed(plan, batch, tests.masks(batch)))) == 1
    assert matcher.keys_held() == 1
