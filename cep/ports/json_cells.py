"""What the kernel found in lines of JSON, as times and columns: the values of the row-by-row reader.

    numbers   come as arrays, and go into the column as they are if all are of one type
    others    each distinct text or token is converted once

A value that cannot be had is told by its row and left to the row-by-row reader, who knows the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cep.columns import Batch, Bools, Coded, Coder, Codes, Column, Floats, Ints, Numbers, numbers_of
from cep.event import Value
from cep.inputs import Path
from cep.ports.convert import Convert
from cep.ports.json_kernel import (
    FLOAT,
    INT,
    MISSING,
    NULL,
    TEXT,
    Cells,
    Distinct,
    Kernel,
    Kinds,
    Scanner,
)
from cep.ports.json_table import Table
from cep.ports.lines import LineBlock
from cep.ports.rows import Reading, Rows
from cep.ports.span_columns import AS_THEY_STAND, NUMERIC, Refused, fits, token_value
from cep.ports.times import TimeReader
from cep.schema import Kind
from cep.values import value

_INT_OR_FLOAT = frozenset({INT, FLOAT})
_TEXTS = frozenset({MISSING, NULL, TEXT})


class ScannedLines:
    """Reads the blocks of one input in their order."""

    def __init__(self, reading: Reading, rows: Rows, line_bytes_max: int, kernel: Kernel) -> None:
        """`rows` reads the lines that are left; what is known of types and times is shared with it."""
        self._reading = reading
        self._rows = rows
        self._line_bytes_max = line_bytes_max
        self._scanner = Scanner(kernel, reading.paths())

    def events(self, lines: LineBlock, skip: int) -> tuple[Batch | None, Ints]:
        """The events of lines that the kernel reads, and the lines that are left; some are skipped."""
        start, ends = lines.start(skip), lines.ends[skip:]
        scan = self._scanner.scan(lines.data, start, ends, self._line_bytes_max)
        fields = ScannedFields(len(scan.lines), scan.cells, self._rows.types.path)
        table = Table(self._reading, self._rows.types, self._rows.time, fields, scan.lines + skip)
        batch, refused = table.batch(lines.first)
        left = scan.left + skip
        return batch, np.sort(np.concatenate([left, refused])) if len(refused) else left


@value
class ScannedFields:
    """Fields of lines that the kernel has accepted."""

    count: int
    cells: Mapping[Path, Cells]
    types: Path
    """Where the event type stands. Its names are looked at one by one: a column has but those that occur."""

    def times(self, path: Path, time: TimeReader) -> tuple[Ints, Bools]:
        """The time of each row, and which rows have one."""
        cells = self.cells[path]
        if time.iso:
            ts_ms, good = cells.iso_times(time.zone_ms)
        else:
            ts_ms, good = time.ms_of_ints(cells.numbers)
            good &= cells.kinds == INT
        if good.all():
            return ts_ms, good
        ts_ms = np.where(good, ts_ms, 0)
        kinds = cells.kinds.copy()
        kinds[good] = MISSING
        distinct = cells.distinct(kinds, INT)
        values = _converted(distinct, time.ms)
        read = np.array([value is not Refused for value in values] + [False], dtype=np.bool_)
        table = np.array([0 if value is Refused else value for value in values] + [0], dtype=np.int64)
        ts_ms[~good] = table[distinct.codes[~good]]
        return ts_ms, good | read[distinct.codes]

    def column(self, path: Path, kind: Kind, convert: Convert, mine: Bools | None) -> tuple[Column, Bools]:
        """The values of the rows that are `mine`, None for all, and the rows whose value was refused."""
        cells = self.cells[path]
        kinds = cells.kinds if mine is None else np.where(mine, cells.kinds, np.uint8(MISSING))
        if kind in NUMERIC:
            found = _numbers(cells, kinds, kind, convert)
            if found is not None:
                return found
        if kind in AS_THEY_STAND and path != self.types and not cells.present(kinds) - _TEXTS:
            return cells.shared(kinds), np.zeros(self.count, dtype=np.bool_)
        distinct = cells.distinct(kinds, INT)
        if kind in AS_THEY_STAND and (distinct.kinds == TEXT).all():
            return Coded(distinct.codes, distinct.texts), np.zeros(self.count, dtype=np.bool_)
        coder = Coder()
        values = _converted(distinct, convert)
        bad = np.array([value is Refused for value in values] + [False], dtype=np.bool_)
        table = [-1 if value is Refused else coder.code(value) for value in values]
        codes: Codes = np.array([*table, -1], dtype=np.int32)[distinct.codes]
        return numbers_of(codes, coder.values) or Coded(codes, coder.values), bad[distinct.codes]


def _converted(distinct: Distinct, convert: Convert) -> list[Value]:
    """The value of each code; `Refused` stands for one that cannot be had."""
    return [
        _value(text, token=kind != TEXT, convert=convert)
        for text, kind in zip(distinct.texts, distinct.kinds.tolist(), strict=True)
    ]


def _value(text: str, *, token: bool, convert: Convert) -> Value:
    try:
        return convert(token_value(text.encode()) if token else text)
    except ValueError:
        return Refused


def _numbers(cells: Cells, kinds: Kinds, kind: Kind, convert: Convert) -> tuple[Column, Bools] | None:
    """The column if all its values are ints, or all floats."""
    present = cells.present(kinds)
    if kind == "any" and len(present & _INT_OR_FLOAT) != 1:
        return None
    array: Ints | Floats
    if kind == "int" or (kind == "any" and INT in present):
        array, refused = _ints(cells, kinds, present)
    else:
        array, refused = _floats(cells, kinds, present), np.zeros(len(kinds), dtype=np.bool_)
    if present <= _INT_OR_FLOAT:
        return Numbers(array, np.zeros(len(kinds), dtype=np.bool_)), refused
    null = kinds < INT
    if max(present) >= TEXT:
        distinct = cells.distinct(kinds, TEXT)
        values = _converted(distinct, convert)
        if any(value is not Refused and not fits(value, array.dtype.type) for value in values):
            return None
        bad = np.array([value is Refused for value in values] + [False], dtype=np.bool_)[distinct.codes]
        table = np.array([0 if value is Refused else value for value in values] + [0], dtype=array.dtype)
        array = np.where(kinds >= TEXT, table[distinct.codes], array)
        null |= bad
        refused = refused | bad
    return Numbers(array, null), refused


def _ints(cells: Cells, kinds: Kinds, present: set[int]) -> tuple[Ints, Bools]:
    """The whole numbers among the numbers, and those that are none; 0 where there is no number."""
    refused = np.zeros(len(kinds), dtype=np.bool_)
    if present == {INT}:
        return cells.numbers, refused
    if FLOAT not in present:
        return np.where(kinds == INT, cells.numbers, 0), refused
    floats = np.where(kinds == FLOAT, cells.numbers.view(np.float64), 0.0)
    whole = floats.astype(np.int64)
    return np.where(kinds == INT, cells.numbers, whole), whole != floats


def _floats(cells: Cells, kinds: Kinds, present: set[int]) -> Floats:
    """The numbers as floats, 0.0 where there is none."""
    floats = cells.numbers.view(np.float64)
    if present == {FLOAT}:
        return floats
    floats = np.where(kinds == FLOAT, floats, 0.0)
    return np.where(kinds == INT, cells.numbers, floats) if INT in present else floats
