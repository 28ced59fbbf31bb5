"""Kafka as the log of the commit sequence: committed offsets, reading again, one transaction a batch.

Beside each committed offset stands, as its metadata, `origin 0 since 120`: where the group began to read the
partition, from where on lost state is made again, and where this batch began, so that the brokers' own record
of commits shows whether they tile the log.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, TopicWriter, read_between
from cep.ports.topic_records import KafkaError, Part, Position, Records
from cep.runtimes.commit import Committed
from cep.runtimes.live_task import Done
from cep.state.store import Offsets, TaskId

log = logging.getLogger("cep.live")

_METADATA: Final = re.compile(r"origin ([0-9]+) since ([0-9]+)")


class KafkaLog:
    """The log as this worker sees it. `reader` is its membership of the group."""

    def __init__(self, settings: LiveSettings, reader: TopicReader) -> None:
        """Nothing is connected before `fence`."""
        self._settings = settings
        self._reader = reader
        self._writer: TopicWriter | None = None
        self._since: dict[TaskId, Offsets] = {}

    def fence(self) -> None:
        """End what an earlier process of this worker's name left open, and lock it out."""
        name = self._settings.instance or uuid.uuid4().hex
        self._writer = TopicWriter(self._settings, f"{self._settings.group}-{name}")

    def committed(self, task: TaskId) -> Committed | None:
        """What the group has committed; a topic it never read before begins where new groups begin."""
        parts = self._parts(task)
        found = self._reader.committed(parts)
        if not found:
            return None
        fresh = {part: self._begin(part) for part in parts if part not in found}
        if fresh:
            log.info("new in the group %s: %s", task.group, fresh)
        to = {part.topic: found[part].offset if part in found else fresh[part] for part in parts}
        origin = {part.topic: _origin(found[part]) if part in found else fresh[part] for part in parts}
        return Committed(to, origin)

    def start(self, task: TaskId) -> Offsets:
        """Where a task begins that was never committed."""
        return {part.topic: self._begin(part) for part in self._parts(task)}

    def read(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[Sequence[Records]]:
        """The records between two places; what the brokers have thrown away meanwhile is told."""
        begin: dict[Part, int] = {}
        for part in self._parts(task):
            wanted, first = since[part.topic], self._reader.bounds(part)[0]
            if wanted < first and wanted < until[part.topic]:
                log.error("%s/%d: records %d to %d are needed for state and gone", *part, wanted, first)
            begin[part] = max(wanted, first)
        end = {part: until[part.topic] for part in begin}
        yield from (batch for batch in read_between(self._settings, begin, end, CHUNK_RECORDS) if batch)

    def begin(self) -> None:
        """Begin a transaction."""
        self._open.begin()

    def write(self, results: Mapping[TaskId, Done]) -> None:
        """Send alerts and refused records, in the transaction."""
        for task, done in results.items():
            self._since[task] = done.delta.since
            self._open.write(done.out)

    def send_offsets(self, offsets: Mapping[TaskId, Committed]) -> None:
        """Commit offsets in the transaction."""
        positions = {}
        for task, committed in offsets.items():
            since = self._since.pop(task, committed.to)
            for topic, offset in committed.to.items():
                metadata = f"origin {committed.origin[topic]} since {since.get(topic, offset)}"
                positions[Part(topic, task.partition)] = Position(offset, metadata)
        self._open.send_offsets(positions, self._reader.group_metadata())

    def commit(self) -> None:
        """Make all of it true at once."""
        self._open.commit()

    @property
    def _open(self) -> TopicWriter:
        if self._writer is None:
            raise KafkaError("nothing is written before `fence`")
        return self._writer

    def _parts(self, task: TaskId) -> list[Part]:
        return [Part(topic, task.partition) for topic, _ in self._settings.topics]

    def _begin(self, part: Part) -> int:
        first, end = self._reader.bounds(part)
        return first if self._settings.start == "earliest" else end


CHUNK_RECORDS: Final = 10_000


def _origin(position: Position) -> int:
    """Offsets that somebody else committed say nothing of an origin: then there is nothing before them."""
    # The client writes the end mark of C texts with it.
    found = _METADATA.fullmatch(position.metadata.rstrip("\0"))
    return position.offset if found is None else int(found[1])
