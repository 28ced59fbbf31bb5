"""A live worker in batch mode gives exactly the alerts that a replay of the same log gives."""

import signal
from pathlib import Path

import pytest

from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.commits import require_tiling
from tests.live.project import make_events, write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


@pytest.mark.parametrize("kept", ["memory", "redis", "rocksdb"])
def test_same_alerts_as_replay(services: Services, tmp_path: Path, kept: str) -> None:
    """State survives the end of a worker, or is made again; nobody who reads alerts can tell."""
    state = {"memory": "memory:", "redis": services.redis.url, "rocksdb": f"rocksdb:{tmp_path / 'state'}"}
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, f"plain-{kept}")
    cluster.create("events")
    events = make_events(2_400, seed=1)
    cluster.send("events", events[:1_200])
    with workers(cluster, config, state[kept]) as group:
        group.start("one")
        group.drain()
        group.running["one"].kill()
        cluster.send("events", events[1_200:])
        cluster.end("events")
        group.start("one")
        group.drain()
        status, text = group.page("one", "/metrics")
        assert status == 200
        assert 'cep_events_total{partition="0"}' in text
        program = group.running["one"]
        program.signal(signal.SIGTERM)
        program.stop(15)
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    require_tiling(cluster, group.group, "events")
