"""A plan made ready for stepping: compiled predicates, and how the arcs of a state exclude each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from cep.engines.evaluate import Scope, true_of
from cep.engines.matcher import FOREVER_MS
from cep.engines.snapshot import Open, Place
from cep.event import Event
from cep.plan.compile import Plan
from cep.plan.expr import Expr, variables
from cep.plan.nfa import Arc, Fork, Guard, State
from cep.plan.pattern import Condition, Step

Relation = Literal["same", "or", "and", "stay_leave", "leave_stay"]
"""How two arcs of a state part: other branches, or the first stays in a loop that the second leaves.

`same`: they do not; an `ATLEAST` is over by more than one of its branches, each with a guard of its own.
"""


class Automaton:
    """The plan's automaton with everything that stepping asks often worked out once. Immutable after init."""

    def __init__(self, plan: Plan) -> None:
        """Compile every correlated predicate and condition of the plan."""
        self.plan = plan
        pattern = plan.pattern
        self.arcs: list[tuple[Arc, ...]] = [state.arcs for state in plan.nfa.states]
        self.untils = [state.untils for state in plan.nfa.states]
        self.has_absents = [any(arc.absents for arc in state.arcs) for state in plan.nfa.states]
        self.needs = [state.needs for state in plan.nfa.states]
        self.within_ms = FOREVER_MS if pattern.within_ms is None else pattern.within_ms
        self.within_events = pattern.within_events
        self.picks_all = pattern.pick == "all"
        self.leftmost = pattern.pick == "leftmost"
        self.forks_all = self.picks_all or self.leftmost
        self.closes_late = pattern.moment == "close"
        self.tells_timeouts = pattern.emit_timeout is not None
        self.goes_on = self.picks_all or pattern.moment == "update"
        self.renewed = [_renewed(state.arcs, plan.nfa.states) for state in plan.nfa.states]
        """For each state the arcs whose time an event of another branch of an AND may set anew."""
        self.merges = _merges(plan)
        self.enough = _enough(plan)
        """For each loop without an upper bound how many rounds are as good as any more."""
        self._bit = {index: 1 << test for index, test in plan.test_of.items()}
        # By identity: an expression lives as long as the plan, and its hash is as dear as asking it.
        self._asked: dict[int, Callable[[Scope], bool]] = {}
        self._relations: dict[tuple[int, int, int], tuple[Relation, Fork]] = {}
        self._never_left: dict[tuple[int, int, int], bool] = {}

    def may_fit(self, step: Step, bits: int) -> bool:
        """Whether the event passes the step's type and local predicate."""
        return bool(bits & self._bit[step.index])

    def fits(self, step: Step, bits: int, scope: Scope) -> bool:
        """Whether the event is what the step asks for, in the run whose bindings the scope holds."""
        if not bits & self._bit[step.index]:
            return False
        return step.correlated is None or self._true(step.correlated, scope)

    def suspect_fits(self, step: Step, scope: Scope) -> bool:
        """The correlated part of a forbidden step, asked late: the scope holds what was taken since."""
        return step.correlated is None or self._true(step.correlated, scope)

    def all_true(self, conditions: Sequence[Condition], scope: Scope) -> bool:
        """Whether every condition is true."""
        return all(self._true(condition.expr, scope) for condition in conditions)

    def looks_ahead(self, absent: Step, arc: Arc) -> bool:
        """Whether a forbidden step refers to the event that the arc would take."""
        if absent.correlated is None or arc.step is None:
            return False
        return arc.step.var in variables(absent.correlated)

    def limit_ms(
        self,
        arc: Arc,
        start_ms: int,
        last_ms: int,
        scopes: Mapping[int, int],
        bound: Mapping[str, Sequence[Event]],
    ) -> int:
        """The last time at which the arc may take an event."""
        assert arc.step is not None
        limits = [start_ms + self.within_ms]
        limits += [scopes[index] + within_ms for index, within_ms in arc.spans]
        if arc.step.gap_ms is not None:
            limits.append(last_ms + arc.step.gap_ms)
        for names, within_ms in arc.step.since:
            taken = [events[-1].ts_ms for var in names if (events := bound.get(var))]
            limits.append(max(taken) + within_ms if taken else start_ms - 1)
        return min(*limits, FOREVER_MS)

    def fires_ms(self, arc: Arc, start_ms: int, last_ms: int) -> int:
        """When an absence at the end has lasted: `FOR` after the last event, or the end of the window."""
        whole = any(absent.for_ms is None for absent in arc.absents)
        fires = last_ms + arc.hold_ms
        return min(max(fires, start_ms + self.within_ms) if whole else fires, FOREVER_MS)

    def choose(self, state: int, fits: Sequence[int], alive: Sequence[int]) -> list[int]:
        """Which of the fitting arcs are taken, best first."""
        return [
            index
            for index in fits
            if not any(self.beats(state, other, index) for other in fits if other != index)
            and not self.not_needed(state, index, fits, alive)
        ]

    def closes(
        self, place: Place, taken: int, other: int, alive: Sequence[int], chosen: Sequence[int]
    ) -> bool:
        """Whether a run there that takes the event through `taken` gives up waiting at `other`.

        `alive`: all arcs where it waits; `chosen`: all through which it takes the event.
        """
        arcs = self.arcs[place.state]
        if arcs[taken].follow == "any":
            return False
        if taken == other:
            return True
        relation, fork = self._relation(place.state, taken, other)
        match relation:
            case "same":
                return True
            case "or":
                return False
            case "and":
                # What waits at another alternative of this branch, or leaves it as it is, needs the others.
                forks = arcs[taken].forks
                branch, inside = forks[: forks.index(fork) + 1], forks[forks.index(fork) + 1 :]
                ends = (over.forks for over in fork.over if guarded(over.guards, place))
                if self.forks_all and any(not _holds(inside, end) for end in ends):
                    return False
                waiting = [i for i in alive if arcs[i].forks[: len(branch)] == branch]
                taking = [i for i in chosen if arcs[i].forks[: len(branch)] == branch]
                return all(
                    any(self.closes(place, one, each, alive, taking) for one in taking) for each in waiting
                )
            case "stay_leave":
                return not self.forks_all or self._stays_held(place.state, taken, other)
            case "leave_stay":
                return not self.forks_all

    def further(self, state: int, opened: Sequence[Open], ends: int) -> tuple[Open, ...]:
        """The arcs that a run which may be over goes on by: not those in a reluctant loop."""
        return tuple(pair for pair in opened if not self.not_needed(state, pair[0], (), (ends,)))

    def beats(self, state: int, winner: int, loser: int) -> bool:
        """An event that fits both a loop and the step behind it: who takes it."""
        relation, fork = self._relation(state, winner, loser)
        if relation == "same":
            return winner < loser
        if relation == "stay_leave":
            return fork.greed == "possessive"
        return relation == "leave_stay" and fork.greed != "possessive" and not self.forks_all

    def not_needed(self, state: int, index: int, fits: Sequence[int], alive: Sequence[int]) -> bool:
        """A reluctant loop takes no event that its way out can wait behind."""
        if self.forks_all:
            return False
        for other in alive:
            if other == index or other in fits:
                continue
            relation, fork = self._relation(state, index, other)
            arc = self.arcs[state][other]
            waits = arc.step is None or arc.follow != "strict"
            if relation == "stay_leave" and fork.greed == "reluctant" and waits:
                return True
        return False

    def _relation(self, state: int, one: int, other: int) -> tuple[Relation, Fork]:
        found = self._relations.get((state, one, other))
        if found is None:
            found = self._relations[state, one, other] = _part(
                self.arcs[state][one].forks, self.arcs[state][other].forks
            )
        return found

    def _stays_held(self, state: int, one: int, other: int) -> bool:
        held = self._never_left.get((state, one, other))
        if held is None:
            arcs = self.arcs[state]
            held = self._never_left[state, one, other] = _holds(arcs[one].forks, arcs[other].forks)
        return held

    def _true(self, expr: Expr, scope: Scope) -> bool:
        asked = self._asked.get(id(expr))
        if asked is None:
            asked = self._asked[id(expr)] = true_of(expr)
        return asked(scope)


