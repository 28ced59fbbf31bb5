"""What a task reads of a topic: its own records, or records that were moved to it from another topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from cep.columns import Ints
from cep.concat import concat
from cep.ports.moved_records import Origin, origins
from cep.ports.records import LINE_OF_OFFSET
from cep.ports.rejects import Reject
from cep.ports.rows import Chunk, Reading
from cep.ports.topic_records import Records
from cep.runtimes.topic_decoding import Decoder, decoder_of
from cep.stream.clock import BEFORE_ALL_MS, Announced
from cep.stream.task import Rows
from cep.values import value

SOURCES_MAX: Final = 4096
"""Partitions of a topic that records are moved from: their places in the order of equal times."""


@value
class Taken:
    """Rows for the task, and what was refused, each with the records it was among."""

    rows: Rows
    refused: tuple[tuple[Records, Sequence[Reject]], ...]

    @property
    def by_source(self) -> dict[str, Records]:
        """The records by what alerts call their source."""
        return {f"{records.part.topic}/{records.part.partition}": records for records, _ in self.refused}


class TaskInput(Protocol):
    """One topic as a task reads it."""

    def take(self, records: Records) -> Taken:
        """The next records of the task's partition."""
        ...


class OwnRecords:
    """A topic whose records are events."""

    def __init__(self, reading: Reading) -> None:
        """`reading` is that of the partition."""
        self._decoder = decoder_of(reading)

    def take(self, records: Records) -> Taken:
        """The next records of the partition."""
        chunk = self._decoder.chunk(records.offsets, records.values)
        rows = Rows(records.part.topic, chunk.batch, records.offsets[0], records.next_offset)
        return Taken(rows, ((records, chunk.rejects),))


class MovedRecords:
    """A topic of records that were moved here: each is known by where it came from, marks tell the time."""

    def __init__(self, reading: Reading, source: str) -> None:
        """`source` is the topic they were moved from, `reading` how that is read."""
        self._reading = reading
        self._source = source
        self._decoders: dict[int, Decoder] = {}
        self._nothing = decoder_of(reading).chunk([], []).batch

    def take(self, records: Records) -> Taken:
        """The next records of the partition."""
        found = origins(records, self._source, BEFORE_ALL_MS)
        chunks = [self._chunk(each.records) for each in found.found]
        batch = concat([chunk.batch for chunk in chunks]) if chunks else self._nothing
        before = [_marks(each, chunk) for each, chunk in zip(found.found, chunks, strict=True)]
        announced = Announced(np.concatenate([np.empty(0, dtype=np.int64), *before]), found.after_ms)
        rows = Rows(records.part.topic, batch, records.offsets[0], records.next_offset, announced)
        refused = [(each.records, chunk.rejects) for each, chunk in zip(found.found, chunks, strict=True)]
        return Taken(rows, (*refused, (records, _strange(records, found.strange))))

    def _chunk(self, records: Records) -> Chunk:
        number = records.part.partition
        decoder = self._decoders.get(number)
        if decoder is None:
            # As if the partitions of the topic were read as files, one after the other.
            place = self._reading.index * SOURCES_MAX + number
            reading = replace(self._reading, path=f"{self._source}/{number}", index=place)
            decoder = self._decoders[number] = decoder_of(reading)
        return decoder.chunk(records.offsets, records.values)


def _marks(origin: Origin, chunk: Chunk) -> Ints:
    """The furthest mark before each event of a chunk."""
    offsets = chunk.batch.line - LINE_OF_OFFSET
    found: Ints = np.array(origin.before_ms, dtype=np.int64)[np.searchsorted(origin.records.offsets, offsets)]
    return found


def _strange(records: Records, rows: Sequence[int]) -> list[Reject]:
    path = f"{records.part.topic}/{records.part.partition}"
    reason = "not moved here by a worker"
    return [
        Reject(path, records.offsets[row] + LINE_OF_OFFSET, "unreadable", reason, records.values[row] or b"")
        for row in rows
    ]


def task_input(reading: Reading, moved_from: str | None) -> TaskInput:
    """How a topic is read; `moved_from` is the topic that its records were moved from, if they were."""
    return OwnRecords(reading) if moved_from is None else MovedRecords(reading, moved_from)
