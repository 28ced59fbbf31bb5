"""Pattern to automaton: a state for each thing that may be left of it, and the tests its events need.

`compile_pattern` follows `derive.ways` from the whole pattern until nothing new is left. It then places each
condition of `WHERE` on the arcs where the last of its variables becomes known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cep.plan.derive import Way, loops_under_way, ways
from cep.plan.expr import Expr, null_aware, root_fields, variables
from cep.plan.nfa import ACCEPT, Arc, Effect, Fork, Nfa, State
from cep.plan.pattern import (
    DONE,
    Absent,
    Both,
    Chain,
    Choice,
    Condition,
    Emit,
    Node,
    Path,
    Pattern,
    Repeat,
    Scope,
    Step,
    Take,
)
from cep.plan.words import node_text
from cep.values import replaced, value

STEPS_MAX = 256
LOOPS_DEEP_MAX = 12
STATES_MAX = 4096
ARCS_MAX = 8192
"""A pattern with more is refused: branches in any order multiply, and so do parts that may be left out."""


class TooManyStatesError(Exception):
    """The automaton would be larger than the limits above; the message says of what there is too much."""


@value
class Test:
    """What an event alone decides: its type is one of `types` (None: any) and `local` is true of it."""

    types: tuple[str, ...] | None
    local: Expr | None


@value
class KeyGroup:
    """Steps that take their key from the same paths: bit i of `tests` is test i of the plan."""

    paths: tuple[Path, ...]
    tests: int


@value
class Plan:
    """A compiled pattern: immutable, shared by all keys, the same for every engine."""

    pattern: Pattern
    nfa: Nfa
    tests: tuple[Test, ...]
    """One for each bit; the same test stands here once for each key it is asked with."""
    test_of: Mapping[int, int]
    """Step index → test."""
    key_groups: tuple[KeyGroup, ...]
    fields: frozenset[str]
    """Root fields that the rule reads; an event of a match carries these."""
    types: tuple[str, ...] | None
    """Event types that the rule reads; None is every type."""
    reads_all: bool
    """Whether events that fit no step matter too: they break strict contiguity, or are counted."""


def compile_pattern(pattern: Pattern) -> Plan:
    """The plan of a lowered pattern; TooManyStatesError if it is larger than the limits above."""
    if len(pattern.steps) > STEPS_MAX:
        raise TooManyStatesError(f"more than {STEPS_MAX} steps")
    if _loops_deep(pattern.node) > LOOPS_DEEP_MAX:
        raise TooManyStatesError(f"more than {LOOPS_DEEP_MAX} loops inside each other")
    nfa = _place_conditions(_explore(pattern.node), pattern)
    steps = tuple(_all_steps(pattern, nfa))
    # Steps with different keys share no bit: an event stands in the key of the one, not in that of the other.
    bits: dict[tuple[Test, tuple[Path, ...]], int] = {}
    test_of = {
        step.index: bits.setdefault((Test(step.types, step.local), step.by or pattern.by), len(bits))
        for step in steps
    }
    return Plan(
        pattern=pattern,
        nfa=nfa,
        tests=tuple(test for test, _ in bits),
        test_of=test_of,
        key_groups=_key_groups(pattern, steps, test_of),
        fields=_fields(pattern, steps),
        types=_types(pattern, steps),
        reads_all=pattern.within_events is not None or _has_strict(nfa),
    )


def _explore(node: Node) -> Nfa:
    numbers: dict[Node, int] = {node: 0}
    count = 0
    queue = [node]
    states: list[State] = []
    while queue:
        left = queue.pop(0)
        arcs: list[Arc] = []
        for way in ways(left):
            if way.rest not in numbers and way.step is not None:
                if len(numbers) >= STATES_MAX:
                    raise TooManyStatesError(f"more than {STATES_MAX:,} states")
                numbers[way.rest] = len(numbers)
                queue.append(way.rest)
            target = ACCEPT if way.step is None else numbers[way.rest]
            arcs.append(_arc(way, target, first=left is node and not states))
        count += len(arcs)
        if count > ARCS_MAX:
            raise TooManyStatesError(f"more than {ARCS_MAX:,} ways from state to state")
        untils = sorted(
            ((loop.index, loop.until) for loop in loops_under_way(left)), key=lambda pair: pair[0]
        )
        states.append(
            State(
                index=numbers[left],
                text="" if left == DONE else node_text(left),
                arcs=tuple(arcs),
                untils=tuple((index, step) for index, step in untils if step is not None),
            )
        )
    held = _held(node)
    found = []
    for state in states:
        kept = (_between(_keeping(arc, state, states), held, states) for arc in state.arcs)
        found.append(replaced(state, arcs=tuple(_readying(arc, states) for arc in kept)))
    return Nfa(tuple(found))


def _held(node: Node) -> frozenset[Absent]:
    """What some AND forbids between its first event and its last."""
    match node:
        case Both(_, branches, _, absents):
            here = frozenset(replaced(absent, for_ms=None) for absent in absents)
            return here.union(*map(_held, branches))
        case Chain(parts):
            return frozenset().union(*(_held(part.node) for part in parts))
        case Choice(_, branches):
            return frozenset().union(*map(_held, branches))
        case Repeat(_, inner) | Scope(_, inner):
            return _held(inner)
        case _:
            return frozenset()


def _between(arc: Arc, held: frozenset[Absent], states: Sequence[State]) -> Arc:
    """The arc, told behind which of its ways on the AND is not over: there its event is between others."""
    ahead = states[arc.target].arcs if arc.target != ACCEPT else ()
    forbidden = [absent for absent in arc.absents if absent in held]
    found = [(new, absent) for new, way in enumerate(ahead) for absent in forbidden if absent in way.absents]
    return replaced(arc, between=tuple(found)) if found else arc


def _keeping(arc: Arc, state: State, states: Sequence[State]) -> Arc:
    """The arc, told which ways on in other branches of an AND must not open anew behind it."""
    kept = []
    forbidden = set(arc.absents)
    before = [each.forks for each in state.arcs]
    for depth, new, inner in _elsewhere(arc, states):
        other = states[arc.target].arcs[new]
        forbids = arc.forks[depth].under_way and set(other.absents) - forbidden
        if other.step is not None or forbids:
            kept.append((new, before.index(arc.forks[:depth] + inner)))
    return replaced(arc, kept=tuple(kept)) if kept else arc


def _elsewhere(arc: Arc, states: Sequence[State]) -> Iterator[tuple[int, int, tuple[Fork, ...]]]:
    """Ways on from the target in other branches of an AND: the fork, the arc, its decisions from there."""
    for depth, fork in enumerate(arc.forks):
        if not _in_branch(fork):
            continue
        # Behind the arc no other decision stands before that one.
        outer = tuple(filter(_in_branch, arc.forks[:depth]))
        for new, other in enumerate(states[arc.target].arcs):
            inner = other.forks[len(outer) :]
            if other.forks[: len(outer)] != outer or not inner:
                continue
            if inner[0].index == fork.index and inner[0].branch not in (-1, fork.branch):
                yield depth, new, inner


def _readying(arc: Arc, states: Sequence[State]) -> Arc:
    """The arc, told which loops that may be left out have their turn behind it, as if never closed.

    In a branch of an AND that has not moved their turn goes on. What was closed there is kept out
    (`Arc.kept`), or stays noted as closed.
    """
    if arc.target == ACCEPT:
        return arc
    noted = {new for _, new, _ in _elsewhere(arc, states)} - {new for new, _ in arc.kept}
    heads = [(new, loop) for new, other in enumerate(states[arc.target].arcs) for loop in _entered(other)]
    ready = {loop for _, loop in heads} - {loop for new, loop in heads if new in noted}
    return replaced(arc, effects=(*arc.effects, *(Effect("ready", loop) for loop in sorted(ready))))


def _entered(arc: Arc) -> set[int]:
    """The loops that the arc enters if no `UNTIL` has closed them."""
    again = {effect.index for effect in arc.effects if effect.kind == "again"}
    return {guard.loop for guard in arc.guards if guard.kind == "open"} - again


def _in_branch(fork: Fork) -> bool:
    return fork.kind == "and" and fork.branch >= 0


def _arc(way: Way, target: int, *, first: bool) -> Arc:
    absents = way.absents if way.step is None else way.absents + way.passed
    return Arc(
        target=target,
        step=way.step,
        follow=way.follow or "relaxed",
        forks=way.forks,
        guards=way.guards,
        effects=way.effects,
        absents=() if first else absents,
        lookback=absents if first else (),
        spans=way.spans,
        barriers=way.barriers,
    )


def _place_conditions(nfa: Nfa, pattern: Pattern) -> Nfa:
    """Each condition goes to the arcs behind which none of its variables can be taken any more."""
    optional = _optional(pattern.node)
    conditions = [(each, null_aware(each.expr) & optional) for each in pattern.conditions]
    open_vars = _fixpoint(nfa, lambda arc: {arc.step.var} if arc.step is not None else set())
    placed = []
    for state in nfa.states:
        arcs = []
        for arc in state.arcs:
            after = open_vars[arc.target] if arc.target != ACCEPT else frozenset()
            now = tuple(
                condition
                for condition, unasked in conditions
                if _asked_here(condition, arc, unasked, open_vars[state.index], after, first=state.index == 0)
            )
            arcs.append(replaced(arc, conditions=now))
        placed.append(replaced(state, arcs=tuple(arcs)))
    whole = Nfa(tuple(placed))
    needs = _fixpoint(whole, _read_by)
    return Nfa(tuple(replaced(state, needs=needs[state.index]) for state in whole.states))


def _asked_here(
    condition: Condition,
    arc: Arc,
    unasked: frozenset[str],
    before: frozenset[str],
    after: frozenset[str],
    *,
    first: bool,
) -> bool:
    """Its last variable is settled by this arc; without variables it is asked of the first event.

    `unasked`: optional variables that it may do without. It does not decide whether they take an event, else
    `WHERE b IS NULL` would pass over the `b` that it is to exclude; every later arc asks instead.
    """
    if condition.vars & after:
        return False
    if not condition.vars:
        return first
    if unasked:
        return arc.step is None or arc.step.var not in unasked
    return bool(condition.vars & before)


def _loops_deep(node: Node) -> int:
    """How many loops stand inside each other."""
    match node:
        case Repeat(_, inner):
            return 1 + _loops_deep(inner)
        case Chain(parts):
            return max((_loops_deep(part.node) for part in parts), default=0)
        case Choice(_, branches) | Both(_, branches):
            return max(map(_loops_deep, branches), default=0)
        case Scope(_, inner):
            return _loops_deep(inner)
        case _:
            return 0


def _optional(node: Node, *, inside: bool = False) -> frozenset[str]:
    """Variables of parts that may be left out; `inside` such a part."""
    match node:
        case Take(step):
            return frozenset({step.var} if inside else ())
        case Repeat(_, inner, least):
            return _optional(inner, inside=inside or least == 0)
        case Chain(parts):
            return frozenset(var for part in parts for var in _optional(part.node, inside=inside))
        case Choice(_, branches) | Both(_, branches):
            return frozenset(var for branch in branches for var in _optional(branch, inside=inside))
        case Scope(_, inner):
            return _optional(inner, inside=inside)
        case _:
            return frozenset()


def _read_by(arc: Arc) -> set[str]:
    steps = [absent.step for absent in arc.absents] + list(arc.barriers)
    steps += [arc.step] if arc.step is not None else []
    found: set[str] = {var for condition in arc.conditions for var in condition.vars}
    for step in steps:
        found |= {var for names, _ in step.since for var in names}
        if step.correlated is not None:
            found |= variables(step.correlated)
    return found


def _fixpoint(nfa: Nfa, of_arc: Callable[[Arc], set[str]]) -> list[frozenset[str]]:
    """For each state the union of `of_arc` over every arc that can be reached from it."""
    found: list[frozenset[str]] = [frozenset()] * len(nfa.states)
    changed = True
    while changed:
        changed = False
        for state in reversed(nfa.states):
            now = found[state.index]
            for arc in state.arcs:
                now = now | of_arc(arc) | (found[arc.target] if arc.target != ACCEPT else frozenset())
            if now != found[state.index]:
                found[state.index], changed = now, True
    return found


def _all_steps(pattern: Pattern, nfa: Nfa) -> Iterable[Step]:
    """Every step that an event may be held against, each once, by index."""
    found: dict[int, Step] = {step.index: step for step in (*pattern.steps, *pattern.unless)}
    for state in nfa.states:
        for _, step in state.untils:
            found[step.index] = step
        for arc in state.arcs:
            for absent in (*arc.absents, *arc.lookback):
                found[absent.step.index] = absent.step
            for step in arc.barriers:
                found[step.index] = step
    return (found[index] for index in sorted(found))


def _key_groups(pattern: Pattern, steps: Iterable[Step], test_of: Mapping[int, int]) -> tuple[KeyGroup, ...]:
    groups: dict[tuple[Path, ...], int] = {}
    for step in steps:
        paths = step.by or pattern.by
        groups[paths] = groups.get(paths, 0) | 1 << test_of[step.index]
    return tuple(KeyGroup(paths, tests) for paths, tests in groups.items())


def _fields(pattern: Pattern, steps: Iterable[Step]) -> frozenset[str]:
    exprs: list[Expr] = [condition.expr for condition in pattern.conditions]
    for emit in (pattern.emit, pattern.emit_timeout):
        exprs += [expr for _, expr in emit.items] if isinstance(emit, Emit) else []
    found = {path[0] for path in pattern.by}
    for step in steps:
        exprs += [expr for expr in (step.local, step.correlated) if expr is not None]
        found |= {path[0] for path in step.by}
    return frozenset(found | {name for expr in exprs for _, name in root_fields(expr)})


def _types(pattern: Pattern, steps: Iterable[Step]) -> tuple[str, ...] | None:
    """`FROM`, or else the types of the steps."""
    if pattern.from_types is not None:
        return pattern.from_types
    found: set[str] = set()
    for step in steps:
        if step.types is None:
            return None
        found |= set(step.types)
    return tuple(sorted(found))


def _has_strict(nfa: Nfa) -> bool:
    """Whether the very next event matters, whatever it is."""
    arcs = [arc for state in nfa.states for arc in state.arcs]
    return any(arc.follow == "strict" or any(absent.next_only for absent in arc.absents) for arc in arcs)
