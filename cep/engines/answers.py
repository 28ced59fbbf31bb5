"""What all engines ask of a batch, worked out once for all rules: masks of tests, order by key, positions.

    batch row        0    1    2    3    4         rows in time
    key              x    y    x    -    y         - is null: such a row matches nothing
    key order        0    2    1    4              rows by key, in each key still in time
    position         0    1    2    3              a row's place in that order

In key order "the next event of this key that passes a test" is a binary search among positions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Coded, Codes, Ints, used_codes
from cep.engines.arrays import Arr
from cep.engines.field_values import values_of
from cep.engines.key_codes import key_codes
from cep.engines.key_table import KeyTable, Words
from cep.event import Value
from cep.plan.compile import Test
from cep.plan.pattern import Path
from cep.values import value

T = TypeVar("T")

Kind = Literal["none", "number", "text", "any"]
"""What a column holds: only nulls, numbers, texts, or something else."""

TestNumbers: TypeAlias = Mapping[Test, int]

TABLE_PAYS: Final = 16
"""A table of all positions is made when more than one in so many is asked for."""


@dataclass(frozen=True)
class KeyOrder:
    """The rows of a batch that have a key, by key. `rows[p]` is the row at position p, `ids[p]` its key."""

    table: KeyTable
    rows: NDArray[np.intp]
    ids: Codes
    ts_ms: Ints
    seq: Ints

    @cached_property
    def ids_and_none(self) -> Codes:
        """The keys by position, and behind them a number that no key has."""
        return np.append(self.ids, np.int32(-1))

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where each key's rows begin."""
        first = np.ones(len(self.ids), dtype=np.bool_)
        first[1:] = self.ids[1:] != self.ids[:-1]
        return np.flatnonzero(first)

    def starts_of(self, keys: Codes) -> NDArray[np.intp]:
        """Where the rows of some keys of the batch begin."""
        if len(keys) * TABLE_PAYS < int(self.ids[-1]):
            return np.searchsorted(self.ids, keys)
        return self._start_of[keys]

    @cached_property
    def _start_of(self) -> NDArray[np.intp]:
        table = np.zeros(int(self.ids[-1]) + 1, dtype=np.intp)
        table[self.keys] = self.starts
        return table

    @cached_property
    def keys(self) -> Codes:
        """The keys of the batch, each once, ascending."""
        return self.ids[self.starts]


@value
class Floats:
    """A column as floats, NaN for null; of kind `any` it has none."""

    kind: Kind
    values: NDArray[np.float64]


