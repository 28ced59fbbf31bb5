"""Events as columns: what flows from decoding to matching.

    row      0        1        2
    ts_ms    1000     1000     1070        one int64 array
    seq      0        1        2           ties of time keep their order
    type     Login    Fail     Login       codes into `type_names`
    ip       0        1        0           codes into the column's distinct values; -1 is null

A row becomes an `Event` only when a match binds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cep.event import Event, Value

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of many events, dictionary-coded: row i holds `values[codes[i]]`, null where that is -1."""

    codes: Codes
    values: Sequence[Value]

    @staticmethod
    def of(rows: Iterable[Value]) -> Column:
        """Code a sequence of values; equal values of one type share a code.

        >>> Column.of(["a", None, "b", "a"]).codes.tolist()
        [0, -1, 1, 0]
        """
        coder = Coder()
        codes = np.fromiter((coder.code(value) for value in rows), dtype=np.int32)
        return Column(codes, coder.values)

    def at(self, row: int) -> Value:
        """The value of one row, None for null."""
        code = self.codes[row]
        return None if code < 0 else self.values[code]

    def take(self, rows: NDArray[np.intp]) -> Column:
        """The same column with only these rows, in this order."""
        return Column(self.codes[rows], self.values)


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


@dataclass(frozen=True, slots=True)
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

    def take(self, rows: NDArray[np.intp]) -> Batch:
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
        return found if found is not None else Column(np.full(len(self), -1, dtype=np.int32), ())

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
            columns={name: Column.of(event.fields.get(name) for event in events) for name in names},
            line=np.fromiter((event.line for event in events), dtype=np.int64),
            source=np.fromiter((origins.code(event.source) for event in events), dtype=np.int32),
            sources=tuple(origins.values),
        )


def concat(batches: Sequence[Batch]) -> Batch:
    """Several batches one after the other; types, values and sources are coded anew where they differ.

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
    coder = Coder()
    return Column(_join([_recode(c.codes, c.values, coder) for c in columns], np.int32), coder.values)


def _recode(codes: Codes, values: Sequence[Value], coder: Coder) -> Codes:
    """Codes of one dictionary as codes of another; only the distinct values that occur are looked up."""
    table = np.full(len(values) + 1, -1, dtype=np.int32)
    for code in np.unique(codes):
        if code >= 0:
            table[code] = coder.code(values[code])
    return table[codes]


def _join(parts: Sequence[NDArray[np.generic]], dtype: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype=dtype)


@dataclass(frozen=True, slots=True)
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
