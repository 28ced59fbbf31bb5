"""Records that were refused, looked at and sent back: each once, to the partition it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, partition_counts, read_between
from cep.ports.kafka_writers import TopicWriter
from cep.ports.outgoing import (
    HEADER_CODE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_TOPIC,
    REFUSED_RULE,
)
from cep.ports.topic_records import KafkaError, Outgoing, Part, Position, Records
from cep.values import value


@value
class Letter:
    """A refused record: what it holds, where it stood, and why it was refused."""

    code: str
    reason: str
    topic: str
    partition: int
    offset: int
    value: bytes
    key: bytes | None = None


def letters(settings: LiveSettings) -> Iterator[Letter]:
    """All refused records that the topic still holds."""
    with _Group(settings) as group:
        begin = {part: group.reader.bounds(part)[0] for part in group.parts}
        for batch in read_between(settings, begin, group.ends, settings.batch_records):
            for records in batch:
                yield from _letters_of(records)


def send_back(settings: LiveSettings) -> int:
    """Send back what was not sent back before; how many. What is refused again comes as a new letter."""
    sent = 0
    with _Group(settings) as group:
        committed = group.reader.committed(group.parts)
        begin = {
            part: committed[part].offset if part in committed else group.reader.bounds(part)[0]
            for part in group.parts
        }
        writer = TopicWriter(settings, group.name)
        for batch in read_between(settings, begin, group.ends, settings.batch_records):
            writer.begin()
            for records in batch:
                # A version of a rule in a new place would count as the newest.
                out = [_back(each) for each in _letters_of(records) if each.code != REFUSED_RULE]
                writer.write(out)
                sent += len(out)
            offsets = {records.part: Position(records.next_offset) for records in batch}
            writer.send_offsets(offsets, group.reader.group_metadata())
            writer.commit()
    return sent


class _Group:
    """A group of its own for the topic of dead letters: its offsets say what was sent back."""

    def __init__(self, settings: LiveSettings) -> None:
        self.name = f"{settings.group}.dlq"
        counts = _counts(settings)
        if not counts:
            raise KafkaError(f"there is no topic {settings.dead_letters}")
        self.parts = [Part(settings.dead_letters, n) for n in range(counts[settings.dead_letters])]
        one = replace(settings, group=self.name, topics=((settings.dead_letters, ""),), start="earliest")
        self.reader = TopicReader(one, _nothing, lambda _: None)
        self.ends: Mapping[Part, int] = {part: self.reader.bounds(part)[1] for part in self.parts}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()


def _counts(settings: LiveSettings) -> dict[str, int]:
    try:
        return partition_counts(settings, [settings.dead_letters])
    except KafkaError as error:
        told = f"no broker answers at {settings.brokers}\n  is it running, and is `brokers` right? ({error})"
        raise KafkaError(told) from None


def _nothing(_: Sequence[Part]) -> Mapping[Part, int]:
    return {}


def _letters_of(records: Records) -> Iterator[Letter]:
    for row, content in enumerate(records.values):
        head = records.headers(row)
        if HEADER_TOPIC in head:
            yield Letter(
                code=head[HEADER_CODE].decode(),
                reason=head[HEADER_REASON].decode(),
                topic=head[HEADER_TOPIC].decode(),
                partition=int(head[HEADER_PARTITION]),
                offset=int(head[HEADER_OFFSET]),
                value=content or b"",
                key=records.key(row),
            )


def _back(letter: Letter) -> Outgoing:
    return Outgoing(letter.topic, letter.value, letter.key, partition=letter.partition)
