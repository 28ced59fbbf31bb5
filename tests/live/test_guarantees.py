"""At most once never doubles an alert, whatever worker dies; offsets that are set back need a word."""

import functools
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer, TopicPartition

from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.project import make_events, write_project
from tests.live.test_agent_mode import alerts_written, more_alerts
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

KILLS: Final = int(os.environ.get("CEP_MOST_KILLS", "2"))
SEED: Final = 53
BACK: Final = 150
"""To which offset an operator sets every partition back."""


def test_at_most_once_through_kills(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "most")
    cluster.create("events")
    events = make_events(700 * (KILLS + 1), seed=SEED)
    chance = random.Random(SEED)
    settings = {"CEP_GUARANTEE": "at_most_once", "CEP_BATCH_RECORDS": "25"}
    with workers(cluster, config, services.redis.url, settings=settings) as group:
        for kill in range(KILLS):
            written = alerts_written(cluster) if kill else 0
            cluster.send("events", events[kill * 700 : (kill + 1) * 700])
            group.start("one", "--instance", "one")
            group.ready("one")
            # In the middle of the work: some of the alerts are written, some are not.
            assert wait_until(functools.partial(more_alerts, cluster, written), 30, pause=0.02)
            time.sleep(chance.uniform(0, 0.1))
            group.running["one"].kill()
        cluster.send("events", events[KILLS * 700 :])
        cluster.end("events")
        group.start("one", "--instance", "one")
        group.drain()
    found = Counter(cluster.values("alerts"))
    expected = truth(cluster, config, "events")
    lost = expected - found
    sys.stdout.write(f"{sum(lost.values())} of {len(expected)} alerts lost by {KILLS} kills\n")
    assert found
    assert found <= expected, "doubled or wrong"
    assert sum(lost.values()) < len(expected) / 2


def test_offsets_set_back(services: Services, tmp_path: Path) -> None:
    """Refused with what to do about it; `--rebuild` gives again what comes from there on."""
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "back", partitions=2)
    cluster.create("events")
    cluster.send("events", make_events(1_200, seed=SEED))
    cluster.end("events")
    # Small batches, state after each: offsets behind what was put down last would only be read again.
    settings = {"CEP_BATCH_RECORDS": "100", "CEP_STATE_EVERY_MS": "0"}
    with workers(cluster, config, services.redis.url, settings=settings) as group:
        program = group.start("one")
        group.drain()
        program.stop()
        set_back(cluster, group.group)
        program = group.start("one")
        assert wait_until(lambda: not program.running(), 60), group.log("one")
        assert "start once with --rebuild" in program.log.read_text()
        assert sum(cluster.ends("alerts").values()) > 0
        whole = truth(cluster, config, "events")
        require_equal(cluster.values("alerts"), whole)
        group.start("one", "--rebuild")
        group.drain()
    topic = cluster.topic("events")
    before = {(topic, part, offset) for part in range(2) for offset in range(BACK)}
    again = truth(cluster, config, "events", without=before)
    require_equal(cluster.values("alerts"), whole + again)


def set_back(cluster: Cluster, group: str) -> None:
    """As an operator does, once the group is empty."""
    operator = Consumer({"bootstrap.servers": cluster.address, "group.id": group})
    try:
        parts = [TopicPartition(cluster.topic("events"), part, BACK) for part in range(cluster.partitions)]
        operator.commit(offsets=parts, asynchronous=False)
    finally:
        operator.close()
