"""Fields of a batch as arrays: each in the quickest kind that holds its values exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Numbers
from cep.engines.arrays import EXACT_INT_MAX, NO, Arr, boxed, each
from cep.event import Timestamp, Value


def values_of(batch: Batch, name: str) -> Arr:
    """A field of every row, in the quickest kind that holds its values exactly."""
    column = batch.column(name)
    if isinstance(column, Numbers):
        return _numbers(column)
    if column.vocabulary is not None:
        # What is looked up below is looked up value by value.
        column = column.compact()
    kinds = {type(value) for value in column.values}
    codes, null = column.codes, _where(column.codes < 0)
    if kinds == {str}:
        return Arr("text", codes, null, {value: code for code, value in enumerate(column.values)})
    if kinds in ({int}, {float}) and all(-EXACT_INT_MAX <= value <= EXACT_INT_MAX for value in column.values):
        return Arr(
            "number",
            np.array([*column.values, 0], dtype=np.int64 if kinds == {int} else np.float64)[codes],
            null,
        )
    return Arr("any", boxed([*column.values, None])[codes], null)


def values_at(
    batch: Batch, path: tuple[str, ...], values: Callable[[str], Arr], rows: NDArray[np.intp]
) -> Arr:
    """A field of some rows by its path; NotImplementedError for the event itself."""
    if not path:
        raise NotImplementedError
    if path == ("ts",):
        times = boxed([Timestamp(ms) for ms in batch.ts_ms[rows].tolist()])
        return Arr("any", times, np.zeros(len(rows), dtype=np.bool_))
    root = values(path[0]).at(rows)
    return root if len(path) == 1 else each(lambda value: dig(value, path[1:]), root)


def dig(value: Value, path: tuple[str, ...]) -> Value:
    """What a record holds at a path, null where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _numbers(column: Numbers) -> Arr:
    """Numbers as they are, unless they are so large that ints and floats no longer agree."""
    array = column.array
    if len(array) and not max(-float(array.min()), float(array.max())) <= EXACT_INT_MAX:
        return Arr("any", boxed([column.at(row) for row in range(len(column))]), column.null)
    return Arr("number", array, _where(column.null))


def _where(null: Bools) -> Bools:
    """The mask, or one answer for all rows if there is no null."""
    return null if null.any() else NO
