"""Topics through librdkafka: what is read, grouped by topic and partition, as bytes with their offsets.

The only importer of that library; `kafka_writers` takes what it needs of it from here.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import confluent_kafka as ck
from confluent_kafka import admin as ck_admin
from confluent_kafka import cimpl

from cep.live import LiveSettings
from cep.ports.topic_records import KafkaError, Part, Position, Records

SESSION_MS: Final = 10_000
"""A worker that was not heard of for so long has lost its partitions."""

STABLE_SESSION_MS: Final = 45_000
"""One with a name of its own keeps them for so long: it is expected back."""

RECORD_BYTES_MAX: Final = 32 << 20

PARTITION_END: Final = ck.KafkaError._PARTITION_EOF  # noqa: SLF001 - so the library names its own codes
PASSING: Final = (
    ck.KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    ck.KafkaError._TRANSPORT,  # noqa: SLF001
    ck.KafkaError._TIMED_OUT,  # noqa: SLF001
    ck.KafkaError._RESOLVE,  # noqa: SLF001
)
"""What the client tells while it goes on trying by itself."""

REFUSED: Final = (
    ck.KafkaError._AUTHENTICATION,  # noqa: SLF001
    ck.KafkaError._SSL,  # noqa: SLF001
)
"""What a broker has against us."""

FOLLOWED_MAX: Final = 1000

Producer = ck.Producer

ANSWER_S: Final = 30.0
"""How long the brokers have for an answer."""

_TRIES: Final = 20


def client_settings(settings: LiveSettings) -> dict[str, Any]:
    """What every client is given: where the brokers are, and the settings of the user."""
    # Left alone, the library writes lines of its own form to stderr.
    lines = {"logger": logging.getLogger("cep.kafka")} if settings.log_format == "json" else {}
    return {
        **lines,
        "bootstrap.servers": settings.brokers,
        "client.id": f"cep-{os.getpid()}",
        # A broker that comes back is found at once, not after ten seconds.
        "reconnect.backoff.max.ms": 1000,
        "log.connection.close": False,
        **dict(settings.kafka),
    }


def _reading(settings: LiveSettings) -> dict[str, Any]:
    return {
        **client_settings(settings),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "fetch.max.bytes": 64 << 20,
        "max.partition.fetch.bytes": RECORD_BYTES_MAX,
        "queued.max.messages.kbytes": 256 << 10,
        "fetch.wait.max.ms": 50,
    }


class TopicReader:
    """A member of the consumer group. Callbacks of a rebalance run inside `read`, so never during a batch."""

    def __init__(
        self,
        settings: LiveSettings,
        on_assign: Callable[[Sequence[Part]], Mapping[Part, int]],
        on_revoke: Callable[[Sequence[Part]], None],
        *,
        ends: bool = False,
    ) -> None:
        """`on_assign` says where to begin reading each partition it is given; `ends`: see `read_to_end`."""
        static = {"group.instance.id": settings.instance} if settings.instance else {}
        self._consumer = ck.Consumer(
            {
                # How long a dead worker keeps its partitions is for the user to say.
                "session.timeout.ms": STABLE_SESSION_MS if settings.instance else SESSION_MS,
                "heartbeat.interval.ms": 2000,
                **_reading(settings),
                **static,
                "group.id": settings.group,
                # Range gives the same partition number of every topic to the same worker.
                "partition.assignment.strategy": "range",
                # State may have to be computed anew from a long log before the next read.
                "max.poll.interval.ms": 3_600_000,
                "enable.partition.eof": ends,
            }
        )
        self._topics = [topic for topic, _ in settings.topics]
        self._on_assign = on_assign
        self._on_revoke = on_revoke
        self._failure: Exception | None = None
        self._membership: object = None
        self._ends = ends
        self._at_end: set[Part] = set()

    def subscribe(self) -> None:
        """Join the group; partitions come with the first reads."""
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def read(self, records_max: int, seconds: float) -> list[Records]:
        """The next records of all partitions, at most so many, after waiting at most so long."""
        messages = self._consumer.consume(records_max, seconds)
        if self._failure is not None:
            raise self._failure
        return _grouped(self._without_ends(messages) if self._ends else messages)

    def read_to_end(self, part: Part) -> bool:
        """Whether nothing was left to read of a partition; never, unless the reader watches for `ends`."""
        return part in self._at_end

    def _without_ends(self, messages: Sequence[Any]) -> list[Any]:
        records = []
        for message in messages:
            if _code(message) == PARTITION_END:
                self._at_end.add(_part(message))
            else:
                records.append(message)
                self._at_end.discard(_part(message))
        return records

    def committed(self, parts: Sequence[Part]) -> dict[Part, Position]:
        """Where the group stands, where it ever was; waits for transactions that are under way."""
        wanted = [ck.TopicPartition(*part) for part in parts]
        for tries_left in reversed(range(_TRIES)):
            try:
                found = self._consumer.committed(wanted, ANSWER_S)
                break
            except ck.KafkaException as error:
                # A coordinator that has just started says so, and nothing else is wrong.
                if not tries_left or not error.args[0].retriable():
                    raise KafkaError(f"the committed offsets: {error.args[0].str()}") from None
        for one in found:
            if one.error is not None:
                raise KafkaError(f"the committed offset of {one.topic}/{one.partition}: {one.error}")
        return {
            Part(one.topic, one.partition): Position(one.offset, one.metadata or "")
            for one in found
            if one.offset >= 0
        }

    def commit(self, positions: Mapping[Part, Position]) -> None:
        """Commit offsets outside of any transaction; refused once the group went on without this member."""
        with kafka_errors():
            done = self._consumer.commit(offsets=offsets_of(positions), asynchronous=False)
        for one in done or ():
            if one.error is not None:
                raise KafkaError(f"the offset of {one.topic}/{one.partition} was not committed: {one.error}")

    def bounds(self, part: Part) -> tuple[int, int]:
        """The first offset that is kept and the one after the last committed record."""
        with kafka_errors():
            low, high = self._consumer.get_watermark_offsets(ck.TopicPartition(*part), ANSWER_S)
        return int(low), int(high)

    def known_end(self, part: Part) -> int | None:
        """The end of a partition as of the last fetch, without asking the broker."""
        with kafka_errors():
            _, high = self._consumer.get_watermark_offsets(ck.TopicPartition(*part), cached=True)
        return int(high) if high >= 0 else None

    def group_metadata(self) -> object:
        """What makes a commit of offsets fail once another worker has the partitions.

        It is that of the last assignment, whatever the client has heard since: that is what records are of.
        """
        return self._consumer.consumer_group_metadata() if self._membership is None else self._membership

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assigned(self, consumer: ck.Consumer, parts: Sequence[ck.TopicPartition]) -> None:
        self._at_end.clear()
        try:
            self._membership = consumer.consumer_group_metadata()
            begin = self._on_assign([Part(one.topic, one.partition) for one in parts])
            consumer.assign([ck.TopicPartition(*part, offset) for part, offset in begin.items()])
        except Exception as error:  # noqa: BLE001 - an exception in a callback of the library may get lost
            self._failure = error

    def _revoked(self, _: ck.Consumer, parts: Sequence[ck.TopicPartition]) -> None:
        try:
            self._on_revoke([Part(one.topic, one.partition) for one in parts])
        except Exception as error:  # noqa: BLE001 - as above
            self._failure = error


def read_between(
    settings: LiveSettings, begin: Mapping[Part, int], end: Mapping[Part, int], records_max: int
) -> Iterator[list[Records]]:
    """Committed records from `begin` to before `end`, partitions side by side, outside of any group."""
    left = {part for part, offset in end.items() if begin[part] < offset}
    if not left:
        return
    consumer = ck.Consumer(
        {
            **_reading(settings),
            "group.id": f"{settings.group}.rebuild",
            "enable.partition.eof": True,
        }
    )
    try:
        consumer.assign([ck.TopicPartition(*part, begin[part]) for part in sorted(left)])
        while left:
            messages = consumer.consume(records_max, 0.1)
            ends = [message for message in messages if _code(message) == PARTITION_END]
            read = _grouped([message for message in messages if _code(message) != PARTITION_END])
            yield [before for before in (one.split(end[one.part])[0] for one in read) if before.offsets]
            reached = {one.part for one in read if one.next_offset >= end[one.part]}
            # What lies before `end` may end in marks of transactions, which are no records.
            done = reached | {_part(message) for message in ends}
            consumer.pause([ck.TopicPartition(*part) for part in done & left])
            left -= done
    finally:
        consumer.close()


def offsets_of(positions: Mapping[Part, Position]) -> list[ck.TopicPartition]:
    """Positions in the words of the library."""
    return [ck.TopicPartition(*part, at.offset, at.metadata) for part, at in positions.items()]


class TopicFollower:
    """All committed records of a partition from its first on, and then those that come; in no group."""

    def __init__(self, settings: LiveSettings, part: Part) -> None:
        """Nothing is read before `read`."""
        self._consumer = ck.Consumer(
            {
                **_reading(settings),
                "group.id": f"{settings.group}.{part.topic}",
                "enable.partition.eof": True,
            }
        )
        self._consumer.assign([ck.TopicPartition(*part, ck.OFFSET_BEGINNING)])

    def read(self, seconds: float) -> tuple[list[Records], bool]:
        """What has come within so long, and whether the end was reached with it."""
        messages = self._consumer.consume(FOLLOWED_MAX, seconds)
        ended = any(_code(message) == PARTITION_END for message in messages)
        return _grouped([message for message in messages if _code(message) != PARTITION_END]), ended

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


def _code(message: Any) -> int | None:  # noqa: ANN401 - the library's types say None where there is none
    error = message.error()
    return None if error is None else int(error.code())


def _part(message: Any) -> Part:  # noqa: ANN401
    return Part(message.topic(), message.partition())


def _grouped(messages: Sequence[Any]) -> list[Records]:
    """Messages by partition; an error among them that does not pass by itself is raised."""
    grouped: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for message in messages:
        error = message.error()
        if error is None:
            grouped[message.topic(), message.partition()].append(message)
        else:
            _raise_unless_passing(error)
    return [
        Records(Part(*part), [each.offset() for each in mine], [each.value() for each in mine], mine)
        for part, mine in sorted(grouped.items())
    ]


def partition_counts(settings: LiveSettings, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each of these topics has, those that exist; KafkaError if no broker answers."""
    told: list[ck.KafkaError] = []
    # Whoever waits for a broker says so in his own words.
    quiet: dict[str, Any] = {"log_level": 0, "error_cb": told.append}
    with kafka_errors():
        client = ck_admin.AdminClient({**client_settings(settings), **quiet})
        try:
            found = client.list_topics(timeout=5).topics
        except ck.KafkaException:
            client.poll(0)
            # The client keeps on trying and says no more than that nobody answered.
            for error in told:
                if error.code() in REFUSED:
                    raise KafkaError(error.str()) from None
            raise
    return {topic: len(found[topic].partitions) for topic in topics if topic in found}


