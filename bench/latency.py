"""How long live alerts take at a given rate of events: from the event that completes one to a reader of it.

    planned time of event n ──▶ sent in slices ──▶ worker ──▶ alert ──▶ read as committed

An event counts from when it was to be sent, so waiting is not hidden where the sender itself falls behind. An
alert that an event completes counts from that event. One that time completes, because something did not
happen, counts from the event whose coming moved the time of its partition past the deadline: before that
nobody could know. The latter are told apart too, because the reader of a log decides what they mean.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.driver import SCHEMA, SETTINGS, compiled
from bench.workload import events, rules
from cep.engines.engines import ENGINES
from cep.runtimes.replay import Input, Options, Summary, replay
from tests.live.cluster import Cluster

SLICE_S = 0.005
SLICE_KEYS = 200
WARM_UP_S = 10.0
"""So long the rate grows, and nothing counts: brokers compile what they do often, workers find their size."""

SLOT_S = 0.5
AFTER_ALL_MS = 1_900_000_000_000
ACCOUNTS = 20_000
PARTITION_OF_KEY = -1
BARS = " ▁▂▃▄▅▆▇█"

Message = dict[str, Any]


class Stream(Protocol):
    """Events by number, and what their alerts say of them."""

    def messages(self, numbers: range, now_ms: int) -> dict[int, list[Message]]:
        """What is sent for these numbers, by partition; for none, at the end, what lets time run on."""
        ...

    def completed_by(self, alert: Mapping[str, Any]) -> tuple[int, bool]:
        """The number of the event that an alert counts from, and whether time completed it."""
        ...

    def expected(self, count: int) -> Counter[str]:
        """The alerts of the first events, as `named` names them."""
        ...

    def named(self, alert: Mapping[str, Any]) -> str:
        """What an alert is, whoever found it."""
        ...


class Rare:
    """Events one in a thousand of which is worth an alert. Those of a slice differ in their keys only."""

    def messages(self, numbers: range, now_ms: int) -> dict[int, list[Message]]:
        """Cheap to make: few are different."""
        event = {"type": "A", "ts": now_ms, "v": 8, "sent": 0}
        if not numbers:
            return {}
        plain = [_record(f"k{(numbers[0] + i) % ACCOUNTS}", event) for i in range(SLICE_KEYS)]
        made = [plain[i % SLICE_KEYS] for i in numbers]
        for i in range(-numbers[0] % 1000, len(numbers), 1000):
            made[i] = _record(f"k{numbers[i] % ACCOUNTS}", {**event, "v": 7, "sent": numbers[i]})
        return {PARTITION_OF_KEY: made}

    def completed_by(self, alert: Mapping[str, Any]) -> tuple[int, bool]:
        """By itself, as soon as its time has passed."""
        return int(alert["fields"]["sent"]), False

    def expected(self, count: int) -> Counter[str]:
        """One in a thousand."""
        return Counter(str(number) for number in range(0, count, 1000))

    def named(self, alert: Mapping[str, Any]) -> str:
        """By its event."""
        return str(alert["fields"]["sent"])


class Ten:
    """The workload of the comparison with other engines: an event's `id` is its number."""

    def __init__(self, peers: Path, count: int, partitions: int) -> None:
        """At least so many events. All are made ready before, so that sending is cheap."""
        self._peers, self._partitions = peers, partitions
        # Few different files, all with the same keys and events of a key in an hour.
        self.path = events(peers, -(-count // 500_000) * 500_000, ACCOUNTS)
        ts_ms: list[list[int]] = [[] for _ in range(partitions)]
        numbers: list[list[int]] = [[] for _ in range(partitions)]
        self._made: list[tuple[int, Message]] = []
        with self.path.open("rb") as file:
            for number, line in enumerate(itertools.islice(file, count)):
                event = json.loads(line)
                partition = self._partition(event["account"])
                self._made.append((partition, {"key": event["account"].encode(), "value": line.rstrip()}))
                ts_ms[partition].append(event["ts"])
                numbers[partition].append(number)
        self._ts_ms, self._numbers = [np.array(one) for one in ts_ms], [np.array(one) for one in numbers]

    def _partition(self, account: str) -> int:
        return zlib.crc32(account.encode()) % self._partitions

    def messages(self, numbers: range, now_ms: int) -> dict[int, list[Message]]:  # noqa: ARG002
        """Lines of the file; at the end an event far away in each partition."""
        found: dict[int, list[Message]] = {partition: [] for partition in range(self._partitions)}
        for partition, message in self._made[numbers.start : numbers.stop]:
            found[partition].append(message)
        if numbers:
            return found
        far = json.loads(self._made[-1][1]["value"])
        far |= {"id": len(self._made), "ts": AFTER_ALL_MS, "type": "logout", "account": "nobody"}
        last: Message = {"key": b"nobody", "value": json.dumps(far).encode()}
        return {partition: [last] for partition in found}

    def completed_by(self, alert: Mapping[str, Any]) -> tuple[int, bool]:
        """The last event, or the first of the partition behind the deadline."""
        if alert["detected_ts"] == alert["last_ts"]:
            return int(alert["fields"]["tail"]), False
        partition = self._partition(alert["key"]["account"])
        place = int(np.searchsorted(self._ts_ms[partition], alert["detected_ts"], side="right"))
        numbers = self._numbers[partition]
        return int(numbers[place]) if place < len(numbers) else len(self._made), True

    def expected(self, count: int) -> Counter[str]:
        """What a replay says."""
        made = compiled(rules(self._peers, 10)["rules"])
        settings = Options(engine=ENGINES["auto"], flush=True)
        part = self.path.with_suffix(".sent")
        with self.path.open("rb") as file:
            part.write_bytes(b"".join(itertools.islice(file, count)))
        try:
            alerts = replay(made, [Input(str(part), SETTINGS)], Summary(), SCHEMA, settings)
            return Counter(self.named({"rule": one.rule.name, "fields": one.fields}) for one in alerts)
        finally:
            part.unlink()

    def named(self, alert: Mapping[str, Any]) -> str:
        """By its rule, its first and its last event."""
        return f"{alert['rule'].lower()} {alert['fields']['head']} {alert['fields']['tail']}"


def _record(key: str, event: Mapping[str, object]) -> Message:
    return {"key": key.encode(), "value": json.dumps({**event, "k": key}).encode()}


def due(passed_s: float, rate: float) -> int:
    """How many events are to be sent in so long."""
    warm_up_s = min(passed_s, WARM_UP_S)
    return int(rate * (warm_up_s * warm_up_s / WARM_UP_S / 2 + passed_s - warm_up_s))


def at_s(number: int, rate: float) -> float:
    """After how long an event is to be sent."""
    warm_up = rate * WARM_UP_S / 2
    return math.sqrt(2 * WARM_UP_S * number / rate) if number < warm_up else WARM_UP_S / 2 + number / rate


@dataclass
class Sent:
    """When events were to be sent, and how far the sender fell behind."""

    began_s: float
    rate: float
    count: int = 0
    behind_s: float = 0.0

    def planned_s(self, number: int) -> float:
        """When an event was to be sent."""
        return self.began_s + at_s(number, self.rate)


def send(cluster: Cluster, stream: Stream, rate: float, seconds: float) -> Sent:
    """Send what is due, every few milliseconds."""
    producer, topic = cluster.producer(), cluster.topic("events")
    sent = Sent(time.time(), rate)
    while (passed := time.time() - sent.began_s) < seconds:
        numbers = range(sent.count, max(sent.count, due(passed, rate)))
        if numbers:
            _produce(producer, topic, stream.messages(numbers, int(time.time() * 1000)))
            sent.count = numbers.stop
            if passed > WARM_UP_S:
                sent.behind_s = max(sent.behind_s, time.time() - sent.planned_s(numbers.start))
        producer.poll(0)
        time.sleep(SLICE_S)
    _produce(producer, topic, stream.messages(range(0), 0))
    producer.flush()
    return sent


def _produce(producer: Producer, topic: str, messages: Mapping[int, list[Message]]) -> None:
    for partition, some in messages.items():
        count = producer.produce_batch(topic, some, partition=partition) if some else 0
        if count < len(some):
            sys.exit(f"{len(some) - count} events could not be sent")


@dataclass
class Reader:
    """A reader of committed alerts; each with the time when it was there."""

    cluster: Cluster
    found: list[tuple[float, bytes]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until it is told to end."""
        settings = {"group.id": "bench", "isolation.level": "read_committed", "fetch.wait.max.ms": 10}
        reader = Consumer({"bootstrap.servers": self.cluster.address, **settings})
        topic = self.cluster.topic("alerts")
        reader.assign([TopicPartition(topic, number, 0) for number in range(self.cluster.partitions)])
        while not self.ended.is_set():
            # One at least, and with it all that are there.
            first = reader.poll(0.1)
            messages = [] if first is None else [first, *reader.consume(1000, 0)]
            now_s = time.time()
            self.found += [(now_s, each.value() or b"") for each in messages if each.error() is None]
        reader.close()


def measure(
    cluster: Cluster, stream: Stream, rate: float, seconds: float, processes: Mapping[str, int]
) -> str:
    """Send and read, and tell what came of it. The worker is there; `processes` are told of."""
    reader = Reader(cluster)
    reading = threading.Thread(target=reader.run)
    reading.start()
    before, machine_s = {name: _cpu_s(pid) for name, pid in processes.items()}, _machine_s()
    sent = send(cluster, stream, rate, seconds)
    spent = {name: (_cpu_s(pid) - before[name]) / seconds for name, pid in processes.items()}
    spent["others"] = (_machine_s() - machine_s) / seconds - sum(spent.values())
    there = -1
    while there < len(reader.found):
        there = len(reader.found)
        time.sleep(2.0)
    reader.ended.set()
    reading.join()
    busy = ", ".join(f"{name} {share:.2f}" for name, share in spent.items())
    return f"{told(stream, sent, reader.found, seconds)}\n  processors: {busy}"


def _machine_s() -> float:
    """Processor time of all processes by now."""
    user, nice, system, *_ = Path("/proc/stat").read_text(encoding="utf-8").split()[1:]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def _cpu_s(pid: int) -> float:
    """Processor time of a process by now."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(stream: Stream, sent: Sent, found: Sequence[tuple[float, bytes]], seconds: float) -> str:
    """Percentiles, over all and apart, how many alerts there are of how many, and the worst over time."""
    names: Counter[str] = Counter()
    waits: dict[bool, list[float]] = {False: [], True: []}
    worst = [0.0] * (int(seconds / SLOT_S) + 1)
    for there_s, line in found:
        alert = json.loads(line)
        names[stream.named(alert)] += 1
        number, by_time = stream.completed_by(alert)
        planned_s = at_s(number, sent.rate)
        if number < sent.count:
            wait_s = there_s - sent.planned_s(number)
            slot = int(planned_s / SLOT_S)
            worst[slot] = max(worst[slot], wait_s)
            if planned_s >= WARM_UP_S:
                waits[by_time].append(wait_s)
    expected = stream.expected(sent.count)
    missing, doubled = expected - names, names - expected
    told_sent = (
        f"{sent.rate:,.0f} events/s for {seconds - WARM_UP_S:g} s: {names.total()} alerts,"
        f" {missing.total()} missing, {doubled.total()} too many; the sender was"
        f" {sent.behind_s * 1000:.0f} ms behind at most"
    )
    lines = [told_sent, "  " + _percentiles("all", waits[False] + waits[True])]
    if waits[True]:
        lines.append("  " + _percentiles("completed by time", waits[True]))
    most = max(worst)
    bars = "".join(BARS[int(one / most * (len(BARS) - 1))] if most else " " for one in worst)
    lines.append(f"  worst of each {SLOT_S:g} s, up to {most * 1000:.0f} ms: |{bars}|")
    return "\n".join(lines)


def _percentiles(name: str, waits: list[float]) -> str:
    if not waits:
        return f"{name}: none"
    p50, p90, p99, most = np.percentile(np.array(waits) * 1000, [50, 90, 99, 100])
    return f"{name}: {len(waits)} alerts, p50 {p50:.0f} ms, p90 {p90:.0f}, p99 {p99:.0f}, max {most:.0f}"
