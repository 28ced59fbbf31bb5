"""Batches that follow each other as one, with as little coded anew as can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Coded, Coder, Codes, Column, Numbers, used_codes
from cep.event import Value


def concat(batches: Sequence[Batch]) -> Batch:
    """Several batches one after the other; types, values and sources are coded anew where they differ.

    >>> from cep.event import Event
    >>> one, two = (Batch.of([Event("A", t, t, {"x": t % 2})]) for t in (4, 7))
    >>> concat([one, two]).ts_ms.tolist()
    [4, 7]
    """
    if len(batches) == 1:
        return batches[0]
    kinds, origins = Coder(), Coder()
    names = sorted({name for batch in batches for name in batch.columns})
    types = [_recode(batch.types, batch.type_names, kinds) for batch in batches]
    source = [_recode(batch.source, batch.sources, origins) for batch in batches]
    return Batch(
        type_names=tuple(kinds.values),
        types=_join(types, np.int32),
        ts_ms=_join([batch.ts_ms for batch in batches], np.int64),
        seq=_join([batch.seq for batch in batches], np.int64),
        columns={name: _concat_column([batch.column(name) for batch in batches]) for name in names},
        line=_join([batch.line for batch in batches], np.int64),
        source=_join(source, np.int32),
        sources=tuple(origins.values) or ("",),
    )


def _concat_column(columns: Sequence[Column]) -> Column:
    """Numbers stay numbers as long as all are of one type; a part that is all null is of any."""
    numbers = [column for column in columns if isinstance(column, Numbers)]
    others = [column for column in columns if isinstance(column, Coded)]
    if len({column.array.dtype for column in numbers}) == 1 and all((c.codes < 0).all() for c in others):
        dtype = numbers[0].array.dtype.type
        parts = [c if isinstance(c, Numbers) else _no_numbers(len(c), dtype) for c in columns]
        return Numbers(_join([c.array for c in parts], dtype), _join([c.null for c in parts], np.bool_))
    if all(isinstance(column, Coded) and column.of_texts for column in columns):
        return _concat_texts(others)
    coder = Coder()
    return Coded(_join([_recode(c.codes, c.values, coder) for c in columns], np.int32), coder.values)


def _concat_texts(columns: Sequence[Coded]) -> Coded:
    """As with a `Coder`, whose care texts do not need: they are what most keys are."""
    longest = max(columns, key=lambda column: len(column.values))
    if longest.vocabulary is not None and all(
        column.vocabulary is longest.vocabulary or not len(column.values) for column in columns
    ):
        codes_as_they_are = _join([column.codes for column in columns], np.int32)
        return Coded(codes_as_they_are, longest.values, longest.vocabulary)
    # The codes of the longest column stay as they are, if that drags along no value which no row has.
    base = max(columns, key=len)
    if not used_codes(base.codes, len(base.values)).all():
        base = Coded(np.zeros(0, dtype=np.int32), ())
    codes: dict[Value, int] = dict(zip(base.values, range(len(base.values)), strict=True))
    parts = []
    for column in columns:
        if column is base:
            parts.append(column.codes)
            continue
        values, table = column.values, np.full(len(column.values) + 1, -1, dtype=np.int32)
        mine = np.flatnonzero(used_codes(column.codes, len(values)))
        table[mine] = [codes.setdefault(values[code], len(codes)) for code in mine.tolist()]
        parts.append(table[column.codes])
    return Coded(_join(parts, np.int32), list(codes))


def _no_numbers(length: int, dtype: type) -> Numbers:
    return Numbers(np.zeros(length, dtype=dtype), np.ones(length, dtype=np.bool_))


def _recode(codes: Codes, values: Sequence[Value], coder: Coder) -> Codes:
    """Codes of one dictionary as codes of another; only the distinct values that occur are looked up."""
    table = np.full(len(values) + 1, -1, dtype=np.int32)
    for code in np.flatnonzero(used_codes(codes, len(values))).tolist():
        table[code] = coder.code(values[code])
    return table[codes]


def _join(parts: Sequence[NDArray[np.generic]], dtype: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.zeros(0, dtype=dtype)
