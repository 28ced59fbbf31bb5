"""What a plan costs: its class, how far it looks back, and how long an alert of it may wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from cep.plan.compile import Plan
from cep.plan.expr import Aggregate, Compare, Every, Expr, IsNull, Prev, conjuncts, variables, walk
from cep.plan.pattern import Step
from cep.values import value

CostClass = Literal["C1", "C2", "C3", "C4"]
Reason = tuple[CostClass, str]

COST_WORDS: dict[CostClass, str] = {
    "C1": "constant: one step or a counter",
    "C2": "linear: each event touches the partial matches of its key once",
    "C3": "polynomial: partial matches of a key are compared one by one",
    "C4": "exponential: every combination is a match of its own",
}


@value
class Cost:
    """The cost class with its reasons, the longest wait, the look-back and the delay of a rule, in ms."""

    cost_class: CostClass
    reasons: tuple[str, ...]
    lookback_ms: int
    delay_ms: int | None
    """How long after its last event a match may be given; 0: at once; None: at the end of the window."""


def cost(plan: Plan) -> Cost:
    """The cost class of a plan: the dearest construct it has decides."""
    pattern = plan.pattern
    dear = [*_of_shape(plan), *_of_tests(plan)]
    cost_class: CostClass = max((each for each, _ in dear), default="C1")
    reasons = tuple(dict.fromkeys(words for each, words in dear if each == cost_class))
    ends = [arc for state in plan.nfa.states for arc in state.arcs if arc.step is None and arc.absents]
    whole = pattern.moment == "close" or any(a.for_ms is None for arc in ends for a in arc.absents)
    lookback = [a.for_ms or 0 for arc in plan.nfa.states[0].arcs for a in arc.lookback]
    delay_ms = None if whole else max((arc.hold_ms for arc in ends), default=0)
    return Cost(cost_class, reasons or ("one step",), max(lookback, default=0), delay_ms)


def _of_shape(plan: Plan) -> Iterator[Reason]:
    pattern, arcs = plan.pattern, [arc for state in plan.nfa.states for arc in state.arcs]
    if pattern.pick == "all" and any(fork.kind == "loop" for arc in arcs for fork in arc.forks):
        yield "C4", "PICK ALL gives every length of every loop"
    if any(arc.follow == "any" for arc in arcs if arc.step is not None):
        yield "C4", "ANY or COMBINATIONS tries every event that fits"
    if pattern.pick in ("each", "all", "leftmost"):
        yield "C3", f"PICK {pattern.pick.upper()} keeps every start"
    if any(fork.kind == "and" for arc in arcs for fork in arc.forks):
        yield "C3", "branches in any order"
    if len(plan.nfa.states) > 2:
        yield "C2", "several steps"


def _of_tests(plan: Plan) -> Iterator[Reason]:
    """By what is asked of several events at once: whether equal values can stand for each other."""
    forbidden = [
        a.step for state in plan.nfa.states for arc in state.arcs for a in (*arc.absents, *arc.lookback)
    ]
    steps: list[Step] = [*plan.pattern.steps, *plan.pattern.unless, *forbidden]
    for part in (part for step in steps for part in conjuncts(step.correlated)):
        yield _of_test(part)
    for condition in plan.pattern.conditions:
        if len(condition.vars) > 1:
            yield _of_test(condition.expr)
        elif any(isinstance(node, (Aggregate, Every)) for node in walk(condition.expr)):
            yield "C2", "an aggregate over a loop"


def _of_test(test: Expr) -> Reason:
    nodes = list(walk(test))
    if not variables(test):
        return "C1", "a test of the key"
    if any(isinstance(node, (Aggregate, Every, Prev)) for node in nodes):
        return "C3", "a running value in a test: every start has its own"
    if isinstance(test, IsNull) or (isinstance(test, Compare) and test.op in ("=", "!=")):
        return "C2", "steps that ask for a value of earlier ones"
    return "C3", "steps compared by more than being equal"
