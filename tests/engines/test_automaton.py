"""The rules of contiguity asked one at a time: who takes an event, who goes on waiting, and until when."""

from __future__ import annotations

import pytest

from cep.engines.automaton import Automaton, guarded
from cep.engines.matcher import FOREVER_MS
from cep.engines.snapshot import Run
from cep.event import Event, Position
from cep.plan.nfa import Guard
from tests.engines.story import plan_of

ALL = "WITHIN 1h PICK ALL LIMIT 9"


def automaton(text: str) -> Automaton:
    """That of a pattern, with a window where it has none."""
    return Automaton(plan_of(text if "WITHIN" in text else f"{text} WITHIN 1h"))


def as_told(text: str) -> Automaton:
    """That of a pattern as it stands."""
    return Automaton(plan_of(text))


def state_of(auto: Automaton, left: str) -> int:
    """The state in which this is left of the pattern."""
    return next(state.index for state in auto.plan.nfa.states if state.text == left)


def arcs_of(auto: Automaton, state: int, names: str) -> list[int]:
    """The arcs that take these variables, `end` for the way out; all that bear the name."""
    found = [arc.step.var if arc.step is not None else "end" for arc in auto.arcs[state]]
    assert set(names.split()) <= set(found), found
    return [index for index, name in enumerate(found) if name in names.split()]


def place(state: int, **counts: int) -> Run:
    """A run that has come there, with the rounds of loops by the letter l and their number."""
    rounds = tuple((int(loop[1:]), count) for loop, count in counts.items())
    return Run(state, (), None, Position(0, 0), 0, counts=rounds)


@pytest.mark.parametrize(
    ("pattern", "left", "fits", "waits", "chosen"),
    [
        # An event that fits a loop and what follows it: the way on wins, unless the loop is possessive.
        ("SEQ(A a+, A b)", "…a{1,} then b", "a b", "a b", "b"),
        ("SEQ(A a+?, A b)", "…a{1,}? then b", "a b", "a b", "b"),
        ("SEQ(A a++, A b)", "…a{1,}+ then b", "a b", "a b", "a"),
        (f"SEQ(A a+, A b) {ALL}", "…a{1,} then b", "a b", "a b", "a b"),
        (f"SEQ(A a++, A b) {ALL}", "…a{1,}+ then b", "a b", "a b", "a"),
        # One that fits the loop alone: a reluctant loop lets it pass where its way out can wait.
        ("SEQ(A a+, B b)", "…a{1,} then b", "a", "a b", "a"),
        ("SEQ(A a+?, B b)", "…a{1,}? then b", "a", "a b", ""),
        ("SEQ(A a+?, B b)", "…a{1,}? then b", "a", "a", "a"),
        ("SEQ(A a+?, NEXT B b)", "…a{1,}? then next b", "a", "a b", "a"),
        ("A a+?", "…a{1,}?", "a", "a end", ""),
        (f"SEQ(A a+?, B b) {ALL}", "…a{1,}? then b", "a", "a b", "a"),
        # Branches do not compete.
        ("OR(SEQ(A a, B b), SEQ(A c, D d))", "(a then b or c then d)", "a c", "a c", "a c"),
        ("AND(A a, A b)", "(a and b)", "a b", "a b", "a b"),
    ],
)
def test_who_takes_an_event(pattern: str, left: str, fits: str, waits: str, chosen: str) -> None:
    auto = automaton(pattern)
    state = state_of(auto, left)
    found = auto.choose(state, arcs_of(auto, state, fits), arcs_of(auto, state, waits))
    assert found == arcs_of(auto, state, chosen)


@pytest.mark.parametrize(
    ("pattern", "left", "taken", "other", "closes"),
    [
        ("SEQ(A a, B b)", "b", "b", "b", True),
        ("SEQ(A a, ANY B b) WITHIN 1h LIMIT 9", "any b", "b", "b", False),
        ("OR(SEQ(A a, B b), SEQ(A c, D d))", "(a then b or c then d)", "a", "c", False),
        # A loop that goes on in the new run need not go on in the old one; who tries all keeps both.
        ("SEQ(A a+, B b)", "…a{1,} then b", "a", "b", True),
        ("SEQ(A a+, B b)", "…a{1,} then b", "b", "a", True),
        (f"SEQ(A a+, B b) {ALL}", "…a{1,} then b", "a", "b", False),
        (f"SEQ(A a+, B b) {ALL}", "…a{1,} then b", "b", "a", False),
        (f"SEQ(A a++, B b) {ALL}", "…a{1,}+ then b", "a", "b", True),
        (f"SEQ(A a++, B b) {ALL}", "…a{1,}+ then b", "b", "a", False),
        # What one branch of AND takes, the other branches wait behind.
        ("AND(A a, B b)", "(a and b)", "a", "b", True),
        (f"AND(A a, B b) {ALL}", "(a and b)", "a", "b", True),
        ("AND(A a+, B b)", "(…a{1,} and b)", "a", "b", True),
        # A loop that may be over: with this event and without it are two ways to wait for the rest.
        (f"AND(A a+, B b) {ALL}", "(…a{1,} and b)", "a", "b", False),
        (f"AND(A a++, B b) {ALL}", "(…a{1,}+ and b)", "a", "b", True),
        # The other alternative of the branch would wait in vain alone.
        ("AND(OR(A a, B b), C c)", "((a or b) and c)", "a", "c", False),
        # Two ways out of an ATLEAST are one way on.
        ("SEQ(ATLEAST(1, A a{2}, B b{2}), C c)", "1 of (…a{2,2} and …b{2,2}) then c", "c", "c", True),
    ],
)
def test_who_goes_on_waiting(pattern: str, left: str, taken: str, other: str, closes: bool) -> None:
    auto = automaton(pattern)
    state = state_of(auto, left)
    through, waiting = arcs_of(auto, state, taken)[0], arcs_of(auto, state, other)[-1]
    alive = list(range(len(auto.arcs[state])))
    assert auto.closes(place(state), through, waiting, alive, [through]) is closes


