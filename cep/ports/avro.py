"""Avro: records in the words of a schema, and files that carry their own; the only importer of fastavro.

A record of a topic holds values only, so it is read with the schema it was written with. Fields that a
version of the schema has not are null. Logical types become what JSON has: a time, a decimal, a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from cep.errors import InputError
from cep.event import Value
from cep.inputs import TypeFromSchema, zone_of
from cep.ports.lines import Bounds
from cep.ports.open_file import STDIN, require_readable
from cep.ports.plain_values import plain
from cep.ports.registry import Registered
from cep.ports.rows import Chunk, Reading, Rows

try:
    import fastavro
except ImportError:
    fastavro = None  # type: ignore[assignment]

NEEDS_EXTRA: Final = "reading Avro needs fastavro: pip install '.[registry]' in your clone of cep"


class AvroRecords:
    """Reads the bytes of records that were written with one schema."""

    def __init__(self, registered: Registered, reading: Reading) -> None:
        """ValueError if the schema is none, or describes no record; InputError without the library."""
        if fastavro is None:
            raise InputError(NEEDS_EXTRA)
        self._fields = _Fields(reading)
        try:
            references = {name: json.loads(text) for name, text in registered.all_references().items()}
            self._schema = fastavro.parse_schema(_whole(json.loads(registered.text), references))
        except Exception as error:  # noqa: BLE001 - the library refuses in many ways
            raise ValueError(f"no Avro schema: {error!r:.200}") from None
        self._name = _record_name(self._schema)

    def read(self, value: bytes, start: int) -> tuple[str, Mapping[str, Value]]:
        """The name of the record that begins there, its fields that rules read; ValueError if it is none."""
        data = BytesIO(value)
        data.seek(start)
        try:
            found = fastavro.schemaless_reader(
                data, self._schema, None, return_record_name=self._name is None
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, they are no record
            raise ValueError(f"no record of its Avro schema: {error!r:.200}") from None
        if data.tell() < len(value):
            left = len(value) - data.tell()
            raise ValueError(f"no record of its Avro schema: {left} bytes are left over")
        return self._fields.of(found, self._name)


def avro_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """The chunks of an object container file, a record for a line. InputError if it is none, or damaged."""
    if fastavro is None:
        raise InputError(f"{reading.path}: {NEEDS_EXTRA}")
    if reading.path == STDIN:
        raise InputError("Avro cannot be read from standard input: name the file")
    require_readable(reading.path)
    rows, fields = Rows(reading, textual=False), _Fields(reading)
    from_schema = isinstance(reading.settings.type, TypeFromSchema)
    try:
        with Path(reading.path).open("rb") as file:
            records = fastavro.reader(file)
            name = _record_name(records.writer_schema)
            if name is None:
                file.seek(0)
                records = fastavro.reader(file, return_record_name=True)
            for line, found in enumerate(records, start=1):
                try:
                    kind, record = fields.of(found, name)
                except ValueError as error:
                    rows.reject(line, "unreadable", f"no record: {error}", partial(_raw, found))
                    continue
                rows.add(line, record, partial(_raw, record), kind if from_schema else None)
                if rows.count >= bounds.chunk_rows:
                    yield rows.take()
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes make the library fail in many ways
        raise InputError(f"{reading.path} cannot be read as Avro: {error!r:.200}") from None
    yield rows.take()


class _Fields:
    """Of the values of a record those that rules read, as JSON would have them."""

    def __init__(self, reading: Reading) -> None:
        self._zone = zone_of(reading.settings.time.zone)
        self._needed = sorted(reading.needed())

    def of(self, found: Value, name: str | None) -> tuple[str, Mapping[str, Value]]:
        """`name` None: the schema is a union, whose records come with theirs."""
        if name is None:
            if type(found) is not tuple:
                raise ValueError("no record with fields, but a bare value")
            name, found = found[0].rpartition(".")[2], _unnamed(found)
        return name, {key: plain(found[key], self._zone) for key in self._needed if key in found}


def _record_name(schema: Value) -> str | None:
    """The name of the record without its namespace; None for a union. ValueError for anything else."""
    if isinstance(schema, list):
        return None
    if not isinstance(schema, dict) or schema.get("type") not in {"record", "error"}:
        raise ValueError("the Avro schema describes no record with fields")
    name: str = schema["name"]
    return name.rpartition(".")[2]


def _whole(schema: Value, references: dict[str, Value], namespace: str = "") -> Value:
    """The schema with each reference in the place where it is first named; those are taken out."""
    match schema:
        case str():
            name = schema if "." in schema or not namespace else f"{namespace}.{schema}"
            return _whole(references.pop(name), references) if name in references else schema
        case list():
            return [_whole(item, references, namespace) for item in schema]
        case dict():
            space = schema.get("namespace") or str(schema.get("name", "")).rpartition(".")[0] or namespace
            parts = {"type", "fields", "items", "values"}
            return {
                key: _whole(item, references, space) if key in parts else item for key, item in schema.items()
            }
        case _:
            return schema


def _unnamed(value: Value) -> Value:
    """Values without the names of their records."""
    match value:
        case tuple():
            return _unnamed(value[1])
        case dict():
            return {key: _unnamed(item) for key, item in value.items()}
        case list():
            return [_unnamed(item) for item in value]
        case _:
            return value


def _raw(record: Value) -> bytes:
    return json.dumps(record, default=str, ensure_ascii=False).encode()
