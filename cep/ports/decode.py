"""Event files to columns: the one way in for bytes, whatever their format.

    path ──▶ unpacked ──▶ lines ──▶ records ──▶ Rows ──▶ Chunk(batch, rejects)
             gzip, zstd             json csv parquet text avro

Memory does not grow with the length of an input: it holds one chunk at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath
from pkgutil import resolve_name
from typing import Final

from cep.columns import Projection
from cep.errors import InputError
from cep.inputs import Format, InputSettings
from cep.ports.csv_lines import csv_chunks
from cep.ports.json_blocks import json_chunks
from cep.ports.lines import BOUNDS, Bounds
from cep.ports.open_file import STDIN, Progress, file_head, require_readable
from cep.ports.rows import Chunk, Reading
from cep.ports.text_logs import text_chunks
from cep.schema import Schema


def _parquet_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """Found by name: its library takes as long to load as a small replay, and most inputs are not Parquet."""
    chunks: Iterator[Chunk] = resolve_name("cep.ports.parquet:parquet_chunks")(reading, bounds)
    return chunks


def _avro_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """As above."""
    chunks: Iterator[Chunk] = resolve_name("cep.ports.avro:avro_chunks")(reading, bounds)
    return chunks


_READERS: Final[dict[Format, Callable[[Reading, Bounds], Iterator[Chunk]]]] = {
    "json": json_chunks,
    "csv": csv_chunks,
    "parquet": _parquet_chunks,
    "text": text_chunks,
    "avro": _avro_chunks,
}
_ENDINGS: Final[dict[str, Format]] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".avro": "avro",
    ".log": "text",
    ".txt": "text",
}
_PACKED: Final = frozenset({".gz", ".zst", ".zstd"})


def open_source(
    path: str,
    settings: InputSettings,
    projection: Projection,
    schema: Schema,
    source_index: int = 0,
    bounds: Bounds = BOUNDS,
    progress: Progress | None = None,
) -> Iterator[Chunk]:
    """The chunks of one input, `-` for standard input. `source_index` orders equal times of several inputs.

    Only fields that the projection names are read and held to the schema. A record that is no event is a
    reject of its chunk. InputError: at once if the file cannot be opened or its format is not known, while
    reading if it is damaged or lacks the columns of time or type.
    """
    require_readable(path)
    found = format_of(path, settings)
    reader = _READERS.get(found)
    if reader is None:
        raise InputError(f"{path}: records of format {found} are read from topics only, not from files")
    return reader(Reading(path, settings, projection, schema, source_index, progress or Progress()), bounds)


def format_of(path: str, settings: InputSettings) -> Format:
    """The format the settings name, else that of the ending; standard input is JSON.

    >>> format_of("logs/events.jsonl.gz", InputSettings())
    'json'
    """
    if settings.format is not None:
        return settings.format
    if settings.patterns:
        return "text"
    if path == STDIN:
        return "json"
    endings = [ending.lower() for ending in PurePath(path).suffixes]
    while endings and endings[-1] in _PACKED:
        endings.pop()
    found = _ENDINGS.get(endings[-1]) if endings else None
    if found is None and file_head(path).startswith(b"PAR1"):
        return "parquet"
    if found is None:
        raise InputError(
            f"{path}: its ending does not tell the format\n"
            "  in cep.yaml: inputs: [{name: …, files: […], format: json}]   # or csv, parquet, text, avro"
        )
    return found
