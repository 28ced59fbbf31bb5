"""Messages of Protobuf give the events that the same records as JSON give."""

from datetime import timedelta

from google.protobuf import message_factory

from cep.event import Timestamp, Value
from cep.ports.framed_records import Schemas
from cep.ports.protobuf import compiled
from tests.ports.registry_server import FakeRegistry, decoder, events, framed, told

MS = 1_769_844_600_125

PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "device.proto";
enum Method { CARD = 0; INVOICE = 1; }
message Login { int64 ts = 1; message Inner { int64 ts = 1; string x = 2; } }
message Payment {
  google.protobuf.Timestamp ts = 1;
  string user_id = 2;
  double amount = 3;
  Method method = 4;
  optional string note = 5;
  hardware.Device device = 6;
  repeated string tags = 7;
  map<string, int64> extra = 8;
  google.protobuf.StringValue wrapped = 9;
  oneof one { int32 number = 10; string text = 11; }
  bytes hash = 12;
  google.protobuf.Struct free = 13;
  google.protobuf.Duration waited = 14;
  repeated hardware.Device devices = 15;
}
"""
DEVICE = 'syntax = "proto3"; package hardware; message Device { string os = 1; optional string name = 2; }'


def proto(server: FakeRegistry) -> Value:
    """Registers both texts; the file as compiled."""
    server.subjects["device"] = {"schema": DEVICE, "schemaType": "PROTOBUF"}
    server.add(1, PROTO, "PROTOBUF", **{"device.proto": "device"})
    return compiled(PROTO, {"device.proto": DEVICE})


def payment(file: Value) -> Value:
    found = message_factory.GetMessageClass(file.message_types_by_name["Payment"])(
        user_id="ann", amount=2.5, method=1, number=7, hash=b"a\xff", tags=["a"], extra={"n": 1}
    )
    found.ts.seconds, found.ts.nanos = MS // 1000, (MS % 1000) * 1_000_000
    found.device.os = "ios"
    found.free.update({"a": [1, None, {"b": True}]})
    found.waited.seconds = 90
    found.devices.add(os="x", name="")
    return found


def test_protobuf_values_of_every_kind(server: FakeRegistry, schemas: Schemas) -> None:
    file = proto(server)
    names = [field.name for field in file.message_types_by_name["Payment"].fields]
    found = decoder(schemas, "protobuf", " ".join(names) + " os", renames=(("os", ("device", "os")),))
    chunk = found.chunk([40], [framed(1, payment(file).SerializeToString(), b"\x02\x02")])
    assert told(chunk) == []
    (event,) = events(chunk)
    assert (event.type, event.ts_ms, event.line) == ("Payment", MS, 41)
    assert {name: repr(value) for name, value in event.fields.items()} == {
        "ts": repr(Timestamp(MS)),
        "user_id": "'ann'",
        "amount": "2.5",
        "method": "'INVOICE'",
        "device": "{'os': 'ios'}",
        "os": "'ios'",
        "tags": "['a']",
        "extra": "{'n': 1}",
        "number": "7",
        "hash": r"'a\\xff'",
        "free": "{'a': [1.0, None, {'b': True}]}",
        "waited": repr(timedelta(seconds=90)),
        "devices": "[{'os': 'x', 'name': ''}]",
    }
    empty = type(payment(file))()
    empty.ts.seconds = 1
    (event,) = events(found.chunk([41], [framed(1, empty.SerializeToString(), b"\x02\x02")]))
    assert {n: v for n, v in event.fields.items() if v not in ([], {})} == {
        "ts": Timestamp(1000),
        "user_id": "",
        "amount": 0.0,
        "method": "CARD",
        "hash": "",
    }


def test_indexes_name_the_message(server: FakeRegistry, schemas: Schemas) -> None:
    file = proto(server)
    login = message_factory.GetMessageClass(file.message_types_by_name["Login"])(ts=MS).SerializeToString()
    found = decoder(schemas, "protobuf")
    places = [b"\x00", b"\x02\x00", b"\x04\x00\x00", b"\x02\x08", b"\x02\x01", b"\xff" * 6, b""]
    chunk = found.chunk(range(7), [framed(1, login, place) for place in places])
    assert [(e.line, e.type) for e in events(chunk)] == [(1, "Login"), (2, "Login"), (3, "Inner")]
    reasons = [reason for _, _, reason in told(chunk)]
    assert reasons[:2] == [
        "its Protobuf schema has no message at [4]",
        "its Protobuf schema has no message at [-1]",
    ]
    assert all("message" in reason for reason in reasons)
    assert len(reasons) == 4


def test_bad_messages_and_bad_schemas(server: FakeRegistry, schemas: Schemas) -> None:
    file = proto(server)
    server.add(2, 'syntax = "proto3"; message P { strin a = 1; }', "PROTOBUF")
    server.subjects["out"] = {"schema": DEVICE}
    server.add(3, 'syntax = "proto3"; message P {}', "PROTOBUF", **{"../out.proto": "out"})
    late = type(payment(file))()
    late.ts.seconds = 10**15
    wait = type(payment(file))()
    wait.ts.seconds, wait.waited.seconds = 1, 1 << 62
    values = [framed(1, b"\xff\xff", b"\x02\x02"), framed(2, b"", b"\x00"), framed(3, b"", b"\x00")]
    values += [framed(1, one.SerializeToString(), b"\x02\x02") for one in (late, wait)]
    found = decoder(schemas, "protobuf", "waited").chunk(range(5), values)
    reasons = [reason for _, _, reason in told(found)]
    assert reasons[0].startswith("no message of its Protobuf schema: ")
    assert reasons[1].startswith('schema 2: no Protobuf schema: schema.proto:1:32: "strin" is not defined')
    assert reasons[2] == "schema 3: no Protobuf schema: '../out.proto' names a file outside of it"
    assert "outside the years" in reasons[3]
    assert len(reasons) == 5
