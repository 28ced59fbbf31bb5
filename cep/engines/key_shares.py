"""Which share of all keys a row's key falls to: one for equal keys, in every batch and on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Coded, Codes, Numbers, OfTexts, used_codes
from cep.engines.key_codes import path_codes
from cep.event import Value
from cep.plan.pattern import Path

_WORD: Final = (1 << 64) - 1
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_MODULUS: Final = (1 << 61) - 1
"""A whole number smaller than that is its own hash in Python, but for -1."""

_NONE: Final = np.zeros(1, dtype=np.uint64)

_KNOWN: Final = OfTexts()
"""The hashes of texts that stay from batch to batch."""


def key_shares(batch: Batch, paths: tuple[Path, ...], count: int) -> Codes:
    """The share of each row's key, from 0 to `count` - 1; rows with a null in their key are in share 0.

    >>> from cep.event import Event
    >>> batch = Batch.of([Event("A", i, i, {"u": u}) for i, u in enumerate([7, "7", 7.0, True, None, 1])])
    >>> key_shares(batch, (("u",),), 1000).tolist()
    [425, 339, 425, 676, 0, 676]
    """
    mixed = np.zeros(len(batch), dtype=np.uint64)
    null = np.zeros(len(batch), dtype=np.bool_)
    for path in paths:
        hashes, missing = _hashes(batch, path)
        mixed = (mixed ^ hashes) * _ODD
        # The lower half of a product knows nothing of the upper half of what was multiplied.
        mixed ^= mixed >> np.uint64(32)
        null |= missing
    shares: Codes = (mixed % np.uint64(count)).astype(np.int32)
    shares[null] = 0
    return shares


def _hashes(batch: Batch, path: Path) -> tuple[NDArray[np.uint64], Bools]:
    """A hash of each row's part of the key, worked out once for each value, and where it is null."""
    column = batch.column(path[0])
    if len(path) == 1 and isinstance(column, Numbers) and column.array.dtype == np.int64:
        array = column.array
        if len(array) and array.min() > -_MODULUS and array.max() < _MODULUS:
            return np.where(array == -1, -2, array).astype(np.int64).view(np.uint64), column.null
    if len(path) == 1 and isinstance(column, Coded) and column.vocabulary is not None:
        of_texts = _KNOWN.of(column.values, column.vocabulary, _each)
        return np.append(of_texts, _NONE)[column.codes], column.codes < 0
    codes, values = path_codes(batch, path)
    there = np.flatnonzero(used_codes(codes, len(values)))
    table = np.zeros(len(values) + 1, dtype=np.uint64)
    table[there] = _each([values[code] for code in there.tolist()])
    return table[codes], codes < 0


def _each(values: Sequence[Value]) -> NDArray[np.uint64]:
    return np.fromiter(map(_hash, values), dtype=np.uint64, count=len(values))


def _hash(value: Value) -> int:
    """Equal values have equal hashes. Python's own differs between processes for texts, and only there."""
    return crc32(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else hash(value) & _WORD
