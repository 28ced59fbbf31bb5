"""A topic of another key than the rules: workers that are killed move every event once."""

import random
import time
from pathlib import Path

import pytest

from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.project import CONFIG, END_MS, make_events, write_project
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

KEYED_BY_V = CONFIG.replace("max_lateness: 2s\n", "max_lateness: 2s\n    key: v\n")


def test_alerts_are_those_of_one_replay_of_all_partitions(services: Services, tmp_path: Path) -> None:
    """The source is keyed by what means nothing to the rules."""
    config = write_project(tmp_path, KEYED_BY_V)
    cluster = Cluster(services.broker.address, "moved", partitions=3)
    cluster.create("events")
    chance = random.Random(7)
    events = make_events(3_100, seed=7)
    spread = [(b"%d" % chance.randrange(5), value) for _, value in events]
    cluster.send("events", spread[:1_000])
    with workers(cluster, config, services.redis.url) as group:
        for name in ("one", "two"):
            group.start(name)
        for name, begin in (("one", 1_000), ("two", 1_700), ("one", 2_400)):
            group.ready(name)
            cluster.send("events", spread[begin : begin + 300])
            time.sleep(chance.uniform(0.2, 1.5))
            group.running[name].kill()
            cluster.send("events", spread[begin + 300 : begin + 700])
            group.start(name)
        cluster.end("events")
        require_drained(cluster, group)
    expected = truth(cluster, config, "events", together=True)
    require_equal(cluster.values("alerts"), expected)
    assert cluster.values("dead") == cluster.values("late") == []


def require_drained(cluster: Cluster, group: Workers) -> None:
    """All was moved, time has come to its end in every partition, and all that was moved was read."""
    moved = f"{group.group}.{cluster.topic('events')}.by.k".removeprefix(f"{cluster.prefix}-")
    last = str(END_MS - 2_000 - 1).encode()

    def over() -> bool:
        marks = {m.partition() for m in cluster.messages(moved) if ("cep-time", last) in (m.headers() or ())}
        return len(marks) == cluster.partitions

    drained = (
        wait_until(lambda: cluster.drained(f"{group.group}.repartition", "events"), 120, 0.5)
        and wait_until(over, 60, 0.5)
        and wait_until(lambda: cluster.drained(group.group, moved, marks=1), 60, 0.5)
    )
    assert drained, "\n".join(f"--- {name}\n{group.log(name)}" for name in group.running)
