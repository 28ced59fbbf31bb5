"""What is wrong with a plan before it runs: waits without an end, undecided absences, cost without a limit.

Works on the automaton, where each of these is a plain question about arcs.
"""

from __future__ import annotations

from collections.abc import Iterator

from cep.errors import Diagnostic, Source, Span
from cep.plan.compile import Plan
from cep.plan.cost import cost
from cep.plan.derive import ways
from cep.plan.nfa import ACCEPT, Arc, Fork, State
from cep.plan.overlap import may_overlap
from cep.plan.pattern import Absent, Both, Chain, Choice, Inside, Node, Repeat, Scope, Step, Take


def analyse(plan: Plan, source: Source) -> list[Diagnostic]:
    """Every structural problem of a plan, sorted by position."""
    found = [
        *_empty_matches(plan, source),
        *_undecided_absences(plan, source),
        *_endless_waits(plan, source),
        *_too_costly(plan, source),
        *_ambiguous_loops(plan, source),
        *_unreachable(plan, source),
    ]
    unique = {(d.code, d.span.start, d.span.end): d for d in reversed(found)}
    return sorted(unique.values(), key=lambda d: d.sort_key)


def _error(code: str, message: str, source: Source, span: Span, label: str, help_: str) -> Diagnostic:
    return Diagnostic(code, "error", message, source, span, label, help_)


