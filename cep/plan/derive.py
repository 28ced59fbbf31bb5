"""The ways on from what is left of a pattern: partial derivatives, after Antimirov (1996).

`ways(node)` lists, in order of preference, each event that may be taken next and what is left after it, and
each way in which the node may be over without another event. Order by interleaving (`Both`), loops, absences
and scopes are all said here, in one place; the automaton is what is found by following the ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import assert_never

from cep.plan.nfa import Effect, Exit, Fork, Guard
from cep.plan.pattern import (
    DONE,
    Absent,
    Again,
    Both,
    Chain,
    Choice,
    Follow,
    Inside,
    Node,
    Part,
    Repeat,
    Scope,
    Step,
    Take,
)
from cep.values import replaced, value


@value
class Way:
    """A way on: take `step` and be left with `rest`, or (step None) be over. The rest is as in `nfa.Arc`."""

    step: Step | None
    rest: Node
    follow: Follow | None = None
    forks: tuple[Fork, ...] = ()
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()
    absents: tuple[Absent, ...] = ()
    passed: tuple[Absent, ...] = ()
    """Absences that forbid events on the way to a next step, but that a match need not wait for."""
    spans: tuple[tuple[int, int], ...] = ()
    barriers: tuple[Step, ...] = ()

    def behind(self, before: Way) -> Way:
        """This way, reached after `before` was over without an event."""
        return replaced(
            self,
            forks=before.forks + self.forks,
            guards=before.guards + self.guards,
            absents=before.absents + self.absents,
            passed=before.passed + self.passed,
        )

    def under(self, fork: Fork) -> Way:
        """This way after one more decision."""
        return replaced(self, forks=(fork, *self.forks))


OVER = Way(None, DONE)


def ways(node: Node) -> tuple[Way, ...]:
    """All ways on from `node`, best first."""
    match node:
        case Take(step):
            return (Way(step, DONE),)
        case Absent():
            return (replaced(OVER, absents=(node,)),)
        case Chain(parts):
            return tuple(_chain(parts, OVER, OVER))
        case Choice(index, branches):
            return tuple(
                way.under(Fork("or", index, i)) for i, branch in enumerate(branches) for way in ways(branch)
            )
        case Both():
            return tuple(_both(node))
        case Repeat():
            return tuple(_enter(node))
        case Again(loop):
            return tuple(_again(loop))
        case Scope(index):
            return tuple(
                way if way.step is None else _scoped(node, way, Effect("scope", index))
                for way in ways(node.node)
            )
        case Inside(scope, rest):
            return tuple(way if way.step is None else _scoped(scope, way) for way in ways(rest))
        case _:
            assert_never(node)


def chain(parts: Iterable[Part]) -> Node:
    """A chain without parts that are over; a chain of one part is that part."""
    kept = tuple(part for part in parts if part.node != DONE)
    if len(kept) == 1 and kept[0].follow is None:
        return kept[0].node
    return Chain(kept)


def _chain(parts: tuple[Part, ...], before: Way, over: Way) -> Iterator[Way]:
    """`before` is the way past the parts that were over without an event; `over` the same if all will be."""
    if not parts:
        yield over
        return
    first, rest = parts[0], parts[1:]
    followed = any(not isinstance(part.node, (Absent, Again)) for part in rest)
    for way in ways(first.node):
        if way.step is not None:
            more = replaced(way, follow=way.follow or first.follow, rest=chain((Part(way.rest), *rest)))
            yield more if before is OVER else more.behind(before)
        else:
            passed = _passed(way) if followed else way
            yield from _chain(rest, way.behind(before), passed.behind(over))


def _passed(way: Way) -> Way:
    """An absence before an optional part guards the way on; only a last one waits by itself."""
    lasting = tuple(absent for absent in way.absents if absent.for_ms is not None)
    guards_only = tuple(absent for absent in way.absents if absent.for_ms is None)
    return replaced(way, absents=lasting, passed=way.passed + guards_only)


def _enter(loop: Repeat) -> Iterator[Way]:
    """Into a loop, or past it when it may be empty."""
    inside: list[Way] = []
    single = loop.max == 1
    for way in ways(loop.node):
        if way.step is None:
            continue
        barriers, guards = way.barriers, way.guards
        if loop.until is not None:
            barriers = (loop.until, *barriers)
            guards = (Guard("open", loop.index), *guards) if loop.min == 0 else guards
        rest = way.rest if single else chain((Part(way.rest), Part(Again(loop))))
        effects = way.effects if single else (Effect("enter", loop.index), *way.effects)
        inside.append(
            replaced(way, rest=rest, effects=effects, barriers=barriers, guards=guards).under(
                Fork("loop", loop.index, 0, loop.greed)
            )
        )
    past = [OVER.under(Fork("loop", loop.index, 1, loop.greed))] if loop.min == 0 else []
    yield from past + inside if loop.greed == "reluctant" else inside + past


def _again(loop: Repeat) -> Iterator[Way]:
    """Another iteration, or out of the loop."""
    guards: tuple[Guard, ...] = ()
    if loop.max is not None:
        guards += (Guard("below", loop.index, loop.max),)
    if loop.until is not None:
        guards += (Guard("open", loop.index),)
    inside: list[Way] = []
    for way in ways(loop.node):
        if way.step is not None:
            more = replaced(
                way,
                follow=way.follow or loop.inner,
                rest=chain((Part(way.rest), Part(Again(loop)))),
                guards=guards + way.guards,
                effects=(Effect("again", loop.index), *way.effects),
                barriers=(loop.until, *way.barriers) if loop.until is not None else way.barriers,
            )
            inside.append(more.under(Fork("loop", loop.index, 0, loop.greed)))
    out = replaced(OVER, guards=(Guard("reached", loop.index, loop.min),) if loop.min > 1 else ())
    out = out.under(Fork("loop", loop.index, 1, loop.greed))
    yield from [out, *inside] if loop.greed == "reluctant" else [*inside, out]


def _scoped(scope: Scope, way: Way, *effects: Effect) -> Way:
    rest = way.rest if way.rest == DONE else Inside(scope, way.rest)
    spans = way.spans if effects else ((scope.index, scope.within_ms), *way.spans)
    return replaced(way, rest=rest, effects=(*effects, *way.effects), spans=spans)


def _both(node: Both) -> Iterator[Way]:
    """Each branch goes on by itself; the whole is over when enough branches may be."""
    held = tuple(absent for absent in node.absents if node.begun)
    options: list[list[tuple[int, Way]]] = []
    for i, branch in enumerate(node.branches):
        over = [way for way in ways(branch) if way.step is None]
        fork = Fork("and", node.index, i, under_way=node.begun, over=tuple(map(_exit, over)))
        for way in ways(branch):
            if way.step is None:
                continue
            branches = (*node.branches[:i], way.rest, *node.branches[i + 1 :])
            more = replaced(way, rest=replaced(node, branches=branches, begun=True))
            more = replaced(more, absents=tuple(replaced(a, for_ms=None) for a in held) + more.absents)
            yield more.under(fork)
        if over:
            options.append([(i, way) for way in over])
    left: dict[Way, list[tuple[Exit | None, ...]]] = {}
    lasting = tuple(absent for absent in node.absents if absent.for_ms is not None)
    for chosen in combinations(options, node.need):
        for exits in product(*chosen):
            whole = replaced(OVER, absents=lasting)
            for _, way in exits:
                whole = way.behind(whole)
            of_branch = {i: _exit(way) for i, way in exits}
            each = tuple(of_branch.get(i) for i in range(len(node.branches)))
            left.setdefault(replaced(whole, forks=()), []).append(each)
    for whole, choices in left.items():
        yield whole.under(Fork("and", node.index, -1, left=tuple(choices)))


def _exit(way: Way) -> Exit:
    return Exit(way.forks, way.guards)


def loops_under_way(node: Node) -> frozenset[Repeat]:
    """Loops with `UNTIL` that an event may close now: begun ones, and optional ones that come next."""
    begun = {left.loop for left in _below(node) if isinstance(left, Again) and left.loop.until is not None}
    return frozenset(begun | set(_optional_heads(node)))


def _below(node: Node) -> Iterator[Node]:
    """The node and its parts; not the body of a loop, which has not begun or is told by its `Again`."""
    yield node
    match node:
        case Chain(parts):
            for part in parts:
                yield from _below(part.node)
        case Choice(_, branches) | Both(_, branches):
            for branch in branches:
                yield from _below(branch)
        case Inside(_, rest) | Scope(_, rest):
            yield from _below(rest)
        case Take() | Absent() | Repeat() | Again():
            return
        case _:
            assert_never(node)


def _optional_heads(node: Node) -> Iterator[Repeat]:
    """Loops with `UNTIL` that may be empty and that the next event may enter."""
    match node:
        case Repeat():
            if node.until is not None and node.min == 0:
                yield node
            yield from _optional_heads(node.node)
        case Again(loop):
            yield from _optional_heads(loop.node)
        case Chain(parts):
            for part in parts:
                yield from _optional_heads(part.node)
                if all(way.step is not None for way in ways(part.node)):
                    return
        case Choice(_, branches) | Both(_, branches):
            for branch in branches:
                yield from _optional_heads(branch)
        case Inside(_, rest) | Scope(_, rest):
            yield from _optional_heads(rest)
        case Take() | Absent():
            return
        case _:
            assert_never(node)
