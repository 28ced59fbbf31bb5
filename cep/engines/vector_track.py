"""The automaton as a track of stages on which every run is at one place: what the vector engine can step.

A stage is a state of the automaton with its loop counters, so that guards are settled beforehand. A run
leaves a stage by the first move that fits; a pattern where one event could send a run two ways is no track.

    F f{2,}, NOT G g, L l      stage 1 ─f─▶ stage 2 ─f─▶ stage 3 ─f─▶ stage 3
                                                              └─l─▶ stage 4: a match
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cep.engines.automaton import Automaton
from cep.engines.vector_asks import folded, unaskable
from cep.plan.compile import Plan, Test
from cep.plan.expr import Compare, Expr, Field, Ref, conjuncts
from cep.plan.nfa import Arc
from cep.plan.overlap import may_overlap
from cep.plan.pattern import Absent, Step
from cep.values import value

STAGES_MAX = 512

Counts = tuple[tuple[int, int], ...]


class UnfitError(Exception):
    """Why a pattern is no track, in words for `explain`."""


@value
class Kill:
    """An event that ends the runs of a stage; only up to `for_ms` after the event taken before.

    `first`: even those that could take it (`UNLESS`).
    """

    test: Test
    correlated: Expr | None
    for_ms: int | None
    first: bool


@value
class Move:
    """A way from a stage to the next: an arc, the test its event must pass, and what is asked of the run too.

    The arc is the one at `place` of `state` in the automaton. Of tracks that stand side by side it belongs to
    that of the number `variant`.
    """

    number: int
    state: int
    place: int
    arc: Arc
    var: str
    test: Test
    target: int
    correlated: Expr | None
    conditions: tuple[Expr, ...]
    gap_ms: int | None
    hold_ms: int
    variant: int = 0


@value
class Stage:
    """Where runs wait. `ends`: nowhere, a run is a match as it comes here. `ends_if`: so it is if these hold.

    `waits`: it is a match when no event kills it until a deadline: the longest `FOR` after the last event
    or, if `whole`, the end of the window.
    """

    number: int
    state: int
    counts: Counts
    moves: tuple[Move, ...] = ()
    kills: tuple[Kill, ...] = ()
    ends: bool = False
    ends_if: tuple[Expr, ...] | None = None
    waits: bool = False
    whole: bool = False
    hold_ms: int = 0
    strict: bool = False
    variant: int = 0

    @property
    def closed(self) -> frozenset[int]:
        """Loops that `UNTIL` has closed: no track has one."""
        return frozenset()

    @property
    def concerns(self) -> frozenset[Test]:
        """The tests of events that a run waiting here must look at."""
        return frozenset(move.test for move in self.moves) | frozenset(kill.test for kill in self.kills)

    @property
    def differs(self) -> tuple[str, str] | None:
        """The field, and the variable whose last value of it the only way on wants to be another than.

        Rows with that same value can be leapt over: they neither fit nor end anything.
        """
        if len(self.moves) != 1 or self.kills or self.strict:
            return None
        for ask in conjuncts(self.moves[0].correlated):
            match ask:
                case Compare("!=", Field((name,)), Ref(var, (other,), -1)) if name == other:
                    return name, var
                case Compare("!=", Ref(var, (other,), -1), Field((name,))) if name == other:
                    return name, var
                case _:
                    continue
        return None


@value
class Track:
    """All stages, the first is before any event; `moves` by number; `asks` is everything asked of runs."""

    stages: tuple[Stage, ...]
    moves: tuple[Move, ...]

    @property
    def variants(self) -> NDArray[np.int64]:
        """The variant that each stage belongs to."""
        return np.array([stage.variant for stage in self.stages], dtype=np.int64)

    def asks(self) -> Iterator[Expr]:
        """Every expression that reads more than one event."""
        for stage in self.stages:
            yield from stage.ends_if or ()
            yield from (kill.correlated for kill in stage.kills if kill.correlated is not None)
            for move in stage.moves:
                yield from move.conditions
                yield from () if move.correlated is None else (move.correlated,)

    @property
    def long(self) -> bool:
        """Whether a run may come to a stage again, and so take any number of events."""
        return any(move.target <= stage.number for stage in self.stages for move in stage.moves)


def track_of(plan: Plan) -> Track:
    """The track of a plan; UnfitError with the reason if it has none."""
    _refuse_clauses(plan)
    track = _Layout(plan).track()
    for expr in track.asks():
        reason = unaskable(expr)
        if reason is not None:
            raise UnfitError(reason)
    return track


def _refuse_clauses(plan: Plan) -> None:
    pattern = plan.pattern
    refusals = {
        "a window of n EVENTS": pattern.within_events is not None,
        "SAMPLE": pattern.sample_ppm is not None,
        f"ON {pattern.moment.upper()}": pattern.moment != "match",
        "ON TIMEOUT": pattern.emit_timeout is not None,
        "PICK LEFTMOST": pattern.pick == "leftmost",
        "steps with keys of their own": len(plan.key_groups) != 1,
        "FROM reads fewer types than the steps": not all(
            _within(test.types, plan.types) for test in plan.tests
        ),
    }
    for what, there in refusals.items():
        if there:
            raise UnfitError(what)


def _within(some: tuple[str, ...] | None, types: tuple[str, ...] | None) -> bool:
    return types is None or (some is not None and set(some) <= set(types))


class _Layout:
    """Stages as they are found, from the start on."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._auto = Automaton(plan)
        self._caps = _caps(plan)
        self._numbers: dict[tuple[int, Counts], int] = {}
        self._queue: list[tuple[int, Counts]] = []
        self._moves = 0

    def track(self) -> Track:
        self._number(0, ())
        stages: list[Stage] = []
        while self._queue:
            state, counts = self._queue.pop(0)
            stages.append(self._stage(len(stages), state, counts))
        self._refuse_forks(stages)
        moves = sorted((move for stage in stages for move in stage.moves), key=lambda move: move.number)
        return Track(tuple(stages), tuple(moves))

    def _number(self, state: int, counts: Counts) -> int:
        found = self._numbers.get((state, counts))
        if found is None:
            if len(self._numbers) >= STAGES_MAX:
                raise UnfitError(f"more than {STAGES_MAX} stages")
            found = self._numbers[state, counts] = len(self._numbers)
            self._queue.append((state, counts))
        return found

    def _stage(self, number: int, state: int, counts: Counts) -> Stage:
        if self._auto.untils[state]:
            raise UnfitError("UNTIL")
        arcs = [arc for arc in self._auto.arcs[state] if _open(arc, dict(counts))]
        exits = [arc for arc in arcs if arc.step is None]
        takes = [arc for arc in arcs if arc.step is not None]
        for arc in arcs:
            _refuse_arc(arc, first=number == 0)
        every = self._auto.arcs[state]
        kept = [every[old] for arc in takes for _, old in arc.kept]
        if any(old.absents or old.follow == "strict" or (old.step and old.step.gap_ms) for old in kept):
            raise UnfitError("NOT, NEXT or GAP inside a branch of AND")
        if self._plan.pattern.pick == "all" and len(arcs) > 1:
            raise UnfitError("PICK ALL with a choice")
        if len(exits) > 1:
            raise UnfitError("several ways to be a match")
        if exits and exits[0].absents:
            return self._waiting(number, state, counts, exits[0], takes)
        if exits and not exits[0].conditions:
            return Stage(number, state, counts, ends=True)
        if any(arc.absents != takes[0].absents for arc in takes):
            raise UnfitError("NOT before one way on and not before the other")
        if any(self._auto.looks_ahead(absent.step, arc) for arc in takes for absent in arc.absents):
            raise UnfitError("a NOT that refers to the step behind it")
        if len({arc.follow for arc in takes}) > 1:
            raise UnfitError("strict and relaxed steps at one place")
        if number and self._plan.pattern.within_ms is None:
            raise UnfitError("no WITHIN for the whole")
        strict = bool(takes) and takes[0].follow == "strict"
        ordered = self._preferred(state, takes)
        holds = any(arc.hold_ms for arc in ordered)
        if strict and holds:
            raise UnfitError("NOT … FOR before a strict step")
        return Stage(
            number,
            state,
            counts,
            moves=tuple(self._move(state, arc, counts) for arc in ordered),
            kills=self._kills(ordered[0].absents if ordered and number else (), number),
            ends_if=tuple(folded(c.expr) for c in exits[0].conditions) if exits else None,
            strict=strict,
        )

    def _waiting(self, number: int, state: int, counts: Counts, arc: Arc, takes: list[Arc]) -> Stage:
        if takes or arc.conditions:
            raise UnfitError("a last NOT beside other ways on")
        whole = any(absent.for_ms is None for absent in arc.absents)
        kills = self._kills(arc.absents, number)
        return Stage(number, state, counts, (), kills, waits=True, whole=whole, hold_ms=arc.hold_ms)

    def _kills(self, absents: tuple[Absent, ...], number: int) -> tuple[Kill, ...]:
        """What ends the runs of a stage: `UNLESS` everywhere behind the start, and its own absences."""
        unless = self._plan.pattern.unless if number else ()
        steps: list[tuple[Step, int | None, bool]] = [(step, None, True) for step in unless]
        steps += [(absent.step, absent.for_ms, False) for absent in absents]
        return tuple(
            Kill(
                self._test(step), None if step.correlated is None else folded(step.correlated), for_ms, first
            )
            for step, for_ms, first in steps
        )

    def _test(self, step: Step) -> Test:
        return self._plan.tests[self._plan.test_of[step.index]]

    def _move(self, state: int, arc: Arc, counts: Counts) -> Move:
        step = arc.step
        assert step is not None
        after = dict(counts)
        for effect in arc.effects:
            cap = self._caps.get(effect.index, 0)
            if effect.kind == "scope":
                raise UnfitError("WITHIN on a part")
            if cap:
                after[effect.index] = (
                    1 if effect.kind == "enter" else min(cap, after.get(effect.index, 0) + 1)
                )
        self._moves += 1
        return Move(
            number=self._moves - 1,
            state=state,
            place=self._auto.arcs[state].index(arc),
            arc=arc,
            var=step.var,
            test=self._test(step),
            target=self._number(arc.target, tuple(sorted(after.items()))),
            correlated=None if step.correlated is None else folded(step.correlated),
            conditions=tuple(folded(condition.expr) for condition in arc.conditions),
            gap_ms=step.gap_ms,
            hold_ms=arc.hold_ms,
        )

    def _preferred(self, state: int, takes: list[Arc]) -> list[Arc]:
        """The arcs as they win an event; without those that a reluctant loop never takes."""
        every = self._auto.arcs[state]
        places = [every.index(arc) for arc in takes]
        kept = [i for i in places if not self._auto.not_needed(state, i, (), places)]
        steps = [arc.step for arc in takes]
        if len(kept) < len(places) and any(step is not None and step.gap_ms is not None for step in steps):
            raise UnfitError("a reluctant loop with GAP")
        order: list[int] = []
        for i in kept:
            at = next((k for k, j in enumerate(order) if self._auto.beats(state, i, j)), len(order))
            order.insert(at, i)
        for k, i in enumerate(order):
            for j in order[k + 1 :]:
                one, other = every[i].step, every[j].step
                assert one is not None
                assert other is not None
                if not self._auto.beats(state, i, j) and may_overlap(one, other):
                    raise UnfitError("one event may go two ways")
        return [every[i] for i in order]

    def _refuse_forks(self, stages: list[Stage]) -> None:
        """Taking one way must give up the others, unless it is a match at once; the start has no others."""
        for stage in stages[1:]:
            every = self._auto.arcs[stage.state]
            for move in stage.moves:
                for other in stage.moves:
                    one, two = every.index(move.arc), every.index(other.arc)
                    ends = stages[move.target].ends
                    alive = [every.index(each.arc) for each in stage.moves]
                    if not ends and not self._auto.closes(stage, one, two, alive, [one]):
                        raise UnfitError("OR in the middle: both branches stay open")


def _open(arc: Arc, counts: dict[int, int]) -> bool:
    for guard in arc.guards:
        count = counts.get(guard.loop, 0)
        if (guard.kind == "below" and count >= guard.count) or (
            guard.kind == "reached" and count < guard.count
        ):
            return False
    return True


def _refuse_arc(arc: Arc, *, first: bool) -> None:
    if arc.follow == "any":
        raise UnfitError("ANY")
    if arc.lookback:
        raise UnfitError("a leading NOT")
    if arc.barriers:
        raise UnfitError("UNTIL")
    if arc.spans:
        raise UnfitError("WITHIN on a part")
    if arc.step is not None and arc.step.since:
        raise UnfitError("WITHIN … OF")
    if first and arc.step is None:
        raise UnfitError("nothing to start at")
    if any(absent.next_only for absent in arc.absents):
        raise UnfitError("NEXT NOT")


def _caps(plan: Plan) -> dict[int, int]:
    """For each loop the count from which on guards no longer change."""
    caps: dict[int, int] = {}
    for state in plan.nfa.states:
        for arc in state.arcs:
            for guard in arc.guards:
                if guard.kind != "open":
                    caps[guard.loop] = max(caps.get(guard.loop, 0), guard.count)
    return caps
