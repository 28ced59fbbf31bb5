"""Kafka as the log without transactions: alerts and offsets in turn; which comes first is the promise.

    at_least_once   write alerts ─▶ commit offsets      dies in between: the batch is done again
    at_most_once    commit offsets ─▶ write alerts      dies in between: its alerts are lost

Everything else is as with transactions: the state is undone or made again, and a worker without which the
group has moved on is refused its commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader
from cep.ports.kafka_writers import PlainWriter
from cep.ports.topic_records import KafkaError, Outgoing, Part, Position
from cep.runtimes.commit_ports import Committed
from cep.runtimes.kafka_log import KafkaLog
from cep.runtimes.live_task import Done
from cep.state.store import TaskId
from cep.stream.silence import Silence


class PlainLog(KafkaLog):
    """Gathers a batch, and gives it out in `commit`."""

    def fence(self) -> None:
        """Only the group and the store lock others out."""
        self._plain = PlainWriter(self._settings)

    def begin(self) -> None:
        """Nothing of the batch is there yet."""
        self._out: list[Outgoing] = []
        self._offsets: dict[Part, Position] = {}

    def give(self, out: Sequence[Outgoing], positions: Mapping[Part, Position]) -> None:
        """Records and offsets of no task."""
        self.begin()
        self._out += out
        self._offsets |= positions
        self.commit()

    def write(self, results: Mapping[TaskId, Done]) -> None:
        """What leaves the system with this batch."""
        for task, done in results.items():
            self._since[task] = done.since
            self._out += done.out

    def decide(self, silences: Mapping[TaskId, Silence]) -> NoReturn:
        """Without a transaction two workers could decide."""
        raise KafkaError(f"idle_timeout needs exactly_once, {len(silences)} silences cannot be written down")

    def send_offsets(self, offsets: Mapping[TaskId, Committed]) -> None:
        """The offsets of this batch."""
        self._offsets = self._positions(offsets)

    def commit(self) -> None:
        """Write and commit, or commit and write."""
        if self._settings.promise == "at_most_once":
            self._reader.commit(self._offsets)
        if self._out:
            self._plain.write(self._out)
            self._plain.flush()
        if self._settings.promise == "at_least_once":
            self._reader.commit(self._offsets)


def log_of(settings: LiveSettings, reader: TopicReader, *, watches: bool) -> KafkaLog:
    """The log that keeps what the settings promise."""
    kind = KafkaLog if settings.promise == "exactly_once" else PlainLog
    return kind(settings, reader, watches=watches)
