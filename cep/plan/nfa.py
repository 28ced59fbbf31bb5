"""The automaton as a value, and its text and Graphviz forms.

A state is what is left of the pattern. Its arcs are the ways on, in order of preference: each takes one event
(or, to ACCEPT, none). Ignoring an event is no arc: it is what happens when no arc takes it, and it closes the
arcs that its contiguity no longer allows.

    action    drawn as        when
    TAKE      arc to a state  the event fits the step
    IGNORE    (no arc)        strict arcs close; a relaxed one closes when it is taken; an `any` arc stays
    KILL      "unless"        an event that an absence forbids closes the arc
    PROCEED   arc to ACCEPT   at once, or at a deadline when an absence is pending
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

from cep.plan.pattern import Absent, Condition, Follow, Greed, Step
from cep.values import value

ACCEPT = -1


@value
class Guard:
    """A loop counter must allow the arc: `below` its maximum, or `reached` its minimum, or not `closed`."""

    kind: Literal["below", "reached", "open"]
    loop: int
    count: int = 0


@value
class Fork:
    """A decision on the way to an arc. Two arcs of a state part at the first fork where they differ.

    kind `loop`: branch 0 stays in (enters, goes on), 1 leaves; `or`: one branch each; `and`: branch i goes on
    in branch i, -1 leaves; it is `under_way` once some branch has taken an event. `over`: the ways in which
    branch i may be over without this event. `left`: behind -1, each choice of branches that may be over, a
    way for each of them (None: the others).
    """

    kind: Literal["loop", "or", "and"]
    index: int
    branch: int
    greed: Greed = "eager"
    under_way: bool = field(default=False, compare=False)
    over: tuple[Exit, ...] = field(default=(), compare=False)
    left: tuple[tuple[Exit | None, ...], ...] = field(default=(), compare=False)


@value
class Exit:
    """A way in which a branch is over: the decisions on it, and the guards that must allow it."""

    forks: tuple[Fork, ...]
    guards: tuple[Guard, ...]


@value
class Effect:
    """What taking the arc does to the run's registers: a loop starts or goes on, a scope starts.

    `ready`: a loop that may be left out has its turn from now on; what closed it before was not in its turn.
    """

    kind: Literal["enter", "again", "scope", "ready"]
    index: int


@value
class Arc:
    """One way on. `step` is None for the way to ACCEPT.

    `absents`: forbidden while the run waits for this arc. `lookback`: forbidden before (first step only).
    `spans`: (scope, ms) pairs whose time must not be over. `barriers`: events that this arc does not take
    although they fit (the `UNTIL` of its loop). `conditions`: asked with the event bound.
    `kept`: (arc of the target, arc of this state) pairs, the ways on in other branches of an AND that has
    begun. Those branches have not moved, so what contiguity or an absence has closed in them stays closed.
    Time alone closes nothing there for good: a limit that counts from events of any branch is set anew.
    `between`: (arc of the target, absence) pairs: there the AND goes on, and the event that is taken may not
    be what it forbids between its first event and its last.
    """

    target: int
    step: Step | None
    follow: Follow
    forks: tuple[Fork, ...] = ()
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()
    absents: tuple[Absent, ...] = ()
    lookback: tuple[Absent, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    barriers: tuple[Step, ...] = ()
    conditions: tuple[Condition, ...] = ()
    kept: tuple[tuple[int, int], ...] = ()
    between: tuple[tuple[int, Absent], ...] = ()

    @property
    def hold_ms(self) -> int:
        """How long after the event before nothing may be taken (or accepted): the longest `FOR`; else 0."""
        return max((absent.for_ms or 0 for absent in self.absents), default=0)


@value
class State:
    """What is left of the pattern, as text, with the ways on and the loops that `UNTIL` events close here."""

    index: int
    text: str
    arcs: tuple[Arc, ...]
    untils: tuple[tuple[int, Step], ...] = ()
    needs: frozenset[str] = frozenset()
    """Variables whose bound events some later arc reads: two runs that agree on them have one future."""


@value
class Nfa:
    """All states; the first is the start."""

    states: tuple[State, ...]

    def takes(self) -> Iterator[Step]:
        """The steps of all arcs."""
        for state in self.states:
            for arc in state.arcs:
                if arc.step is not None:
                    yield arc.step


def dump(nfa: Nfa) -> str:
    """The automaton as text, one line an arc, in order of preference."""
    out: list[str] = []
    for state in nfa.states:
        out.append(f"state {state.index}: {state.text}")
        out.extend(f"    {_arc_text(arc)}" for arc in state.arcs)
        out.extend(f"    until {_step_text(step)}: loop {loop} ends" for loop, step in state.untils)
    return "\n".join(out)


def dot(nfa: Nfa, name: str = "pattern") -> str:
    """The automaton in Graphviz's language; double circle is ACCEPT, dashed arcs wait for time."""
    out = [f"digraph {_quote(name)} {{", "  rankdir=LR;", '  node [shape=circle, fontname="sans-serif"];']
    out.append('  accept [shape=doublecircle, label="alert"];')
    for state in nfa.states:
        out.append(f"  s{state.index} [label={_quote(str(state.index))}, tooltip={_quote(state.text)}];")
        for arc in state.arcs:
            target = "accept" if arc.target == ACCEPT else f"s{arc.target}"
            style = ", style=dashed" if arc.step is None and arc.absents else ""
            out.append(f"  s{state.index} -> {target} [label={_quote(_arc_label(arc))}{style}];")
    out.append("}")
    return "\n".join(out)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _step_text(step: Step) -> str:
    types = "EVENT" if step.types is None else "|".join(step.types)
    tests = "[…]" if step.local is not None or step.correlated is not None else ""
    return f"{types}{tests} {step.var}"


def _arc_label(arc: Arc) -> str:
    words = [] if arc.step is None else [_step_text(arc.step)]
    if arc.step is not None and arc.follow != "relaxed":
        words.insert(0, "next" if arc.follow == "strict" else "any")
    for absent in (*arc.absents, *arc.lookback):
        duration = f" for {absent.for_ms}ms" if absent.for_ms is not None else ""
        words.append(f"unless {'next ' if absent.next_only else ''}{_step_text(absent.step)}{duration}")
    words += [f"{guard.kind} {guard.count}" for guard in arc.guards if guard.kind != "open"]
    words += [f"within {ms}ms" for _, ms in arc.spans]
    if arc.conditions:
        words.append(f"where {len(arc.conditions)}")
    return ", ".join(words)


def _arc_text(arc: Arc) -> str:
    target = "ACCEPT" if arc.target == ACCEPT else f"{arc.target}"
    label = _arc_label(arc)
    verb = "TAKE" if arc.step is not None else "PROCEED"
    effects = "".join(f" [{effect.kind} {effect.index}]" for effect in arc.effects)
    return f"{verb} {label} -> {target}{effects}" if label else f"{verb} -> {target}{effects}"
