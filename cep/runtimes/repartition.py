"""Events moved to the partitions of another key: what is written for what was read, and how far time is.

    payments/0 ──▶ decode ──▶ late? ──▶ key ──┐           the same key, whatever partition it came from,
    payments/1 ──▶ decode ──▶ late? ──▶ key ──┴──▶ fraud.payments.by.card/N     is in the same partition
                     └──────────┴─▶ dead letters, late topic

Whether an event is late is settled here, by its own partition alone, as when partitions are read as files.
So what comes out of the rules is what one replay of all partitions together gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from cep.columns import Batch
from cep.engines.match import plain_key
from cep.event import Key
from cep.inputs import InputSettings
from cep.ports.alert_lines import json_text
from cep.ports.moved_records import moved_out
from cep.ports.outgoing import Topics, refused_out
from cep.ports.records import LINE_OF_OFFSET
from cep.ports.rejects import Reject, late_rejects
from cep.ports.rows import Reading
from cep.ports.topic_records import Outgoing, Records
from cep.runtimes.topic_decoding import Decoder, decoder_of
from cep.stream.clock import BEFORE_ALL_MS, late_rows
from cep.values import value


@value
class Move:
    """Events of the topic `source` go to the topic `to`, which is keyed by these fields."""

    source: str
    to: str
    key: tuple[str, ...]
    settings: InputSettings


class Repartition:
    """One move, for the source partitions that this worker has. `highest_ms` is all that it remembers."""

    def __init__(self, move: Move, reading: Reading, topics: Topics) -> None:
        """`reading` is how the source is read, but for its path."""
        self.highest_ms: dict[int, int] = {}
        """The highest time of each partition that has shown an event, those of other workers included."""
        self.rejects: Counter[str] = Counter()
        self._move = move
        self._reading = reading
        self._topics = topics
        self._decoders: dict[int, Decoder] = {}

    def take(self, records: Records) -> list[Outgoing]:
        """What is to be written for the next records of a partition."""
        number = records.part.partition
        decoder = self._decoders.get(number)
        if decoder is None:
            path = f"{records.part.topic}/{number}"
            decoder = self._decoders[number] = decoder_of(replace(self._reading, path=path))
        chunk = decoder.chunk(records.offsets, records.values)
        batch = chunk.batch
        highest, lateness = self.highest_ms.get(number, BEFORE_ALL_MS), self._move.settings.max_lateness_ms
        late = late_rows(batch.ts_ms, highest, lateness)
        if len(batch):
            self.highest_ms[number] = max(highest, int(batch.ts_ms.max()))
        behind = late_rejects(batch.take(np.flatnonzero(late)), lateness)
        out = list(self._refused(records, (*chunk.rejects, *behind)))
        out += self._moved(records, batch.take(np.flatnonzero(~late)))
        return out

    def watermark_ms(self, waited_for: Iterable[int]) -> int:
        """No event that is in time will come of these partitions with such a time or an earlier one."""
        least = min(
            (self.highest_ms.get(number, BEFORE_ALL_MS) for number in waited_for), default=BEFORE_ALL_MS
        )
        return max(BEFORE_ALL_MS, least - self._move.settings.max_lateness_ms - 1)

    def _moved(self, records: Records, batch: Batch) -> Iterator[Outgoing]:
        """Events of types that rules read, with a key; the others can be in no match."""
        place = {offset: row for row, offset in enumerate(records.offsets)}
        columns = [batch.columns.get(name) for name in self._move.key]
        if any(column is None for column in columns):
            return
        wanted = [self._reading.projection.wants(name) for name in batch.type_names]
        for row in range(len(batch)):
            key = tuple(column.at(row) for column in columns if column is not None)
            if not wanted[batch.types[row]] or None in key:
                continue
            offset = int(batch.line[row]) - LINE_OF_OFFSET
            value = records.values[place[offset]]
            assert value is not None
            yield moved_out(self._move.to, key_bytes(key), value, records.part.partition, offset)

    def _refused(self, records: Records, rejects: Iterable[Reject]) -> Iterator[Outgoing]:
        place = {offset: row for row, offset in enumerate(records.offsets)}
        for reject in rejects:
            self.rejects[reject.reason_code] += 1
            yield refused_out(self._topics, reject, records, place[reject.line - LINE_OF_OFFSET])


def key_bytes(key: Key) -> bytes:
    """A key as producers write it: a text as it is, else JSON; keys that are equal are the same bytes.

    >>> key_bytes(("ann",)), key_bytes((5.0,)), key_bytes(("ann", 5))
    (b'ann', b'5', b'["ann",5]')
    """
    plain = plain_key(key)
    if len(plain) == 1:
        return (plain[0] if isinstance(plain[0], str) else json_text(plain[0])).encode()
    return json_text(list(plain)).encode()