def guarded(guards: Sequence[Guard], place: Place) -> bool:
    """Whether the loops, as they stand, allow a way on."""
    counts = dict(place.counts)
    for guard in guards:
        match guard.kind:
            case "below":
                allowed = counts.get(guard.loop, 0) < guard.count
            case "reached":
                allowed = counts.get(guard.loop, 0) >= guard.count
            case "open":
                allowed = guard.loop not in place.closed
        if not allowed:
            return False
    return True


def _renewed(arcs: Sequence[Arc], states: Sequence[State]) -> frozenset[int]:
    return frozenset(
        old
        for arc in arcs
        for new, old in arc.kept
        if (step := states[arc.target].arcs[new].step) is not None and (step.gap_ms is not None or step.since)
    )


def _merges(plan: Plan) -> bool:
    """Whether a run is needless when an older attempt has one with the same future.

    It is, if the older one always wins (`PICK FIRST`), both take the same way out (no limit counts from the
    start, so their open arcs are equal), and no match can take away the older one alone.
    """
    pattern = plan.pattern
    arcs = [arc for state in plan.nfa.states for arc in state.arcs]
    return (
        pattern.pick == "first"
        and pattern.after == "past_last"
        and pattern.within_ms is None
        and pattern.within_events is None
        and pattern.emit_timeout is None
        and not any(arc.spans or (arc.step is None and arc.absents) for arc in arcs)
    )


def _enough(plan: Plan) -> dict[int, int]:
    arcs = [arc for state in plan.nfa.states for arc in state.arcs]
    guards = [guard for arc in arcs for guard in arc.guards]
    bounded = {guard.loop for guard in guards if guard.kind == "below"}
    loops = {effect.index for arc in arcs for effect in arc.effects if effect.kind == "again"} - bounded
    least = {guard.loop: guard.count for guard in guards if guard.kind == "reached"}
    return {loop: least.get(loop, 1) for loop in loops}


def _holds(one: tuple[Fork, ...], way_out: tuple[Fork, ...]) -> bool:
    """Whether `one` goes on in a possessive loop that the way out would leave."""
    relation, fork = _part(one, way_out)
    if relation != "stay_leave":
        return False
    if fork.kind == "loop":
        return fork.greed == "possessive"
    depth = one.index(fork)
    ends = (choice[fork.branch] for choice in way_out[depth].left)
    return all(end is not None and _holds(one[depth + 1 :], end.forks) for end in ends)


def _part(one: tuple[Fork, ...], other: tuple[Fork, ...]) -> tuple[Relation, Fork]:
    """Where two arcs of a state part for the first time."""
    for mine, its in zip(one, other, strict=False):
        if mine == its:
            continue
        assert mine.index == its.index, "arcs of one state part at one decision"
        if mine.kind == "or":
            return "or", mine
        if mine.kind == "and" and mine.branch >= 0 and its.branch >= 0:
            return "and", mine
        leaves = its.branch == -1 if its.kind == "and" else its.branch == 1
        return ("stay_leave" if leaves else "leave_stay"), mine
    return "same", one[-1]
