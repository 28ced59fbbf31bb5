"""From a batch to what one plan reads of it: the rows that matter, their keys, and the tests they pass."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Coder, Codes
from cep.engines.matcher import Feed
from cep.engines.predicates import PredicateTable
from cep.event import Key, Value
from cep.plan.compile import KeyGroup, Plan, Test
from cep.plan.pattern import Path


class Tests:
    """The tests of all plans of a worker: each distinct one is asked once per batch."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        """Collect the tests; plans that share one share its answer."""
        self._tests: dict[Test, int] = {}
        for plan in plans:
            for test in plan.tests:
                self._tests.setdefault(test, len(self._tests))
        locals_ = [test.local for test in self._tests if test.local is not None]
        self._table = PredicateTable(locals_)

    def masks(self, batch: Batch) -> dict[Test, Bools]:
        """For each test the rows that pass it."""
        of_type = {test.types: type_mask(batch, test.types) for test in self._tests}
        wanted = [(test.local, of_type[test.types]) for test in self._tests if test.local is not None]
        answers = iter(self._table.masks(batch, [mask for _, mask in wanted]))
        return {test: of_type[test.types] if test.local is None else next(answers) for test in self._tests}


def type_mask(batch: Batch, types: tuple[str, ...] | None) -> Bools:
    """The rows whose event type is one of these; None is every row."""
    if types is None:
        return np.ones(len(batch), dtype=np.bool_)
    wanted = np.array([name in types for name in batch.type_names] + [False], dtype=np.bool_)
    return wanted[batch.types]


def make_feed(plan: Plan, batch: Batch, masks: dict[Test, Bools], since_ms: int | None = None) -> Feed:
    """The rows of a batch that a plan must see, with key and test bits, in order."""
    if since_ms is None and len(batch):
        since_ms = int(batch.ts_ms[0])
    bits = _bits([masks[test] for test in plan.tests], len(batch))
    of_types = type_mask(batch, plan.types)
    parts = [_part(plan, batch, group, bits, of_types) for group in plan.key_groups]
    null_keys = max((nulls for *_, nulls in parts), default=0)
    if len(parts) == 1:
        rows, keys, group_bits, _ = parts[0]
        return Feed(batch, rows, keys, group_bits, null_keys, since_ms)
    merged: dict[tuple[int, Key], int] = {}
    for rows, keys, group_bits, _ in parts:
        for row, key, passed in zip(rows, keys, group_bits, strict=True):
            merged[row, key] = merged.get((row, key), 0) | passed
    ordered = sorted(merged.items(), key=lambda item: item[0][0])
    return Feed(
        batch,
        [row for (row, _), _ in ordered],
        [key for (_, key), _ in ordered],
        [passed for _, passed in ordered],
        null_keys,
        since_ms,
    )


def _part(
    plan: Plan, batch: Batch, group: KeyGroup, bits: NDArray[np.object_], of_types: Bools
) -> tuple[list[int], list[Key], list[int], int]:
    mine = bits & group.tests
    matters = of_types & (np.ones(len(batch), dtype=np.bool_) if plan.reads_all else mine != 0)
    codes, keys = key_codes(batch, group.paths)
    kept = np.array([_sampled(key, plan.pattern.sample_ppm) for key in keys] + [False], dtype=np.bool_)
    nulls = int(np.count_nonzero(matters & (codes < 0)))
    rows = np.flatnonzero(matters & (codes >= 0) & kept[codes])
    return rows.tolist(), [keys[code] for code in codes[rows]], mine[rows].tolist(), nulls


def _bits(masks: list[Bools], length: int) -> NDArray[np.object_]:
    """Bit i of each row is mask i; Python ints when there are too many for a machine word."""
    small = len(masks) < 63
    bits = np.zeros(length, dtype=np.int64 if small else object)
    for i, mask in enumerate(masks):
        bits |= mask.astype(bits.dtype) << i if small else np.where(mask, 1 << i, 0).astype(object)
    return bits


def key_codes(batch: Batch, paths: tuple[Path, ...]) -> tuple[Codes, list[Key]]:
    """A code for each row's key and the keys by code; -1 where a part of the key is null.

    >>> from cep.event import Event
    >>> batch = Batch.of([Event("A", 1, 0, {"u": "x"}), Event("A", 2, 1, {}), Event("A", 3, 2, {"u": "x"})])
    >>> key_codes(batch, (("u",),))[0].tolist()
    [0, -1, 0]
    """
    if not paths:
        return np.zeros(len(batch), dtype=np.int32), [()]
    parts = [_path_codes(batch, path) for path in paths]
    if len(parts) == 1:
        codes, values = parts[0]
        return codes, [(value,) for value in values]
    stacked = np.stack([codes for codes, _ in parts])
    distinct, inverse = np.unique(stacked, axis=1, return_inverse=True)
    keys: list[Key] = []
    table = np.full(distinct.shape[1], -1, dtype=np.int32)
    for i, column in enumerate(distinct.T):
        if (column >= 0).all():
            table[i] = len(keys)
            keys.append(tuple(values[code] for code, (_, values) in zip(column, parts, strict=True)))
    return table[np.asarray(inverse).reshape(-1)], keys


def _path_codes(batch: Batch, path: Path) -> tuple[Codes, list[Value]]:
    column = batch.column(path[0])
    if len(path) == 1 and not any(isinstance(value, (list, dict)) for value in column.values):
        return column.codes, list(column.values)
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


def _sampled(key: Key, ppm: int | None) -> bool:
    """Whether a key is in the sample: by its hash, so the same on every machine."""
    if ppm is None:
        return True
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 1_000_000 < ppm
