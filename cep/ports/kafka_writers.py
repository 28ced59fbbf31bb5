"""Producers through librdkafka: one that writes in transactions together with offsets, and a plain one.

What is written in a transaction goes out together with the offsets it was made from, so readers of committed
data see both or neither.

librdkafka would choose partitions by CRC32. Every producer here is told to use murmur2 as all other clients
of Kafka do, or topics that are split by the same key would not be split alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from cep.live import LiveSettings
from cep.ports.kafka_topics import (
    ANSWER_S,
    RECORD_BYTES_MAX,
    Producer,
    client_settings,
    kafka_errors,
    offsets_of,
)
from cep.ports.topic_records import KafkaError, Outgoing, Part, Position

TRANSACTION_MS: Final = 15_000
"""The broker aborts a transaction that its worker left open for so long."""


class PlainWriter:
    """A producer. Any error is a KafkaError, after which only a new process goes on."""

    def __init__(self, settings: LiveSettings, kind: Mapping[str, object] = MappingProxyType({})) -> None:
        """`kind` are settings that make it another one."""
        self._failed: str | None = None
        with kafka_errors():
            self._producer = Producer(
                {
                    **client_settings(settings),
                    # What is sent again after a lost answer is not written twice.
                    "enable.idempotence": True,
                    "delivery.timeout.ms": TRANSACTION_MS,
                    "partitioner": "murmur2_random",
                    "linger.ms": 5,
                    "compression.type": "lz4",
                    "message.max.bytes": RECORD_BYTES_MAX,
                    "queue.buffering.max.messages": 1_000_000,
                    "queue.buffering.max.kbytes": 1 << 20,
                    **kind,
                }
            )

    def write(self, records: Iterable[Outgoing]) -> None:
        """Hand records to the client, which sends them when it sees fit."""
        with kafka_errors():
            for record in records:
                self._produce(record)

    def _produce(self, record: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=list(record.headers),
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: object, _: object) -> None:
        if error is not None and self._failed is None:
            self._failed = str(error)

    def flush(self) -> None:
        """Wait until all that was handed over is acknowledged."""
        with kafka_errors():
            left = self._producer.flush(ANSWER_S)
        self._require_written(left)

    def _require_written(self, left: int = 0) -> None:
        if left or self._failed is not None:
            why = self._failed or f"{left} without an answer after {ANSWER_S:g}s"
            raise KafkaError(f"a record could not be written: {why}")


class TopicWriter(PlainWriter):
    """A transactional producer; `write` puts records into the open transaction."""

    def __init__(self, settings: LiveSettings, transactional_id: str) -> None:
        """Fences an earlier process of the same id, whose open transaction is aborted."""
        kind = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_MS,
            # The brokers refuse a transaction for the moment in which they still end the one before.
            "retry.backoff.ms": dict(settings.kafka).get("retry.backoff.ms", 10),
        }
        super().__init__(settings, kind)
        with kafka_errors():
            self._producer.init_transactions(ANSWER_S)

    def begin(self) -> None:
        """Open the transaction of a batch."""
        with kafka_errors():
            self._producer.begin_transaction()

    def send_offsets(self, positions: Mapping[Part, Position], group_metadata: object) -> None:
        """Put the offsets that the batch was made from into the transaction."""
        with kafka_errors():
            self._producer.send_offsets_to_transaction(offsets_of(positions), group_metadata, ANSWER_S)

    def commit(self) -> None:
        """Commit what was written together with the offsets."""
        with kafka_errors():
            self._producer.commit_transaction(ANSWER_S)
        self._require_written()
