"""R3 and R10: the broker dies or stands still, workers are restarted one after another; nothing shows it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

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
        with Feed(cluster, events) as feed:
            for number in range(RESTARTS):
                name = NAMES[number % len(NAMES)]
                other = NAMES[(number + 1) % len(NAMES)]
                taken_up = group.running[other].log.read_text().count("is taken up at")
                group.running[name].stop()
                group.start(name, "--instance", name)
                group.ready(name)
                feed.settle(group)
                assert group.running[other].log.read_text().count("is taken up at") == taken_up
        cluster.end("events")
        group.drain()
    sys.stdout.write(f"pauses of partitions in {RESTARTS} restarts: at most {feed.pause_s:.1f}s\n")
    assert 0 < feed.pause_s < 30
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    require_tiling(cluster, group.group, "events")


class Feed:
    """Events sent evenly while somebody watches how long no partition that has work gets ahead."""

    def __init__(self, cluster: Cluster, events: Sequence[tuple[bytes, bytes]], per_s: int = 400) -> None:
        self.pause_s = 0.0
        self._cluster, self._events, self._per_s = cluster, events, per_s
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def settle(self, group: Workers) -> None:
        """Let the worker that came back catch up, so that the next pause is one by itself."""
        assert wait_until(lambda: all(owned(group, name) == 2 for name in NAMES), 40)
        time.sleep(2)

    def _send(self) -> None:
        share = self._per_s // 10
        for first in range(0, len(self._events), share):
            self._cluster.send("events", self._events[first : first + share])
            # Whatever is left goes at once when nobody is restarted any more.
            self._over.wait(0.1)

    def _watch(self) -> None:
        last = {part: (at, time.monotonic()) for part, at in self._committed().items()}
        while not self._over.wait(0.1):
            now = time.monotonic()
            for part, at in self._committed().items():
                if at != last[part][0]:
                    self.pause_s = max(self.pause_s, now - last[part][1])
                    last[part] = at, now

    def _committed(self) -> dict[tuple[str, int], int]:
        return self._cluster.committed(f"{self._cluster.prefix}-group", "events")


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
