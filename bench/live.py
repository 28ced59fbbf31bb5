"""Live throughput and latency, topic to topic, exactly once with state in Redis, beside a plain Faust agent.

`python -m bench.live [--quick] [--only PART …]` starts its own Kafka and Redis and prints a table. The ten
rules of the comparison with other engines run too, where CEP_PEERS names its folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from bench.driver import FIELDS, TYPES, rule_text
from bench.latency import WARM_UP_S, Rare, Stream, Ten, due, measure
from bench.workload import HOME, PEERS, events, rules
from samples.live.processes import start, wait_until
from samples.live.services import Services, running
from tests.live.cluster import Cluster
from tests.live.project import write_project
from tests.live.workers import Workers, workers

CONFIG = """\
inputs: [{name: events, files: ["*"], format: json, time: {field: ts, format: epoch_ms}, max_lateness: 0s}]
rules: [rules.yaml]
live: {topics: {events: events}, batch_wait_ms: 5, batch_records: 50000}
"""
RARE_TYPES = "types: {A: {k: string, v: int, sent: int}}\n"
RARE = """\
rule: rare
version: 1
pattern: A[v = 7] a BY k EMIT Rare(k, sent = a.sent)
"""
TEN_TYPES = "types:\n" + "".join(f"  {name}: {json.dumps(FIELDS)}\n" for name in TYPES)
START_MS = 1_700_000_000_000
STEADY = 50_000.0
"""Events a second of a latency that is measured in every run."""

PARTS = ("rare", "two", "ten", "agent", "latency", "ten-latency")


@dataclass(frozen=True)
class Work:
    """What a worker is given to do."""

    name: str
    config: str
    rules: str
    records: Callable[[int], Iterable[tuple[bytes, bytes]]]


def main() -> None:
    """Run what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--agent-events", type=int, default=100_000)
    options.add_argument("--engine", default="auto")
    options.add_argument("--seconds", type=int, default=15, help="how long latency is measured")
    options.add_argument(
        "--rate",
        type=float,
        help="events a second for latency; default: half of what one worker made, and 50,000",
    )
    options.add_argument("--quick", action="store_true", help="fewer events, 5 seconds of latency")
    options.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    given = options.parse_args()
    if given.quick:
        given.events, given.agent_events, given.seconds = given.events // 5, given.agent_events // 4, 5
    given.seconds += WARM_UP_S
    rare = Work("rare", CONFIG + RARE_TYPES, RARE, lambda count: records(count, 1))
    rates: dict[str, float] = {}

    def tell(part: str, what: str, measure: Callable[[Services, Path], float]) -> None:
        if part in given.only:
            with tempfile.TemporaryDirectory(prefix="cep-bench-") as folder:
                path = Path(folder)
                with running(path / "s") as services:
                    rates[part] = measure(services, path)
            print(f"{what:<42} {rates[part]:>10,.0f} events/s  load {os.getloadavg()[0]:.1f}", flush=True)

    tell("rare", "one worker, exactly once, Redis", lambda s, f: throughput(s, f, rare, given, ["one"]))
    tell("two", "two workers", lambda s, f: throughput(s, f, rare, given, ["one", "two"]))
    there = (Path(PEERS) / "rules.py").is_file()
    if there:
        tell("ten", "one worker, ten rules", lambda s, f: throughput(s, f, ten(Path(PEERS)), given, ["one"]))
    elif {"ten", "ten-latency"} & {*given.only}:
        print(f"the ten rules are left out: {PEERS} has no rules.py; name the folder in CEP_PEERS")
    tell("agent", "plain Faust agent, at least once", lambda s, f: agent(s, f, given.agent_events))
    for part, name in (("latency", "rare"), ("ten-latency", "ten")):
        for rate in [given.rate] if given.rate else [rates[name] / 2, STEADY] if name in rates else []:
            if part in given.only and (name == "rare" or there):
                with tempfile.TemporaryDirectory(prefix="cep-bench-") as folder:
                    path = Path(folder)
                    stream = Rare() if name == "rare" else Ten(Path(PEERS), due(given.seconds, rate) + 1, 4)
                    work = rare if name == "rare" else ten(Path(PEERS))
                    with running(path / "s") as services:
                        latency(services, path, work, stream, rate, given)


def ten(peers: Path) -> Work:
    """The ten rules of the comparison, over its events."""
    (HOME / "data").mkdir(parents=True, exist_ok=True)
    texts = []
    for rule in rules(peers, 10)["rules"]:
        limits = "limits: {runs_per_key: 1000000, events_per_key: 1000000}"
        texts.append(f"rule: {rule['name'].lower()}\nversion: 1\n{limits}\npattern: |\n  {rule_text(rule)}\n")
    return Work(
        "ten", CONFIG + TEN_TYPES, "---\n".join(texts), lambda count: keyed(events(peers, count), count)
    )


