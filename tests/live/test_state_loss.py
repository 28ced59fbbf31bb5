"""R4: whatever happens to Redis, no alert is missing or doubled: what it forgot is made again."""

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from samples.live.processes import wait_until
from samples.live.redis_server import RedisServer, make_redis
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.commits import require_tiling
from tests.live.project import make_events, write_project
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live faults")]

NAMES = ("one", "two")


class HurtRedis:
    """A Redis of its own, and what can happen to it."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.program = server.start()
        self.client = Redis.from_url(server.url)
        self.old = server.folder.parent / "old"

    def keep_copy(self) -> None:
        """Files as they are now, to be put back later: a restored backup."""
        shutil.rmtree(self.old, ignore_errors=True)
        shutil.copytree(self.server.folder, self.old)

    def kill(self) -> None:
        """A crash: up to a second of acknowledged writes is lost."""
        self.program.kill()
        self.program = self.server.start()

    def flush(self) -> None:
        self.client.flushall()

    def restore(self) -> None:
        self.program.kill()
        shutil.rmtree(self.server.folder)
        shutil.copytree(self.old, self.server.folder)
        self.program = self.server.start()

    def freeze(self) -> None:
        """Longer than a client waits."""
        self.program.signal(signal.SIGSTOP)
        time.sleep(12)
        self.program.signal(signal.SIGCONT)

    def fill(self) -> None:
        """No memory left: writes are refused for a while."""
        self.client.config_set("maxmemory", 1_000_000)
        time.sleep(3)
        self.client.config_set("maxmemory", 0)


def test_redis_may_lose_anything(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "loss")
    cluster.create("events")
    events = make_events(14_000, seed=11)
    redis = HurtRedis(make_redis(tmp_path / "redis"))
    faults: list[Callable[[], None]] = [
        redis.kill,
        redis.flush,
        redis.freeze,
        redis.fill,
        redis.restore,
        redis.flush,
    ]
    chance = random.Random(11)
    try:
        with workers(cluster, config, redis.server.url) as group:
            for name in NAMES:
                group.start(name)
            step = len(events) // (len(faults) + 1)
            for number, fault in enumerate(faults):
                cluster.send("events", events[number * step : (number + 1) * step])
                if number == 1:
                    wait_until(lambda: has_state(redis), 30)
                    redis.keep_copy()
                time.sleep(chance.uniform(0.5, 2.5))
                fault()
                restart(group)
            cluster.send("events", events[len(faults) * step :])
            cluster.end("events")
            done = wait_until(
                lambda: restart(group) and cluster.drained(group.group, "events"), 120, pause=0.5
            )
            assert done, "\n".join(group.log(name) for name in NAMES)
    finally:
        redis.program.kill()
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    require_tiling(cluster, group.group, "events")


def restart(group: Workers) -> bool:
    """Start again what has ended: the way back from any error."""
    for name in NAMES:
        if not group.running[name].running():
            group.start(name)
    return True


def has_state(redis: HurtRedis) -> bool:
    try:
        return bool(redis.client.keys("*"))
    except RedisError:
        return False
