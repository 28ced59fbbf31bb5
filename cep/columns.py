"""Events as columns: what flows from decoding to matching.

    row      0        1        2
    ts_ms    1000     1000     1070        one int64 array
    seq      0        1        2           ties of time keep their order
    type     Login    Fail     Login       codes into `type_names`
    ip       0        1        0           codes into the column's distinct values; -1 is null
    amount   12.5     0.0      8.0         or the numbers themselves, and a mask that says which are null

A row becomes an `Event` only when a match binds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from cep.event import Event, Value
from cep.values import value

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
TABLE_PAYS: Final = 4
"""A table of all values is made when more than one in so many is asked for."""

Rows: TypeAlias = NDArray[np.intp] | slice
"""Some rows of a batch: their numbers, or a stretch of them, of which no copy is made."""


def distinct_of(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, ascending: `numpy.unique` would import half of NumPy for it.

    >>> distinct_of(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


class Vocabulary:
    """The texts of columns that follow each other, such as those of one field of a file.

    A code once given stays: who has looked up the texts of one column need look up of the next one only those
    that were added.

    >>> words = Vocabulary()
    >>> words.add(["a", "b"])
    >>> first = words.column(np.array([0, 1]))
    >>> words.add(["c"])
    >>> first.values, words.column(np.array([2, 0])).values
    (['a', 'b'], ['a', 'b', 'c'])
    """

    def __init__(self) -> None:
        """No texts."""
        self._texts: list[str] = []

    def add(self, texts: Sequence[str]) -> None:
        """Texts with the next codes; none of them may be there."""
        if texts:
            # Columns made before may be in use by another thread: theirs stay as they are.
            self._texts = [*self._texts, *texts]

    def column(self, codes: Codes) -> Coded:
        """A column of texts that are there by now."""
        return Coded(codes, self._texts, self)


def used_codes(codes: Codes, count: int) -> Bools:
    """Which codes occur."""
    used = np.zeros(count + 1, dtype=np.bool_)
    used[codes] = True
    return used[:-1]


class OfTexts:
    """What is worked out of each text of vocabularies, once: of a longer column only for what was added."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._known: WeakKeyDictionary[Vocabulary, NDArray[Any]] = WeakKeyDictionary()

    def of(
        self, values: Sequence[Value], vocabulary: Vocabulary, work: Callable[[Sequence[Value]], NDArray[Any]]
    ) -> NDArray[Any]:
        """What `work` makes of the values of a column, one for one."""
        known = self._known.get(vocabulary)
        if known is None:
            known = self._known[vocabulary] = work(values)
        elif len(known) < len(values):
            known = self._known[vocabulary] = np.concatenate([known, work(values[len(known) :])])
        return known[: len(values)]

    def all(self) -> Iterator[NDArray[Any]]:
        """What is known of each vocabulary that lives."""
        return iter(self._known.values())


@dataclass(frozen=True)
class Coded:
    """A column of any values, dictionary-coded: row i holds `values[codes[i]]`, null where that is -1.

    The values of a column of a `vocabulary` are the first so many of its texts.
    """

    codes: Codes
    values: Sequence[Value]
    vocabulary: Vocabulary | None = None

    @staticmethod
    def of(rows: Iterable[Value]) -> Coded:
        """Code a sequence of values; equal values of one type share a code.

        >>> Coded.of(["a", None, "b", "a"]).codes.tolist()
        [0, -1, 1, 0]
        """
        coder = Coder()
        codes = np.fromiter((coder.code(value) for value in rows), dtype=np.int32)
        return Coded(codes, coder.values)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.codes)

    def at(self, row: int) -> Value:
        """The value of one row, None for null."""
        code = self.codes[row]
        return None if code < 0 else self.values[code]

    def objects(self, rows: NDArray[np.intp]) -> NDArray[np.object_]:
        """The values of some rows as Python objects, None for null."""
        codes = self.codes[rows]
        if len(rows) * TABLE_PAYS >= len(self.values) or len(rows) < 2:
            return self._table[codes]
        found = np.fromiter(itemgetter(*codes.tolist())(self.values), dtype=object, count=len(rows))
        found[codes < 0] = None
        return found

    @cached_property
    def _table(self) -> NDArray[np.object_]:
        """The values by code, and last of all null."""
        return np.fromiter(chain(self.values, (None,)), dtype=object, count=len(self.values) + 1)

    def take(self, rows: Rows) -> Coded:
        """The same column with only these rows, in this order."""
        return Coded(self.codes[rows], self.values, self.vocabulary)

    @cached_property
    def of_texts(self) -> bool:
        """Whether every value is a text."""
        return self.vocabulary is not None or {str}.issuperset(map(type, self.values))

    def compact(self) -> Coded:
        """The same column with a dictionary of its own, of the values that occur.

        >>> Coded(np.array([2, -1, 0, 2]), ["a", "b", "c"]).compact()
        Coded(codes=array([ 1, -1,  0,  1], dtype=int32), values=['a', 'c'], vocabulary=None)
        """
        used = np.flatnonzero(used_codes(self.codes, len(self.values)))
        table = np.full(len(self.values) + 1, -1, dtype=np.int32)
        table[used] = np.arange(len(used))
        return Coded(table[self.codes], [self.values[code] for code in used.tolist()])