def keyed(path: Path, count: int) -> Iterable[tuple[bytes, bytes]]:
    """Lines of a file as records, each with its account as key."""
    with path.open("rb") as file:
        for line in itertools.islice(file, count):
            yield json.loads(line)["account"].encode(), line.rstrip()


def records(count: int, seed: int) -> list[tuple[bytes, bytes]]:
    """Events a millisecond apart, one in a thousand of which is worth an alert."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        key = f"k{chance.randrange(20_000)}"
        event = {"type": "A", "ts": START_MS + i, "k": key, "v": chance.randrange(1_000), "sent": 0}
        made.append((key.encode(), json.dumps(event).encode()))
    return made


def prepared(services: Services, work: Work, folder: Path) -> tuple[Cluster, Path]:
    """Topics and a project of one measurement."""
    cluster = Cluster(services.broker.address, work.name)
    cluster.create("events", "alerts")
    return cluster, write_project(folder / work.name, work.config, work.rules)


def throughput(
    services: Services, folder: Path, work: Work, given: argparse.Namespace, names: list[str]
) -> float:
    """Events a second from the moment when all of them are there until all are committed."""
    cluster, config = prepared(services, work, folder)
    with workers(cluster, config, services.redis.url, settings={"CEP_ENGINE": given.engine}) as group:
        show = written_unseen(cluster, work.records(given.events))
        for name in names:
            group.start(name)
        share = cluster.partitions // len(names)
        if not wait_until(lambda: all(partitions(group, name) == share for name in names), 60):
            sys.exit(group.log(names[0]))
        show()
        began = time.monotonic()
        if not wait_until(lambda: done(group, names) >= given.events, 600, 0.1):
            sys.exit(group.log(names[0]))
        seconds = time.monotonic() - began
        tell_parts(group, names[0])
    return float(given.events / seconds)


def written_unseen(cluster: Cluster, records: Iterable[tuple[bytes, bytes]]) -> Callable[[], None]:
    """Write records in a transaction; when it is told so it ends, and all can be read at once."""
    producer = Producer(
        {
            "bootstrap.servers": cluster.address,
            "partitioner": "murmur2_random",
            "transactional.id": "bench",
            "transaction.timeout.ms": 300_000,
            "linger.ms": 20,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in records:
        while True:
            try:
                producer.produce(cluster.topic("events"), value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    producer.flush()
    return producer.commit_transaction


def partitions(group: Workers, name: str) -> int:
    """How many partitions a worker says it has."""
    found = re.search(r"^cep_partitions (\S+)$", group.page(name, "/metrics")[1], re.MULTILINE)
    return 0 if found is None else int(float(found[1]))


def tell_parts(group: Workers, name: str) -> None:
    """What a worker's batches consist of, on average."""
    page = group.page(name, "/metrics")[1]
    found = {
        key: float(value)
        for key, value in re.findall(
            r"^cep_((?:compute|commit)_seconds_(?:sum|count)) (\S+)$", page, re.MULTILINE
        )
    }
    batches = max(1.0, found.get("compute_seconds_count", 0))
    compute, commit = (found.get(f"{part}_seconds_sum", 0) / batches * 1000 for part in ("compute", "commit"))
    print(f"  {name}: {batches:.0f} batches; compute {compute:.0f} ms, state and commit {commit:.0f} ms each")


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
    work = Work("agent", CONFIG + RARE_TYPES, RARE, lambda count: records(count, 1))
    cluster, _ = prepared(services, work, folder)
    cluster.send("events", work.records(count))
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
            # The coordinator may be on its way.
            with suppress(KafkaException):
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


def latency(
    services: Services, folder: Path, work: Work, stream: Stream, rate: float, given: argparse.Namespace
) -> None:
    """From the event that completes an alert to reading it as committed, at a given rate."""
    cluster, config = prepared(services, work, folder)
    with workers(cluster, config, services.redis.url, settings={"CEP_ENGINE": given.engine}) as group:
        group.start("one")
        group.ready("one")
        programs = {"worker": group.running["one"], "broker": services.kafka_program}
        processes = {name: program.pid for name, program in programs.items()}
        processes |= {"redis": services.redis_program.pid, "sender and reader": os.getpid()}
        told = measure(cluster, stream, rate, given.seconds, processes)
        print(f"latency, {work.name}: {told}", flush=True)
        tell_parts(group, "one")


if __name__ == "__main__":
    main()
