"""Event types as schema files declare them."""

import json
from pathlib import Path

import pytest

from cep.errors import InputError
from cep.event import Value
from cep.inputs import InputSettings, TypeConstant, TypeField, TypeFromSchema, TypeSettings
from cep.ports import protobuf
from cep.ports.schema_types import declared_types, with_schema_files
from cep.schema import FieldType
from tests.ports.reading import schema_of
from tests.ports.test_framed_records import PAYMENT

FROM_SCHEMA = TypeFromSchema()


def types(path: Path, kind: TypeSettings = FROM_SCHEMA, **fields: str) -> dict[str, dict[str, str]]:
    """The types of an input with that schema file, as `cep.yaml` would write them."""
    renames = tuple((name, tuple(path.split("."))) for name, path in fields.items())
    found = declared_types(InputSettings("a", type=kind, schema=str(path), fields=renames))
    return {name: {field: said(each) for field, each in of.items()} for name, of in found.items()}


def said(kind: FieldType) -> str:
    values = f"({'|'.join(kind.values)})" if kind.values else ""
    return kind.kind + values + ("?" if kind.nullable else "")


def save(folder: Path, name: str, content: Value) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_avro(tmp_path: Path) -> None:
    more = [
        {"name": "again", "type": ["null", "Device"], "default": None},
        {"name": "n", "type": "int", "default": 0},
        {"name": "either", "type": ["int", "string"]},
        {"name": "rate", "type": "float"},
        {"name": "how", "type": ["null", "Method"]},
    ]
    path = save(tmp_path, "payment.avsc", {**PAYMENT, "fields": [*PAYMENT["fields"], *more]})
    expected = {
        "ts": "timestamp",
        "user_id": "string",
        "amount": "decimal",
        "method": "enum(card|invoice)",
        "note": "string?",
        "micros": "timestamp",
        "local": "timestamp",
        "day": "timestamp",
        "uuid": "string",
        "device": "record",
        "tags": "list",
        "extra": "record",
        "hash": "string",
        "again": "record?",
        "n": "int?",
        "either": "any",
        "rate": "float",
        "how": "enum(card|invoice)?",
    }
    assert types(path) == {"Payment": expected}
    renamed = types(path, TypeConstant("P"), who="user_id", os="device.os")
    assert renamed == {"P": {**expected, "who": "string", "os": "any?"}}
    both = save(tmp_path, "both.avsc", [PAYMENT, {"type": "record", "name": "Empty", "fields": []}])
    assert list(types(both)) == ["Payment", "Empty"]


def test_protobuf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
        syntax = "proto3";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        enum Method { CARD = 0; INVOICE = 1; }
        message Login { google.protobuf.Timestamp ts = 1; google.protobuf.Int32Value n = 2; }
        message Payment {
          uint64 a = 1; optional string b = 2; double c = 3; bool d = 4; bytes e = 5; Method f = 6;
          Login g = 7; repeated int32 h = 8; map<string, string> i = 9; oneof j { float k = 10; }
        }
    """
    path = save(tmp_path, "shop.proto", text)
    assert types(path) == {
        "Login": {"ts": "timestamp?", "n": "int?"},
        "Payment": {
            "a": "int",
            "b": "string?",
            "c": "float",
            "d": "bool",
            "e": "string",
            "f": "enum(CARD|INVOICE)",
            "g": "record?",
            "h": "list",
            "i": "record",
            "k": "float?",
        },
    }
    with pytest.raises(InputError, match=r"bad\.proto: no Protobuf schema: schema\.proto:1:1"):
        types(save(tmp_path, "bad.proto", "nonsense"))
    monkeypatch.setattr(protobuf, "descriptor_pool", None)
    with pytest.raises(InputError, match=r"pip install '\.\[registry\]'"):
        types(path)


def test_json_schema(tmp_path: Path) -> None:
    schema = {
        "definitions": {"ip": {"type": "string", "format": "ipv4"}, "loop": {"$ref": "#/definitions/loop"}},
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["string", "null"]},
            "c": {"type": "string", "format": "date-time"},
            "d": {"enum": ["x", "y"]},
            "e": {"enum": ["x", 1]},
            "f": {"oneOf": [{"type": "null"}, {"type": "number"}]},
            "g": {"$ref": "#/definitions/ip"},
            "h": {"$ref": "#/definitions/loop"},
            "i": {"type": ["string", "integer"]},
            "j": {"type": "object"},
            "k": {"type": "array"},
            "l": {"type": "boolean"},
            "m": True,
        },
        "required": list("abcdefghijklm"),
    }
    path = save(tmp_path, "Payment.json", schema)
    expected = {
        "a": "int",
        "b": "string?",
        "c": "timestamp",
        "d": "enum(x|y)",
        "e": "any?",
        "f": "float?",
        "g": "ip",
        "h": "any?",
        "i": "any?",
        "j": "record",
        "k": "list",
        "l": "bool",
        "m": "any?",
    }
    assert types(path) == {"Payment": expected}
    optional = save(tmp_path, "Other.json", {**schema, "title": "Titled", "required": ["b"]})
    assert types(optional)["Titled"]["a"] == "int?"


def test_what_is_declared_in_the_project_file_counts_more(tmp_path: Path) -> None:
    path = save(tmp_path, "payment.avsc", PAYMENT)
    inputs = [InputSettings(), InputSettings(type=FROM_SCHEMA, schema=str(path))]
    own = schema_of({"Payment": {"x": "int"}, "Login": {}})
    assert with_schema_files(own, inputs).types == own.types
    assert set(with_schema_files(schema_of({}), inputs).types) == {"Payment"}
    assert with_schema_files(own, inputs[:1]) is own


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("a.avsc", "{", FROM_SCHEMA, "a.avsc is not JSON"),
        ("a.avsc", '"string"', FROM_SCHEMA, "a.avsc describes no record with fields"),
        ("a.json", "[]", FROM_SCHEMA, "a.json describes no record with fields"),
        ("a.proto", "", FROM_SCHEMA, "a.proto describes no record with fields"),
        ("a.avsc", PAYMENT, TypeField(), "which event type is that of .*a.avsc"),
        ("none", "", FROM_SCHEMA, "none cannot be read"),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, name: str, content: Value, kind: TypeSettings, message: str
) -> None:
    path = tmp_path / name if name == "none" else save(tmp_path, name, content)
    with pytest.raises(InputError, match=message):
        types(path, kind)
