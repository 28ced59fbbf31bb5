"""A field of events that open runs have bound, by slot, as narrowly as its values allow.

floats    NaN is null                           numbers of one type stay numbers,
ints      -2^63 is null                         texts stay codes of their vocabulary,
codes     of a vocabulary, -1 is null           all else, and a mixture of these,
objects   None is null                          is kept as the Python objects that it is
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cep.columns import Coded, Column, Numbers, Vocabulary
from cep.engines.vector_events import Copied
from cep.event import Value

Slots = NDArray[np.int32]

_NO_INT: Final = -(1 << 63)
_NULLS: Final[dict[np.dtype[Any], float]] = {
    np.dtype(np.float64): np.nan,
    np.dtype(np.int64): _NO_INT,
    np.dtype(np.int32): -1,
}
_OBJECTS: Final = np.dtype(object)


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array, longer if need be."""
    if len(array) >= size:
        return array
    longer = np.zeros(size, dtype=array.dtype) if array.dtype != object else np.full(size, None, dtype=object)
    longer[: len(array)] = array
    return longer


def counted(slots: Slots) -> tuple[Slots, NDArray[np.intp]]:
    """Each slot once, ascending, and how often it stands there."""
    ordered = np.sort(slots)
    first = np.ones(len(ordered), dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    places = np.append(np.flatnonzero(first), len(ordered))
    return ordered[places[:-1]], places[1:] - places[:-1]


class KeptField:
    """The values of one field by slot."""

    def __init__(self) -> None:
        """No slots."""
        self._kept: NDArray[Any] = np.zeros(0)
        self._vocabulary: Vocabulary | None = None
        self._texts: Sequence[Value] = ()

    def grow(self, size: int) -> None:
        """Have so many slots."""
        self._kept = grown(self._kept, size)

    def put(self, slots: Slots, column: Column | None, rows: NDArray[np.intp], *, empty: bool) -> None:
        """Keep rows of a column, None for nulls. `empty`: nothing else is kept, so the form is free."""
        if column is None and self._kept.dtype != object:
            self._kept[slots] = _NULLS[self._kept.dtype]
            return
        if empty:
            self._adapt(column)
        if self._fits(column):
            values, null = _plain(column, rows)
            if self._kept.dtype != np.int64 or not (values == _NO_INT).any():
                self._kept[slots] = np.where(null, _NULLS[self._kept.dtype], values)
                return
        self._to_objects()
        self._kept[slots] = None if column is None else column.objects(rows)

    def floats(self, slots: Slots) -> NDArray[np.float64] | None:
        """The values of some slots as floats, NaN for null; None if they are kept otherwise."""
        return self._kept[slots] if self._kept.dtype == np.float64 else None

    def copied(self, slots: Slots) -> Copied:
        """The values of some slots: numbers, or objects with None for null."""
        kept = self._kept[slots]
        if kept.dtype == object:
            return kept
        if self._vocabulary is not None:
            return Coded(kept, self._texts).objects(np.arange(len(kept)))
        return Numbers(kept, np.isnan(kept) if kept.dtype == np.float64 else kept == _NO_INT)

    def objects(self, slots: Slots) -> NDArray[np.object_]:
        """The values of some slots as Python objects, None for null."""
        found = self.copied(slots)
        return found.objects(np.arange(len(found))) if isinstance(found, Numbers) else found

    def clear(self, slots: Slots) -> None:
        """Hold no object for some slots any more."""
        if self._kept.dtype == object:
            self._kept[slots] = None

    def _adapt(self, column: Column | None) -> None:
        """Take the form that suits a column."""
        form, vocabulary = _OBJECTS, None
        if isinstance(column, Numbers):
            form = column.array.dtype
        elif column is not None and column.vocabulary is not None:
            form, vocabulary = column.codes.dtype, column.vocabulary
        if form != self._kept.dtype:
            self._kept = grown(np.zeros(0, dtype=form), len(self._kept))
        self._vocabulary, self._texts = vocabulary, ()

    def _fits(self, column: Column | None) -> bool:
        if isinstance(column, Numbers):
            return self._vocabulary is None and self._kept.dtype == column.array.dtype
        if column is None or column.vocabulary is None or column.vocabulary is not self._vocabulary:
            return False
        if len(column.values) > len(self._texts):
            self._texts = column.values
        return True

    def _to_objects(self) -> None:
        if self._kept.dtype != object:
            self._kept = self.objects(np.arange(len(self._kept), dtype=np.int32))
            self._vocabulary, self._texts = None, ()


def _plain(column: Column | None, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Rows of a column of numbers, or of codes, and which of them are null."""
    if isinstance(column, Numbers):
        return column.array[rows], column.null[rows]
    assert column is not None
    codes = column.codes[rows]
    return codes, codes < 0
