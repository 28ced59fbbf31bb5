"""Aggregates as folds over what a variable takes: a value for each run, and how one more event changes it.

Numbers fold as arrays. Everything else folds element by element and remembers in SPOILT that a value came
which cannot be added or compared: from then on the aggregate is null.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cep.engines.arrays import EXACT_INT_MAX, NO, Arr, both, boxed, either, objects, truth
from cep.engines.operators import ARITHMETIC, COMPARISONS, is_number
from cep.event import Value
from cep.values import value


class _Spoilt:
    __slots__ = ()

    def __repr__(self) -> str:
        return "SPOILT"


SPOILT: Final = _Spoilt()


@value
class Fold:
    """`nothing` is the state before the first event, `add` takes one in, `result` is the aggregate."""

    nothing: Callable[[int], Arr]
    add: Callable[[Arr, Arr | None], Arr]
    result: Callable[[Arr], Arr]


def _no_value(length: int) -> Arr:
    return Arr("number", np.zeros(length, dtype=np.int64), np.ones(length, dtype=np.bool_))


def _numbers(
    compute: Callable[..., NDArray[Any]], step: Callable[[Value, Value], Value]
) -> Callable[..., Arr]:
    """A fold that leaves nulls out: as arrays while all are small enough numbers, else one by one."""

    def add(state: Arr, operand: Arr | None) -> Arr:
        assert operand is not None
        if state.kind == operand.kind == "number":
            found = np.where(
                operand.null,
                state.values,
                np.where(state.null, operand.values, compute(state.values, operand.values)),
            )
            null = state.null & operand.null
            if not len(found) or float(np.abs(np.where(null, 0, found)).max()) <= EXACT_INT_MAX:
                return Arr("number", found, null)
        pairs = zip(
            objects(state).tolist(), np.broadcast_to(objects(operand), state.null.shape).tolist(), strict=True
        )
        folded = [_fold(step, one, other) for one, other in pairs]
        return Arr("any", boxed(folded), np.array([value is None for value in folded], dtype=np.bool_))

    return add


def _fold(step: Callable[[Value, Value], Value], state: Value, value: Value) -> Value:
    if value is None or state is SPOILT:
        return state
    found = step(state, value)
    return SPOILT if found is None else found


def _plus(state: Value, value: Value) -> Value:
    if state is None:
        return value if is_number(value) or isinstance(value, timedelta) else None
    return ARITHMETIC["+"](state, value)


def _better(op: str) -> Callable[[Value, Value], Value]:
    def step(state: Value, value: Value) -> Value:
        if state is None:
            return value
        better = COMPARISONS[op](value, state)
        return None if better is None else value if better else state

    return step


def _count(state: Arr, operand: Arr | None) -> Arr:
    return Arr("number", state.values + (1 if operand is None else ~operand.null), state.null)


def _unspoilt(state: Arr) -> Arr:
    if state.kind == "number":
        return state
    spoilt = np.array([value is SPOILT for value in state.values.tolist()], dtype=np.bool_)
    return Arr("any", state.values, state.null | spoilt)


def _known(*, value: bool) -> Callable[[int], Arr]:
    return lambda length: Arr("truth", np.full(length, value), np.zeros(length, dtype=np.bool_))


def _same(state: Arr) -> Arr:
    return state


def _truths(fold: Callable[[Arr, Arr], Arr]) -> Callable[..., Arr]:
    def add(state: Arr, operand: Arr | None) -> Arr:
        assert operand is not None
        return fold(state, truth(operand))

    return add


FOLDS: Final[dict[str, Fold]] = {
    "count": Fold(
        lambda length: Arr("number", np.zeros(length, dtype=np.int64), NO | np.zeros(length, np.bool_)),
        _count,
        _same,
    ),
    "sum": Fold(_no_value, _numbers(np.add, _plus), _unspoilt),
    "min": Fold(_no_value, _numbers(np.minimum, _better("<")), _unspoilt),
    "max": Fold(_no_value, _numbers(np.maximum, _better(">")), _unspoilt),
    "all": Fold(_known(value=True), _truths(both), _same),
    "any": Fold(_known(value=False), _truths(either), _same),
}
