"""Live throughput and latency, topic to topic, exactly once with state in Redis, beside a plain Faust agent.

`python -m bench.live [--events N] [--engine auto]` starts its own Kafka and Redis and prints a table.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from samples.live.processes import start
from samples.live.services import Services, running
from tests.live.cluster import Cluster
from tests.live.project import write_project
from tests.live.workers import Workers, workers

CONFIG = """\
inputs: [{name: events, files: ["*"], format: json, time: {field: ts, format: epoch_ms}, max_lateness: 1s}]
types: {A: {k: string, v: int, sent: int}}
rules: [rules.yaml]
live: {topics: {events: events}, batch_wait_ms: 5, batch_records: 50000}
"""
RULES = """\
rule: rare
version: 1
pattern: A[v = 7] a BY k EMIT Rare(k, sent = a.sent)
"""
START_MS = 1_700_000_000_000


def main() -> None:
    """Run all of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--agent-events", type=int, default=100_000)
    options.add_argument("--engine", default="auto")
    options.add_argument("--seconds", type=int, default=15, help="how long latency is measured")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="cep-bench-") as folder, running(Path(folder) / "s") as services:
        one = throughput(services, Path(folder), given.events, ["one"], given.engine)
        print(f"one worker, exactly once, Redis   {one:>10,.0f} events/s", flush=True)
        two = throughput(services, Path(folder), given.events, ["one", "two"], given.engine)
        print(f"two workers                       {two:>10,.0f} events/s", flush=True)
        plain = agent(services, Path(folder), given.agent_events)
        print(f"plain Faust agent, at least once  {plain:>10,.0f} events/s", flush=True)
        latency(services, Path(folder), one / 2, given.seconds, given.engine)


def records(count: int, seed: int) -> list[tuple[bytes, bytes]]:
    """Events a millisecond apart, one in a thousand of which is worth an alert."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        key = f"k{chance.randrange(20_000)}"
        event = {"type": "A", "ts": START_MS + i, "k": key, "v": chance.randrange(1_000), "sent": 0}
        made.append((key.encode(), json.dumps(event).encode()))
    return made


def prepared(services: Services, name: str, folder: Path) -> tuple[Cluster, Path]:
    """Topics and a project of one measurement."""
    cluster = Cluster(services.broker.address, name)
    cluster.create("events", "alerts")
    return cluster, write_project(folder / name, CONFIG, RULES)


def throughput(services: Services, folder: Path, count: int, names: list[str], engine: str) -> float:
    """Events a second between the first and the last look at what was committed; all lies there before."""
    cluster, config = prepared(services, f"many{len(names)}", folder)
    cluster.send("events", records(count, 1))
    with workers(cluster, config, services.redis.url, settings={"CEP_ENGINE": engine}) as group:
        for name in names:
            group.start(name)
        looks: list[tuple[float, int]] = []
        end = time.monotonic() + 600
        while not looks or looks[-1][1] < count:
            now = done(group, names)
            if now:
                looks.append((time.monotonic(), now))
            if time.monotonic() > end:
                sys.exit(group.log(names[0]))
            time.sleep(0.05)
    began, first = looks[0]
    ended, last = looks[-1]
    return (last - first) / (ended - began) if ended > began else float("nan")


def done(group: Workers, names: list[str]) -> int:
    """Events that the workers have committed."""
    pages = (group.page(name, "/metrics")[1] for name in names)
    return sum(
        int(float(n))
        for page in pages
        for n in re.findall(r"^cep_events_total\{.*\} (\S+)$", page, re.MULTILINE)
    )


def agent(services: Services, folder: Path, count: int) -> float:
    """Events a second of a Faust agent that does the same to each event."""
    cluster, _ = prepared(services, "agent", folder)
    cluster.send("events", records(count, 1))
    environment = {
        "CEP_BROKERS": services.broker.address,
        "CEP_ALERTS": cluster.topic("alerts"),
        "BENCH_GROUP": "agent-group",
        "BENCH_TOPIC": cluster.topic("events"),
        "BENCH_FOLDER": str(folder / "agent"),
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    }
    command = [sys.executable, "-m", "faust", "-A", "bench.faust_agent", "worker", "--without-web"]
    program = start("agent", command, folder / "agent", environment)
    try:
        looks: list[tuple[float, int]] = []
        while not looks or looks[-1][1] < count:
            now = sum(max(0, at) for at in cluster.committed("agent-group", "events").values())
            if now:
                looks.append((time.monotonic(), now))
            time.sleep(0.2)
            if not program.running():
                sys.exit(program.log.read_text()[-2000:])
    finally:
        program.kill()
    began, first = looks[0]
    ended, last = looks[-1]
    return (last - first) / (ended - began) if ended > began else float("nan")


def latency(services: Services, folder: Path, rate: float, seconds: int, engine: str) -> None:
    """From sending an event to reading its alert as committed, at a given rate."""
    cluster, config = prepared(services, "latency", folder)
    waits: list[float] = []
    ended = threading.Event()
    with workers(cluster, config, services.redis.url, settings={"CEP_ENGINE": engine}) as group:
        group.start("one")
        group.ready("one")
        reading = threading.Thread(target=read_alerts, args=(cluster, waits, ended))
        reading.start()
        sent = send_at(cluster, rate, seconds)
        time.sleep(3)
        ended.set()
        reading.join()
    waits.sort()
    if not waits:
        sys.exit("no alert came")
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    told = f"{sent / seconds:,.0f} events/s, {len(waits)} alerts"
    print(f"latency at {told}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms", flush=True)


def send_at(cluster: Cluster, rate: float, seconds: int) -> int:
    """Send in slices of ten milliseconds; an event is worth an alert as soon as its time has passed."""
    producer = cluster.producer()
    began, sent = time.time(), 0
    while (passed := time.time() - began) < seconds:
        while sent < rate * passed:
            now_ms = int(time.time() * 1000)
            event = {"type": "A", "ts": now_ms, "k": f"k{sent % 20_000}", "v": sent % 1_000, "sent": now_ms}
            producer.produce(cluster.topic("events"), json.dumps(event).encode(), event["k"].encode())
            sent += 1
        producer.poll(0)
        time.sleep(0.01)
    producer.flush()
    return sent


def read_alerts(cluster: Cluster, waits: list[float], ended: threading.Event) -> None:
    """Seconds from each event to its alert, less the second of lateness that the input allows."""
    settings = {"group.id": "bench", "isolation.level": "read_committed", "fetch.wait.max.ms": 10}
    reader = Consumer({"bootstrap.servers": cluster.address, **settings})
    reader.assign([TopicPartition(cluster.topic("alerts"), n, 0) for n in range(cluster.partitions)])
    while not ended.is_set():
        message = reader.poll(0.1)
        if message is not None and message.error() is None:
            waits.append(time.time() - json.loads(message.value())["fields"]["sent"] / 1000 - 1.0)
    reader.close()


if __name__ == "__main__":
    main()
