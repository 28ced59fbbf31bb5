"""Event time: what is released, in which order, what is late, and that nothing but the rows decides it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.columns import Batch, Projection
from cep.event import Event
from cep.stream.clock import BEFORE_ALL_MS, END_MS, EventClock

LATENESS_MS = 5


def events(source: int, times: Sequence[int], kind: str = "A") -> list[Event]:
    """Events of one source in the order of arrival; the field `n` tells them apart."""
    return [
        Event(kind, ts_ms, (source << 40) | line, {"n": (source, line)}, line, f"s{source}")
        for line, ts_ms in enumerate(times, start=1)
    ]


def batch(*all_events: Event) -> Batch:
    return Batch.of(all_events)


def rows(found: Batch | None) -> list[Event]:
    return [] if found is None else [found.event(row, found.columns) for row in range(len(found))]


def times(found: Batch | None) -> list[int]:
    return [event.ts_ms for event in rows(found)]


@dataclass(slots=True)
class Run:
    """A clock, what it gave, and a check of what it promises after every step."""

    clock: EventClock
    ready: list[Event] = field(default_factory=list)
    late: list[Event] = field(default_factory=list)

    def push(self, source: int, some: Sequence[Event]) -> None:
        before = self.clock.watermark_ms
        ready, late = self.clock.push(source, batch(*some))
        self.late += rows(late)
        self._released(before, ready)

    def end(self, source: int) -> None:
        before = self.clock.watermark_ms
        self._released(before, self.clock.end(source))

    def _released(self, before: int, ready: Batch | None) -> None:
        assert self.clock.watermark_ms >= before
        assert all(before < event.ts_ms <= self.clock.watermark_ms for event in rows(ready))
        self.ready += rows(ready)


def test_one_source() -> None:
    clock = EventClock([LATENESS_MS])
    assert clock.watermark_ms == BEFORE_ALL_MS
    ready, late = clock.push(0, batch(*events(0, [100, 103, 101])))
    assert (ready, len(late), clock.waiting, clock.watermark_ms) == (None, 0, 3, 97)
    ready, late = clock.push(0, batch(*events(0, [107])))
    assert (times(ready), len(late), clock.waiting, clock.watermark_ms) == ([100, 101], 0, 2, 101)
    assert times(clock.end(0)) == [103, 107]
    assert (clock.watermark_ms, clock.waiting) == (END_MS, 0)


def test_exactly_the_allowed_lateness_is_in_time() -> None:
    clock = EventClock([LATENESS_MS])
    _, late = clock.push(0, batch(*events(0, [100, 95, 94, 100, 95])))
    assert (times(late), clock.late) == ([94], 1)
    assert times(clock.end(0)) == [95, 95, 100, 100]


def test_lateness_looks_at_rows_one_by_one() -> None:
    # 100 comes behind 110 in the same chunk, so it is late although the chunk began before it.
    _, late = EventClock([LATENESS_MS]).push(0, batch(*events(0, [90, 110, 100, 105])))
    assert times(late) == [100]


def test_without_lateness_equal_times_are_in_time() -> None:
    clock = EventClock([0])
    ready, late = clock.push(0, batch(*events(0, [1, 2, 2, 1, 3])))
    assert (times(ready), times(late)) == ([1, 2, 2], [1])


def test_the_slowest_source_decides() -> None:
    clock = EventClock([0, 0])
    assert clock.push(0, batch(*events(0, [10, 20, 30])))[0] is None
    assert (clock.source_watermark_ms(0), clock.source_watermark_ms(1)) == (29, BEFORE_ALL_MS)
    ready, _ = clock.push(1, batch(*events(1, [20, 25])))
    assert [event.fields["n"] for event in rows(ready)] == [(0, 1), (0, 2), (1, 1)]
    assert times(clock.end(1)) == [25]
    assert (clock.watermark_ms, clock.source_watermark_ms(1)) == (29, END_MS)
    assert times(clock.end(0)) == [30]


def test_each_source_has_its_own_lateness() -> None:
    clock = EventClock([0, 100])
    assert len(clock.push(0, batch(*events(0, [200, 150])))[1]) == 1
    assert len(clock.push(1, batch(*events(1, [200, 150])))[1]) == 0


def test_types_that_nobody_wants_move_time_and_nothing_else() -> None:
    clock = EventClock([0], projection=Projection(types=frozenset({"A"})))
    some = [*events(0, [10]), *events(0, [50, 40], "B"), *events(0, [30, 60])]
    ready, late = clock.push(0, batch(*some))
    assert (times(ready), times(late)) == ([10], [40, 30])
    assert (clock.watermark_ms, clock.skipped, clock.late, clock.waiting) == (59, 1, 2, 1)


def test_empty_batches_and_no_sources() -> None:
    clock = EventClock([0])
    ready, late = clock.push(0, batch())
    assert (ready, len(late), clock.watermark_ms) == (None, 0, BEFORE_ALL_MS)
    assert clock.end(0) is None
    assert clock.watermark_ms == END_MS


def test_rows_behind_the_end_are_a_mistake_of_the_caller() -> None:
    clock = EventClock([0])
    clock.end(0)
    with pytest.raises(AssertionError, match="has no more rows"):
        clock.push(0, batch(*events(0, [1])))


def test_at_the_bound_the_oldest_go_early() -> None:
    clock = EventClock([1000], buffer_events_max=10)
    ready, _ = clock.push(0, batch(*events(0, range(10))))
    assert (ready, clock.waiting, clock.forced) == (None, 10, 0)
    ready, _ = clock.push(0, batch(*events(0, [10, 1, 10])))
    # Three too many and a tenth more; both events of 1 ms go together, or one of them would be late.
    assert times(ready) == [0, 1, 1, 2]
    assert (clock.forced, clock.waiting, clock.watermark_ms) == (4, 9, 2)
    ready, late = clock.push(0, batch(*events(0, [2, 3])))
    assert (ready, times(late), clock.late, clock.waiting) == (None, [2], 1, 10)
    assert times(clock.end(0)) == [3, 3, 4, 5, 6, 7, 8, 9, 10, 10]


# ----------------------------------------------------------------------------------------- properties


@st.composite
def arrivals(draw: st.DrawFn, disorder_ms: int) -> list[list[Event]]:
    """Up to three sources whose rows come out of order by no more than so many milliseconds."""
    sources = []
    for source in range(draw(st.integers(1, 3))):
        pairs = draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, disorder_ms)), max_size=25))
        pairs.sort(key=lambda pair: pair[0] + pair[1])
        sources.append(events(source, [ts_ms for ts_ms, _ in pairs]))
    return sources


def play(data: st.DataObject, sources: list[list[Event]], clock: EventClock) -> Run:
    """Push the sources in chunks of any size, interleaved in any way, each ended some time after its last."""
    run = Run(clock)
    left = {source: list(some) for source, some in enumerate(sources)}
    while left:
        source = data.draw(st.sampled_from(sorted(left)))
        if not left[source]:
            run.end(source)
            del left[source]
            continue
        size = data.draw(st.integers(1, len(left[source])))
        run.push(source, left[source][:size])
        left[source] = left[source][size:]
    assert clock.watermark_ms == END_MS
    return run


def in_order(some: list[Event]) -> list[str]:
    return [repr(event) for event in sorted(some, key=lambda event: event.position)]


def late_by_definition(rows_of_source: list[Event]) -> list[Event]:
    """Row by row: behind the highest time so far by more than is allowed."""
    late, highest = [], None
    for event in rows_of_source:
        if highest is not None and event.ts_ms < highest - LATENESS_MS:
            late.append(event)
        highest = event.ts_ms if highest is None else max(highest, event.ts_ms)
    return late


@given(st.data(), arrivals(LATENESS_MS))
def test_disorder_within_the_lateness_changes_nothing(
    data: st.DataObject, sources: list[list[Event]]
) -> None:
    run = play(data, sources, EventClock([LATENESS_MS] * len(sources)))
    assert run.late == []
    assert [repr(event) for event in run.ready] == in_order([event for some in sources for event in some])


@given(st.data(), arrivals(4 * LATENESS_MS))
def test_what_is_late_is_told_by_the_rows_of_the_source_alone(
    data: st.DataObject, sources: list[list[Event]]
) -> None:
    clock = EventClock([LATENESS_MS] * len(sources))
    run = play(data, sources, clock)
    late = [event for some in sources for event in late_by_definition(some)]
    assert in_order(run.late) == in_order(late)
    assert clock.late == len(late)
    gone = {event.seq for event in late}
    in_time = [event for some in sources for event in some if event.seq not in gone]
    assert [repr(event) for event in run.ready] == in_order(in_time)


@given(st.data(), arrivals(4 * LATENESS_MS), st.integers(1, 12))
def test_a_bounded_buffer_loses_nothing(data: st.DataObject, sources: list[list[Event]], most: int) -> None:
    clock = EventClock([LATENESS_MS] * len(sources), most)
    run = play(data, sources, clock)
    assert in_order(run.ready + run.late) == in_order([event for some in sources for event in some])
    assert [event.position for event in run.ready] == sorted(event.position for event in run.ready)
    assert clock.late == len(run.late)
    if clock.forced == 0:
        assert len(run.late) == sum(len(late_by_definition(some)) for some in sources)


@given(arrivals(LATENESS_MS), st.integers(1, 12))
def test_the_buffer_is_never_over_its_bound(sources: list[list[Event]], most: int) -> None:
    clock = EventClock([LATENESS_MS] * len(sources), most)
    for source, some in enumerate(sources):
        for event in some:
            clock.push(source, batch(event))
            assert clock.waiting <= most


def test_idle_source_holds_nobody_back() -> None:
    run = Run(EventClock([LATENESS_MS, LATENESS_MS]))
    run.push(0, events(0, [100, 120]))
    run.push(1, events(1, [101]))
    assert run.clock.watermark_ms == 101 - LATENESS_MS - 1
    assert times(run.clock.idle([1])) == [100, 101]
    assert run.clock.watermark_ms == 120 - LATENESS_MS - 1
    ready, _ = run.clock.push(0, batch(*events(0, [130])))
    assert times(ready) == [120]


def test_who_comes_back_is_late_for_what_went_on() -> None:
    """What it brings from behind the watermark of its return is late; the rest is put in order again."""
    clock = EventClock([LATENESS_MS, LATENESS_MS])
    clock.push(0, batch(*events(0, [100])))
    clock.push(1, batch(*events(1, [100])))
    clock.idle([1])
    clock.push(0, batch(*events(0, [200])))
    assert clock.watermark_ms == 194
    clock.idle([])
    ready, late = clock.push(1, batch(*events(1, [150, 194, 195])))
    assert times(ready) == []
    assert times(late) == [150, 194]
    # It holds the others back again, from where it is.
    ready, _ = clock.push(0, batch(*events(0, [300])))
    assert times(ready) == []
    ready, _ = clock.push(1, batch(*events(1, [280])))
    assert times(ready) == [195, 200]
    # Being silent says nothing of rows that are in time.
    assert clock.late == 2


def test_time_stands_when_all_are_idle() -> None:
    clock = EventClock([LATENESS_MS, LATENESS_MS])
    clock.push(0, batch(*events(0, [100])))
    assert clock.idle([0, 1]) is None
    assert clock.watermark_ms == BEFORE_ALL_MS
