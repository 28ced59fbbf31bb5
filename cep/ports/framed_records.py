"""Records of a topic that name the schema they were written with, into chunks.

    0 | id of the schema, 4 bytes | indexes of the message, Protobuf only | the record

What cannot be read with its schema becomes a reject with the reason, as does a record of a schema that the
registry does not know. When the registry cannot be asked nothing is refused: its error ends the worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

from cep.event import Value
from cep.inputs import Format, TypeFromSchema
from cep.ports.avro import AvroRecords
from cep.ports.json_schema import JsonRecords
from cep.ports.lines import BOUNDS
from cep.ports.protobuf import ProtobufRecords
from cep.ports.records import LINE_OF_OFFSET
from cep.ports.registry import SCHEMAS_MAX, Registered
from cep.ports.rows import Chunk, Reading, Rows

HEAD_BYTES: Final = 5


class Schemas(Protocol):
    """Where schemas come from; `cep.ports.registry.Registry` is one."""

    def schema(self, schema_id: int, /) -> Registered:
        """The schema of an id; ValueError if there is none."""
        ...


class SchemaReader(Protocol):
    """Reads records that were written with one schema."""

    def read(self, value: bytes, start: int) -> tuple[str, Mapping[str, Value]]:
        """The name of the type and the fields that rules read; ValueError says why it is no record."""
        ...


class MakeReader(Protocol):
    """Makes the reader of a schema."""

    def __call__(self, registered: Registered, reading: Reading, /) -> SchemaReader:
        """ValueError if it is no schema."""
        ...


_READERS: Final[Mapping[Format | None, tuple[str, MakeReader]]] = {
    "avro": ("AVRO", AvroRecords),
    "protobuf": ("PROTOBUF", ProtobufRecords),
    "json_schema": ("JSON", JsonRecords),
}


class FramedDecoder:
    """Decodes the records of one partition in their order: a guessed time format is kept between batches."""

    def __init__(self, reading: Reading, schemas: Schemas) -> None:
        """`reading.path` is what alerts call the source, its format one of those that name a schema."""
        self._reading = reading
        self._schemas = schemas
        self._kind, self._make = _READERS[reading.settings.format]
        self._named = isinstance(reading.settings.type, TypeFromSchema)
        self._rows = Rows(reading, textual=False)
        self._reader = lru_cache(SCHEMAS_MAX)(self._reader_of)

    def chunk(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> Chunk:
        """The events among these records, and the records that are none."""
        unusable: dict[int, str] = {}
        for offset, value in zip(offsets, values, strict=True):
            line, raw = offset + LINE_OF_OFFSET, value or b""
            try:
                name, record = self._record(raw, unusable)
            except (ValueError, OverflowError) as error:
                self._rows.reject(line, "unreadable", str(error), raw)
                continue
            self._rows.add(line, record, raw, name if self._named else None)
        return self._rows.take()

    def _record(self, value: bytes, unusable: dict[int, str]) -> tuple[str, Mapping[str, Value]]:
        if not value:
            raise ValueError("a record without a value")
        if len(value) > BOUNDS.line_bytes_max:
            raise ValueError(f"longer than {BOUNDS.line_bytes_max:,} bytes")
        if len(value) < HEAD_BYTES or value[0]:
            raise ValueError(
                f"not in the wire format of a schema registry: it begins with {value[:5].hex(' ')}"
            )
        schema_id = int.from_bytes(value[1:HEAD_BYTES])
        # Asked for once a batch: a schema that is not there may be the next time.
        if schema_id in unusable:
            raise ValueError(unusable[schema_id])
        try:
            reader = self._reader(schema_id)
        except ValueError as error:
            unusable[schema_id] = f"schema {schema_id}: {error}"
            raise ValueError(unusable[schema_id]) from None
        return reader.read(value, HEAD_BYTES)

    def _reader_of(self, schema_id: int) -> SchemaReader:
        registered = self._schemas.schema(schema_id)
        if registered.kind != self._kind:
            raise ValueError(f"it is one of {registered.kind}, the input is read as {self._kind}")
        return self._make(registered, self._reading)