@dataclass(frozen=True)
class Numbers:
    """A column of numbers of one type: int64 or float64, what stands where `null` is true means nothing.

    Every float is finite and none is -0.0, so equal numbers have equal bits. `codes` and `values` say the
    same for who needs a dictionary; they are made when first asked for, values ascending.

    >>> column = Numbers(np.array([2.5, 1.0, 2.5]), np.array([False, True, False]))
    >>> column.at(0), column.at(1), column.codes.tolist(), column.values
    (2.5, None, [0, -1, 0], [2.5])
    """

    array: Ints | Floats
    null: Bools

    def __len__(self) -> int:
        """How many rows."""
        return len(self.array)

    def at(self, row: int) -> Value:
        """The value of one row as a Python int or float, None for null."""
        return None if self.null[row] else self.array[row].item()

    def objects(self, rows: NDArray[np.intp]) -> NDArray[np.object_]:
        """The values of some rows as Python ints or floats, None for null."""
        found = np.array(self.array[rows].tolist(), dtype=object)
        found[self.null[rows]] = None
        return found

    def take(self, rows: Rows) -> Numbers:
        """The same column with only these rows, in this order."""
        return Numbers(self.array[rows], self.null[rows])

    @property
    def codes(self) -> Codes:
        """A small int for each row's value, -1 for null."""
        return self._coded.codes

    @property
    def values(self) -> Sequence[Value]:
        """The distinct values by code."""
        return self._coded.values

    @cached_property
    def _coded(self) -> Coded:
        codes: Codes = np.full(len(self), -1, dtype=np.int32)
        there = ~self.null
        values, inverse = np.unique(self.array[there], return_inverse=True)
        codes[there] = inverse
        return Coded(codes, values.tolist())


Column: TypeAlias = Coded | Numbers
"""One field of many events."""


def numbers_of(codes: Codes, values: Sequence[Value]) -> Numbers | None:
    """Coded values as numbers, if all of them are floats, or all are ints of 64 bits.

    >>> numbers_of(np.array([1, -1, 0]), [2.5, 1.0]).array.tolist()
    [1.0, 0.0, 2.5]
    >>> numbers_of(np.array([0, 1]), [1, True]) is None
    True
    """
    types = {type(value) for value in values}
    if types == {float}:
        table = np.array([*values, 0.0], dtype=np.float64)
        return Numbers(table[codes], codes < 0)
    if types == {int} and all(-(1 << 63) <= value < 1 << 63 for value in values):
        return Numbers(np.array([*values, 0], dtype=np.int64)[codes], codes < 0)
    return None


class Coder:
    """Gives each distinct value a small int, in order of first appearance; None is -1.

    Values are told apart by type too: 1, 1.0 and true are three values. Lists and records, which cannot be
    looked up, each get a code of their own.
    """

    __slots__ = ("_codes", "values")

    def __init__(self) -> None:
        """Start with no values."""
        self.values: list[Value] = []
        self._codes: dict[tuple[type, Value], int] = {}

    def code(self, value: Value) -> int:
        """The code of a value, a new one if it was not seen before."""
        if value is None:
            return -1
        if isinstance(value, (list, dict)):
            self.values.append(value)
            return len(self.values) - 1
        found = self._codes.get((type(value), value))
        if found is None:
            found = self._codes[type(value), value] = len(self.values)
            self.values.append(value)
        return found


@value
class Batch:
    """Some events as columns of equal length. `sources[source[i]]` and `line[i]` say where row i was read."""

    type_names: tuple[str, ...]
    types: Codes
    ts_ms: Ints
    seq: Ints
    columns: Mapping[str, Column]
    line: Ints
    source: Codes
    sources: tuple[str, ...] = ("",)

    def __len__(self) -> int:
        """How many events."""
        return len(self.ts_ms)

    def event(self, row: int, names: Iterable[str]) -> Event:
        """One row as an event with the named fields that are not null."""
        fields: dict[str, Value] = {}
        for name in names:
            column = self.columns.get(name)
            value = None if column is None else column.at(row)
            if value is not None:
                fields[name] = value
        return Event(
            self.type_names[self.types[row]],
            int(self.ts_ms[row]),
            int(self.seq[row]),
            fields,
            int(self.line[row]),
            self.sources[self.source[row]],
        )

    def take(self, rows: Rows) -> Batch:
        """The batch with only these rows, in this order."""
        return Batch(
            self.type_names,
            self.types[rows],
            self.ts_ms[rows],
            self.seq[rows],
            {name: column.take(rows) for name, column in self.columns.items()},
            self.line[rows],
            self.source[rows],
            self.sources,
        )

    def column(self, name: str) -> Column:
        """A field's column; all null when no event has it."""
        found = self.columns.get(name)
        return found if found is not None else Coded(np.full(len(self), -1, dtype=np.int32), ())

    @staticmethod
    def of(events: Sequence[Event]) -> Batch:
        """A batch made of events, row for row: for tests and for following one event through the house.

        >>> Batch.of([Event("A", 5, 0, {"x": 1}), Event("B", 6, 1, {})]).column("x").codes.tolist()
        [0, -1]
        """
        kinds, origins = Coder(), Coder()
        names = sorted({name for event in events for name in event.fields})
        return Batch(
            types=np.fromiter((kinds.code(event.type) for event in events), dtype=np.int32),
            type_names=tuple(kinds.values),
            ts_ms=np.fromiter((event.ts_ms for event in events), dtype=np.int64),
            seq=np.fromiter((event.seq for event in events), dtype=np.int64),
            columns={name: Coded.of(event.fields.get(name) for event in events) for name in names},
            line=np.fromiter((event.line for event in events), dtype=np.int64),
            source=np.fromiter((origins.code(event.source) for event in events), dtype=np.int32),
            sources=tuple(origins.values),
        )


@value
class Projection:
    """Which root fields of which event types anything reads; None for types means every type is wanted."""

    fields: frozenset[str] = frozenset()
    types: frozenset[str] | None = None
    by_type: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def wants(self, event_type: str) -> bool:
        """Whether any rule reads events of this type."""
        return self.types is None or event_type in self.types

    def of(self, event_type: str) -> frozenset[str]:
        """The root fields that are read of events of this type."""
        return self.by_type.get(event_type, self.fields)
