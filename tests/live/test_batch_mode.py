"""A live worker in batch mode gives exactly the alerts that a replay of the same log gives."""

import signal
from pathlib import Path

import pytest

from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.project import make_events, write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


def test_same_alerts_as_replay(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "plain")
    cluster.create("events")
    cluster.send("events", make_events(5_000, seed=1))
    cluster.end("events")
    with workers(cluster, config, "memory:") as group:
        group.start("one")
        group.drain()
        status, text = group.page("one", "/metrics")
        assert status == 200
        assert 'cep_events_total{partition="0"}' in text
        program = group.running["one"]
        program.signal(signal.SIGTERM)
        program.stop(15)
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
