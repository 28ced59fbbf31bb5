"""How events come to a rule must not be seen in its alerts: cuts, keys, other events, disorder, restarts."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.columns import Batch
from cep.engines import feed as feeds
from cep.engines.engines import ENGINES
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Limits
from cep.event import Event
from cep.plan.compile import Plan
from cep.stream.clock import EventClock
from tests.properties.worlds import QUICK, alerts, ids, patterns, plan_of, plans, streams
from tests.state.resumed import Resumed

each_engine = pytest.mark.parametrize("engine", ENGINES)


def cut(events: list[Event], places: list[int]) -> list[list[Event]]:
    """The events in pieces that end at these places."""
    ends = sorted({place % (len(events) + 1) for place in places} | {len(events)})
    return [events[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@each_engine
@QUICK
@given(plan=plans(), events=streams(), places=st.lists(st.integers(0, 20), max_size=4))
def test_where_batches_are_cut(engine: str, plan: Plan, events: list[Event], places: list[int]) -> None:
    whole = ids(alerts(plan, engine, [events]))
    assert ids(alerts(plan, engine, cut(events, places))) == whole
    assert ids(alerts(plan, engine, [[event] for event in events])) == whole


@each_engine
@QUICK
@given(plan=plans(), events=streams())
def test_which_keys_come_between(engine: str, plan: Plan, events: list[Event]) -> None:
    # History reaches back to the first event of any key: it comes first for each.
    first = Event("Z", events[0].ts_ms, -1, {"u": 9})
    apart = [
        each
        for key in (0, 1)
        for each in ids(alerts(plan, engine, [[first, *(e for e in events if e.fields["u"] == key)]]))
    ]
    assert sorted(apart) == ids(alerts(plan, engine, [[first, *events]]))


@each_engine
@QUICK
@given(plan=plans(), events=streams(), pauses=st.lists(st.integers(0, 14), max_size=5))
def test_events_of_other_types(engine: str, plan: Plan, events: list[Event], pauses: list[int]) -> None:
    others = [Event("Z", events[i].ts_ms, 1000 + i, {"u": 0}) for i in pauses if i < len(events)]
    mixed = sorted([*events, *others], key=lambda event: event.ts_ms)
    assert ids(alerts(plan, engine, [mixed])) == ids(alerts(plan, engine, [events]))


@each_engine
@QUICK
@given(plan=plans(), events=streams(), data=st.data())
def test_disorder_within_what_is_allowed(
    engine: str, plan: Plan, events: list[Event], data: st.DataObject
) -> None:
    lateness_ms = 3
    delays = data.draw(st.lists(st.integers(0, lateness_ms), min_size=len(events), max_size=len(events)))
    arrived = [
        event for _, _, event in sorted((e.ts_ms + d, e.seq, e) for e, d in zip(events, delays, strict=True))
    ]
    clock, ordered, told = EventClock([lateness_ms]), list[Event](), list[int]()
    for event in arrived:
        batch, late = clock.push(0, Batch.of([event]))
        assert not len(late)
        told.append(clock.watermark_ms)
        ordered += (
            [batch.event(row, frozenset("xu")) for row in range(len(batch))] if batch is not None else []
        )
    rest = clock.end(0)
    ordered += [rest.event(row, frozenset("xu")) for row in range(len(rest))] if rest is not None else []
    assert told == sorted(told)
    assert ids(alerts(plan, engine, [ordered])) == ids(alerts(plan, engine, [events]))


@each_engine
@QUICK
@given(plan=plans(), events=streams())
def test_a_restart_after_every_event(engine: str, plan: Plan, events: list[Event]) -> None:
    limits, tests = Limits(runs_per_key=10**6, events_per_key=10**6), feeds.Tests([plan])
    straight = ENGINES[engine]([(plan, limits)])[0]
    resumed = Resumed(plan, lambda plan: ENGINES[engine]([(plan, limits)])[0])
    for event in events:
        batch = Batch.of([event])
        fed = feeds.make_feed(plan, batch, tests.masks(batch))
        assert told(resumed.process(fed)) == told(straight.process(fed))
    assert told(resumed.advance(FOREVER_MS - 1)) == told(straight.advance(FOREVER_MS - 1))


@QUICK
@given(plan=plans(), events=streams())
def test_which_engine_it_is(plan: Plan, events: list[Event]) -> None:
    answers = [ids(alerts(plan, engine, [events])) for engine in ENGINES]
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0])) == len(answers[0]), "one id is one match"


@each_engine
@QUICK
@given(
    text=patterns(absences=False), events=streams(), within_ms=st.integers(1, 10), more_ms=st.integers(0, 9)
)
def test_a_larger_window_loses_no_match(
    engine: str, text: str, events: list[Event], within_ms: int, more_ms: int
) -> None:
    found = []
    for ms in (within_ms, within_ms + more_ms):
        plan = plan_of(f"{text} BY u WITHIN {ms}ms PICK ALL LIMIT 9999 AFTER MATCH NO SKIP")
        if plan is None:
            return
        found.append(set(ids(alerts(plan, engine, [events]))))
    assert found[0] <= found[1]


@QUICK
@given(text=patterns(), events=streams(), more=st.booleans(), pick=st.sampled_from(["FIRST", "LEFTMOST"]))
def test_a_definition_that_is_used_means_what_it_says(
    text: str, events: list[Event], more: bool, pick: str
) -> None:
    clauses = f"BY u WITHIN 12ms PICK {pick}"
    whole = "SEQ({}, C last)" if more else "{}"
    written, used = (f"{whole.format(part)} {clauses}" for part in (text, "USE lib.part p"))
    plain, plan = plan_of(written), plan_of(used, f"DEFINE PATTERN part = {text};")
    assert (plain is None) == (plan is None)
    if plain is not None and plan is not None:
        assert taken(plan, events) == taken(plain, events)


def taken(plan: Plan, events: list[Event]) -> list[tuple[int, list[int]]]:
    """When each alert is given, and the events that its match took."""
    found = alerts(plan, "reference", [events])
    return sorted(
        (alert.ts_ms, sorted(e.seq for events in alert.match.bindings.values() for e in events))
        for alert in found
    )


def told(matches: Iterable[Match]) -> list[object]:
    """Matches by what they say."""
    return [
        (m.ts_ms, m.outcome, sorted((e.seq, var) for var, events in m.bindings.items() for e in events))
        for m in matches
    ]
