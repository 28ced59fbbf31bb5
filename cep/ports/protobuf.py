"""Protobuf: messages in the words of a `.proto` text; the only importer of google.protobuf.

The text is compiled by Google's own compiler, once for each schema, in a process of its own: it writes what
is wrong with a text to stderr and nowhere else. A field is null where the message knows that it was not set;
one that cannot tell (`int32 n = 1` in proto3) has its default. All of it comes with the extra `registry`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cep.errors import InputError
from cep.event import Timestamp, Value
from cep.ports.registry import Registered
from cep.ports.rows import Reading
from cep.ports.times import checked_ms
from cep.schema import FieldType, Kind

try:
    from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, message, message_factory
except ImportError:
    descriptor = descriptor_pb2 = descriptor_pool = message = message_factory = None

NEEDS_EXTRA: Final = "reading Protobuf needs more libraries: pip install '.[registry]' in your clone of cep"

_MAIN: Final = "schema.proto"
_WELL_KNOWN: Final = "google.protobuf."
_WRAPPED: Final = frozenset(
    _WELL_KNOWN + name + "Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


class ProtobufRecords:
    """Reads the bytes of messages that were written with one schema."""

    def __init__(self, registered: Registered, reading: Reading) -> None:
        """ValueError if the schema is none."""
        self._file = compiled(registered.text, registered.all_references())
        self._needed = sorted(reading.needed())
        self._known: dict[tuple[int, ...], _Message] = {}

    def read(self, value: bytes, start: int) -> tuple[str, Mapping[str, Value]]:
        """The name of the message, as its indexes say, its fields that are read; ValueError if it is none."""
        indexes, start = _indexes(value, start)
        known = self._known.get(indexes)
        if known is None:
            known = self._known[indexes] = _Message(_message_at(self._file, indexes), self._needed)
        return known.name, known.read(value[start:])


def message_types(path: str, text: str) -> dict[str, dict[str, FieldType]]:
    """The messages at the top of a `.proto` text with their fields. InputError if it cannot be read."""
    try:
        file = compiled(text, {})
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return {
        name: {field.name: _field_type(field) for field in kind.fields}
        for name, kind in file.message_types_by_name.items()
    }


def compiled(text: str, references: Mapping[str, str]) -> Any:  # noqa: ANN401 - the library ships no types
    """What a `.proto` text describes. ValueError with what is wrong, InputError without the libraries."""
    if descriptor_pool is None or find_spec("grpc_tools") is None:
        raise InputError(NEEDS_EXTRA)
    with TemporaryDirectory(prefix="cep-proto-") as name:
        folder = Path(name)
        for file, content in {**references, _MAIN: text}.items():
            place = folder / file
            if not place.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"no Protobuf schema: {file!r} names a file outside of it")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--include_imports"]
        command += ["--descriptor_set_out=compiled", _MAIN]
        done = subprocess.run(  # noqa: S603 - our own Python
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            # Beside what is wrong with the texts the compiler tells of itself.
            names = tuple(f"{file}:" for file in (*references, _MAIN))
            wrong = [line for line in done.stderr.splitlines() if line.startswith(names)]
            raise ValueError(f"no Protobuf schema: {'; '.join(wrong or [done.stderr.strip()])[:300]}")
        files = descriptor_pb2.FileDescriptorSet.FromString((folder / "compiled").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for each in files.file:  # in the order in which they need each other
        pool.AddSerializedFile(each.SerializeToString())
    return pool.FindFileByName(_MAIN)


def _indexes(value: bytes, start: int) -> tuple[tuple[int, ...], int]:
    """Which message of the file it is: its place, then places inside of that; a lone 0 is the first one."""
    count, start = _varint(value, start)
    if count == 0:
        return (0,), start
    indexes = []
    for _ in range(count):
        index, start = _varint(value, start)
        indexes.append(index)
    return tuple(indexes), start


def _varint(value: bytes, start: int) -> tuple[int, int]:
    """A number in zigzag form, and where the next byte is."""
    number = 0
    for place, byte in enumerate(value[start : start + 5]):
        number |= (byte & 127) << (7 * place)
        if byte < 128:
            return (number >> 1) ^ -(number & 1), start + place + 1
    raise ValueError("not in the wire format of a schema registry: its message indexes cannot be read")


def _message_at(file: Any, indexes: Sequence[int]) -> Any:  # noqa: ANN401
    inside = list(file.message_types_by_name.values())
    found = None
    for index in indexes:
        if not 0 <= index < len(inside):
            raise ValueError(f"its Protobuf schema has no message at {list(indexes)}")
        found = inside[index]
        inside = list(found.nested_types)
    return found


class _Message:
    """One message type, and how its fields become values."""

    def __init__(self, kind: Any, needed: Sequence[str]) -> None:  # noqa: ANN401
        self.name: str = kind.name
        self._class = message_factory.GetMessageClass(kind)
        fields = (field for field in kind.fields if field.name in needed)
        self._fields = [(field.name, field.has_presence, _reader(field)) for field in fields]

    def read(self, data: bytes) -> dict[str, Value]:
        try:
            found = self._class.FromString(data)
        except message.DecodeError as error:
            raise ValueError(f"no message of its Protobuf schema: {error!s:.200}") from None
        return {
            name: read(getattr(found, name))
            for name, presence, read in self._fields
            if not presence or found.HasField(name)
        }


_Read = Callable[[Any], Value]


def _reader(field: Any) -> _Read:  # noqa: ANN401
    """How the value of a field becomes one of ours."""
    if _is_map(field):
        one = _single(field.message_type.fields_by_name["value"])
        return lambda found: {str(key): one(found[key]) for key in found}
    single = _single(field)
    return (lambda found: [single(item) for item in found]) if field.is_repeated else single


def _single(field: Any) -> _Read:  # noqa: ANN401
    if field.enum_type is not None:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda found: names.get(found, found)
    if field.message_type is not None:
        return _of_message
    return _text if field.type == field.TYPE_BYTES else _same


def _of_message(found: Any) -> Value:  # noqa: ANN401
    kind = found.DESCRIPTOR
    if not kind.full_name.startswith(_WELL_KNOWN):
        return _record(found)
    match kind.full_name.removeprefix(_WELL_KNOWN):
        case "Timestamp":
            return Timestamp(checked_ms(found.seconds * 1000 + found.nanos // 1_000_000))
        case "Duration":
            return timedelta(seconds=found.seconds, microseconds=found.nanos // 1000)
        case "Struct":
            return {name: _of_message(item) for name, item in found.fields.items()}
        case "ListValue":
            return [_of_message(item) for item in found.values]
        case "Value":
            chosen = found.WhichOneof("kind")
            value = None if chosen in {None, "null_value"} else getattr(found, chosen)
            return _of_message(value) if chosen in {"struct_value", "list_value"} else value
        case _ if kind.full_name in _WRAPPED:
            return _text(found.value) if kind.full_name.endswith("BytesValue") else found.value
        case _:
            return _record(found)


def _record(found: Any) -> dict[str, Value]:  # noqa: ANN401
    return {
        field.name: _reader(field)(getattr(found, field.name))
        for field in found.DESCRIPTOR.fields
        if not field.has_presence or found.HasField(field.name)
    }


def _text(found: bytes) -> Value:
    return found.decode("utf-8", "backslashreplace")


def _same(found: Value) -> Value:
    return found


def _is_map(field: Any) -> bool:  # noqa: ANN401
    return bool(field.is_repeated and field.message_type and field.message_type.GetOptions().map_entry)


# --- as types of fields -----------------------------------------------------------------------------------

_KINDS: Final[Mapping[str, Kind]] = {
    "Timestamp": "timestamp",
    "Duration": "duration",
    "Struct": "record",
    "ListValue": "list",
    "Value": "any",
    "DoubleValue": "float",
    "FloatValue": "float",
    "BoolValue": "bool",
    "StringValue": "string",
    "BytesValue": "string",
    **dict.fromkeys(("Int64Value", "UInt64Value", "Int32Value", "UInt32Value"), "int"),
}


def _field_type(field: Any) -> FieldType:  # noqa: ANN401
    if field.is_repeated:
        return FieldType("record" if _is_map(field) else "list")
    nullable = bool(field.has_presence)
    if field.message_type is not None:
        name = field.message_type.full_name
        known = _KINDS.get(name.removeprefix(_WELL_KNOWN)) if name.startswith(_WELL_KNOWN) else None
        return FieldType(known or "record", nullable)
    if field.enum_type is not None:
        return FieldType("enum", nullable, tuple(value.name for value in field.enum_type.values))
    kinds: dict[int, Kind] = {
        field.CPPTYPE_BOOL: "bool",
        field.CPPTYPE_STRING: "string",
        field.CPPTYPE_DOUBLE: "float",
        field.CPPTYPE_FLOAT: "float",
    }
    return FieldType(kinds.get(field.cpp_type, "int"), nullable)
