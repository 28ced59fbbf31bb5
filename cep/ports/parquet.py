"""Parquet files into chunks; the only importer of pyarrow, which comes with the extra `parquet`.

Row groups are streamed and only columns that are needed are read. Times and decimals of Parquet have types of
their own and need no format; a time without a zone is one of the zone that the input names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from cep.errors import InputError
from cep.event import Value
from cep.inputs import TypeField, zone_of
from cep.ports.csv_lines import require_column
from cep.ports.lines import Bounds
from cep.ports.open_file import STDIN, require_readable
from cep.ports.plain_values import plain
from cep.ports.rows import Chunk, Reading, Rows

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = pq = None

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
    rows = Rows(reading, textual=False)
    try:
        with pq.ParquetFile(reading.path) as file:
            names = _needed(reading, tuple(file.schema_arrow.names))
            line = 1
            for batch in file.iter_batches(batch_size=bounds.chunk_rows, columns=names):
                for record in _records(batch):
                    rows.add(line, plain(record, zone_of(reading.settings.time.zone)), partial(_raw, record))
                    line += 1
                yield rows.take()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{reading.path} cannot be read as Parquet: {error}") from None


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
