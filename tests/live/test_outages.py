"""R3 and R10: the broker dies or stands still, workers are restarted one after another; nothing shows it."""

import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from samples.live.kafka_broker import make_broker
from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.commits import require_tiling
from tests.live.project import make_events, write_project
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live faults")]

NAMES: Final = ("one", "two")
KILLS: Final = int(os.environ.get("CEP_BROKER_KILLS", "1"))
RESTARTS: Final = int(os.environ.get("CEP_ROLLING_RESTARTS", "2"))


def test_the_broker_dies_and_comes_back(services: Services, tmp_path: Path) -> None:
    """Killed while events flow, and once frozen; workers that gave up are started again."""
    config = write_project(tmp_path)
    broker = make_broker(tmp_path / "kafka")
    program = broker.start()
    try:
        cluster = Cluster(broker.address, "outage")
        cluster.create("events")
        events = make_events(9_000, seed=23)
        step = len(events) // (KILLS + 2)
        with workers(cluster, config, services.redis.url) as group:
            for name in NAMES:
                group.start(name)
            for number in range(KILLS):
                cluster.send("events", events[number * step : (number + 1) * step])
                time.sleep(1.0)
                program.kill()
                time.sleep(1.0)
                program = broker.start()
                start_again(group)
            cluster.send("events", events[KILLS * step : (KILLS + 1) * step])
            program.signal(signal.SIGSTOP)
            time.sleep(8)
            program.signal(signal.SIGCONT)
            cluster.send("events", events[(KILLS + 1) * step :])
            cluster.end("events")
            finish(group)
            require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
            require_tiling(cluster, group.group, "events")
    finally:
        program.kill()


def test_rolling_restarts_with_stable_names(services: Services, tmp_path: Path) -> None:
    """A worker with a name of its own comes back to its partitions; the other one keeps its own meanwhile."""
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "rolling")
    cluster.create("events")
    events = make_events(8_000, seed=29)
    with workers(cluster, config, services.redis.url) as group:
        for name in NAMES:
            group.start(name, "--instance", name)
        for name in NAMES:
            group.ready(name)
        assert wait_until(lambda: all(owned(group, name) == 2 for name in NAMES), 40)
        step = len(events) // (RESTARTS + 1)
        for number in range(RESTARTS):
            cluster.send("events", events[number * step : (number + 1) * step])
            name = NAMES[number % len(NAMES)]
            other = NAMES[(number + 1) % len(NAMES)]
            taken_up = group.running[other].log.read_text().count("is taken up at")
            group.running[name].stop()
            group.start(name, "--instance", name)
            group.ready(name)
            assert group.running[other].log.read_text().count("is taken up at") == taken_up
        cluster.send("events", events[RESTARTS * step :])
        cluster.end("events")
        group.drain()
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    require_tiling(cluster, group.group, "events")


def owned(group: Workers, name: str) -> int:
    """How many partitions a worker says it has."""
    found = [
        line for line in group.page(name, "/metrics")[1].splitlines() if line.startswith("cep_partitions ")
    ]
    return int(float(found[0].split()[1])) if found else 0


def start_again(group: Workers) -> bool:
    for name in NAMES:
        if not group.running[name].running():
            group.start(name)
    return True


def finish(group: Workers) -> None:
    done = wait_until(lambda: start_again(group) and group.cluster.drained(group.group, "events"), 120, 0.5)
    assert done, "\n".join(group.log(name) for name in NAMES)
