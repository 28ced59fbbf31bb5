"""A schema registry in this process: the few answers of the API that the reader asks for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cep.columns import Projection
from cep.event import Event
from cep.inputs import Format, InputSettings, RegistrySettings, TypeFromSchema, TypeSettings
from cep.ports.framed_records import FramedDecoder, Schemas
from cep.ports.registry import Registry
from cep.ports.rows import Chunk, Reading
from tests.ports.reading import schema_of


@dataclass
class FakeRegistry:
    """Schemas by id, subjects by name; `asked` are the paths that were asked for, in their order."""

    url: str = ""
    schemas: dict[int, dict[str, object]] = field(default_factory=dict)
    subjects: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)
    failing: list[int] = field(default_factory=list)
    """Status codes that the next answers have instead."""

    def add(self, schema_id: int, text: str, kind: str | None = None, **references: str) -> None:
        """A schema; references are the name of a file or type and the subject it stands under."""
        named = [{"name": name, "subject": s, "version": 1} for name, s in references.items()]
        self.schemas[schema_id] = {"schema": text, "references": named}
        if kind is not None:
            self.schemas[schema_id]["schemaType"] = kind

    def answer(self, path: str) -> tuple[int, object]:
        if self.failing:
            return self.failing.pop(0), {"error_code": 50002, "message": "not now"}
        head, _, last = path.strip("/").rpartition("/")
        if head == "schemas/ids":
            found = self.schemas.get(int(last))
            return (200, found) if found else (404, {"error_code": 40403, "message": "Schema not found"})
        subject = head.removeprefix("subjects/").removesuffix("/versions")
        if subject in self.subjects:
            return 200, self.subjects[subject]
        return 404, {"status": 404, "title": "no such page"}


@contextmanager
def registry_server() -> Iterator[FakeRegistry]:
    """The registry for as long as the block lasts."""
    fake = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fake.asked.append(self.path)
            fake.credentials.add(self.headers.get("Authorization"))
            status, body = fake.answer(self.path)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def client(url: str, wait_s: int = 0, waits: list[tuple[float, str]] | None = None) -> Iterator[Registry]:
    """A client that does not really wait: how long it would have, and why, goes to `waits`."""
    noted = [] if waits is None else waits
    found = Registry(RegistrySettings(url, "me", "pw", wait_s=wait_s), lambda *wait: noted.append(wait))
    try:
        yield found
    finally:
        found.close()


def framed(schema_id: int, data: bytes, indexes: bytes = b"") -> bytes:
    """A record as producers write it."""
    return b"\x00" + schema_id.to_bytes(4) + indexes + data


def decoder(
    schemas: Schemas,
    form: Format = "avro",
    fields: str = "",
    kind: TypeSettings = TypeFromSchema(),  # noqa: B008 - a value
    types: dict[str, dict[str, str]] | None = None,
    renames: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> FramedDecoder:
    settings = InputSettings(format=form, type=kind, fields=renames)
    projection = Projection(frozenset(fields.split()))
    return FramedDecoder(Reading("t/0", settings, projection, schema_of(types or {}), index=2), schemas)


def events(chunk: Chunk) -> list[Event]:
    return [chunk.batch.event(row, sorted(chunk.batch.columns)) for row in range(len(chunk.batch))]


def told(chunk: Chunk) -> list[tuple[int, str, str]]:
    return [(reject.line, reject.reason_code, reject.reason) for reject in chunk.rejects]
