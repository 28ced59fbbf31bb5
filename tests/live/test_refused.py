"""R7 and R8: what is no event and what comes too late is kept apart, once; the rest goes on."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Message

from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.project import START_MS, make_events, write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

HUGE = b'{"type": "A", "ts": ' + b"9" * 10_000_000

POISON = {
    b"{not json": "unreadable",
    b"[1, 2]": "unreadable",
    b"\xff\xfe": "unreadable",
    b"two\nlines": "unreadable",
    b"": "unreadable",
    HUGE: "unreadable",
    b'{"ts": 1700000000000, "k": "x", "v": 1}': "no_type",
    b'{"type": "A", "k": "x", "v": 1}': "no_time",
    b'{"type": "A", "ts": "yesterday", "k": "x", "v": 1}': "bad_time",
    b'{"type": "Nobody", "ts": 1700000000000}': "unknown_type",
    b'{"type": "A", "ts": 1700000000000, "k": "x", "v": "many"}': "bad_field",
}


def test_poison_goes_to_the_dead_letters_and_back(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "poison", partitions=2)
    cluster.create("events")
    events: list[tuple[bytes | None, bytes | None]] = [*make_events(3_000, seed=3)]
    for i, value in enumerate(POISON):
        events.insert(200 * (i + 1), (b"key%d" % i, value))
    events.append((b"gone", None))
    cluster.send("events", events)
    cluster.end("events")
    with workers(cluster, config, services.redis.url) as group:
        group.start("one")
        group.drain()
        dead = cluster.messages("dead")
        require_letters(cluster, dead)
        require_equal(cluster.values("alerts"), truth(cluster, config, "events"))

        def dlq(verb: str) -> str:
            command = [sys.executable, "-m", "cep", "dlq", verb, "--brokers", cluster.address]
            command += ["--topic", cluster.topic("dead"), "--config", str(config)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout + done.stderr

        codes = [json.loads(line)["code"] for line in dlq("list").splitlines()]
        assert codes.count("no_type") == 1
        group.running["one"].stop()
        assert dlq("replay").splitlines()[-1] == f"{len(dead)} sent back"
        assert dlq("replay").splitlines()[-1] == "0 sent back"
        group.start("one")
        group.drain(marks=1)
    again = cluster.messages("dead")
    assert Counter(m.value() for m in again) == Counter([m.value() for m in dead] * 2)


def require_letters(cluster: Cluster, dead: list[Message]) -> None:
    """Each poison once, its bytes and key unchanged, and where it stood in the headers."""
    where = {(m.partition(), m.offset()): m for m in cluster.messages("events")}
    expected = Counter(dict.fromkeys(POISON, 1)) + Counter({b"": 1})
    assert Counter(m.value() or b"" for m in dead) == expected
    for message in dead:
        head = {str(name): text(value) for name, value in dict(message.headers() or ()).items()}
        assert head["cep-code"] == POISON[message.value() or b""]
        assert head["cep-reason"]
        assert head["cep-topic"] == cluster.topic("events")
        original = where[int(head["cep-partition"]), int(head["cep-offset"])]
        assert (original.key(), original.value() or b"") == (message.key(), message.value() or b"")


def test_disorder_changes_nothing_and_late_events_are_kept_apart(services: Services, tmp_path: Path) -> None:
    """Input shuffled within the allowed lateness gives the alerts of sorted input."""
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "late", partitions=1)
    cluster.create("events", "sorted")
    ordered = make_events(4_000, seed=5, disorder=0)
    chance = random.Random(5)
    shuffled = [event for _, event in sorted((i + chance.uniform(0, 190), e) for i, e in enumerate(ordered))]
    behind = [
        (b"k1", json.dumps({"type": "A", "ts": START_MS + i, "k": "k1", "v": i}).encode()) for i in (1, 2, 3)
    ]
    for place, event in zip((1_000, 2_000, 3_000), behind, strict=True):
        shuffled.insert(place, event)
    cluster.send("sorted", ordered)
    cluster.send("events", shuffled)
    cluster.end("events", "sorted")
    with workers(cluster, config, services.redis.url) as group:
        group.start("one")
        group.drain()
        status, page = group.page("one", "/metrics")
    assert status == 200
    assert 'cep_rejects_total{code="late"} 3.0' in page
    assert [m.value() for m in cluster.messages("late")] == [value for _, value in behind]
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))
    assert Counter(map(plain, cluster.values("alerts"))) == Counter(
        map(plain, truth(cluster, config, "sorted").elements())
    )


def plain(line: bytes) -> str:
    """An alert without what names places in the input."""
    alert = json.loads(line)
    del alert["alert_id"]
    for event in alert["events"]:
        del event["line"], event["source"]
    return json.dumps(alert, sort_keys=True)


def text(value: object) -> str:
    """A header as text."""
    assert isinstance(value, bytes)
    return value.decode()
