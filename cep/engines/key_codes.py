"""The key of each row of a batch, as a code: what `BY` says, read from columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from cep.columns import Batch, Coded, Coder, Codes
from cep.event import Key, Value
from cep.plan.pattern import Path

_UNHASHABLE: Final = frozenset({list, dict})


def key_codes(batch: Batch, paths: tuple[Path, ...]) -> tuple[Codes, Sequence[Value]]:
    """A code for each row's key and the keys by code; -1 where a part of the key is null.

    A key of one part stands here as that part alone, see `whole_key`.

    >>> from cep.event import Event
    >>> batch = Batch.of([Event("A", 1, 0, {"u": "x"}), Event("A", 2, 1, {}), Event("A", 3, 2, {"u": "x"})])
    >>> key_codes(batch, (("u",),))[0].tolist()
    [0, -1, 0]
    """
    if not paths:
        return np.zeros(len(batch), dtype=np.int32), [()]
    parts = [path_codes(batch, path) for path in paths]
    if len(parts) == 1:
        codes, values = parts[0]
        return codes, values
    stacked = np.stack([codes for codes, _ in parts])
    distinct, inverse = np.unique(stacked, axis=1, return_inverse=True)
    keys: list[Key] = []
    table = np.full(distinct.shape[1], -1, dtype=np.int32)
    for i, column in enumerate(distinct.T):
        if (column >= 0).all():
            table[i] = len(keys)
            keys.append(tuple(values[code] for code, (_, values) in zip(column, parts, strict=True)))
    return table[np.asarray(inverse).reshape(-1)], keys


def whole_key(paths: tuple[Path, ...], value: Value) -> Key:
    """The key that stands for a value of `key_codes`."""
    key: Key = (value,) if len(paths) == 1 else value
    return key


def path_codes(batch: Batch, path: Path) -> tuple[Codes, Sequence[Value]]:
    """A code for each row's value at a path and the values by code, all of which can be looked up."""
    column = batch.column(path[0])
    of_texts = isinstance(column, Coded) and column.of_texts
    if len(path) == 1 and (of_texts or _UNHASHABLE.isdisjoint(map(type, column.values))):
        return column.codes, column.values
    coder = Coder()
    table = np.array([coder.code(_hashable(_dig(value, path[1:]))) for value in column.values] + [-1])
    return table.astype(np.int32)[column.codes], coder.values


def _dig(value: Value, path: Path) -> Value:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _hashable(value: Value) -> Value:
    """A list or record as a key is its text."""
    return repr(value) if isinstance(value, (list, dict)) else value
