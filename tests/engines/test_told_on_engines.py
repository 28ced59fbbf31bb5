"""Every told case on every engine, one event at a time and all at once: one language, one answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cep.columns import Batch
from cep.engines import feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits
from cep.event import Event
from tests.engines import test_decisions, test_nesting
from tests.engines.engines import ALL, FAST
from tests.engines.story import events_of, plan_of, told
from tests.engines.told_cases import Case, ids

CASES = [*test_decisions.CASES, *test_nesting.CASES]


def pieces(items: list[Event | int], *, whole: bool) -> Iterator[Batch | int]:
    """Batches of one event, or of all events up to the next watermark."""
    held: list[Event] = []
    for item in items:
        if held and (isinstance(item, int) or not whole):
            yield ordered(held)
            held = []
        if isinstance(item, int):
            yield item
        else:
            held.append(item)
    if held:
        yield ordered(held)


def ordered(events: list[Event]) -> Batch:
    """A batch in the order of time."""
    batch = Batch.of(events)
    return batch.take(np.lexsort((batch.seq, batch.ts_ms)))


@pytest.mark.parametrize("whole", [False, True], ids=["single", "whole"])
@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_fast_engine(case: Case, engine: str, whole: bool) -> None:
    plan = plan_of(case.pattern)
    (matcher,) = ALL[engine]([(plan, Limits())])
    tests = feed.Tests([plan])
    found: list[Match] = []
    for piece in pieces(events_of(case.stream, case.shared), whole=whole):
        if isinstance(piece, int):
            found += matcher.advance(piece)
        else:
            found += matcher.process(feed.make_feed(plan, piece, tests.masks(piece)))
    found += matcher.advance(FOREVER_MS - 1) if case.flush else []
    assert tuple(told(match) for match in found) == case.expected
