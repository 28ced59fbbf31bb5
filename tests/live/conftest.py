"""Kafka and Redis for the tests of this folder: started once for a process of tests, ended with it.

Side by side two processes have about half of the tests each, by the groups `live` and `live faults`.
"""

from collections.abc import Iterator

import pytest

from samples.live.processes import ServiceError
from samples.live.schema_registry import SchemaRegistry, make_registry
from samples.live.services import Services, running


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A real broker and a real Redis. Without them tests are skipped; in CI that is a failure."""
    folder = tmp_path_factory.mktemp("services")
    try:
        with running(folder) as found:
            yield found
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