def _empty_matches(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    for arc in plan.nfa.states[0].arcs:
        if arc.step is None and not arc.lookback:
            yield _error(
                "E306", "this pattern may match nothing at all", source, _whole(plan),
                "every part may be left out", "make one part mandatory: + instead of *, or drop the ?",
            )  # fmt: skip
    for loop in _loops(plan.pattern.node):
        if any(way.step is None for way in ways(loop.node)):
            yield _error(
                "E306", "one round of this loop may match nothing", source, loop.span,
                "it could go round for ever without an event", "make one part of the group mandatory",
            )  # fmt: skip


def _undecided_absences(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    for arc in plan.nfa.states[0].arcs:
        for absent in arc.lookback:
            text = source.text[absent.step.span.start : absent.step.span.end]
            if arc.step is None:
                yield _error(
                    "E303", "a pattern cannot be only a NOT", source, absent.step.span,
                    "there is no event that a match could start at",
                    "name the event that makes its absence matter: SEQ(A a, NOT B b FOR 10m)",
                )  # fmt: skip
            elif absent.next_only:
                yield _error(
                    "E303", "NEXT NOT needs a step before it", source, absent.step.span,
                    "there is no event before it", "put it behind a step",
                )  # fmt: skip
            elif absent.for_ms is None:
                yield _error(
                    "E303", "a leading NOT needs to know how far to look back", source, absent.step.span,
                    "add FOR", f"{text} FOR 30d",
                )  # fmt: skip
    if plan.pattern.within_ms is not None:
        return
    for state in plan.nfa.states[1:]:
        for arc in state.arcs:
            for absent in arc.absents if arc.step is None else ():
                if absent.for_ms is None:
                    text = source.text[absent.step.span.start : absent.step.span.end]
                    yield _error(
                        "E302", "NOT at the end needs FOR or WITHIN", source, absent.step.span,
                        "absence is decided by time, not by another event", f"{text} FOR 10m",
                    )  # fmt: skip


def _endless_waits(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    """States in which a run may wait for ever: no window, and an arc that no limit of its own bounds."""
    pattern = plan.pattern
    if pattern.within_ms is not None or pattern.within_events is not None:
        return
    for state in plan.nfa.states[1:]:
        if _ends_at_once(plan, state):
            continue
        for arc in state.arcs:
            if arc.step is None or arc.step.gap_ms is not None or arc.step.since or arc.spans:
                continue
            yield _error(
                "E301", "nothing ends the wait in this pattern", source, arc.step.span,
                f"a partial match waits for `{arc.step.var}` without a deadline",
                "add a window for the whole match: WITHIN 10m",
            )  # fmt: skip
            return


def _ends_at_once(plan: Plan, state: State) -> bool:
    """Whether a run that comes to this state is a match, and with it over."""
    pattern = plan.pattern
    if pattern.pick in ("all", "leftmost") or pattern.moment != "match":
        return False
    return any(a.step is None and not (a.absents or a.guards or a.conditions) for a in state.arcs)


def _too_costly(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    found = cost(plan)
    if found.cost_class == "C4" and plan.pattern.limit is None:
        yield _error(
            "E307", "this pattern can have exponentially many matches", source, _whole(plan),
            "; ".join(found.reasons), "bound what one event may complete: LIMIT 20",
        )  # fmt: skip


def _ambiguous_loops(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    if plan.pattern.pick in ("all", "leftmost"):
        return
    loops = {loop.index: loop for loop in _loops(plan.pattern.node)}
    for stay, leave in _loop_pairs(plan):
        assert stay.step is not None
        assert leave.step is not None
        fork = _first_difference(stay, leave)
        assert fork is not None
        local = stay.step.correlated is None and leave.step.correlated is None
        if local and may_overlap(stay.step, leave.step):
            yield _ambiguous(loops[fork.index], stay.step, leave.step, source)


def _ambiguous(loop: Repeat, stay: Step, leave: Step, source: Source) -> Diagnostic:
    types = " or ".join(leave.types or ("event",))
    one, other = f"extend `{stay.var}`", f"be `{leave.var}`"
    label = "the loop ends at the first such event"
    repair = f"test for the opposite in `{stay.var}`, or write ++ (or }}+) to never end early"
    if loop.max == 1:
        one, label = f"be `{stay.var}`", f"it is `{leave.var}` then"
        repair = f"test for the opposite in `{stay.var}`, or write ?+ to have it first"
    elif not isinstance(loop.node, Take):
        one = f"begin another round with `{stay.var}`"
    if stay == leave:
        # What follows in the round may be left out, so the loop around this one goes round instead.
        other = f"begin another round with `{stay.var}`"
        repair = "one of the two loops is enough, or write ++ (or }+) to never end early"
    message = f"one {types} can {one} and can also {other}"
    return Diagnostic("W401", "warning", message, source, stay.span, label, repair)


def _unreachable(plan: Plan, source: Source) -> Iterator[Diagnostic]:
    """Steps whose types `FROM` does not read, that a possessive loop eats, or that NEXT NOT forbids."""
    read = plan.pattern.from_types
    for step, label in _steps_with_use(plan) if read is not None else ():
        missing = [name for name in step.types or () if name not in (read or ())]
        if missing:
            yield _error(
                "E201", f"FROM does not read {' or '.join(missing)}", source, step.span,
                label, f"FROM {', '.join((*(read or ()), *missing))}",
            )  # fmt: skip
    for stay, leave in _loop_pairs(plan, greed="possessive"):
        assert stay.step is not None
        assert leave.step is not None
        same = (stay.step.types, stay.step.local) == (leave.step.types, leave.step.local)
        if same and stay.step.correlated is None and not stay.guards:
            yield Diagnostic(
                "W405", "warning", f"`{leave.step.var}` can never be taken", source, leave.step.span,
                f"every such event goes to `{stay.step.var}`, which never gives one back",
                "end the loop earlier: + instead of ++",
            )  # fmt: skip
    for arc in (arc for state in plan.nfa.states for arc in state.arcs if arc.follow == "strict"):
        if arc.step is not None and any(_forbids_all_of(absent, arc.step) for absent in arc.absents):
            yield Diagnostic(
                "W405", "warning", f"`{arc.step.var}` can never be taken", source, arc.step.span,
                "NEXT asks for the very event that NEXT NOT forbids", "leave out one of the two",
            )  # fmt: skip


def _forbids_all_of(absent: Absent, step: Step) -> bool:
    forbidden = absent.step
    every = forbidden.types is None or (step.types is not None and set(step.types) <= set(forbidden.types))
    alike = forbidden.local in (None, step.local) and forbidden.correlated is None
    return absent.next_only and absent.for_ms is None and every and alike


def _steps_with_use(plan: Plan) -> Iterator[tuple[Step, str]]:
    """Every step with what is the matter if its events are not read."""
    yield from ((step, "this step can never be taken") for step in plan.pattern.steps)
    yield from ((step, "so it can never cancel a match") for step in plan.pattern.unless)
    for state in plan.nfa.states:
        yield from ((step, "so it can never end the loop") for _, step in state.untils)
        for arc in state.arcs:
            absents = (*arc.absents, *arc.lookback)
            yield from ((absent.step, "so it can never forbid a match") for absent in absents)


def _loop_pairs(plan: Plan, greed: str = "eager") -> Iterator[tuple[Arc, Arc]]:
    """Pairs of arcs of one state of which the first goes on in a loop that the second leaves."""
    for state in plan.nfa.states[1:]:
        arcs = [arc for arc in state.arcs if arc.step is not None and arc.target != ACCEPT]
        for stay in arcs:
            for leave in arcs:
                fork = _first_difference(stay, leave)
                if fork is not None and fork.kind == "loop" and fork.branch == 0 and fork.greed == greed:
                    yield stay, leave


def _first_difference(one: Arc, other: Arc) -> Fork | None:
    return next((mine for mine, its in zip(one.forks, other.forks, strict=False) if mine != its), None)


def _loops(node: Node) -> Iterator[Repeat]:
    match node:
        case Repeat(_, inner):
            yield node
            yield from _loops(inner)
        case Chain(parts):
            for part in parts:
                yield from _loops(part.node)
        case Choice(_, branches) | Both(_, branches):
            for branch in branches:
                yield from _loops(branch)
        case Scope(_, inner) | Inside(_, inner):
            yield from _loops(inner)
        case _:
            return


def _whole(plan: Plan) -> Span:
    spans = [step.span for step in plan.pattern.steps]
    return Span(min(s.start for s in spans), max(s.end for s in spans)) if spans else Span(0, 1)
