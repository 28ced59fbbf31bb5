"""The live worker's loop: read a batch, compute, commit alerts and offsets in one transaction, exactly once.

    assigned ──▶ rebuild state up to the committed offsets ──▶ read ──▶ tasks ──▶ transaction ──┐
                                                                ▲                              │
                                                                └──────────────────────────────┘

Whatever goes wrong after the start ends the process: the way back is the start, so it is always in use.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from cep.errors import InputError
from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, TopicWriter, create_topics, partition_counts, read_between
from cep.ports.topic_records import KafkaError, Outgoing, Part, Records
from cep.runtimes.live_metrics import Metrics
from cep.runtimes.live_task import Task, TaskSettings

log = logging.getLogger("cep.live")

BATCH_SECONDS: Final = 0.5
"""How long computing a batch should take at most: so long may an alert wait for those behind it."""

RECORDS_AT_FIRST: Final = 1000
BACKOFF_SECONDS_MAX: Final = 8.0


def prepare_topics(settings: LiveSettings, stop: threading.Event) -> int:
    """Wait for a broker, look at the topics, make those that are written; how many partitions are read.

    InputError if a topic to read is missing, or if they differ in their numbers of partitions, because then
    one key would be in partitions of different numbers.
    """
    counts = _wait_for_broker(settings, stop)
    read = [topic for topic, _ in settings.topics]
    missing = [topic for topic in read if topic not in counts]
    if missing:
        raise InputError(f"the brokers have no topic {', '.join(missing)}: create it, or mend `topics`")
    sizes = {topic: counts[topic] for topic in read}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{topic} has {count}" for topic, count in sizes.items())
        raise InputError(f"topics that are read together need equally many partitions: {told}")
    partitions = next(iter(sizes.values()))
    made = (settings.alerts, settings.dead_letters, settings.late)
    create_topics(settings, {topic: partitions for topic in made if topic not in counts})
    return partitions


def _wait_for_broker(settings: LiveSettings, stop: threading.Event) -> dict[str, int]:
    names = [topic for topic, _ in settings.topics]
    names += [settings.alerts, settings.dead_letters, settings.late]
    end = time.monotonic() + settings.wait_for_broker_s
    pause = 0.5
    while True:
        try:
            return partition_counts(settings, names)
        except KafkaError as error:
            if time.monotonic() + pause > end or stop.is_set():
                waited = settings.wait_for_broker_s
                raise KafkaError(f"no broker at {settings.brokers} within {waited}s: {error}") from None
            log.warning("no broker at %s yet, next try in %gs: %s", settings.brokers, pause, error)
        stop.wait(pause)
        pause = min(2 * pause, BACKOFF_SECONDS_MAX)


class BatchLoop:
    """The tasks of one worker and their transactions. `run` returns when `stop` is set, and raises else."""

    def __init__(self, settings: LiveSettings, tasks: TaskSettings, metrics: Metrics) -> None:
        """Nothing is connected before `run`."""
        self.stop = threading.Event()
        self.ready = threading.Event()
        """Set once partitions were given out and their state is there."""
        self.committed_at = time.monotonic()
        """When there was last nothing to do, or something was committed."""
        self._settings = settings
        self._task_settings = tasks
        self._metrics = metrics
        self._tasks: dict[int, Task] = {}
        self._records_max = RECORDS_AT_FIRST

    def run(self) -> None:
        """Connect, then batch after batch."""
        settings = self._settings
        prepare_topics(settings, self.stop)
        name = settings.instance or uuid.uuid4().hex
        # Opened first: it ends the transaction that an earlier process of this name left open.
        self._writer = TopicWriter(settings, f"{settings.group}-{name}")
        self._reader = TopicReader(settings, self._assigned, self._revoked)
        try:
            self._reader.subscribe()
            while not self.stop.is_set():
                self._step()
        finally:
            self._reader.close()

    def _step(self) -> None:
        batch = self._reader.read(self._records_max, self._settings.batch_wait_ms / 1000)
        if not batch:
            self.committed_at = time.monotonic()
            return
        started = time.perf_counter()
        out = self._computed(batch)
        computed = time.perf_counter()
        self._writer.begin()
        self._writer.write(out)
        offsets = {records.part: records.next_offset for records in batch}
        self._writer.commit(offsets, self._reader.group_metadata())
        self.committed_at = time.monotonic()
        self._metrics.committed(computed - started, time.perf_counter() - computed, self._lags(batch))
        self._fit(sum(len(records.offsets) for records in batch), computed - started)

    def _fit(self, records: int, seconds: float) -> None:
        """Choose the size of the next batch by the speed of this one, never more than twice as large."""
        fitting = int(records * BATCH_SECONDS / max(seconds, 1e-6))
        if records >= self._records_max or fitting < self._records_max:
            self._records_max = max(1, min(fitting, 2 * self._records_max, self._settings.batch_records))

    def _computed(self, batch: Sequence[Records]) -> list[Outgoing]:
        """What the tasks make of a batch."""
        by_number: defaultdict[int, list[Records]] = defaultdict(list)
        for records in batch:
            by_number[records.part.partition].append(records)
        out: list[Outgoing] = []
        for number, of_task in by_number.items():
            done = self._tasks[number].process(of_task)
            self._metrics.processed(self._tasks[number], done)
            out += done.out
        return out

    def _lags(self, batch: Sequence[Records]) -> dict[Part, int]:
        ends = {records.part: self._reader.known_end(records.part) for records in batch}
        return {r.part: end - r.next_offset for r in batch if (end := ends[r.part]) is not None}

    def _assigned(self, parts: Sequence[Part]) -> Mapping[Part, int]:
        """Build the tasks of these partitions; reading goes on where the group stands."""
        begin = self._reader.committed(parts) if parts else {}
        by_number: defaultdict[int, dict[Part, int]] = defaultdict(dict)
        for part, offset in begin.items():
            by_number[part.partition][part] = offset
        for number, positions in by_number.items():
            started = time.perf_counter()
            task = Task(self._task_settings, number)
            self._rebuild(task, positions)
            self._tasks[number] = task
            log.info(
                "partition %d is ready after %.1fs: %s", number, time.perf_counter() - started, positions
            )
        self._metrics.assigned(sorted(self._tasks))
        self.ready.set()
        return begin

    def _rebuild(self, task: Task, positions: Mapping[Part, int]) -> None:
        """Compute the state anew from what the log still holds; what was sent then is not sent again."""
        begin = {part: min(self._reader.bounds(part)[0], offset) for part, offset in positions.items()}
        for batch in read_between(self._settings, begin, positions, self._settings.batch_records):
            task.process(batch)
        task.positions = dict(positions)

    def _revoked(self, parts: Sequence[Part]) -> None:
        for number in {part.partition for part in parts}:
            self._tasks.pop(number, None)
        self._metrics.assigned(sorted(self._tasks))
