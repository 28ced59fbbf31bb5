"""What a schema registry says, and what it means when it says nothing."""

import base64

import pytest

from cep.errors import InputError
from cep.inputs import RegistrySettings
from cep.live import LiveSettings
from cep.ports import registry
from cep.ports.registry import Registered, Registry, RegistryError, UnknownSchemaError
from samples.live.processes import free_ports
from tests.ports.registry_server import client, registry_server


def test_a_schema_is_fetched_once_with_all_it_needs() -> None:
    with registry_server() as server, client(server.url + "/") as found:
        server.add(7, "whole", "PROTOBUF", **{"b.proto": "sub%2Fb"})
        server.subjects["sub%2Fb"] = {"schema": "b", "references": server.schemas[7]["references"]}
        server.subjects["sub%2Fb"]["references"] = [{"name": "c.proto", "subject": "c", "version": 3}]
        server.subjects["c"] = {"schema": "c"}
        server.schemas[7]["references"] = [{"name": "b.proto", "subject": "sub/b", "version": 1}]
        first = found.schema(7)
        assert found.schema(7) is first
        expected = ["/schemas/ids/7", "/subjects/sub%2Fb/versions/1", "/subjects/c/versions/3"]
        assert server.asked == expected
        assert server.credentials == {"Basic " + base64.b64encode(b"me:pw").decode()}
    assert (first.kind, first.text) == ("PROTOBUF", "whole")
    assert list(first.all_references().items()) == [("c.proto", "c"), ("b.proto", "b")]
    assert first.references[0][1].kind == "AVRO"


def test_only_the_registry_itself_can_say_that_there_is_no_such_schema() -> None:
    with registry_server() as server:
        with client(server.url) as found, pytest.raises(UnknownSchemaError, match="says: Schema not found"):
            found.schema(1)
        with (
            client(server.url + "/wrong") as found,
            pytest.raises(RegistryError, match="it says 404 Not Found; `url`"),
        ):
            found.schema(1)
        server.schemas[2] = {"nothing": "here"}
        with client(server.url) as found, pytest.raises(RegistryError, match="its answer has no schema"):
            found.schema(2)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_refused_is_told_where_names_come_from(status: int) -> None:
    with registry_server() as server, client(server.url, wait_s=60) as found:
        server.failing = [status]
        with pytest.raises(RegistryError, match=rf"refuses us \({status}\): CEP_REGISTRY_USER"):
            found.schema(1)
        assert len(server.asked) == 1


def test_it_is_asked_again_for_a_while() -> None:
    waits: list[tuple[float, str]] = []
    with registry_server() as server, client(server.url, 60, waits) as found:
        server.add(1, "text")
        server.failing = [500, 503, 429]
        assert found.schema(1) == Registered("AVRO", "text")
    assert [seconds for seconds, _ in waits] == [0.5, 1.0, 2.0]
    assert waits[1][1] == f"the schema registry {server.url} does not answer: it says 503 Service Unavailable"


def test_then_it_is_given_up() -> None:
    waits: list[tuple[float, str]] = []
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with client(url, 20, waits) as found, pytest.raises(RegistryError, match="refused; given up after 20s"):
        found.schema(1)
    assert [seconds for seconds, _ in waits] == [0.5, 1, 2, 4, 8, 4.5]


def test_what_is_missing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="files for TLS of https://r cannot be used"):
        Registry(RegistrySettings("https://r", ca="no-such-file.pem"), lambda *_: None)
    monkeypatch.setattr(registry, "httpx", None)
    with pytest.raises(InputError, match=r"pip install '\.\[registry\]'"):
        Registry(RegistrySettings("https://r"), lambda *_: None)


def test_the_password_is_shown_nowhere() -> None:
    settings = RegistrySettings("https://r", "me", "secret")
    assert "secret" not in repr(settings)
    assert "secret" not in repr((settings, LiveSettings()))
