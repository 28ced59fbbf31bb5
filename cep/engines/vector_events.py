"""Events taken out of columns in bulk, and made into objects one by one when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Codes, Ints, Numbers
from cep.event import Event, Value
from cep.values import value

Copied: TypeAlias = Numbers | NDArray[np.object_]
"""A field of some events: numbers, or objects with None for null."""


@value
class Part:
    """Events of one origin as columns of their own; a field that is not there is null."""

    types: NDArray[np.object_]
    ts_ms: Ints
    seq: Ints
    lines: Ints
    sources: NDArray[np.object_]
    fields: Mapping[str, Copied]

    def objects(self, name: str) -> NDArray[np.object_]:
        """A field as Python objects, None for null."""
        column = self.fields.get(name)
        if isinstance(column, Numbers):
            return column.objects(np.arange(len(column)))
        return np.full(len(self.ts_ms), None, dtype=object) if column is None else column


class EventColumns:
    """Events of several parts, one after the other; what of them is asked for becomes objects then."""

    def __init__(self, names: Sequence[str], parts: Sequence[Part]) -> None:
        """`names` are the fields."""
        self._names = names
        self._parts = parts
        self._columns: dict[str, NDArray[np.object_]] = {}
        self._events: dict[int, Event] = {}
        self.ts_ms: Ints = _joined([part.ts_ms for part in parts])
        self.seq: Ints = _joined([part.seq for part in parts])

    def __len__(self) -> int:
        """How many."""
        return len(self.ts_ms)

    def column(self, name: str) -> NDArray[np.object_]:
        """A field of each event, None for null; one entry more, behind the last: None, for no event."""
        found = self._columns.get(name)
        if found is None:
            none = np.full(1, None, dtype=object)
            found = np.concatenate([*(part.objects(name) for part in self._parts), none])
            self._columns[name] = found
        return found

    def event(self, i: int) -> Event:
        """One of them, with the fields that are not null: the same object whenever it is asked for."""
        known = self._events.get(i)
        if known is not None:
            return known
        kind, ts_ms, seq, line, source, values = self._rows[i]
        fields: dict[str, Value] = {
            name: value for name, value in zip(self._names, values, strict=True) if value is not None
        }
        event = self._events[i] = Event(kind, ts_ms, seq, fields, line, source)
        return event

    @cached_property
    def _rows(self) -> list[tuple[str, int, int, int, str, tuple[Value, ...]]]:
        parts = self._parts
        columns = [self.column(name)[:-1].tolist() for name in self._names]
        values = zip(*columns, strict=True) if columns else ((),) * len(self)
        return list(
            zip(
                chain.from_iterable(part.types.tolist() for part in parts),
                *(self.ts_ms.tolist(), self.seq.tolist()),
                chain.from_iterable(part.lines.tolist() for part in parts),
                chain.from_iterable(part.sources.tolist() for part in parts),
                values,
                strict=True,
            )
        )


def of_batch(batch: Batch, rows: NDArray[np.intp], names: Sequence[str]) -> Part:
    """Rows of a batch, each with the named fields."""
    fields: dict[str, Copied] = {}
    for name in names:
        column = batch.columns.get(name)
        if column is not None:
            fields[name] = column.take(rows) if isinstance(column, Numbers) else column.objects(rows)
    return Part(
        named(batch.types[rows], batch.type_names),
        *(batch.ts_ms[rows], batch.seq[rows], batch.line[rows]),
        named(batch.source[rows], batch.sources),
        fields,
    )


def named(codes: Codes, names: Sequence[str]) -> NDArray[np.object_]:
    """The name of each code."""
    table = np.empty(len(names), dtype=object)
    table[:] = names
    return table[codes]


def _joined(columns: Sequence[Ints]) -> Ints:
    return columns[0] if len(columns) == 1 else np.concatenate([np.zeros(0, dtype=np.int64), *columns])
