"""Nodes of the algebra as text, for the automaton's states and for `explain`."""

from __future__ import annotations

from typing import assert_never

from cep.plan.pattern import (
    Absent,
    Again,
    Both,
    Chain,
    Choice,
    Inside,
    Node,
    Part,
    Repeat,
    Scope,
    Step,
    Take,
)

_GREED = {"eager": "", "reluctant": "?", "possessive": "+"}
_FOLLOW = {None: "", "relaxed": "", "strict": "next ", "any": "any "}


def node_text(node: Node) -> str:
    """One line; what is left of a loop is written with a leading `…`.

    >>> a, b = (Take(Step(i, v, (v.upper(),))) for i, v in enumerate("ab"))
    >>> node_text(Chain((Part(Repeat(1, a, 3, None)), Part(b, "strict"))))
    'a{3,} then next b'
    """
    match node:
        case Take(step):
            return step.var
        case Absent(step, for_ms, next_only):
            wait = f" for {for_ms}ms" if for_ms is not None else ""
            return f"no {'next ' if next_only else ''}{step.var}{wait}"
        case Chain(parts):
            return " then ".join(_part_text(part) for part in parts)
        case Choice(_, branches):
            return "(" + " or ".join(node_text(branch) for branch in branches) + ")"
        case Both(_, branches, need, absents):
            left = [node_text(branch) or "✓" for branch in branches] + [node_text(a) for a in absents]
            count = "" if need == len(branches) else f"{need} of "
            return count + "(" + " and ".join(left) + ")"
        case Repeat(_, inner):
            body = node_text(inner)
            return (f"({body})" if " " in body else body) + bounds_text(node)
        case Again(loop):
            return f"…{node_text(loop)}"
        case Scope(_, inner, within_ms):
            return f"({node_text(inner)} within {within_ms}ms)"
        case Inside(scope, rest):
            return f"({node_text(rest)} within {scope.within_ms}ms…)"
        case _:
            assert_never(node)


def bounds_text(loop: Repeat) -> str:
    """`{3,}` with its greed; `?` for an optional part."""
    if (loop.min, loop.max) == (0, 1):
        return "?" + _GREED[loop.greed]
    upper = "" if loop.max is None else str(loop.max)
    return f"{{{loop.min},{upper}}}" + _GREED[loop.greed]


def _part_text(part: Part) -> str:
    text = node_text(part.node)
    return _FOLLOW[part.follow] + text


__all__ = ["Step", "bounds_text", "node_text"]
