"""R6: in agent mode no alert is missing whatever worker dies; one that comes again is the same one."""

import functools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, truth
from tests.live.project import make_events, write_project
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live faults")]

KILLS: Final = int(os.environ.get("CEP_AGENT_KILLS", "5"))
SEED: Final = 17


def test_at_least_once_through_kills(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "agents")
    cluster.create("events")
    events = make_events(700 * (KILLS + 1), seed=SEED)
    chance = random.Random(SEED)
    settings = {"CEP_MODE": "agent", "CEP_BATCH_RECORDS": "40"}
    with workers(cluster, config, services.redis.url, settings=settings) as group:
        for kill in range(KILLS):
            # Lost state is made again; state of a while ago is brought up to date.
            group.state = "memory:" if kill % 2 else services.redis.url
            written = alerts_written(cluster) if kill else 0
            cluster.send("events", events[kill * 700 : (kill + 1) * 700])
            group.start("one", "--instance", "one")
            group.ready("one")
            # In the middle of the work: it writes, and has not acknowledged all that it has done.
            assert wait_until(functools.partial(more_alerts, cluster, written), 30), group.log("one")
            time.sleep(chance.uniform(0, 0.4))
            group.running["one"].kill()
        cluster.send("events", events[KILLS * 700 :])
        cluster.end("events")
        # The partitions are shared out again while there is work.
        group.state = services.redis.url
        for name in ("one", "two"):
            group.start(name, "--instance", name)
        group.drain()
        assert 'cep_lag_records{partition="0",topic="agents-events"} 0.0' in lags(group)
        group.running["two"].signal(signal.SIGTERM)
        assert wait_until(lambda: not group.running["two"].running(), 20), group.log("two")
        assert "Traceback" not in group.log("two")
    found = Counter(cluster.values("alerts"))
    expected = truth(cluster, config, "events")
    repeats = sum(found.values()) - len(found)
    sys.stdout.write(f"{len(expected)} alerts, {repeats} repeats after {KILLS} kills\n")
    assert expected
    # A line holds the alert's id: equal lines are equal alerts.
    assert not expected.keys() - found.keys(), group.log("one")
    assert not found.keys() - expected.keys()
    assert len({json.loads(line)["alert_id"] for line in found}) == len(expected)


def lags(group: Workers) -> str:
    """What both workers say of their lag."""
    return "".join(group.page(name, "/metrics")[1] for name in group.running)


def alerts_written(cluster: Cluster) -> int:
    return sum(cluster.ends("alerts").values())


def more_alerts(cluster: Cluster, than: int) -> bool:
    return alerts_written(cluster) > than
