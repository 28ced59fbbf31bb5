"""Lines whose layout is known, as a batch: type, time and the fields that rules read, a column at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cep.columns import Batch, Bools, Coded, Coder, Codes, Column, Ints, Numbers
from cep.inputs import Path, zone_of
from cep.ports.byte_spans import Block
from cep.ports.convert import converter
from cep.ports.json_layout import Layout
from cep.ports.rows import SEQ_LINE_BITS, EventTypes, Reading
from cep.ports.span_columns import Piece, Refused, column_of
from cep.ports.times import TimeReader
from cep.schema import FieldType


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one layout: their numbers in the block, and where the value of each slot begins and ends."""

    layout: Layout
    lines: Ints
    spans: list[tuple[Ints, Ints]]


class Table:
    """The lines of some groups, in their order; `batch` makes the columns."""

    def __init__(
        self, reading: Reading, types: EventTypes, time: TimeReader, block: Block, groups: Sequence[Group]
    ) -> None:
        """Lines that turn out to be no event are marked as refused on the way."""
        self._reading = reading
        self._event_types = types
        self._time = time
        self._zone = zone_of(reading.settings.time.zone)
        self._lines = np.sort(np.concatenate([group.lines for group in groups]))
        self._refused: Bools = np.zeros(len(self._lines), dtype=np.bool_)
        self._pieces: dict[Path, list[Piece]] = {}
        for group in groups:
            alone = len(groups) == 1
            rows = np.arange(len(group.lines)) if alone else np.searchsorted(self._lines, group.lines)
            for slot, (starts, ends) in zip(group.layout.slots, group.spans, strict=True):
                piece = Piece(block, rows, starts, ends, slot.text)
                if not slot.text:
                    self._refuse(rows, piece.unreadable())
                self._pieces.setdefault(slot.path, []).append(piece)

    def _refuse(self, rows: Ints, bad: Bools) -> None:
        if bad.any():
            self._refused[rows[bad]] = True

    def batch(self, first_line: int) -> tuple[Batch, Ints]:
        """The events, and the lines of the block that are none, or none that this can read."""
        names, types = self._types()
        ts_ms = self._times()
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
        """Names of event types and a code for each row. A number as a type is left to the other reader."""
        types = self._event_types
        if types.constant is not None:
            return self._known([types.constant], np.zeros(len(self._lines), dtype=np.int32))
        texts = [piece for piece in self._pieces.get(types.path, []) if piece.text]
        column, bad = column_of(len(self._lines), texts, "string", lambda raw: raw)
        self._refused |= bad | (column.codes < 0)
        return self._known(list(column.values), np.maximum(column.codes, 0))

    def _known(self, names: list[str], codes: Codes) -> tuple[list[str], Codes]:
        unknown = np.array([not name or not self._event_types.known(name) for name in names] or [True])
        self._refused |= unknown[codes]
        return names or [""], codes

    def _times(self) -> Ints:
        ts_ms = np.zeros(len(self._lines), dtype=np.int64)
        there = np.zeros(len(self._lines), dtype=np.bool_)
        for piece in self._pieces.get(self._reading.settings.time.path, []):
            good = np.zeros(len(piece.rows), dtype=np.bool_)
            if not piece.text:
                whole, good = piece.numbers.ints()
                ms, in_range = self._time.ms_of_ints(whole)
                good &= in_range
                ts_ms[piece.rows[good]] = ms[good]
            odd = np.flatnonzero(~good)
            if len(odd):
                codes, values = piece.take(odd).values(self._time.ms)
                found = np.array([0 if v is Refused or v is None else v for v in values], dtype=np.int64)
                read = np.array([v is not Refused and v is not None for v in values], dtype=np.bool_)
                ts_ms[piece.rows[odd]] = found[codes]
                good[odd] = read[codes]
            there[piece.rows] = good
        self._refused |= ~there
        return ts_ms

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
        count = len(self._lines)
        columns: list[Column] = []
        path = self._event_types.place(field)
        for declared, codes in of_types.items():
            pieces = self._pieces.get(path, [])
            mine = np.ones(count, dtype=np.bool_)
            if len(codes) < kinds:
                reads = np.zeros(kinds, dtype=np.bool_)
                reads[codes] = True
                mine = reads[types]
                pieces = [piece.take(mine[piece.rows]) for piece in pieces]
            convert = converter(declared, self._zone, textual=False)
            column, bad = column_of(count, pieces, declared.kind, convert)
            if not declared.nullable:
                bad |= mine & (column.null if isinstance(column, Numbers) else column.codes < 0)
            self._refused |= bad
            columns.append(column)
        return columns[0] if len(columns) == 1 else _overlaid(columns)


def _overlaid(columns: Sequence[Column]) -> Column:
    """Columns of which at most one has a value in each row, as one."""
    coder = Coder()
    codes: Codes = np.full(len(columns[0]), -1, dtype=np.int32)
    for column in columns:
        table = np.array([coder.code(value) for value in column.values] + [-1], dtype=np.int32)
        there = column.codes >= 0
        codes[there] = table[column.codes[there]]
    return Coded(codes, coder.values)
