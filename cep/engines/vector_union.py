"""Tracks side by side as one: rules that differ in their constants are stepped by one kernel.

    start ─a─▶ stage 1 ─b[x > 5]─▶ a match      variant 0
          ─a─▶ stage 3 ─b[x > 9]─▶ a match      variant 1

An event may begin a run of each variant, and from there on a run stays in its own. Nothing is shared but the
work that a batch costs however few runs there are, which is most of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

from cep.engines.vector_asks import Needs
from cep.engines.vector_program import TESTS_MAX
from cep.engines.vector_track import STAGES_MAX, Move, Stage, Track
from cep.plan.compile import Plan, Test
from cep.plan.expr import Const, Expr, walk
from cep.values import replaced, value

VARIANTS_MAX: Final = 32
"""As in step.h."""


def tests_of(plan: Plan) -> frozenset[Test]:
    """The tests of the rows that a plan with one key sees."""
    (group,) = plan.key_groups
    return frozenset(test for i, test in enumerate(plan.tests) if group.tests >> i & 1)


@value
class Lane:
    """Rules with the same candidates, windows aside: their numbers, the plan with the longest, its track."""

    members: tuple[int, ...]
    plan: Plan
    track: Track


def shape_of(lane: Lane) -> Hashable:
    """What lanes must agree in to stand side by side: all but values of constants, and lengths of time."""
    plan, track = lane.plan, lane.track
    seen = plan.key_groups[0].paths, plan.types, plan.reads_all, plan.pattern.within_ms is None
    return seen, Needs.of(track.asks()), tuple(map(_outline, track.stages))


def _outline(stage: Stage) -> Hashable:
    return (
        *(stage.strict, stage.ends, stage.waits, stage.whole, _kinds(stage.ends_if or ())),
        tuple(
            (move.var, move.target, move.test.types, _kinds((move.correlated, *move.conditions)))
            for move in stage.moves
        ),
        tuple((kill.test.types, kill.first, _kinds((kill.correlated,))) for kill in stage.kills),
    )


def _kinds(exprs: Iterable[Expr | None]) -> Hashable:
    """The types of the constants in expressions: they decide how each is asked."""
    nodes = (node for expr in exprs if expr is not None for node in walk(expr))
    return tuple(type(node.value) for node in nodes if isinstance(node, Const))


def bundles(lanes: Sequence[Lane]) -> Iterator[list[Lane]]:
    """Lanes of one shape in bundles of those that may stand side by side, as large as can be."""
    bundle: list[Lane] = []
    tests: frozenset[Test] = frozenset()
    for lane in lanes:
        mine, stages = tests_of(lane.plan), len(lane.track.stages) * (len(bundle) + 1)
        full = len(bundle) == VARIANTS_MAX or len(tests | mine) > TESTS_MAX or stages > STAGES_MAX
        if bundle and (full or _returns(lane.track)):
            yield bundle
            bundle, tests = [], frozenset()
        bundle.append(lane)
        tests |= mine
    if bundle:
        yield bundle


def _returns(track: Track) -> bool:
    """Whether a run may come back to the start, which is nobody's where tracks stand side by side."""
    return any(move.target == 0 for move in track.moves)


def together(tracks: Sequence[Track]) -> Track:
    """The tracks side by side: their variants in this order."""
    if len(tracks) == 1:
        return tracks[0]
    starts: list[Move] = []
    stages: list[Stage] = []
    count = 0
    for variant, track in enumerate(tracks):
        mine = [_placed(stage, variant, len(stages), count) for stage in track.stages]
        starts += mine[0].moves
        stages += mine[1:]
        count += len(track.moves)
    stages.insert(0, replaced(tracks[0].stages[0], moves=tuple(starts)))
    moves = sorted((move for stage in stages for move in stage.moves), key=lambda move: move.number)
    return Track(tuple(stages), tuple(moves))


def _placed(stage: Stage, variant: int, stages: int, moves: int) -> Stage:
    """The stage behind so many others that are not the first one."""
    return replaced(
        stage,
        number=stage.number + stages,
        variant=variant,
        moves=tuple(
            replaced(move, number=move.number + moves, target=move.target + stages, variant=variant)
            for move in stage.moves
        ),
    )
