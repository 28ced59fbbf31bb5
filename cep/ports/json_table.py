"""Lines whose values have been found, as a batch: type, time and what rules read, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from cep.columns import Batch, Bools, Coded, Coder, Codes, Column, Ints, Numbers
from cep.event import Value
from cep.inputs import Path, zone_of
from cep.ports.convert import Convert, converter
from cep.ports.rows import SEQ_LINE_BITS, EventTypes, Reading
from cep.ports.times import TimeReader
from cep.schema import FieldType, Kind


class Fields(Protocol):
    """The values of some lines, a row each, by where they stand in the record."""

    def times(self, path: Path, time: TimeReader) -> tuple[Ints, Bools]:
        """The time of each row, and which rows have one that can be read."""

    def column(self, path: Path, kind: Kind, convert: Convert, mine: Bools | None) -> tuple[Column, Bools]:
        """The values of the rows that are `mine`, None for all, and the rows whose value was refused."""


class Table:
    """Some lines of a block in their order; `batch` makes the columns."""

    def __init__(
        self, reading: Reading, types: EventTypes, time: TimeReader, fields: Fields, lines: Ints
    ) -> None:
        """Lines that turn out to be no event are marked as refused on the way."""
        self._reading = reading
        self._event_types = types
        self._time = time
        self._zone = zone_of(reading.settings.time.zone)
        self._fields = fields
        self._lines = lines
        self._refused: Bools = np.zeros(len(lines), dtype=np.bool_)

    def batch(self, first_line: int, refused: Bools | None = None) -> tuple[Batch, Ints]:
        """The events, and the lines of the block that are none, `refused` or beyond what can be read here."""
        if refused is not None:
            self._refused |= refused
        names, types = self._types()
        ts_ms, there = self._fields.times(self._reading.settings.time.path, self._time)
        self._refused |= ~there
        columns = self._columns(names, types)
        line = self._lines + first_line
        batch = Batch(
            type_names=tuple(names),
            types=types,
            ts_ms=ts_ms,
            seq=line + (self._reading.index << SEQ_LINE_BITS),
            columns=columns,
            line=line,
            source=np.zeros(len(line), dtype=np.int32),
            sources=(self._reading.path,),
        )
        if self._refused.any():
            return batch.take(np.flatnonzero(~self._refused)), self._lines[self._refused]
        return batch, np.zeros(0, dtype=np.int64)

    def _types(self) -> tuple[list[str], Codes]:
        """Names of event types and a code for each row."""
        types = self._event_types
        if types.constant is not None:
            return self._known([types.constant], np.zeros(len(self._lines), dtype=np.int32))
        column, bad = self._fields.column(types.path, "string", _type_name, None)
        self._refused |= bad | (column.codes < 0)
        return self._known(list(column.values), np.maximum(column.codes, 0))

    def _known(self, names: list[str], codes: Codes) -> tuple[list[str], Codes]:
        unknown = np.array([not name or not self._event_types.known(name) for name in names] or [True])
        if unknown.any():
            self._refused |= unknown[codes]
        return names or [""], codes

    def _columns(self, names: list[str], types: Codes) -> dict[str, Column]:
        """A column for each field that rules read of these types, null for types of which they do not."""
        readers: dict[str, dict[FieldType, list[int]]] = {}
        for code, name in enumerate(names):
            if name and self._event_types.known(name) and self._event_types.wanted(name):
                for field, declared in self._event_types.fields(name).items():
                    readers.setdefault(field, {}).setdefault(declared, []).append(code)
        kinds = len(names)
        return {field: self._column(field, of_types, types, kinds) for field, of_types in readers.items()}

    def _column(self, field: str, of_types: dict[FieldType, list[int]], types: Codes, kinds: int) -> Column:
        columns: list[Column] = []
        path = self._event_types.place(field)
        for declared, codes in of_types.items():
            mine: Bools | None = None
            if len(codes) < kinds:
                reads = np.zeros(kinds, dtype=np.bool_)
                reads[codes] = True
                mine = reads[types]
            convert = converter(declared, self._zone, textual=False)
            column, bad = self._fields.column(path, declared.kind, convert, mine)
            if not declared.nullable:
                null = column.null if isinstance(column, Numbers) else column.codes < 0
                bad = bad | (null if mine is None else mine & null)
            self._refused |= bad
            columns.append(column)
        return columns[0] if len(columns) == 1 else _overlaid(columns)


def _type_name(raw: Value) -> Value:
    """Some logs number their event types: `4625` is a name as good as others."""
    if type(raw) is int:
        return str(raw)
    if type(raw) is str:
        return raw
    raise ValueError


def _overlaid(columns: Sequence[Column]) -> Column:
    """Columns of which at most one has a value in each row, as one."""
    coder = Coder()
    codes: Codes = np.full(len(columns[0]), -1, dtype=np.int32)
    for column in columns:
        table = np.array([coder.code(value) for value in column.values] + [-1], dtype=np.int32)
        there = column.codes >= 0
        codes[there] = table[column.codes[there]]
    return Coded(codes, coder.values)
