"""Events taken out of columns in bulk, and made into objects one by one when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch
from cep.event import Event, Value
from cep.values import value


@value
class EventLists:
    """Some events, an entry each in every list; `values` holds a list for each of `names`, None for null."""

    types: list[str]
    ts_ms: list[int]
    seq: list[int]
    lines: list[int]
    sources: list[str]
    names: Sequence[str]
    values: Sequence[list[Value]]

    def event(self, i: int) -> Event:
        """One of them, with the fields that are not null."""
        fields = {
            name: value
            for name, column in zip(self.names, self.values, strict=True)
            if (value := column[i]) is not None
        }
        return Event(self.types[i], self.ts_ms[i], self.seq[i], fields, self.lines[i], self.sources[i])

    def column(self, name: str) -> list[Value] | None:
        """The values of one of the names."""
        return self.values[self.names.index(name)] if name in self.names else None

    def followed_by(self, other: EventLists) -> EventLists:
        """These and then others of the same names."""
        if not self.types:
            return other
        if not other.types:
            return self
        assert tuple(self.names) == tuple(other.names)
        return EventLists(
            self.types + other.types,
            self.ts_ms + other.ts_ms,
            self.seq + other.seq,
            self.lines + other.lines,
            self.sources + other.sources,
            self.names,
            [mine + theirs for mine, theirs in zip(self.values, other.values, strict=True)],
        )


NO_EVENTS = EventLists([], [], [], [], [], (), ())


def of_batch(batch: Batch, rows: NDArray[np.intp], names: Sequence[str]) -> EventLists:
    """Rows of a batch, each with the named fields."""
    nothing: list[Value] = [None] * len(rows)
    columns = [batch.columns.get(name) for name in names]
    return EventLists(
        [batch.type_names[code] for code in batch.types[rows].tolist()],
        batch.ts_ms[rows].tolist(),
        batch.seq[rows].tolist(),
        batch.line[rows].tolist(),
        [batch.sources[code] for code in batch.source[rows].tolist()],
        names,
        [nothing if column is None else column.objects(rows).tolist() for column in columns],
    )
