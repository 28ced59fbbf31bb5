"""Kafka and Redis for the tests of this folder: started once for a process of tests, ended with it.

Side by side two processes have about half of the tests each, by the groups `live` and `live faults`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from samples.live.kafka_broker import make_broker
from samples.live.processes import ServiceError
from samples.live.schema_registry import SchemaRegistry, make_registry
from samples.live.services import Services, running
from tests.live.secure import Secure, secured


@dataclass
class Both:
    """The services, and the door of the broker that wants TLS and a password."""

    services: Services
    secure: Secure


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A real broker and a real Redis. Without them tests are skipped; in CI that is a failure."""
    folder = tmp_path_factory.mktemp("services")
    broker, secure = secured(make_broker(folder / "kafka"), folder / "tls")
    try:
        with running(folder, broker) as found:
            yield Both(found, secure)
    except ServiceError as error:
        pytest.skip(f"no Kafka or Redis service: {error}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchemaRegistry]:
    """A real schema registry, as above."""
    try:
        found = make_registry(tmp_path_factory.mktemp("registry"))
        program = found.start()
    except ServiceError as error:
        pytest.skip(f"no schema registry service: {error}")
    try:
        yield found
    finally:
        program.stop()


@pytest.fixture(scope="session")
def services(both: Both) -> Services:
    """Both services as they are reached in the clear."""
    return both.services


@pytest.fixture(scope="session")
def secure(both: Both) -> Secure:
    """How the broker is reached by TLS."""
    return both.secure
