"""A track as the compiled stepper reads it: tables of stages, moves and kills, and the code of conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cep.engines.vector_asks import Folded, Needs
from cep.engines.vector_code import COMPARISONS, OPS, REGISTERS_MAX, Coder, Kinds, Places, UncodedError
from cep.engines.vector_track import Stage, Track
from cep.plan.compile import Test
from cep.plan.expr import Every
from cep.values import value

TESTS_MAX: Final = 31
NONE: Final = -1

# As the structs of step.h.
_STAGE = np.dtype(
    [("hold_ms", "i8"), ("gap_ms", "i8"), ("concerns", "u4"), ("kill_tests", "u4"), ("flags", "i4")]
    + [(name, "i4") for name in ("moves", "moves_end", "kills", "kills_end", "ends_if", "watches", "variant")]
)
_MOVE = np.dtype(
    [("gap_ms", "i8"), ("hold_ms", "i8"), ("test", "u4")]
    + [(name, "i4") for name in ("number", "target", "var", "correlated", "conditions")]
)
_CORRELATED: Final = 6
_KILL = np.dtype([("for_ms", "i8"), ("test", "u4"), ("correlated", "i4"), ("first", "i4"), ("unused", "i4")])
_FOLDS: Final = ("count", "sum", "min", "max", "all", "any")
_ENDS, _WAITS, _WHOLE, _STRICT = 1, 2, 4, 8
_EVERY_BIT: Final = 0xFFFF_FFFF


@value
class Program:
    """The tables, and what has to be known of a batch to run it."""

    stages: NDArray[Any]
    moves: NDArray[Any]
    kills: NDArray[Any]
    variables: NDArray[np.int32]
    folds: NDArray[np.int32]
    code: NDArray[np.int32]
    constants: NDArray[np.float64]
    tests: tuple[Test, ...]
    fields: tuple[str, ...]
    kept: tuple[str, ...]
    words: dict[str, int]
    kinds: Kinds


def fold_order(needs: Needs) -> list[Folded]:
    """The folds, those of a variable together."""
    return sorted(needs.folds, key=lambda fold: (fold.var, repr(fold)))


def ref_order(needs: Needs) -> list[tuple[str, int]]:
    """The registers of events: a variable, and -1 for its last event or 0 for its first."""
    return [(var, -1) for var in sorted(needs.last)] + [(var, 0) for var in sorted(needs.first)]


def program_of(track: Track, needs: Needs, tests: Sequence[Test]) -> Program | None:
    """The program of a track whose rows pass some of these tests; None if something in it has no code."""
    refs, folds = ref_order(needs), fold_order(needs)
    if len(tests) > TESTS_MAX or len(refs) > REGISTERS_MAX or len(folds) > REGISTERS_MAX:
        return None
    try:
        return _Tables(track, tests, refs, folds).program()
    except UncodedError:
        return None


class _Tables:
    def __init__(
        self, track: Track, tests: Sequence[Test], refs: list[tuple[str, int]], folds: list[Folded]
    ) -> None:
        self._track = track
        self._tests = tuple(tests)
        self._bits = {test: 1 << i for i, test in enumerate(tests)}
        self._refs, self._folds = refs, folds
        self._vars = sorted({move.var for move in track.moves})
        self._coder = Coder(
            Places(
                {var: i for i, (var, index) in enumerate(refs) if index == -1},
                {var: i for i, (var, index) in enumerate(refs) if index == 0},
                {fold: i for i, fold in enumerate(folds)},
            )
        )
        self._moves: list[tuple[int, ...]] = []
        self._kills: list[tuple[int, ...]] = []

    def program(self) -> Program:
        stages = [self._stage(stage) for stage in self._track.stages]
        variables = [self._variable(var) for var in self._vars]
        folds = [
            (_FOLDS.index("all" if isinstance(fold, Every) else fold.name), self._coder.operand(fold))
            for fold in self._folds
        ]
        return Program(
            stages=np.array(stages, dtype=_STAGE),
            moves=np.array(self._moves, dtype=_MOVE),
            kills=np.array(self._kills, dtype=_KILL),
            variables=np.array(variables, dtype=np.int32),
            folds=np.array(folds, dtype=np.int32),
            code=np.array(self._coder.code, dtype=np.int32),
            constants=np.array(self._coder.constants),
            tests=self._tests,
            fields=tuple(self._coder.fields),
            kept=tuple(sorted(self._coder.kept)),
            words=self._coder.words,
            kinds=self._coder.kinds,
        )

    def _stage(self, stage: Stage) -> tuple[int, ...]:
        moves, kills = len(self._moves), len(self._kills)
        for move in stage.moves:
            correlated = self._coder.expression(move.correlated)
            conditions = self._coder.all_of(move.conditions)
            gap_ms = NONE if move.gap_ms is None else move.gap_ms
            bit, var = self._bits[move.test], self._vars.index(move.var)
            self._moves.append(
                (gap_ms, move.hold_ms, bit, move.number, move.target, var, correlated, conditions)
            )
        for kill in stage.kills:
            for_ms = NONE if kill.for_ms is None else kill.for_ms
            correlated = self._coder.expression(kill.correlated)
            self._kills.append((for_ms, self._bits[kill.test], correlated, int(kill.first), 0))
        gaps = [move.gap_ms for move in stage.moves if move.gap_ms is not None]
        gap_ms = max(gaps) if gaps and len(gaps) == len(stage.moves) else NONE
        concerns = sum({self._bits[test] for test in stage.concerns})
        kill_tests = sum({self._bits[kill.test] for kill in stage.kills})
        ends_if = NONE if stage.ends_if is None else self._coder.all_of(stage.ends_if)
        flags = _ENDS * stage.ends | _WAITS * stage.waits | _WHOLE * stage.whole | _STRICT * stage.strict
        return (
            *(stage.hold_ms, gap_ms, _EVERY_BIT if stage.strict else concerns, kill_tests, flags),
            *(moves, len(self._moves), kills, len(self._kills), ends_if, self._watched(stage)),
            stage.variant,
        )

    def _watched(self, stage: Stage) -> int:
        """Where the code of the comparison is that the only way on from a stage asks of a run, or NONE."""
        if stage.strict or len(stage.moves) != 1:
            return NONE
        begin = self._moves[-1][_CORRELATED]
        ops = [OPS[op] for op, _, _ in self._coder.code[begin // 3 : begin // 3 + 4]]
        plain = begin != NONE and ops[:2] == ["FIELD", "REF"] and ops[2] in COMPARISONS and ops[3] == "END"
        return begin if plain else NONE

    def _variable(self, var: str) -> tuple[int, ...]:
        places = self._coder.places
        mine = [i for i, fold in enumerate(self._folds) if fold.var == var]
        first, end = (mine[0], mine[-1] + 1) if mine else (0, 0)
        return places.last.get(var, NONE), places.first.get(var, NONE), first, end
