"""What the vector engine keeps between batches: little for an open partial match, nothing of what is over."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from cep.columns import Batch, Coded, Numbers
from cep.engines import feed
from cep.engines.engines import ENGINES
from cep.engines.key_table import SMALL
from cep.engines.matcher import Limits, Matcher
from cep.engines.vector import choice
from cep.event import Key
from cep.plan.compile import Plan
from tests.engines.story import plan_of

OPEN = 30_000
BYTES_MAX = 200


def opening(users: NDArray[np.intp], from_ms: int) -> Batch:
    """An A a millisecond, each by the user told."""
    count = len(users)
    names, codes = np.unique(users, return_inverse=True)
    times = np.arange(from_ms, from_ms + count, dtype=np.int64)
    return Batch(
        type_names=("A", "B"),
        types=np.zeros(count, dtype=np.int32),
        ts_ms=times,
        seq=times,
        columns={
            "u": Coded(codes.astype(np.int32), [f"user-{name:07d}" for name in names.tolist()]),
            "x": Numbers(np.linspace(0.0, 1.0, count), np.zeros(count, dtype=np.bool_)),
        },
        line=times,
        source=np.zeros(count, dtype=np.int32),
    )


def fill(plan: Plan, matcher: Matcher, tests: feed.Tests, count: int) -> None:
    for low in range(0, count, 10_000):
        batch = opening(np.arange(low, low + 10_000) % (OPEN // 10), low)
        assert not matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        matcher.advance(low + 9_999)


PATTERNS = ("SEQ(A a, B[x > a.x] b) BY u WITHIN 30d PICK EACH", "SEQ(A a, NOT B b FOR 30d) BY u PICK EACH")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_open_partial_match_is_small(pattern: str) -> None:
    plan = plan_of(pattern)
    tests = feed.Tests([plan])
    (matcher,) = ENGINES["vector"]([(plan, Limits())])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fill(plan, matcher, tests, OPEN)
        # The last batch is let go of when the next one comes.
        batch = opening(np.arange(1), OPEN)
        matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert matcher.open_runs() == OPEN + 1
    assert (after - before) / OPEN <= BYTES_MAX


def test_nothing_is_left_of_windows_that_are_over() -> None:
    plan = plan_of("SEQ(A a, B b) BY u WITHIN 1s PICK EACH")
    tests = feed.Tests([plan])
    (matcher,) = ENGINES["vector"]([(plan, Limits())])
    kernel = matcher._kernel  # type: ignore[attr-defined]
    for low in range(0, 400_000, 10_000):
        batch = opening(np.arange(low, low + 10_000), low)
        matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        matcher.advance(low + 9_999)
        assert len(kernel.pool) <= 20_000
        assert len(kernel.pool.rows) <= 30_000
    assert matcher.open_runs() == 1000
    (table,) = tests._keys.values()
    assert len(table) <= 10 * SMALL


def test_only_keys_that_had_runs_are_told_as_touched() -> None:
    """Room that is there for more runs looked like runs of the first key, which may be long gone."""
    plan = plan_of("SEQ(A a, B b) BY u WITHIN 5s PICK EACH")
    tests = feed.Tests([plan])
    (matcher,) = ENGINES["vector"]([(plan, Limits())])
    matcher.touched()
    seen: set[Key] = set()
    for low in range(0, 20_000, 1_000):
        batch = opening(np.arange(low, low + 810 + low // 1_000 % 7), low)
        matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
        matcher.advance(low + 999)
        touched = matcher.touched()
        assert touched <= seen | {(f"user-{name:07d}",) for name in range(low, low + 1_000)}
        kept = dict(matcher.snapshots(touched))
        seen = (seen - touched) | {key for key in touched if kept[key] is not None}
    # A run for each; of those that ended somebody was told.
    assert len(seen) == matcher.open_runs() > 4_000


def test_reasons_are_told() -> None:
    reasons = {
        "SEQ(A a, B b) BY u WITHIN 1h": "every run is at one place",
        "SEQ(NOT B b FOR 1h, A a) BY u": "a leading NOT",
        "SEQ ANY(A a, B b) BY u WITHIN 1h PICK ALL LIMIT 3": "ANY",
        "SEQ(A a, OR(B b, C c), D d) BY u WITHIN 1h": "OR in the middle: both branches stay open",
        "SEQ(A a, B b) BY u WITHIN 5 EVENTS": "a window of n EVENTS",
        "AND(A a BY u, B b BY v) WITHIN 1h": "steps with keys of their own",
    }
    assert {text: choice(plan_of(text)).reason for text in reasons} == reasons
    stops = Limits(overflow="stop_rule")
    assert choice(plan_of("A a"), stops).reason == "overflow: stop_rule"
