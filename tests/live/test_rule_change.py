"""R10: rules change while events flow and workers die; the truth is replays, parted where the change was."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from samples.live.services import Services
from tests.cli.shop import cep
from tests.live.cluster import Cluster, require_equal
from tests.live.commits import require_tiling
from tests.live.project import RULES, lines, make_events, write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

LATENESS_MS = 2_000
SHADOWED = RULES.replace("rule: silence\n", "rule: silence\nstatus: shadow\n")
CHANGED = RULES.replace("version: 1", "version: 2", 1).replace("a.v + 80", "a.v + 70")
"""Another `pair`, and `silence` is no shadow any more."""


def test_rules_change_while_events_flow(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_project(tmp_path, rules=SHADOWED)
    (tmp_path / "changed.yaml").write_text(CHANGED)
    cluster = Cluster(services.broker.address, "rules", partitions=2)
    cluster.create("events")
    events = make_events(6_000, seed=21)
    settings = {"CEP_RULES_FROM": "topic", "CEP_RULES_TOPIC": cluster.topic("rules")}

    def rules(*words: str) -> str:
        command = [sys.executable, "-m", "cep", "rules", *words, "--brokers", cluster.address]
        command += ["--topic", cluster.topic("rules"), "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    rules("push", "rules.yaml")
    push_nonsense(cluster)
    with workers(cluster, config, services.redis.url, settings=settings) as group:
        group.start("one")
        group.ready("one")
        group.start("two")
        cluster.send("events", events[:2_000])
        pushed = rules("push", "changed.yaml").splitlines()
        assert [line.split()[:2] for line in pushed] == [
            ["pair@2", "live"],
            ["silence@2", "live"],
            ["burst@1", "live"],
        ]
        for begin in range(2_000, 6_000, 1_000):
            cluster.send("events", events[begin : begin + 1_000])
            time.sleep(0.3)
            if begin == 4_000:
                group.running["one"].kill()
                group.start("one")
        cluster.end("events")
        group.drain()
        # Lost state is made again, with the change where it was.
        for program in group.running.values():
            program.stop()
        Redis.from_url(services.redis.url).flushall()
        group.start("one")
        group.ready("one", 90)
        status, page = group.page("one", "/metrics")
        assert status == 200
        assert 'cep_rules{status="live"} 3.0' in page
        revision = int(float(re.findall(r"^cep_rule_set_version (\S+)", page, re.MULTILINE)[0]))
        told = f"rule set {revision}: 3 live, 0 shadow, 0 disabled, 1 refused"
        assert group.page("one", "/healthz") == (200, f"ok\n{told}\n")
    monkeypatch.chdir(tmp_path)
    changes = changed_at(cluster, group.group)
    assert {each[-1][0] for each in changes.values()} == {revision}
    expected = truth(cluster, changes)
    for topic, kind in (("alerts", "live"), ("alerts.shadow", "shadow")):
        require_equal(cluster.values(topic), of_status(expected, kind))
    require_tiling(cluster, group.group, "events")
    require_one_letter(cluster)


def push_nonsense(cluster: Cluster) -> None:
    producer = cluster.producer()
    producer.produce(cluster.topic("rules"), b"no rule at all", b"odd@1", partition=0)
    assert producer.flush(10) == 0


def require_one_letter(cluster: Cluster) -> None:
    """Nonsense is refused by two workers, and again at each start; one of them tells it once."""
    (letter,) = cluster.messages("dead")
    assert (letter.key(), letter.value()) == (b"odd@1", b"no rule at all")
    assert dict(letter.headers() or ())["cep-code"] == b"refused_rule"


def changed_at(cluster: Cluster, group: str) -> dict[int, list[tuple[int, int, int]]]:
    """Revision, place and beginning of each pin, by partition, from what stands beside the offsets."""
    reader = Consumer({"bootstrap.servers": cluster.address, "group.id": group})
    try:
        parts = [TopicPartition(cluster.topic("events"), number) for number in range(cluster.partitions)]
        found = {part.partition: (part.metadata or "").rstrip("\0") for part in reader.committed(parts, 10)}
    finally:
        reader.close()
    return {
        number: [(int(r), int(at), int(begin)) for r, at, begin in re.findall(r"(\d+):(\d+):(\d+)", text)]
        for number, text in found.items()
    }


def truth(cluster: Cluster, changes: dict[int, list[tuple[int, int, int]]]) -> Counter[bytes]:
    """What replays say: of changed rules the old one up to the time of the change, then the new one."""
    found: Counter[bytes] = Counter()
    topic = cluster.topic("events")
    for number, ((_, _, _), (_, at, begin)) in changes.items():
        records = [m.value() for m in cluster.messages("events") if m.partition() == number]
        assert 0 < at < len(records)
        assert begin == 0, "the new rule has read the whole log"
        watermark_ms = max(json.loads(record or b"")["ts"] for record in records[:at]) - LATENESS_MS - 1
        old = replayed(topic, number, lines(records), "rules.yaml")
        new = replayed(topic, number, lines(records), "changed.yaml")
        found.update(line for rule, ms, line in old if rule == "burst" or ms <= watermark_ms)
        found.update(line for rule, ms, line in new if rule != "burst" and ms > watermark_ms)
    return found


def of_status(alerts: Counter[bytes], status: str) -> Counter[bytes]:
    return Counter({line: count for line, count in alerts.items() if json.loads(line)["status"] == status})


def replayed(topic: str, number: int, records: bytes, rules: str) -> list[tuple[str, int, bytes]]:
    """Alerts with their rule and when they were decided."""
    Path(topic).mkdir(exist_ok=True)
    (Path(topic) / str(number)).write_bytes(records)
    result = cep("replay", f"{topic}/{number}", "--rules", rules, "--config", "cep.yaml", "--format", "json")
    assert result.exit_code == 0, result.stderr
    alerts = ((json.loads(line), line) for line in result.stdout.splitlines())
    return [(alert["rule"], alert["detected_ts"], line.encode()) for alert, line in alerts]
