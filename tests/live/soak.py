"""R9: a worker under steady load whose keys come and go for ever: neither memory nor state may grow.

`python -m tests.live.soak --seconds 1800 --rate 5000`, or `make soak`. After a third of the time the process
must not grow by more than a twentieth; no partial match may be there for longer than twice its window,
nor in Redis half a minute after it has gone in the worker. Exit code 1 if one of it is not so.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import Producer
from redis import Redis

from samples.live.processes import wait_until
from samples.live.services import Services, running
from tests.live.cluster import Cluster
from tests.live.project import CONFIG, write_project
from tests.live.workers import Workers, workers

WITHIN_S: Final = 10
GROWTH_MAX: Final = 0.05
STORED_S: Final = 30
"""So long may what the worker has forgotten stay in the store."""

TOLD: Final = 10
"""So many samples are a point of the curve that is printed; there are two hundred."""

KEY_SECONDS: Final = 5
"""So long a key is in use; then nobody hears of it again."""

RULES: Final = f"""\
rule: pair
version: 1
severity: high
pattern: SEQ(A a, B b) BY k WHERE b.v = a.v AND b.v > 97 WITHIN {WITHIN_S}s
---
rule: silence
version: 1
severity: low
pattern: SEQ(C c, NOT A a FOR {WITHIN_S}s) BY k WHERE c.v > 97
"""


@dataclass
class Sample:
    """What was seen at one time."""

    at_s: float
    rss_mb: float
    open_matches: int


@dataclass
class Load:
    """Events at a steady rate, at the time of day, each key for a few seconds."""

    cluster: Cluster
    rate: int
    sent: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(5))

    def __post_init__(self) -> None:
        self._producer: Producer = self.cluster.producer()
        self._started = time.monotonic()

    def up_to_now(self) -> None:
        """Send what is due."""
        due = int((time.monotonic() - self._started) * self.rate)
        # After a pause of this program the worker shall not be flooded.
        due = min(due, self.sent + self.rate)
        now_ms = int(time.time() * 1000)
        for _ in range(due - self.sent):
            generation = int((time.monotonic() - self._started) / KEY_SECONDS)
            key = f"g{generation}-{self._chance.randrange(self.rate)}"
            kind = self._chance.choices("ABC", (5, 4, 1))[0]
            record = {"type": kind, "ts": now_ms, "k": key, "v": self._chance.randrange(100)}
            self._producer.produce(self.cluster.topic("events"), json.dumps(record), key)
            self._producer.poll(0)
        self.sent = due

    def only_time(self) -> None:
        """An event of no rule in every partition, so that time runs on."""
        text = json.dumps({"type": "End", "ts": int(time.time() * 1000), "k": "end"})
        for partition in range(self.cluster.partitions):
            self._producer.produce(self.cluster.topic("events"), text, partition=partition)
        self._producer.flush(10)


def main(arguments: list[str]) -> int:
    """Run the soak; what is wrong is told, and makes exit code 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--rate", type=int, default=5000)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="cep-soak-") as folder,
        running(Path(folder) / "services") as services,
    ):
        config = write_project(Path(folder) / "project", CONFIG, RULES)
        cluster = Cluster(services.broker.address, "soak", partitions=2)
        cluster.create("events")
        with workers(cluster, config, services.redis.url) as group:
            group.start("one")
            group.ready("one")
            return _soak(group, services, options.seconds, options.rate)


def _soak(group: Workers, services: Services, seconds: int, rate: int) -> int:
    load, samples = Load(group.cluster, rate), list[Sample]()
    begun = time.monotonic()
    looked = begun
    while time.monotonic() < begun + seconds:
        load.up_to_now()
        time.sleep(0.02)
        if time.monotonic() - looked >= max(1.0, seconds / 200):
            looked = time.monotonic()
            samples.append(_sample(group, looked - begun))
            if len(samples) % TOLD == 0:
                _tell(samples[-TOLD:])
    drained_by = time.monotonic() + 2 * WITHIN_S + 2
    while time.monotonic() < drained_by:
        load.only_time()
        time.sleep(0.5)
    # What the worker has not read yet says nothing of what it keeps.
    group.drain()
    last = _sample(group, time.monotonic() - begun)
    # State is put down the more seldom the dearer it is.
    wait_until(lambda: not _keys_in(services), STORED_S, 1.0)
    return _verdict(samples, last, _keys_in(services), load)


def _tell(samples: list[Sample]) -> None:
    """A point of the curve, as it comes: the mean of the memory in some samples."""
    rss_mb = sum(one.rss_mb for one in samples) / len(samples)
    last = samples[-1]
    sys.stdout.write(f"{last.at_s:6.0f} s  {rss_mb:6.1f} MB  {last.open_matches:8,} open partial matches\n")
    sys.stdout.flush()


def _verdict(samples: list[Sample], last: Sample, stored: int, load: Load) -> int:
    third = [one for one in samples if one.at_s >= samples[-1].at_s / 3]
    count = max(1, len(third) // 6)
    before, after = (sum(one.rss_mb for one in part) / count for part in (third[:count], third[-count:]))
    growth = after / before - 1
    most = max(one.open_matches for one in samples)
    # Six of ten events open a partial match, and of those whose window is over none may be there.
    bound = int(0.6 * load.rate * 2 * WITHIN_S)
    sys.stdout.write(
        f"{samples[-1].at_s:.0f} s, {load.sent:,} events; memory {before:.0f} MB after a third,"
        f" {after:.0f} MB at the end ({growth:+.1%}); open partial matches at most {most:,} (bound"
        f" {bound:,}), {last.open_matches} after {2 * WITHIN_S} s without keys, {stored} keys left in Redis\n"
    )
    wrong = []
    if growth > GROWTH_MAX:
        wrong.append(f"memory grew by {growth:.1%}")
    if most > bound:
        wrong.append("partial matches outlive their windows while events flow")
    if most == 0:
        wrong.append("no partial match was ever open: this proves nothing")
    if last.open_matches or stored:
        wrong.append("partial matches outlive twice their window")
    for text in wrong:
        sys.stderr.write(f"error: {text}\n")
    return 1 if wrong else 0


def _sample(group: Workers, at_s: float) -> Sample:
    status = Path(f"/proc/{group.running['one'].pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    page = group.page("one", "/metrics")[1]
    counts = re.findall(r"^cep_open_partial_matches\{.*\} (\S+)$", page, re.MULTILINE)
    return Sample(at_s, int(kilobytes) / 1024, sum(int(float(count)) for count in counts))


def _keys_in(services: Services) -> int:
    """Entries of rules and keys that are left in Redis; the header of each task is none."""
    with Redis.from_url(services.redis.url) as redis:
        hashes = [redis.hkeys(name) for name in redis.keys("cep:*/*")]
    return sum(b"\0" in name for names in hashes for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