def create_topics(
    settings: LiveSettings,
    topics: Mapping[str, int],
    replicas: int = -1,
    config: Mapping[str, str] | None = None,
) -> None:
    """Create topics with so many partitions; those that exist are left as they are.

    `replicas` -1 leaves the number to the brokers.
    """
    given = dict(config or {})
    wanted = [cimpl.NewTopic(name, count, replicas, config=given) for name, count in topics.items()]
    if not wanted:
        return
    with kafka_errors():
        client = ck_admin.AdminClient(client_settings(settings))
        for name, future in client.create_topics(wanted).items():
            try:
                future.result(ANSWER_S)
            except ck.KafkaException as error:
                if error.args[0].code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:
                    raise KafkaError(f"topic {name} cannot be created: {error.args[0].str()}") from None


def _raise_unless_passing(error: ck.KafkaError) -> None:
    """Errors that the client mends by itself are not ours; the others end the worker."""
    if error.fatal() or (error.code() not in PASSING and not error.retriable()):
        raise KafkaError(f"reading: {error.name()}: {error.str()}")


class kafka_errors:  # noqa: N801 - reads as a statement
    """Errors of the library leave as KafkaError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ck.KafkaException):
            first = error.args[0]
            text = f"{first.name()}: {first.str()}" if isinstance(first, ck.KafkaError) else str(error)
            raise KafkaError(text) from error
