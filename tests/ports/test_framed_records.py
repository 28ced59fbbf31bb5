"""Records that name their schema give the events that the same records as JSON give."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from uuid import UUID

import fastavro
import pytest

from cep.errors import InputError
from cep.event import Timestamp, Value
from cep.inputs import TypeConstant, TypeField
from cep.ports import avro, json_schema, protobuf
from cep.ports.framed_records import Schemas
from cep.ports.registry import Registered
from tests.ports.registry_server import FakeRegistry, decoder, events, framed, told

MS = 1_769_844_600_125
AT = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=MS)

PAYMENT: dict[str, Value] = {
    "type": "record",
    "name": "shop.Payment",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "user_id", "type": "string"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "method", "type": {"type": "enum", "name": "Method", "symbols": ["card", "invoice"]}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
        {
            "name": "device",
            "type": {"type": "record", "name": "Device", "fields": [{"name": "os", "type": "string"}]},
        },
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "extra", "type": {"type": "map", "values": "long"}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
    ],
}
VALUES: dict[str, Value] = {
    "ts": AT,
    "user_id": "ann",
    "amount": Decimal("66.30"),
    "method": "card",
    "note": None,
    "micros": AT,
    "local": AT.replace(tzinfo=None),
    "day": date(1970, 1, 2),
    "uuid": UUID(int=1),
    "device": {"os": "ios"},
    "tags": ["a", "b"],
    "extra": {"n": 1},
    "hash": b"a\xff",
}


def avro_bytes(schema: Value, record: Value) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def test_avro_values_of_every_kind(server: FakeRegistry, schemas: Schemas) -> None:
    server.add(5, json.dumps(PAYMENT))
    names = " ".join(VALUES)
    found = decoder(schemas, fields=f"{names} os", renames=(("os", ("device", "os")),))
    chunk = found.chunk([40], [framed(5, avro_bytes(PAYMENT, VALUES))])
    assert told(chunk) == []
    (event,) = events(chunk)
    assert (event.type, event.ts_ms, event.line, event.seq) == ("Payment", MS, 41, (2 << 40) + 41)
    assert {name: repr(value) for name, value in event.fields.items()} == {
        "ts": repr(Timestamp(MS)),
        "user_id": "'ann'",
        "amount": "Decimal('66.3')",
        "method": "'card'",
        "micros": repr(Timestamp(MS)),
        "local": repr(Timestamp(MS)),
        "day": "Timestamp(86400000)",
        "uuid": "'00000000-0000-0000-0000-000000000001'",
        "device": "{'os': 'ios'}",
        "os": "'ios'",
        "tags": "['a', 'b']",
        "extra": "{'n': 1}",
        "hash": r"'a\\xff'",
    }


def test_versions_of_a_schema_live_beside_each_other(server: FakeRegistry, schemas: Schemas) -> None:
    """Each record is read with the schema it was written with; what that has not is null."""
    older = {**PAYMENT, "fields": PAYMENT["fields"][:2]}
    newer = {**PAYMENT, "fields": [{"name": "fee", "type": "int"}, *PAYMENT["fields"][:2]]}
    server.add(1, json.dumps(older))
    server.add(2, json.dumps(newer))
    values = [
        framed(1, avro_bytes(older, VALUES)),
        framed(2, avro_bytes(newer, {**VALUES, "fee": 3})),
        framed(1, avro_bytes(older, VALUES)),
    ]
    types = {"Payment": {"user_id": "string", "fee": "int?"}}
    found = decoder(schemas, fields="user_id fee", types=types)
    assert [e.fields.get("fee") for e in events(found.chunk([0, 1, 2], values))] == [None, 3, None]
    found.chunk([3], values[:1])
    assert server.asked == ["/schemas/ids/1", "/schemas/ids/2"]


def test_avro_with_references_and_with_a_union_of_records(server: FakeRegistry, schemas: Schemas) -> None:
    login: dict[str, Value] = {
        "type": "record",
        "name": "shop.Login",
        "fields": [{"name": "ts", "type": "long"}, {"name": "device", "type": ["null", "Device"]}],
    }
    device = PAYMENT["fields"][9]["type"]
    short = {**PAYMENT, "fields": PAYMENT["fields"][:2]}
    server.subjects["login"] = {"schema": json.dumps(login)}
    server.subjects["device"] = {"schema": json.dumps({**device, "namespace": "shop"})}
    server.subjects["login"]["references"] = [{"name": "shop.Device", "subject": "device", "version": 1}]
    server.add(9, json.dumps([short, "shop.Login"]))
    server.schemas[9]["references"] = [{"name": "shop.Login", "subject": "login", "version": 1}]
    inner = {**login, "fields": [login["fields"][0], {"name": "device", "type": ["null", device]}]}
    union = [short, inner]
    records = [("shop.Login", {"ts": MS, "device": {"os": "x"}}), ("shop.Payment", VALUES)]
    chunk = decoder(schemas, fields="device user_id").chunk(
        [0, 1], [framed(9, avro_bytes(union, r)) for r in records]
    )
    assert told(chunk) == []
    assert [(e.type, e.ts_ms, e.fields) for e in events(chunk)] == [
        ("Login", MS, {"device": {"os": "x"}}),
        ("Payment", MS, {"user_id": "ann"}),
    ]


BAD_AVRO = {
    b"": "a record without a value",
    b'{"json": 1}': "not in the wire format of a schema registry: it begins with 7b 22 6a 73 6f",
    b"\x00\x00\x00": "not in the wire format of a schema registry: it begins with 00 00 00",
    framed(404, b"abc"): "schema 404: the schema registry says: Schema not found",
    framed(3, b"abc"): "schema 3: it is one of JSON, the input is read as AVRO",
    framed(4, b"abc"): "schema 4: no Avro schema: ",
    framed(6, b"abc"): "schema 6: the Avro schema describes no record with fields",
    framed(1, b"\x02"): "no record of its Avro schema: ",
    framed(1, b"\xff" * 30): "no record of its Avro schema: ",
    framed(1, avro_bytes(PAYMENT, VALUES) + b"more"): "no record of its Avro schema: 4 bytes are left over",
    framed(1, avro_bytes(PAYMENT, VALUES)[:-1]): "no record of its Avro schema: ",
}


def test_what_cannot_be_read_is_refused_with_its_bytes_and_the_rest_goes_on(
    server: FakeRegistry, schemas: Schemas
) -> None:
    server.add(1, json.dumps(PAYMENT))
    server.add(3, "{}", "JSON")
    server.add(4, '{"type": "nonsense"}')
    server.add(6, '"string"')
    good = framed(1, avro_bytes(PAYMENT, VALUES))
    values = [value for bad in BAD_AVRO for value in (bad, good)] + [framed(404, b"again"), None]
    chunk = decoder(schemas, fields="user_id").chunk(range(len(values)), values)
    assert len(chunk.batch) == len(BAD_AVRO)
    assert [reject.raw for reject in chunk.rejects] == [*BAD_AVRO, framed(404, b"again"), b""]
    reasons = [
        *BAD_AVRO.values(),
        "schema 404: the schema registry says: Schema not found",
        "a record without",
    ]
    for reject, reason in zip(chunk.rejects, reasons, strict=True):
        assert reject.reason_code == "unreadable"
        assert reject.reason.startswith(reason), reject.reason
    assert server.asked.count("/schemas/ids/404") == 1


def test_a_schema_that_comes_later_is_found_by_the_next_batch(server: FakeRegistry, schemas: Schemas) -> None:
    value = framed(1, avro_bytes(PAYMENT, VALUES))
    found = decoder(schemas)
    assert len(found.chunk([0], [value]).rejects) == 1
    server.add(1, json.dumps(PAYMENT))
    assert len(found.chunk([1], [value]).batch) == 1


def test_types_and_fields_are_held_to_as_in_any_format(server: FakeRegistry, schemas: Schemas) -> None:
    server.add(1, json.dumps(PAYMENT))
    value = framed(1, avro_bytes(PAYMENT, VALUES))
    wrong = decoder(schemas, fields="user_id", types={"Payment": {"user_id": "int"}})
    assert told(wrong.chunk([0], [value])) == [(1, "bad_field", '`user_id` is "ann", not a whole number')]
    other = decoder(schemas, types={"Login": {}})
    assert told(other.chunk([0], [value]))[0][1] == "unknown_type"
    by_field = decoder(schemas, kind=TypeField(("method",)), fields="user_id")
    assert [e.type for e in events(by_field.chunk([0], [value]))] == ["card"]
    constant = decoder(schemas, kind=TypeConstant("P"))
    assert [e.type for e in events(constant.chunk([0], [value]))] == ["P"]


# --- JSON Schema ------------------------------------------------------------------------------------------

JSON = {
    "title": "Payment",
    "type": "object",
    "properties": {
        "ts": {"type": "integer"},
        "device": {"$ref": "device.json"},
        "amount": {"type": "number"},
    },
    "required": ["ts"],
}


def test_json_is_held_to_its_schema(server: FakeRegistry, schemas: Schemas) -> None:
    server.subjects["device"] = {"schema": '{"type": "object", "required": ["os"]}', "schemaType": "JSON"}
    server.add(1, json.dumps(JSON), "JSON", **{"device.json": "device"})
    server.add(2, '{"type": 5}', "JSON")
    server.add(3, '{"$ref": "http://127.0.0.1:1/x.json"}', "JSON")
    server.add(4, "true", "JSON")
    texts = {
        b'{"ts": 5, "amount": 0.12345678901234567890, "device": {"os": "ios"}}': "",
        b'{"ts": "x"}': 'does not fit its JSON Schema at `ts`: "x" is not of type "integer"',
        b'{"ts": 5, "device": {}}': 'does not fit its JSON Schema at `device`: "os" is a required property',
        b"{": "not JSON: ",
    }
    found = decoder(schemas, "json_schema", "amount", types={"Payment": {"amount": "decimal"}})
    values = [framed(1, text) for text in texts] + [framed(2, b"{}"), framed(3, b"{}"), framed(4, b"[]")]
    chunk = found.chunk(range(7), values)
    (event,) = events(chunk)
    assert (event.type, event.fields) == ("Payment", {"amount": Decimal("0.1234567890123456789")})
    expected = [reason for reason in texts.values() if reason]
    expected += [
        "schema 2: no JSON Schema: ",
        "schema 3: no JSON Schema: ",
        "JSON, but no object with fields",
    ]
    for (_, code, reason), start in zip(told(chunk), expected, strict=True):
        assert code == "unreadable"
        assert reason.startswith(start), reason


# --- libraries --------------------------------------------------------------------------------------------


def test_a_missing_library_is_no_fault_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed:
        kind = ""

        def schema(self, _: int) -> Registered:
            return Registered(self.kind, "{}")

    monkeypatch.setattr(avro, "fastavro", None)
    monkeypatch.setattr(json_schema, "jsonschema_rs", None)
    monkeypatch.setattr(protobuf, "descriptor_pool", None)
    fixed = Fixed()
    for form, fixed.kind in (("avro", "AVRO"), ("json_schema", "JSON"), ("protobuf", "PROTOBUF")):
        with pytest.raises(InputError, match=r"pip install '\.\[registry\]'"):
            decoder(fixed, form).chunk([0], [framed(1, b"x")])  # type: ignore[arg-type]
