"""How long the state of a task that nobody works on is kept, from the windows of its rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cep.plan.compile import Plan
from cep.stream.alert import Rule

DAY_MS: Final = 86_400_000


def keep_ms(rules: Iterable[Rule]) -> int | None:
    """Twice the longest window and a day at least; None, for ever, if some rule has to remember without end.

    It is housekeeping: state that is gone is made again from the log, if that still holds what is needed.
    Keys whose windows are over leave the state by themselves, in event time.
    """
    spans = [span_ms(rule.plan) for rule in rules]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    return max([DAY_MS, *(2 * span for span in known)])


def span_ms(plan: Plan) -> int | None:
    """How far back what a rule does now may depend on events; None if on all."""
    pattern = plan.pattern
    if pattern.after == "stop":
        return None
    arcs = [arc for state in plan.nfa.states for arc in state.arcs]
    lookback = max((absent.for_ms or 0 for arc in arcs for absent in arc.lookback), default=0)
    limit = 0 if pattern.limit is None else pattern.limit.per_ms or 0
    if pattern.within_ms is not None:
        return max(pattern.within_ms, lookback, limit)
    single = all(arc.step is None for state in plan.nfa.states[1:] for arc in state.arcs)
    if not single:
        # Without a window a run may wait as long as its gaps, and a loop may go on for ever.
        return None
    holds = max((arc.hold_ms for arc in arcs), default=0)
    return max(holds, lookback, limit)
