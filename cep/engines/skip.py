"""Which matches count, and what a match does to the others: picks and skip policies, as small functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cep.event import Event, Position
from cep.plan.pattern import PickKind, SkipKind

Starts = Callable[[Position], bool]
"""Whether a partial match, or a match found at the same time, that starts there goes on."""


def survivors(
    kind: SkipKind,
    variable: str | None,
    start: Position,
    last: Position,
    bound: Mapping[str, Sequence[Event]],
) -> Starts:
    """What a match from `start` to `last` leaves: starts for which the answer is true.

    >>> goes_on = survivors("past_last", None, Position(1, 0), Position(4, 3), {})
    >>> goes_on(Position(4, 3)), goes_on(Position(4, 4))
    (False, True)
    """
    match kind:
        case "past_last":
            return lambda other: other > last
        case "to_next":
            return lambda other: other > start
        case "to_first" | "to_last":
            events = bound.get(variable or "", ())
            if not events:
                return lambda _: True
            target = events[0 if kind == "to_first" else -1].position
            return lambda other: other >= target
        case "none":
            return lambda _: True
        case "stop":
            return lambda _: False


def picked(kind: PickKind, starts: Sequence[Position]) -> list[int]:
    """Which of the matches that one event (or one deadline) completes are candidates, by their starts.

    >>> starts = [Position(1, 0), Position(1, 0), Position(2, 1)]
    >>> picked("first", starts), picked("last", starts), picked("each", starts), picked("all", starts)
    ([0], [2], [0, 2], [0, 1, 2])
    """
    if kind == "all":
        return list(range(len(starts)))
    firsts = [i for i, start in enumerate(starts) if i == 0 or starts[i - 1] != start]
    match kind:
        case "first" | "leftmost":
            return firsts[:1]
        case "last":
            return firsts[-1:]
        case "each":
            return firsts
