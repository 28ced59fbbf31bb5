"""The topic of rules as all use it: read to its end, followed, and written in one piece or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, Self

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicFollower, create_topics, partition_counts
from cep.ports.kafka_writers import TopicWriter
from cep.ports.rule_records import RuleHistory
from cep.ports.topic_records import KafkaError, Outgoing, Part

END_SECONDS: Final = 30.0
"""So long may it take to read the topic to its end."""

COMPACTED: Final = {"cleanup.policy": "compact"}


def prepare_rule_topic(settings: LiveSettings) -> None:
    """Make the topic if it is not there; KafkaError if it is not as rules need it, or no broker answers."""
    topic = settings.rules_topic
    try:
        count = partition_counts(settings, [topic]).get(topic)
    except KafkaError as error:
        told = f"no broker answers at {settings.brokers}\n  is it running, and is `brokers` right? ({error})"
        raise KafkaError(told) from None
    if count is None:
        create_topics(settings, {topic: 1}, config=COMPACTED)
    elif count != 1:
        raise KafkaError(f"the topic {topic} has {count} partitions; rules need an order: one partition")


class RuleReader:
    """The topic, read from its beginning."""

    def __init__(self, settings: LiveSettings) -> None:
        """Nothing is read yet; the topic is there."""
        self.history = RuleHistory()
        self.revision = 0
        """The newest set of rules that is known as a whole: what one push wrote is never seen in part."""
        self._topic = settings.rules_topic
        self._follower = TopicFollower(settings, Part(self._topic, 0))

    def to_end(self) -> None:
        """Read all there is."""
        end = time.monotonic() + END_SECONDS
        while not self.follow(0.1):
            if time.monotonic() > end:
                raise KafkaError(f"the topic {self._topic} could not be read to its end in {END_SECONDS:g}s")

    def follow(self, seconds: float = 0.0) -> bool:
        """Take what has come within so long; whether the end was reached with it."""
        batch, ended = self._follower.read(seconds)
        for records in batch:
            for row, offset in enumerate(records.offsets):
                self.history.add(offset, records.key(row), records.values[row])
        if ended:
            # Committed records end where a transaction ends.
            self.revision = self.history.revision
        return ended

    def close(self) -> None:
        """Stop reading."""
        self._follower.close()


def open_rules(settings: LiveSettings) -> RuleReader:
    """A reader of the topic, which is made if it is not there."""
    prepare_rule_topic(settings)
    return RuleReader(settings)


class RuleTopic:
    """The topic for a person who looks at rules or changes them; to be used as a context."""

    def __init__(self, settings: LiveSettings, *, write: bool) -> None:
        """With `write`, whoever else is changing rules right now will be refused."""
        prepare_rule_topic(settings)
        self._topic = settings.rules_topic
        self._writer = TopicWriter(settings, f"{self._topic}.push") if write else None
        # Read after that: nobody can write any more between what is read and what is written.
        self._reader = RuleReader(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def history(self) -> RuleHistory:
        """All that the topic holds."""
        self._reader.to_end()
        return self._reader.history

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all of these, or none."""
        if self._writer is None:
            raise KafkaError("this was opened for reading")
        self._writer.begin()
        self._writer.write(Outgoing(self._topic, value, key, partition=0) for key, value in records)
        self._writer.commit()