def test_alternatives_that_both_take_the_event_leave_nothing_to_wait_for() -> None:
    auto = automaton("AND(OR(A a, A|B b), C c)")
    state = state_of(auto, "((a or b) and c)")
    a, b, c = arcs_of(auto, state, "a b c")
    assert not auto.closes(place(state), a, c, [a, b, c], [a])
    assert auto.closes(place(state), a, c, [a, b, c], [a, b])
    assert auto.closes(place(state), a, c, [a, c], [a]), "the other alternative waits no more"


def test_a_loop_that_may_not_be_over_yet_holds_the_others() -> None:
    """Without this event the loop would be one round short: nothing is to be had by letting it pass."""
    auto = automaton(f"AND(A a{{2,}}, B b) {ALL}")
    state = state_of(auto, "(…a{2,} and b)")
    a, b = arcs_of(auto, state, "a b")
    loop = auto.arcs[state][a].effects[0].index
    assert auto.closes(place(state, **{f"l{loop}": 1}), a, b, [a, b], [a])
    assert not auto.closes(place(state, **{f"l{loop}": 2}), a, b, [a, b], [a])


@pytest.mark.parametrize(
    ("pattern", "left", "goes_on"),
    [("A a+", "…a{1,}", "a"), ("A a+?", "…a{1,}?", ""), (f"A a+? {ALL}", "…a{1,}?", "a")],
)
def test_by_which_arcs_a_match_goes_on(pattern: str, left: str, goes_on: str) -> None:
    auto = automaton(pattern)
    state = state_of(auto, left)
    (loop,), (end,) = arcs_of(auto, state, "a"), arcs_of(auto, state, "end")
    found = auto.further(state, [(loop, 9)], end)
    assert found == tuple((index, 9) for index in arcs_of(auto, state, goes_on))


def test_two_ways_out_of_one_decision_are_taken_in_their_order() -> None:
    auto = automaton("SEQ(ATLEAST(1, A a{2}, B b{2}), C c)")
    state = state_of(auto, "1 of (…a{2,2} and …b{2,2}) then c")
    first, second = arcs_of(auto, state, "c")
    assert auto.beats(state, first, second)
    assert not auto.beats(state, second, first)


@pytest.mark.parametrize(
    ("pattern", "merges"),
    [
        ("SEQ(A a, B b GAP 5ms)", True),
        ("SEQ(A a, NOT C c, B b GAP 5ms)", True),
        ("SEQ(A a, B b) WITHIN 5ms", False),
        ("SEQ(A a, B b) WITHIN 5 EVENTS", False),
        ("SEQ(A a, B b GAP 5ms) PICK LAST", False),
        ("SEQ(A a, B b GAP 5ms) PICK EACH", False),
        ("SEQ(A a, B b GAP 5ms) AFTER MATCH NO SKIP", False),
        ("SEQ(A a, B b GAP 5ms) ON TIMEOUT EMIT (x = a.x)", False),
        ("SEQ(A a, SEQ(B b, C c) WITHIN 5ms) GAP 5ms", False),
        ("SEQ(A a, NOT B b FOR 5ms)", False),
    ],
)
def test_where_a_younger_start_is_needless(pattern: str, merges: bool) -> None:
    assert as_told(pattern).merges is merges


@pytest.mark.parametrize(
    ("pattern", "enough"),
    [
        ("SEQ(A a{3,}, B b)", [3]),
        ("SEQ(A a+, B b)", [1]),
        ("SEQ(A a*, B b)", [1]),
        ("SEQ(A a{2,5}, B b)", []),
        ("SEQ(A a?, B b)", []),
        ("SEQ(A a{3,}, B b{2,4}, C c+)", [3, 1]),
        ("SEQ(SEQ(A a{2,}, B b){4,}, C c)", [2, 4]),
    ],
)
def test_how_many_rounds_are_as_good_as_any_more(pattern: str, enough: list[int]) -> None:
    assert [rounds for _, rounds in sorted(automaton(pattern).enough.items())] == enough


