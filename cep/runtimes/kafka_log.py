"""Kafka as the log of the commit sequence: committed offsets, reading again, one transaction a batch.

Beside each committed offset stands, as its metadata, `origin 0 since 120 silences 0-2`: where the group began
to read the partition, from where on lost state is made again; where this batch began, so that the brokers'
own record of commits shows whether they tile the log; how many silences counted there and count now. Where
rules come from a topic, the pins follow: `rules 4:0:0:0:0 7:90:50:2:0`.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, read_between
from cep.ports.kafka_writers import TopicWriter
from cep.ports.topic_records import KafkaError, Outgoing, Part, Position, Records
from cep.runtimes.commit_ports import Committed
from cep.runtimes.live_task import Done
from cep.runtimes.log_lines import say
from cep.runtimes.pins import pins_of, pins_text
from cep.runtimes.silences import silence_out, silences_of
from cep.state.store import Offsets, TaskId
from cep.stream.silence import SILENCES, Silence, stretches

_METADATA: Final = re.compile(
    r"origin ([0-9]+) since ([0-9]+)(?: silences ([0-9]+)-([0-9]+))?(?: rules ([0-9: ]+))?"
)


class KafkaLog:
    """The log as this worker sees it. `reader` is its membership of the group."""

    def __init__(self, settings: LiveSettings, reader: TopicReader, *, watches: bool = False) -> None:
        """Nothing is connected before `fence`. `watches`: some topics may be silent."""
        self._watches = watches
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
            offsets = {part.topic: offset for part, offset in fresh.items()}
            words = "partition {partition}: new in the group: {offsets}"
            say("topics_added", words, partition=task.partition, offsets=offsets)
        to = {part.topic: found[part].offset if part in found else fresh[part] for part in parts}
        origin = {part.topic: _origin(found[part]) if part in found else fresh[part] for part in parts}
        at_origin, by_now = self._counted(task, found.values())
        pins = {part.topic: told[5] or "" for part, place in found.items() if (told := _told(place))}
        return Committed({**to, SILENCES: by_now}, {**origin, SILENCES: at_origin}, pins_of(pins))

    def _counted(self, task: TaskId, positions: Iterable[Position]) -> tuple[int, int]:
        """How many silences there were at the origin, and how many count by now."""
        told = [found for position in positions if (found := _told(position))]
        if told:
            return max((int(one[3] or 0), int(one[4] or 0)) for one in told)
        # Offsets that somebody else committed say nothing of silences: those that are there are of the past.
        there = len(self.silences(task)) if self._watches else 0
        return there, there

    def start(self, task: TaskId) -> Offsets:
        """Where a task begins that was never committed."""
        there = len(self.silences(task)) if self._watches else 0
        return {**{part.topic: self._begin(part) for part in self._parts(task)}, SILENCES: there}

    def pending(self, task: TaskId, to: Offsets) -> Silence | None:
        """A silence that was decided and does not count yet: the next batch has to begin with it."""
        behind = [one for one in self.silences(task) if one.number >= to[SILENCES]] if self._watches else []
        return behind[0] if behind else None

    def read(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[Sequence[Records | Silence]]:
        """Records and silences between two places; what the brokers have thrown away meanwhile is told."""
        silences = self.silences(task) if until.get(SILENCES, 0) > since.get(SILENCES, 0) else []
        numbers = {one.number for one in silences}
        if not numbers.issuperset(range(since.get(SILENCES, 0), until.get(SILENCES, 0))):
            told = "partition {partition}: silences are needed for state and gone"
            say("silences_gone", told, logging.ERROR, partition=task.partition)
        for place, next_place, silence in stretches(since, until, silences):
            yield from self._records(task, place, next_place)
            if silence is not None:
                yield [silence]

    def silences(self, task: TaskId) -> list[Silence]:
        """All silences of the task that were committed, oldest first."""
        part = Part(self._settings.silences, task.partition)
        first, end = self._reader.bounds(part)
        read = read_between(self._settings, {part: first}, {part: end}, CHUNK_RECORDS)
        return silences_of(task.group, read)

    def _records(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[Sequence[Records]]:
        begin: dict[Part, int] = {}
        for part in self._parts(task):
            wanted, first = since[part.topic], self._reader.bounds(part)[0]
            if wanted < first and wanted < until[part.topic]:
                told = "{topic}/{partition}: records {since} to {until} are needed for state and gone"
                where = {"topic": part.topic, "partition": part.partition, "since": wanted, "until": first}
                say("records_gone", told, logging.ERROR, **where)
            begin[part] = max(wanted, first)
        end = {part: until[part.topic] for part in begin}
        yield from (batch for batch in read_between(self._settings, begin, end, CHUNK_RECORDS) if batch)

    def looked(self, part: Part) -> int:
        """How far the group has come in a partition that is not shared out; 0 at first."""
        found = self._reader.committed([part])
        return found[part].offset if part in found else 0

    def give(self, out: Sequence[Outgoing], positions: Mapping[Part, Position]) -> None:
        """Records and offsets of no task, in a transaction of their own."""
        self._open.begin()
        self._open.write(out)
        self._open.send_offsets(positions, self._reader.group_metadata())
        self._open.commit()

    def begin(self) -> None:
        """Begin a transaction."""
        self._open.begin()

    def decide(self, silences: Mapping[TaskId, Silence]) -> None:
        """Write silences down, in the transaction."""
        topic = self._settings.silences
        self._open.write(
            silence_out(topic, task.group, task.partition, silence) for task, silence in silences.items()
        )

    def write(self, results: Mapping[TaskId, Done]) -> None:
        """Send alerts and refused records, in the transaction."""
        for task, done in results.items():
            self._since[task] = done.since
            self._open.write(done.out)

    def send_offsets(self, offsets: Mapping[TaskId, Committed]) -> None:
        """Commit offsets in the transaction."""
        self._open.send_offsets(self._positions(offsets), self._reader.group_metadata())

    def commit(self) -> None:
        """Make all of it true at once."""
        self._open.commit()

    def _positions(self, offsets: Mapping[TaskId, Committed]) -> dict[Part, Position]:
        positions = {}
        for task, committed in offsets.items():
            since = self._since.pop(task, committed.to)
            silences = committed.origin.get(SILENCES, 0), committed.to.get(SILENCES, 0)
            for topic, offset in committed.to.items():
                if topic == SILENCES:
                    continue
                metadata = f"origin {committed.origin[topic]} since {since.get(topic, offset)}"
                metadata += f" silences {silences[0]}-{silences[1]}" if any(silences) else ""
                metadata += f" rules {pins_text(committed.pins, topic)}" if committed.pins else ""
                positions[Part(topic, task.partition)] = Position(offset, metadata)
        return positions

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
    told = _told(position)
    return position.offset if told is None else int(told[1])


def _told(position: Position) -> re.Match[str] | None:
    # The client writes the end mark of C texts with it.
    return _METADATA.fullmatch(position.metadata.rstrip("\0"))
