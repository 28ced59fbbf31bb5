"""A topic that is silent holds nobody back, and what was decided by that is decided the same way again."""

from pathlib import Path

import pytest
from confluent_kafka import Message

from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.commits import require_tiling
from tests.live.project import CONFIG, make_events, write_project
from tests.live.test_refused import text
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

TOPICS = ("events", "other")


def test_a_silent_topic(services: Services, tmp_path: Path) -> None:
    """Alerts come although `other` is silent; what it brings later is late, and a replay without that agrees.

    The state is in memory, so the second worker makes all of it again, silences included.
    """
    quiet = CONFIG.replace("max_lateness: 2s", "max_lateness: 2s\n    idle_timeout: 1s")
    config = write_project(tmp_path, quiet)
    cluster = Cluster(services.broker.address, "silent", partitions=2)
    cluster.create(*TOPICS)
    events = make_events(3_000, seed=41)
    # The other topic tells of the beginning, and later of what was long ago.
    cluster.send("events", events[:2_000])
    cluster.send("other", events[:50])
    with workers(cluster, config, "memory:", inputs=TOPICS) as group:
        group.start("one")
        group.ready("one")
        assert wait_until(lambda: sum(cluster.ends("alerts").values()) > 20, 40), group.log("one")
        assert "silent topics: ['silent-other']" in group.log("one")
        group.running["one"].kill()
        cluster.send("other", events[1_000:1_200])
        cluster.send("events", events[2_000:])
        cluster.end(*TOPICS)
        group.start("one")
        group.drain()
        page = group.page("one", "/metrics")[1]
    assert 'cep_silent_topics{partition="0"}' in page
    late = {place(message) for message in cluster.messages("late")}
    assert len(late) > 50
    require_equal(cluster.values("alerts"), truth(cluster, config, *TOPICS, without=late))
    require_tiling(cluster, group.group, *TOPICS)


def place(letter: Message) -> tuple[str, int, int]:
    """Where a late event stood."""
    head = {str(name): text(value) for name, value in dict(letter.headers() or ()).items()}
    return head["cep-topic"], int(head["cep-partition"]), int(head["cep-offset"])