class Answers(Mapping[Test, Bools]):
    """A batch with everything that was asked of it. As a mapping: for each test the rows that pass it."""

    def __init__(
        self, batch: Batch, tables: Mapping[tuple[Path, ...], KeyTable], words: Words, numbers: TestNumbers
    ) -> None:
        """Nothing is worked out yet; `masks` is for the maker to set."""
        self.batch = batch
        self.masks: Mapping[Test, Bools] = {}
        self.words = words
        """Texts as numbers."""
        self.numbers = numbers
        """The tests in the order of `masks`: the same object for every batch."""
        self._tables = tables
        self._known: dict[Hashable, Any] = {}

    def __getitem__(self, test: Test) -> Bools:
        return self.masks[test]

    def __iter__(self) -> Iterator[Test]:
        return iter(self.masks)

    def __len__(self) -> int:
        return len(self.masks)

    def once(self, question: Hashable, work: Callable[[], T]) -> T:
        """The answer to a question of the caller's own, worked out once for the batch."""
        if question not in self._known:
            self._known[question] = work()
        found: T = self._known[question]
        return found

    def codes(self, paths: tuple[Path, ...]) -> tuple[Codes, Sequence[Value]]:
        """See `key_codes`."""
        return self.once(("codes", paths), lambda: key_codes(self.batch, paths))

    def order(self, paths: tuple[Path, ...]) -> KeyOrder:
        """The rows by key."""
        return self.once(("order", paths), lambda: self._order(paths))

    def has_nulls(self, paths: tuple[Path, ...]) -> bool:
        """Whether some row has a null in its key."""
        return len(self.order(paths).rows) < len(self.batch)

    def mask_by_key(self, paths: tuple[Path, ...], test: Test) -> Bools:
        """A test's mask in key order."""
        return self.once(("mask", paths, test), lambda: self.masks[test][self.order(paths).rows])

    def positions(self, paths: tuple[Path, ...], tests: frozenset[Test]) -> NDArray[np.intp]:
        """The positions of rows that pass any of the tests, ascending."""
        return self.once(("positions", paths, tests), lambda: np.flatnonzero(self._any(paths, tests)))

    def following(
        self, paths: tuple[Path, ...], tests: frozenset[Test], at: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """For each position the next one behind it whose row passes a test; one past the end if none is."""
        there = self.positions(paths, tests)
        return self.behind(there, ("behind", paths, tests), len(self.order(paths).rows), at)

    def behind(
        self, there: NDArray[np.intp], name: Hashable, length: int, at: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """The next of some ascending positions behind each of `at`: looked up if many ask, else searched."""
        if len(at) * TABLE_PAYS > length:
            table = self.once(name, lambda: _behind_all(there, length))
            return table[at + 1]
        place = np.searchsorted(there, at, side="right")
        return np.append(there, length)[place]

    def count(self, tests: frozenset[Test]) -> int:
        """How many rows pass any of the tests."""
        return self.once(("count", tests), lambda: int(np.count_nonzero(self.union(tests))))

    def field(self, name: str) -> Arr:
        """A field of every row, in the quickest kind that holds its values exactly."""
        return self.once(("field", name), lambda: values_of(self.batch, name))

    def floats(self, name: str) -> Floats:
        """A field of every row as floats, a text as the number of its word."""
        return self.once(("floats", name), lambda: self._floats(name))

    def mask_at(self, number: int) -> Bools:
        """The mask of a test by its number, in one piece."""
        return self.once(number, lambda: np.ascontiguousarray(self._masks[number]))

    def of_types(self, types: tuple[str, ...] | None) -> Bools:
        """The rows whose event type is one of these; None is every row."""
        return self.once(("types", types), lambda: type_mask(self.batch, types))

    def union(self, tests: frozenset[Test]) -> Bools:
        """The rows that pass any of the tests."""
        found = np.zeros(len(self.batch), dtype=np.bool_)
        for test in tests:
            found |= self.masks[test]
        return found

    @cached_property
    def _masks(self) -> list[Bools]:
        return list(self.masks.values())

    def _floats(self, name: str) -> Floats:
        column = self.batch.column(name)
        if isinstance(column, Coded) and column.of_texts:
            if (column.codes < 0).all():
                return Floats("none", np.full(len(column), np.nan))
            return Floats("text", self.words.numbers(column)[column.codes])
        arr = self.field(name)
        if arr.kind != "number":
            return Floats("any", np.zeros(0))
        values = arr.values.astype(np.float64, copy=False)
        return Floats("number", np.where(arr.null, np.nan, values) if arr.null.any() else values)

    def _any(self, paths: tuple[Path, ...], tests: frozenset[Test]) -> Bools:
        if len(tests) == 1:
            return self.mask_by_key(paths, next(iter(tests)))
        found = np.zeros(len(self.order(paths).rows), dtype=np.bool_)
        for test in tests:
            found |= self.mask_by_key(paths, test)
        return found

    def _order(self, paths: tuple[Path, ...]) -> KeyOrder:
        table, ids = self._tables[paths], self._ids(paths)
        rows = _stable_order(ids)
        rows = rows[int(np.count_nonzero(ids < 0)) :]
        return KeyOrder(table, rows, ids[rows], self.batch.ts_ms[rows], self.batch.seq[rows])

    def _ids(self, paths: tuple[Path, ...]) -> Codes:
        """The number of each row's key, -1 where a part of it is null."""
        table = self._tables[paths]
        if len(paths) == 1 and len(paths[0]) == 1:
            column = self.batch.column(paths[0][0])
            if isinstance(column, Coded) and column.vocabulary is not None:
                of_texts = table.ids_of_texts(column.values, column.vocabulary)
                return np.append(of_texts, np.int32(-1))[column.codes]
        codes, keys = self.codes(paths)
        there = np.flatnonzero(used_codes(codes, len(keys)))
        numbers = np.full(len(keys) + 1, -1, dtype=np.int32)
        numbers[there] = table.ids([keys[code] for code in there.tolist()])
        return numbers[codes]


def _behind_all(there: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """For -1 and every position the next of those that are there."""
    counts = np.zeros(length + 1, dtype=np.int32)
    counts[there + 1] = 1
    return np.append(there, length)[np.cumsum(counts)]


def type_mask(batch: Batch, types: tuple[str, ...] | None) -> Bools:
    """The rows whose event type is one of these; None is every row."""
    if types is None:
        return np.ones(len(batch), dtype=np.bool_)
    codes = [code for code, name in enumerate(batch.type_names) if name in types]
    if len(codes) == 1:
        only: Bools = batch.types == codes[0]
        return only
    wanted = np.array([name in types for name in batch.type_names] + [False], dtype=np.bool_)
    return wanted[batch.types]


def _stable_order(ids: Codes) -> NDArray[np.intp]:
    """Rows by number, in each number as they were. Sixteen bits at a time, since that is a radix sort."""
    if not len(ids) or (ids == ids[0]).all():
        return np.arange(len(ids))
    low = (ids & 0xFFFF).astype(np.uint16) if ids.min() >= 0 else None
    if low is not None and ids.max() <= 0xFFFF:
        return np.argsort(low, kind="stable")
    shifted = ids.astype(np.int64) + 1
    rows = np.argsort((shifted & 0xFFFF).astype(np.uint16), kind="stable")
    return rows[np.argsort((shifted >> 16).astype(np.uint16)[rows], kind="stable")]