@pytest.mark.parametrize(
    ("guard", "rounds", "allowed"),
    [
        (Guard("below", 1, 3), 2, True),
        (Guard("below", 1, 3), 3, False),
        (Guard("below", 1, 1), None, True),
        (Guard("reached", 1, 3), 3, True),
        (Guard("reached", 1, 3), 2, False),
        (Guard("reached", 1, 1), None, False),
        (Guard("open", 1), None, True),
        (Guard("open", 7), None, False),
    ],
)
def test_a_guard(guard: Guard, rounds: int | None, allowed: bool) -> None:
    counts = () if rounds is None else ((1, rounds),)
    run = Run(0, (), None, Position(0, 0), 0, counts=counts, closed=frozenset({7}))
    assert guarded([guard], run) is allowed
    assert guarded([guard, Guard("open", 7)], run) is False
    assert guarded([], run) is True


@pytest.mark.parametrize(
    ("pattern", "limit_ms"),
    [
        # It starts at 10, b was taken at 14, the last event at 15.
        ("SEQ(A a, B b, C c) WITHIN 20ms", 30),
        ("SEQ(A a, B b, C c GAP 3ms) WITHIN 20ms", 18),
        ("SEQ(A a, B b, C c GAP 90ms) WITHIN 20ms", 30),
        ("SEQ(A a, B b, C c WITHIN 4ms OF b) WITHIN 20ms", 18),
        ("SEQ(A a, B b, C c WITHIN 4ms OF a) WITHIN 20ms", 14),
        ("SEQ(A a, B b?, C c WITHIN 4ms OF b) WITHIN 20ms", 18),
        ("SEQ(A a, SEQ(B b, C c) WITHIN 2ms) WITHIN 20ms", 16),
        ("SEQ(A a, B b, C c) GAP 3ms", 18),
    ],
)
def test_until_when_an_event_may_come(pattern: str, limit_ms: int) -> None:
    auto = as_told(pattern)
    (arc,) = (arc for arc in auto.arcs[-2] if arc.step is not None)
    a, b = Event("A", 10, 0, {}), Event("B", 14, 1, {})
    scopes = {index: 14 for index, _ in arc.spans}
    assert auto.limit_ms(arc, 10, 15, scopes, {"a": [a], "b": [b]}) == limit_ms


def test_no_time_is_later_than_for_ever() -> None:
    auto = as_told("SEQ(A a, B b) WITHIN 5 EVENTS")
    arc = auto.arcs[1][0]
    assert auto.limit_ms(arc, 10, 15, {}, {"a": [Event("A", 10, 0, {})]}) == FOREVER_MS


def test_what_counts_from_an_event_that_did_not_come_is_over() -> None:
    auto = as_told("SEQ(A a, B b?, C c WITHIN 4ms OF b) WITHIN 20ms")
    arc = next(arc for arc in auto.arcs[1] if arc.step is not None and arc.step.var == "c")
    assert auto.limit_ms(arc, 10, 10, {}, {"a": [Event("A", 10, 0, {})]}) == 9


@pytest.mark.parametrize(
    ("pattern", "last_ms", "fires_ms"),
    [
        ("SEQ(A a, NOT B b FOR 5ms)", 13, 18),
        ("SEQ(A a, NOT B b) WITHIN 9ms", 13, 19),
        ("SEQ(A a, NOT B b FOR 5ms, NOT C c) WITHIN 9ms", 13, 19),
        ("SEQ(A a, NOT B b FOR 5ms, NOT C c) WITHIN 9ms", 15, 20),
        ("SEQ(A a, NOT B b FOR 5ms, NOT C c FOR 7ms) WITHIN 2ms", 13, 20),
    ],
)
def test_when_an_absence_has_lasted(pattern: str, last_ms: int, fires_ms: int) -> None:
    """It starts at 10."""
    auto = as_told(pattern)
    (arc,) = (arc for arc in auto.arcs[1] if arc.step is None)
    assert auto.fires_ms(arc, 10, last_ms) == fires_ms


@pytest.mark.parametrize(
    ("test", "ahead"), [("", False), ("[x > 1]", False), ("[x = a.x]", False), ("[x = c.x]", True)]
)
def test_an_absence_may_ask_for_what_comes_later(test: str, ahead: bool) -> None:
    auto = automaton(f"SEQ(A a, NOT B{test} b, C c)")
    (arc,) = auto.arcs[1]
    assert auto.looks_ahead(arc.absents[0].step, arc) is ahead
