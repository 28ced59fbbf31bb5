"""Topics of a test: filled, read back as committed, and replayed as files to get the truth."""

import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import chdir, suppress
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.cli.shop import cep
from tests.live.project import end_event, lines


@dataclass
class Cluster:
    """One test's view of the broker; all its topics begin with `prefix`."""

    address: str
    prefix: str
    partitions: int = 4
    made: set[str] = field(default_factory=set)

    def topic(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def create(self, *names: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        wanted = [NewTopic(self.topic(name), self.partitions, 1) for name in names]
        for future in admin.create_topics(wanted).values():
            future.result(30)

    def producer(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self.address,
                "partitioner": "murmur2_random",
                "message.max.bytes": 32 << 20,
            }
        )

    def send(self, name: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        producer = self.producer()
        for key, value in records:
            producer.produce(self.topic(name), value, key)
            producer.poll(0)
        assert producer.flush(60) == 0

    def end(self, *names: str) -> None:
        """Let time run on in every partition, so that nothing is left to wait for."""
        producer = self.producer()
        for name in names:
            for partition in range(self.partitions):
                producer.produce(self.topic(name), end_event(), partition=partition)
        assert producer.flush(60) == 0

    def messages(self, name: str, group: str = "reader") -> list[Message]:
        """All committed records of a topic, partition by partition."""
        self.settle(name)
        reader = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        try:
            topic = self.topic(name)
            reader.assign([TopicPartition(topic, number, 0) for number in range(self.partitions)])
            found, left = [], self.partitions
            while left:
                message = reader.poll(10)
                assert message is not None, f"{topic} cannot be read to its end"
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left -= 1
            return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
        finally:
            reader.close()

    def settle(self, name: str, seconds: float = 40) -> None:
        """Wait until no transaction is open in a topic: nobody can read what was committed behind one.

        That of a killed worker without a name of its own stays open until it times out.
        """
        begun = time.monotonic()
        while (committed := self.ends(name)) != (written := self.ends(name, "read_uncommitted")):
            told = f"{self.topic(name)} is committed up to {committed} and written up to {written}"
            assert time.monotonic() < begun + seconds, told
            time.sleep(0.2)
        waited = time.monotonic() - begun
        if waited > 1:
            sys.stdout.write(f"{self.topic(name)}: {waited:.1f} s until no transaction was open\n")

    def values(self, name: str) -> list[bytes]:
        return [message.value() or b"" for message in self.messages(name)]

    def ends(self, name: str, level: str = "read_committed") -> dict[int, int]:
        settings = {"group.id": "ends", "isolation.level": level}
        reader = Consumer({"bootstrap.servers": self.address, **settings})
        try:
            parts = [TopicPartition(self.topic(name), number) for number in range(self.partitions)]
            return {part.partition: _end(reader, part) for part in parts}
        finally:
            reader.close()

    def committed(self, group: str, *names: str) -> dict[tuple[str, int], int]:
        reader = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            parts = [
                TopicPartition(self.topic(n), number) for n in names for number in range(self.partitions)
            ]
            return {(p.topic, p.partition): p.offset for p in reader.committed(parts, 10)}
        finally:
            reader.close()

    def drained(self, group: str, *names: str, marks: int = 0) -> bool:
        """Whether the group has committed all that there is; `marks` of transactions may end a partition."""
        try:
            done = self.committed(group, *names)
        except KafkaException:
            return False  # the coordinator is on its way
        ends = {(self.topic(n), number): end for n in names for number, end in self.ends(n).items()}
        return all(done[part] >= end - marks for part, end in ends.items())


def truth(
    cluster: Cluster,
    config: Path,
    *names: str,
    without: Collection[tuple[str, int, int]] = (),
    together: bool = False,
) -> Counter[bytes]:
    """What `cep replay` says of the same log, as the very lines it prints.

    Partition by partition, each with its own time, or all `together`. `without`: records that it shall not
    see, by topic, partition and offset.
    """
    folder = config.parent
    files: dict[int, list[str]] = {number: [] for number in range(cluster.partitions)}
    for name in names:
        topic = cluster.topic(name)
        (folder / topic).mkdir(exist_ok=True)
        records: dict[int, list[bytes | None]] = {number: [] for number in range(cluster.partitions)}
        for message in cluster.messages(name):
            rows = records[message.partition() or 0]
            assert message.offset() == len(rows), "an input log without transactions has no gaps"
            place = topic, message.partition() or 0, message.offset() or 0
            rows.append(None if place in without else message.value())
        for number, rows in records.items():
            (folder / topic / str(number)).write_bytes(lines(rows))
            files[number].append(f"{topic}/{number}")
    found: Counter[bytes] = Counter()
    if together:
        return replayed(config, *(file for given in files.values() for file in given))
    for given in files.values():
        found += replayed(config, *given)
    return found


def replayed(config: Path, *files: str) -> Counter[bytes]:
    """The alerts of `cep replay` of files beside the project file, as the lines it prints."""
    with chdir(config.parent):
        done = cep("replay", *files, "--config", config.name, "--format", "json")
    assert done.exit_code == 0, done.stderr
    return Counter(done.stdout_bytes.splitlines())


def require_equal(found: Iterable[bytes], expected: Counter[bytes]) -> None:
    """Every alert of the truth once, and no other."""
    counted = Counter(found)
    missing = expected - counted
    doubled = Counter({line: count for line, count in counted.items() if count > 1 and line in expected})
    wrong = Counter({line: count for line, count in counted.items() if line not in expected})
    assert expected, "a truth without alerts proves nothing"
    told = (
        f"{sum(expected.values())} expected, {sum(counted.values())} found: {sum(missing.values())} missing, "
        f"{len(doubled)} doubled, {len(wrong)} wrong; first missing {next(iter(missing), None)!r}, "
        f"first doubled {next(iter(doubled), None)!r}, first wrong {next(iter(wrong), None)!r}"
    )
    assert counted == expected, told


def _end(reader: Consumer, part: TopicPartition) -> int:
    """Where a partition ends; a partition just made may have no leader yet, which is no answer."""
    for _ in range(20):
        with suppress(KafkaException):
            return int(reader.get_watermark_offsets(part, 10)[1])
        time.sleep(0.1)
    return int(reader.get_watermark_offsets(part, 10)[1])
