"""Topics of Avro, Protobuf and JSON Schema through a real registry give what the same events give as JSON."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import fastavro
import httpx
import pytest
from confluent_kafka import Message
from google.protobuf import message_factory

from cep.event import Value
from cep.ports.protobuf import compiled
from samples.live.processes import free_ports, wait_until
from samples.live.schema_registry import SchemaRegistry
from samples.live.services import Services
from tests.live.cluster import Cluster, replayed, require_equal
from tests.live.project import CONFIG, START_MS, end_event, make_events, write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

AVRO: Value = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "type", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C", "End"]}},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "k", "type": "string"},
        {"name": "v", "type": ["null", "int"], "default": None},
    ],
}
PROTO = """
syntax = "proto3";
import "google/protobuf/timestamp.proto";
enum Kind { A = 0; B = 1; C = 2; End = 3; }
message Event { Kind type = 1; google.protobuf.Timestamp ts = 2; string k = 3; optional int32 v = 4; }
"""
JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["type", "ts", "k"],
}

REGISTERED = {
    "avro": ("AVRO", json.dumps(AVRO)),
    "protobuf": ("PROTOBUF", PROTO),
    "json_schema": ("JSON", json.dumps(JSON_SCHEMA)),
}


def avro_bytes(event: Value) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), {"v": None, **event})
    return out.getvalue()


def protobuf_writer() -> Callable[[Value], bytes]:
    made: Value = message_factory.GetMessageClass(compiled(PROTO, {}).message_types_by_name["Event"])

    def written(event: Value) -> bytes:
        found = made(**{name: value for name, value in event.items() if name != "ts"})
        found.ts.FromMilliseconds(event["ts"])
        return b"\x00" + bytes(found.SerializeToString())

    return written


def json_bytes(event: Value) -> bytes:
    return json.dumps(event).encode()


def register(registry: SchemaRegistry, subject: str, kind: str, text: str) -> int:
    body = {"schemaType": kind, "schema": text}
    answer = httpx.post(f"{registry.url}/subjects/{subject}-value/versions", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def config(url: str, *forms: str) -> str:
    """The project with an input for each format instead of the one for JSON."""
    start, end = CONFIG.index("  - name"), CONFIG.index("types:")
    one = CONFIG[start:end].replace(", format: epoch_ms", "")
    registry = f"    registry: {{url: '{url}', wait_s: 1}}\n"
    inputs = (
        one.replace("name: events", f"name: {form}").replace("format: json", f"format: {form}") + registry
        for form in forms
    )
    return (
        CONFIG[:start] + "".join(inputs) + CONFIG[end:].replace("{events: events}", f"{{events: {forms[0]}}}")
    )


def test_same_alerts_as_a_replay_of_json(
    services: Services, registry: SchemaRegistry, tmp_path: Path
) -> None:
    """A topic of each format, with records that are no events; the truth is JSON of the same names."""
    cluster = Cluster(services.broker.address, "schemas", partitions=1)
    cluster.create(*REGISTERED)
    project = write_project(tmp_path / "truth")
    writers = {"avro": avro_bytes, "protobuf": protobuf_writer(), "json_schema": json_bytes}
    refused: list[bytes] = []
    for seed, (form, registered) in enumerate(REGISTERED.items()):
        head = b"\x00" + register(registry, cluster.topic(form), *registered).to_bytes(4)
        plain = [*make_events(700, seed), (b"end", end_event())]
        events: list[tuple[bytes | None, bytes | None]]
        events = [(key, head + writers[form](json.loads(value))) for key, value in plain]
        bad = [b'{"type": "A"}', head + b"\xff" * 9, b"\x00\x00\xff\xff\xff" + head]
        for place, value in zip((100, 300, 500), bad, strict=True):
            events.insert(place, (b"bad", value))
            plain.insert(place, (b"bad", b"no event"))
        refused += bad
        cluster.send(form, events)
        file = project.parent / cluster.topic(form) / "0"
        file.parent.mkdir()
        file.write_bytes(b"".join(value + b"\n" for _, value in plain))
    topics = {"CEP_TOPICS": ",".join(f"{cluster.topic(form)}={form}" for form in REGISTERED)}
    live = write_project(tmp_path / "live", config(registry.url, *REGISTERED))
    with workers(cluster, live, "memory:", tuple(REGISTERED), topics) as group:
        group.start("one")
        group.drain()
    expected = replayed(project, *(f"{cluster.topic(form)}/0" for form in REGISTERED))
    require_equal(cluster.values("alerts"), expected)
    reasons = {m.value(): header(m) for m in cluster.messages("dead")}
    assert set(reasons) == set(refused)
    assert reasons[refused[0]].startswith("not in the wire format of a schema registry")
    assert reasons[refused[2]].startswith("schema 16777215: the schema registry says")


def header(message: Message) -> str:
    found = dict(message.headers() or ())["cep-reason"]
    assert isinstance(found, bytes)
    return found.decode()


def test_a_registry_that_does_not_answer_ends_the_worker_and_refuses_nothing(
    services: Services, tmp_path: Path
) -> None:
    cluster = Cluster(services.broker.address, "schema-down", partitions=1)
    cluster.create("events")
    event = {"type": "A", "ts": START_MS, "k": "x", "v": 1}
    cluster.send("events", [(b"x", b"\x00\x00\x00\x00\x01" + avro_bytes(event))])
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    topics = {"CEP_TOPICS": f"{cluster.topic('events')}=avro"}
    with workers(cluster, write_project(tmp_path, config(url, "avro")), "memory:", settings=topics) as group:
        program = group.start("one")
        assert wait_until(lambda: not program.running(), 60), group.log("one")
        assert f"the schema registry {url} does not answer" in group.log("one")
        assert "given up after 1s: this process ends" in group.log("one")
    assert cluster.values("dead") == []
    assert cluster.committed(group.group, "events")[cluster.topic("events"), 0] == 0
