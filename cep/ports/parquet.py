"""Parquet files into chunks; the only importer of pyarrow, which comes with the extra `parquet`.

Row groups are streamed and only columns that are needed are read. Times and decimals of Parquet have types of
their own and need no format; a time without a zone is one of the zone that the input names.

Columns stay columns: integers and floats as they are, of everything else each distinct value is converted
once. Records that are refused on the way go to the row-by-row reader, which knows the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import tzinfo
from functools import partial
from typing import Final

import numpy as np

from cep.columns import Bools, Coded, Coder, Codes, Column, Floats, Ints, Numbers, numbers_of
from cep.errors import InputError
from cep.event import Value
from cep.inputs import Path, TypeField, zone_of
from cep.ports.convert import Convert
from cep.ports.csv_lines import require_column
from cep.ports.json_table import Table
from cep.ports.lines import Bounds
from cep.ports.open_file import STDIN, require_readable
from cep.ports.plain_values import plain
from cep.ports.rows import Chunk, Reading, Rows, joined
from cep.ports.span_columns import AS_THEY_STAND, NUMERIC, Refused
from cep.ports.times import MS_MAX, MS_MIN, TimeReader
from cep.schema import Kind

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = pq = None

EXACT_MAX: Final = 1 << 53
"""Up to here each whole float is the int it looks like."""

NEEDS_EXTRA: Final = "reading Parquet needs pyarrow: pip install '.[parquet]' in your clone of cep"


def parquet_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """The chunks of a Parquet file, a row for a line. InputError if it is none or lacks a column."""
    if pa is None:
        raise InputError(f"{reading.path}: {NEEDS_EXTRA}")
    if reading.path == STDIN:
        raise InputError(
            "Parquet cannot be read from standard input: its index stands at the end of the file"
        )
    require_readable(reading.path)
    reader = _Batches(reading)
    try:
        with pq.ParquetFile(reading.path) as file:
            names = _needed(reading, tuple(file.schema_arrow.names))
            for batch in file.iter_batches(batch_size=bounds.chunk_rows, columns=names):
                yield reader.chunk(batch)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{reading.path} cannot be read as Parquet: {error}") from None


class _Batches:
    """Reads the batches of one file in their order."""

    def __init__(self, reading: Reading) -> None:
        """InputError if the settings of the input cannot be used."""
        self._reading = reading
        self._rows = Rows(reading, textual=False)
        self._zone = zone_of(reading.settings.time.zone)
        self._line = 1

    def chunk(self, batch: Value) -> Chunk:
        """The events and rejects of a batch."""
        first, count = self._line, batch.num_rows
        self._line += count
        fields = _Fields(self._reading, batch)
        settled = 0
        while settled < count and not self._rows.time.steady and not fields.is_timed():
            self._add(batch, np.array([settled]), first)
            settled += 1
        if settled == count:
            return self._rows.take()
        table = Table(self._reading, self._rows.types, self._rows.time, fields, np.arange(count))
        fast, left = table.batch(first, np.arange(count) < settled)
        self._add(batch, left[left >= settled], first)
        return joined(fast, self._rows.take())

    def _add(self, batch: Value, rows: Ints, first: int) -> None:
        """Give some records to the row-by-row reader."""
        if len(rows):
            for row, record in zip(rows.tolist(), _records(batch.take(pa.array(rows))), strict=True):
                self._rows.add(first + row, plain(record, self._zone), partial(_raw, record))


class _Fields:
    """The columns of a batch as fields of its records."""

    def __init__(self, reading: Reading, batch: Value) -> None:
        self._zone = zone_of(reading.settings.time.zone)
        self._time_path = reading.settings.time.path
        self._count: int = batch.num_rows
        self._columns = dict(zip(batch.schema.names, batch.columns, strict=True))

    def is_timed(self) -> bool:
        """Whether the times have a type of their own, so that no format need be guessed."""
        column = self._columns.get(self._time_path[0])
        return len(self._time_path) == 1 and column is not None and pa.types.is_timestamp(column.type)

    def times(self, path: Path, time: TimeReader) -> tuple[Ints, Bools]:
        """The time of each row, and which rows have one."""
        column = self._columns[path[0]] if len(path) == 1 else None
        if column is not None and pa.types.is_timestamp(column.type):
            zone_ms = 0 if column.type.tz else time.zone_ms
            if zone_ms is not None:
                return _milliseconds(column, zone_ms)
        if column is not None and _is_int(column.type):
            ints, null = _ints(column)
            ts_ms, good = time.ms_of_ints(ints)
            return ts_ms, good & ~null
        codes, values = self._distinct(path, time.ms)
        table = np.array([0 if value is Refused else value for value in values] + [0], dtype=np.int64)
        good = np.array([value is not Refused for value in values] + [False], dtype=np.bool_)
        return table[codes], good[codes]

    def column(self, path: Path, kind: Kind, convert: Convert, mine: Bools | None) -> tuple[Column, Bools]:
        """The values of the rows that are `mine`, None for all, and the rows whose value was refused."""
        column = self._columns.get(path[0]) if len(path) == 1 else None
        others = np.zeros(self._count, dtype=np.bool_) if mine is None else ~mine
        if column is not None and kind in NUMERIC and (_is_int(column.type) or _is_float(column.type)):
            array, null, refused = _numbers(column, kind)
            return Numbers(array, null | others | refused), refused & ~others
        codes, values = self._distinct(path, None if kind in AS_THEY_STAND else convert)
        if any(type(value) is not str for value in values):
            codes, values = self._distinct(path, convert)
        coder = Coder()
        bad = np.array([value is Refused for value in values] + [False], dtype=np.bool_)
        table = [-1 if value is Refused else coder.code(value) for value in values]
        coded: Codes = np.array([*table, -1], dtype=np.int32)[codes]
        coded[others] = -1
        return numbers_of(coded, coder.values) or Coded(coded, coder.values), bad[codes] & ~others

    def _distinct(self, path: Path, convert: Convert | None) -> tuple[Codes, list[Value]]:
        """A code for each row, -1 for null, and the value of each code or `Refused`."""
        column = self._columns.get(path[0])
        if column is None:
            return np.full(self._count, -1, dtype=np.int32), []
        column = _cut(column)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_nested(column.type):
            codes: Codes = np.arange(self._count, dtype=np.int32)
            values = [_dug(value, path[1:]) for value in column.to_pylist()]
        else:
            encoded = column.dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            values = encoded.dictionary.to_pylist() if len(path) == 1 else [None] * len(encoded.dictionary)
        null = np.array([value is None for value in values] + [True], dtype=np.bool_)
        codes = np.where(null[codes], np.int32(-1), codes).astype(np.int32)
        return codes, [_converted(value, self._zone, convert) for value in values]


def _is_int(kind: Value) -> bool:
    return bool(pa.types.is_integer(kind) and not pa.types.is_uint64(kind))


def _is_float(kind: Value) -> bool:
    return bool(pa.types.is_floating(kind))


def _null(column: Value) -> Bools:
    null: Bools = column.is_null().to_numpy(zero_copy_only=False)
    return null


def _ints(column: Value) -> tuple[Ints, Bools]:
    """Whole numbers, 0 where there is none, and where that is."""
    return column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64), _null(column)


def _numbers(column: Value, kind: Kind) -> tuple[Ints | Floats, Bools, Bools]:
    """A column of numbers as ints or floats, where it is null, and which of its values were refused."""
    null = _null(column)
    refused = np.zeros(len(null), dtype=np.bool_)
    if _is_int(column.type):
        ints, _ = _ints(column)
        return (ints.astype(np.float64) if kind == "float" else ints), null, refused
    floats: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
    refused = ~null & ~np.isfinite(floats)
    floats = np.where(null | refused, 0.0, floats) + 0.0
    if kind != "int":
        return floats, null, refused
    whole = (np.abs(floats) <= EXACT_MAX) & (np.floor(floats) == floats)
    return np.where(whole, floats, 0.0).astype(np.int64), null, refused | (~null & ~whole)


def _milliseconds(column: Value, zone_ms: int) -> tuple[Ints, Bools]:
    """Times with a type of their own, and which rows have one that is not out of all reason."""
    column = _cut(column)
    times, null = _ints(column.cast(pa.int64()))
    if column.type.unit == "s":
        times = np.clip(times, MS_MIN, MS_MAX) * 1000
    elif column.type.unit == "us":
        times //= 1000
    ts_ms = times - zone_ms
    return ts_ms, ~null & (np.minimum(times, ts_ms) >= MS_MIN) & (np.maximum(times, ts_ms) <= MS_MAX)


def _converted(value: Value, zone: tzinfo, convert: Convert | None) -> Value:
    try:
        raw = plain(value, zone)
        return raw if raw is None or convert is None else convert(raw)
    except ValueError:
        return Refused


def _dug(value: Value, path: Path) -> Value:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _needed(reading: Reading, columns: tuple[str, ...]) -> list[str]:
    """The columns that hold the type, the time, and what rules read."""
    settings = reading.settings
    require_column(reading, settings.time.path[:1], "time", columns)
    if isinstance(settings.type, TypeField):
        require_column(reading, settings.type.path[:1], "type", columns)
    wanted = reading.needed()
    return [name for name in columns if name in wanted]


def _records(batch: Value) -> list[dict[str, Value]]:
    """Rows as dicts. Nanoseconds are cut to microseconds, the most that Python's times hold."""
    names = batch.schema.names
    columns = [_cut(column).to_pylist() for column in batch.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _cut(column: Value) -> Value:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return column.cast(pa.duration("us"), safe=False)
    return column


def _raw(record: dict[str, Value]) -> bytes:
    return json.dumps(record, default=str, ensure_ascii=False).encode()
