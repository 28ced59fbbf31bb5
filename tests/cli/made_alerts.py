"""Alerts made by hand, for tests of what is printed of them."""

from collections.abc import Mapping
from typing import cast

from cep.engines.match import Match, Outcome, Whole
from cep.event import Event, Position, Value
from cep.plan.compile import Plan
from cep.stream.alert import Alert, Rule, Severity, Wording

# Printing never looks at the plan.
NO_PLAN = cast("Plan", None)

AT_MS = 1_774_886_496_000  # 2026-03-30 16:01:36Z


def rule(name: str = "brute_force", severity: Severity = "high") -> Rule:
    """A rule that only has what an alert says about it."""
    return Rule(name, 3, NO_PLAN, "Guessed password", severity, tags=("ato", "attack.t1110"))


def event(kind: str, ts_ms: int, line: int, source: str = "auth.log", **fields: Value) -> Event:
    """An event that was read from a line."""
    return Event(kind, ts_ms, line, fields, line, source)


def alert(
    *events: tuple[str, Event],
    of: Rule | None = None,
    key: Mapping[str, Value] | None = None,
    fields: Mapping[str, Value] | None = None,
    type_: str | None = None,
    ts_ms: int | None = None,
    outcome: Outcome = "match",
    incomplete: bool = False,
) -> Alert:
    """An alert of these (variable, event) pairs; its time is that of the last one unless given."""
    of = of or rule()
    key = {"user": "eve"} if key is None else key
    bound: dict[str, list[Event]] = {}
    for var, taken in events:
        bound.setdefault(var, []).append(taken)
    first, last = events[0][1].position, events[-1][1].position
    at_ms = last.ts_ms if ts_ms is None else ts_ms
    detected = Position(at_ms, last.seq)
    return Alert(
        Wording(of, tuple(key), {outcome: type_ or of.name}, {outcome: lambda _: dict(fields or {})}),
        Match(
            tuple(key.values()), Whole(bound), first, last, at_ms, detected, outcome, incomplete=incomplete
        ),
    )
