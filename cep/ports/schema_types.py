"""Event types as a schema file declares them: `.avsc`, `.proto`, or a JSON Schema in `.json`.

So that rules are checked against what the producers of events have agreed upon, without asking anybody. A
field that a version of the schema may lack can be null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from pkgutil import resolve_name
from typing import Final

from cep.errors import InputError
from cep.event import Value
from cep.inputs import InputSettings, TypeConstant, TypeFromSchema
from cep.schema import ANY, FieldType, Kind, Schema

Types = dict[str, dict[str, FieldType]]

ENDINGS: Final = (".avsc", ".proto", ".json")


def with_schema_files(schema: Schema, inputs: Iterable[InputSettings]) -> Schema:
    """The schema with the types that files of the inputs declare; a type that it declares itself stays."""
    types: dict[str, Mapping[str, FieldType]] = {}
    for settings in inputs:
        for name, fields in declared_types(settings).items():
            types.setdefault(name, fields)
    return replace(schema, types={**types, **schema.types}) if types else schema


def declared_types(settings: InputSettings) -> Types:
    """The event types of an input with a schema file, none without one. InputError if it cannot be read."""
    if settings.schema is None:
        return {}
    path = settings.schema
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    types = _types_of(path, text)
    match settings.type:
        case TypeConstant(name):
            types = {name: next(iter(types.values()))}
        case TypeFromSchema():
            pass
        case _:
            raise InputError(
                f"input `{settings.name}`: which event type is that of {path}?"
                " Write type: {from: schema} or type: {constant: NAME}"
            )
    return {name: _renamed(fields, settings) for name, fields in types.items()}


def _types_of(path: str, text: str) -> Types:
    ending = PurePath(path).suffix
    if ending == ".proto":
        # Found by name: its libraries come with an extra, and most projects have no such file.
        message_types: Callable[[str, str], Types] = resolve_name("cep.ports.protobuf:message_types")
        types = message_types(path, text)
    else:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON: {error}") from None
        types = avro_types(document) if ending == ".avsc" else json_types(document, PurePath(path).stem)
    if not types:
        raise InputError(f"{path} describes no record with fields")
    return types


def _renamed(fields: dict[str, FieldType], settings: InputSettings) -> dict[str, FieldType]:
    """Fields under the names that rules call them by; of what lies deeper only the name is known."""
    ours = {name: fields.get(path[0], ANY) if len(path) == 1 else ANY for name, path in settings.fields}
    return {**fields, **ours}


# --- Avro -------------------------------------------------------------------------------------------------

_AVRO: Final[Mapping[str, Kind]] = {
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "string": "string",
    "bytes": "string",
    "fixed": "string",
    "array": "list",
    "map": "record",
    "record": "record",
}
_AVRO_LOGICAL: Final[Mapping[str, Kind]] = {
    "decimal": "decimal",
    "date": "timestamp",
    "timestamp-millis": "timestamp",
    "timestamp-micros": "timestamp",
    "local-timestamp-millis": "timestamp",
    "local-timestamp-micros": "timestamp",
    "time-millis": "string",
    "time-micros": "string",
    "uuid": "string",
}


def avro_types(document: Value) -> Types:
    """The records at the top of an Avro schema.

    >>> avro_types({"type": "record", "name": "a.Pay", "fields": [{"name": "n", "type": ["null", "int"]}]})
    {'Pay': {'n': FieldType(kind='int', nullable=True, values=())}}
    """
    named: dict[str, Value] = {}
    records = document if isinstance(document, list) else [document]
    types: Types = {}
    for record in records:
        if isinstance(record, dict) and record.get("type") == "record":
            fields = [each for each in record.get("fields", ()) if isinstance(each, dict)]
            name = str(record.get("name", "")).rpartition(".")[2]
            types[name] = {str(each.get("name")): _avro_field(each, named) for each in fields}
    return types


def _avro_field(each: Mapping[str, Value], named: dict[str, Value]) -> FieldType:
    found = _avro_type(each.get("type"), named)
    return FieldType(found.kind, found.nullable or "default" in each, found.values)


def _avro_type(given: Value, named: dict[str, Value]) -> FieldType:
    if isinstance(given, list):
        others = [one for one in given if one != "null"]
        one = _avro_type(others[0], named) if len(others) == 1 else FieldType("any")
        return FieldType(one.kind, len(others) < len(given), one.values)
    if isinstance(given, str):
        known = _AVRO.get(given)
        return FieldType(known) if known else _avro_type(named.get(given.rpartition(".")[2]), named)
    if not isinstance(given, dict):
        return ANY
    kind = given.get("type")
    if "name" in given:
        named[str(given["name"]).rpartition(".")[2]] = given
    if kind == "enum":
        return FieldType("enum", values=tuple(map(str, given.get("symbols", ()))))
    logical = _AVRO_LOGICAL.get(str(given.get("logicalType")))
    return FieldType(logical) if logical else _avro_type(kind, named)


# --- JSON Schema ------------------------------------------------------------------------------------------

_JSON: Final[Mapping[str, Kind]] = {
    "integer": "int",
    "number": "float",
    "string": "string",
    "boolean": "bool",
    "array": "list",
    "object": "record",
}
_JSON_FORMATS: Final[Mapping[str, Kind]] = {
    "date-time": "timestamp",
    "date": "timestamp",
    "ipv4": "ip",
    "ipv6": "ip",
}


def json_types(document: Value, name: str) -> Types:
    """The one type that a JSON Schema of an object describes, called as its title, else by the given name.

    >>> json_types({"properties": {"n": {"type": "integer"}}, "required": ["n"]}, "Pay")
    {'Pay': {'n': FieldType(kind='int', nullable=False, values=())}}
    """
    if not isinstance(document, dict) or not isinstance(document.get("properties"), dict):
        return {}
    required = document.get("required") or ()
    fields = {}
    for field, given in document["properties"].items():
        found = _json_type(given, document)
        fields[field] = FieldType(found.kind, found.nullable or field not in required, found.values)
    return {str(document.get("title") or name): fields}


def _json_type(given: Value, document: Mapping[str, Value]) -> FieldType:
    given = _referred(given, document)
    if not isinstance(given, dict):
        return ANY
    choices = given.get("oneOf") or given.get("anyOf")
    if choices:
        others = [one for one in choices if one != {"type": "null"}]
        found = _json_type(others[0], document) if len(others) == 1 else ANY
        return FieldType(found.kind, found.nullable or len(others) < len(choices), found.values)
    kinds = given.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    others = [one for one in kinds if one != "null"]
    nullable = len(others) < len(kinds)
    values = [value for value in given.get("enum") or () if value is not None]
    if values and all(isinstance(value, str) for value in values):
        return FieldType("enum", nullable or None in given["enum"], tuple(values))
    kind = _JSON.get(others[0]) if len(others) == 1 else None
    if kind is None:
        return ANY
    return FieldType(_JSON_FORMATS.get(given.get("format", ""), kind) if kind == "string" else kind, nullable)


def _referred(given: Value, document: Mapping[str, Value]) -> Value:
    """What a reference inside of the document leads to; None for one that leads elsewhere, or in a circle."""
    seen: set[str] = set()
    while isinstance(given, dict) and isinstance(given.get("$ref"), str):
        reference = given["$ref"]
        if not reference.startswith("#/") or reference in seen:
            return None
        seen.add(reference)
        given = document
        for part in reference[2:].split("/"):
            given = given.get(part) if isinstance(given, dict) else None
    return given
