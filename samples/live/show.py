"""The samples live: a real Kafka and Redis, two workers, alerts as they come, and proof that none differs.

The rules of the samples go by different keys, so their topic has one partition: one worker works, the other
stands by. Halfway the one that works is killed, and the other must finish what it began.
"""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from samples.live.processes import Program, ServiceError, free_ports, start
from samples.live.services import Services, running

ROOT: Final = Path(__file__).resolve().parent.parent.parent
EVENTS: Final = ROOT / "samples" / "events.jsonl.gz"
TOPIC: Final = "events"
ALERTS: Final = "alerts"
PATIENCE_SECONDS: Final = 240


def main() -> int:
    """0 when the alerts from the topic are those of `cep replay`, 1 when not, 2 without services."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="cep-live-") as folder, running(Path(folder)) as services:
            return _show(Path(folder), services)
    except ServiceError as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted: everything that was started is ended")
        return 130


def _show(folder: Path, services: Services) -> int:
    _say(f"Kafka at {services.broker.address}, Redis at {services.redis.url}, in {folder}")
    expected = _replayed(folder)
    _say(f"cep replay says {len(expected)} alerts; now the same events live")
    _create_topic(services)
    with ExitStack() as stack:
        workers = [_worker(name, folder, services) for name in ("one", "two")]
        for worker in workers:
            stack.callback(worker.kill)
        sent = _send(services)
        _say(f"{sent:,} events sent to the topic {TOPIC}, two workers are on their way")
        found = []
        for alert in _alerts(services, len(expected)):
            found.append(alert)
            _say(_line(alert))
            if len(found) == len(expected) // 2:
                _kill_the_busy(workers, services)
    return _verdict(found, expected)


def _replayed(folder: Path) -> list[dict[str, Any]]:
    out = folder / "expected.jsonl"
    command = [
        sys.executable,
        "-m",
        "cep",
        "replay",
        str(EVENTS),
        "--format",
        "json",
        "--out",
        str(out),
        "-q",
    ]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command
    return [json.loads(line) for line in out.read_text().splitlines()]


def _create_topic(services: Services) -> None:
    admin = AdminClient({"bootstrap.servers": services.broker.address})
    for future in admin.create_topics([NewTopic(TOPIC, 1, 1), NewTopic(ALERTS, 1, 1)]).values():
        future.result(30)


def _worker(name: str, folder: Path, services: Services) -> Program:
    settings = {
        "CEP_CONFIG": str(ROOT / "cep.yaml"),
        "CEP_BROKERS": services.broker.address,
        "CEP_GROUP": "show",
        "CEP_TOPICS": f"{TOPIC}=events",
        "CEP_ALERTS": ALERTS,
        "CEP_STATE": services.redis.url,
        "CEP_WEB": f"127.0.0.1:{free_ports(1)[0]}",
    }
    return start(name, [sys.executable, "-m", "cep", "run"], folder / "workers", settings)


def _send(services: Services) -> int:
    producer = Producer(
        {
            "bootstrap.servers": services.broker.address,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    count = 0
    with gzip.open(EVENTS) as lines:
        for line in lines:
            producer.produce(TOPIC, line.rstrip(b"\n"))
            producer.poll(0)
            count += 1
    producer.flush()
    return count


def _alerts(services: Services, count: int) -> Iterator[dict[str, Any]]:
    """Committed alerts; the last ones may be more than expected, so a while is waited for those."""
    consumer = Consumer(
        {
            "bootstrap.servers": services.broker.address,
            "group.id": "show-reader",
            "isolation.level": "read_committed",
        }
    )
    try:
        consumer.assign([TopicPartition(ALERTS, 0, 0)])
        end = time.monotonic() + PATIENCE_SECONDS
        got = 0
        while time.monotonic() < end:
            message = consumer.poll(0.5)
            value = None if message is None or message.error() else message.value()
            if value is not None:
                got += 1
                if got == count:
                    end = min(end, time.monotonic() + 5)
                yield json.loads(value)
    finally:
        consumer.close()


def _kill_the_busy(workers: list[Program], services: Services) -> None:
    """End the worker that has the partition, as a crash would."""
    admin = AdminClient({"bootstrap.servers": services.broker.address})
    group = admin.describe_consumer_groups(["show"])["show"].result(30)
    busy = next(m for m in group.members if m.assignment.topic_partitions)
    by_log = {str(worker.pid): worker for worker in workers}
    worker = by_log[busy.client_id.rpartition("-")[2]]
    _say(f"--- worker {worker.name} is killed now; the other takes over")
    worker.kill()


def _line(alert: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(alert["ts"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    key = " ".join(f"{name}={value}" for name, value in alert["key"].items())
    return f"{when}  {alert['severity']:<8}  {alert['type']:<20}  {key}"


def _verdict(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> int:
    """All members must be equal but the name of the input, which is a topic here and a file there."""
    live, replayed = _counted(found), _counted(expected)
    if live == replayed:
        _say(f"equal: {len(found)} alerts live, the same from cep replay: none missing, none twice")
        return 0
    missing, extra = replayed - live, live - replayed
    _say(f"NOT equal: {sum(missing.values())} missing, {sum(extra.values())} too many")
    for text in (*missing, *extra):
        _say(text)
    return 1


def _counted(alerts: Iterable[dict[str, Any]]) -> Counter[str]:
    texts: Counter[str] = Counter()
    for alert in alerts:
        events = [{**event, "source": ""} for event in alert["events"]]
        texts[json.dumps({**alert, "events": events}, sort_keys=True)] += 1
    return texts


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
