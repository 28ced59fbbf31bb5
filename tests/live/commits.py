"""The brokers' own record of what a group committed, and whether it tiles the log (R11)."""

import re
import struct
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.live.cluster import Cluster

RECORD: Final = "__consumer_offsets"


@dataclass(frozen=True)
class Commit:
    """One commit of a partition: the log from `since` up to before `to` is done."""

    since: int
    to: int


def commits(cluster: Cluster, group: str, *names: str) -> dict[tuple[str, int], list[Commit]]:
    """A group's commits of some topics in their order, by topic and partition; aborted ones are none.

    Of other topics, such as that of rules, a group says only how far it has come.
    """
    topics = [cluster.topic(name) for name in names]
    reader = Consumer(
        {
            "bootstrap.servers": cluster.address,
            "group.id": "commits",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    found: defaultdict[tuple[str, int], list[Commit]] = defaultdict(list)
    try:
        numbers = reader.list_topics(RECORD, 10).topics[RECORD].partitions
        reader.assign([TopicPartition(RECORD, number, 0) for number in numbers])
        left = len(numbers)
        while left:
            message = reader.poll(10)
            assert message is not None, "the record of commits cannot be read to its end"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                left -= 1
                continue
            key, value = message.key(), message.value()
            if isinstance(key, bytes) and isinstance(value, bytes):
                part = _part(key, group)
                if part is not None and part[0] in topics:
                    found[part].append(_commit(value))
    finally:
        reader.close()
    return dict(found)


def _part(key: bytes, group: str) -> tuple[str, int] | None:
    """Version, group, topic, partition; other versions are records of the members."""
    (version,) = struct.unpack_from(">h", key)
    if version not in (0, 1):
        return None
    name, at = _text(key, 2)
    topic, at = _text(key, at)
    (partition,) = struct.unpack_from(">i", key, at)
    return (topic, partition) if name == group else None


def _commit(value: bytes) -> Commit:
    """Version, offset, leader epoch, metadata: from version 4 on a short text has a byte for its length."""
    version, offset = struct.unpack_from(">hq", value)
    assert version in (3, 4)
    metadata = value[15 : 14 + value[14]].decode() if version == 4 else _text(value, 14)[0]
    known = r"origin (\d+) since (\d+)(?: silences \d+-\d+)?(?: rules [\d: ]+)?"
    found = re.fullmatch(known, metadata.rstrip("\0"))
    assert found, f"a commit of somebody else: {metadata!r}"
    return Commit(int(found[2]), offset)


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", data, at)
    return data[at + 2 : at + 2 + length].decode(), at + 2 + length


def require_tiling(cluster: Cluster, group: str, *names: str) -> None:
    """Each commit begins where the one before it ended; the first at the beginning, the last at the end."""
    found = commits(cluster, group, *names)
    for name in names:
        for number, end in cluster.ends(name).items():
            at = 0
            assert (cluster.topic(name), number) in found
            for commit in found[cluster.topic(name), number]:
                assert commit.since == at, f"{name}/{number}: {commit} follows one up to {at}"
                assert commit.to >= at
                at = commit.to
            assert at == end, f"{name}/{number}: committed up to {at}, it ends at {end}"
