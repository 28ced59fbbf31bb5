"""R1: exactly once to the topic of alerts while workers are killed, ended, frozen and woken.

`CEP_CHAOS_FAULTS` and `CEP_CHAOS_EVENTS` make it a longer run.
"""

import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import pytest

from samples.live.services import Services
from tests.live.chaos import Chaos
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.commits import require_tiling
from tests.live.project import make_events, write_project
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live faults")]

FAULTS: Final = int(os.environ.get("CEP_CHAOS_FAULTS", "30"))
EVENTS: Final = int(os.environ.get("CEP_CHAOS_EVENTS", "40000"))
SEED: Final = int(os.environ.get("CEP_CHAOS_SEED", "7"))


def test_exactly_once_through_chaos(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, f"chaos{SEED}")
    cluster.create("events")
    done = threading.Event()
    with workers(cluster, config, services.redis.url) as group:
        chaos = Chaos(group, SEED)
        chaos.begin()
        feeding = threading.Thread(target=feed, args=(cluster, chaos, done))
        feeding.start()
        try:
            while sum(chaos.faults.values()) < FAULTS:
                chaos.strike()
        finally:
            done.set()
            feeding.join()
        chaos.mend(all_awake=True)
        cluster.end("events")
        finish(group, chaos)
    sys.stdout.write(f"faults: {dict(chaos.faults)}\n")
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    require_tiling(cluster, group.group, "events")
    require_order(cluster)


def feed(cluster: Cluster, chaos: Chaos, done: threading.Event) -> None:
    """Send events as long as there are faults to come, so that each fault meets work."""
    events = make_events(EVENTS, seed=SEED)
    sent = 0
    while sent < len(events):
        share = sum(chaos.faults.values()) / FAULTS
        due = len(events) if done.is_set() else min(len(events), int(len(events) * share) + 500)
        if due > sent:
            cluster.send("events", events[sent:due])
            sent = due
        time.sleep(0.1)


def finish(group: Workers, chaos: Chaos, seconds: float = 120) -> None:
    """Until all is committed; a worker that ends meanwhile is started again, as it would be in real life."""
    end = time.monotonic() + seconds
    while not group.cluster.drained(group.group, *group.inputs):
        assert time.monotonic() < end, "\n".join(group.log(name) for name in chaos.names)
        chaos.mend()
        time.sleep(0.3)


def require_order(cluster: Cluster) -> None:
    """Alerts of one key and rule come in the order of their detection."""
    times: defaultdict[tuple[bytes | None, str], list[int]] = defaultdict(list)
    for message in cluster.messages("alerts"):
        alert = json.loads(message.value() or b"")
        times[message.key(), alert["rule"]].append(alert["detected_ts"])
    assert times
    wrong = Counter(key for key, seen in times.items() if seen != sorted(seen))
    assert not wrong
