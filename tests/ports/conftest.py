"""A schema registry of its own for each test, and what reads from it."""

from collections.abc import Iterator

import pytest

from cep.ports.framed_records import Schemas
from tests.ports.registry_server import FakeRegistry, client, registry_server


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with registry_server() as found:
        yield found


@pytest.fixture
def schemas(server: FakeRegistry) -> Iterator[Schemas]:
    with client(server.url) as found:
        yield found
