"""The live worker's loop: read a batch, compute, commit alerts and offsets in one transaction, exactly once.

    assigned ──▶ take up state ──▶ read ──▶ tasks ──▶ state ──▶ alerts and offsets committed, in a thread
                                    ▲                  │
                                    └──────────────────┘ which waits for the transaction before

Whatever goes wrong after the start ends the process: the way back is the start, so it is always in use.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from cep.errors import InputError
from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, create_topics, partition_counts
from cep.ports.topic_records import KafkaError, Part, Records
from cep.runtimes.commit import ExactlyOnce, Point
from cep.runtimes.live_task import Done, Task
from cep.runtimes.log_lines import say
from cep.runtimes.loop_parts import Given, Signs
from cep.runtimes.pins import NO_CHANGES, Changes
from cep.runtimes.plain_log import log_of
from cep.runtimes.put_down import PutDown
from cep.runtimes.rule_letters import RuleLetters
from cep.runtimes.rule_sets import RuleSet
from cep.runtimes.silences import SilenceWatch
from cep.state.store import TaskId
from cep.stream.silence import SILENCES, Silence

BATCH_SECONDS: Final = 0.5
"""How long computing a batch should take at most: so long may an alert wait for those behind it."""

RECORDS_AT_FIRST: Final = 1000
BACKOFF_SECONDS_MAX: Final = 8.0


def prepare_topics(settings: LiveSettings, stop: threading.Event, *, silences: bool = False) -> int:
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
    made = settings.written
    if silences and counts.get(settings.silences, partitions) < partitions:
        raise InputError(f"the topic {settings.silences} has fewer partitions than the topics that are read")
    create_topics(settings, {topic: partitions for topic in made if topic not in counts})
    if silences and settings.silences not in counts:
        create_topics(settings, {settings.silences: partitions}, config={"retention.ms": "-1"})
    return partitions


def _wait_for_broker(settings: LiveSettings, stop: threading.Event) -> dict[str, int]:
    names = [topic for topic, _ in settings.topics]
    names += [*settings.written, settings.silences]
    end = time.monotonic() + settings.wait_for_broker_s
    pause = 0.5
    while True:
        try:
            return partition_counts(settings, names)
        except KafkaError as error:
            if stop.is_set():
                raise KafkaError(f"told to end before a broker at {settings.brokers} answered") from None
            if time.monotonic() + pause > end:
                waited = settings.wait_for_broker_s
                raise KafkaError(f"no broker at {settings.brokers} within {waited}s: {error}") from None
            told = "no broker at {brokers} yet, next try in {pause_s:g}s: {error}"
            say("waiting", told, logging.WARNING, brokers=settings.brokers, pause_s=pause, error=error)
        stop.wait(pause)
        pause = min(2 * pause, BACKOFF_SECONDS_MAX)


class BatchLoop:
    """The tasks of one worker and their transactions. `run` returns when `stop` is set, and raises else."""

    def __init__(self, given: Given) -> None:
        """Nothing is connected before `run`."""
        self.signs = Signs()
        self._settings = settings = given.settings
        self._task_settings = tasks = given.tasks
        self._store = given.store
        self._metrics = given.metrics
        self._rules = given.rules
        self._rebuild = given.rebuild
        self._records_max = min(RECORDS_AT_FIRST, settings.batch_records)
        self._transactions = ThreadPoolExecutor(1, "transaction")
        self._aside = ThreadPoolExecutor(1, "state")
        self._applying: Future[None] | None = None
        self._computed_at = self._begun_at = self._ended_at = 0.0
        self._lagging: Mapping[Part, int] = {}
        self._put_down = PutDown(settings.state_every_ms / 1000, time.monotonic, self._store_is_busy)
        self._made: dict[TaskId, Task] = {}
        self._pending: dict[TaskId, Silence] = {}
        """Silences that somebody decided, and did not commit before we took up his tasks."""
        self._silences = SilenceWatch(
            {
                topic: None if one.idle_timeout_ms is None else one.idle_timeout_ms / 1000
                for topic, one in tasks.inputs
            }
        )
        self.rule_set: RuleSet | None = None
        """The rules that the next batch meets; None where they come from files, or nothing is known yet."""

    def run(self) -> None:
        """Connect, then batch after batch."""
        prepare_topics(self._settings, self.signs.stop, silences=self._silences.watches)
        changes = NO_CHANGES
        if self._rules is not None:
            self._rules.connect()
            changes = Changes(self._rules.newest, self._settings.warm_up_records)
        self._reader = TopicReader(self._settings, self._assigned, self._revoked, ends=self._silences.watches)
        self._log = log_of(self._settings, self._reader, watches=self._silences.watches)
        self._letters = RuleLetters(self._log, self._task_settings.topics, self._settings.rules_topic)
        self._once = ExactlyOnce(
            self._log,
            self._store,
            self._make_task,
            _token,
            self._at,
            changes=changes,
            rebuild=self._rebuild,
        )
        self._once.later = self._later
        self._once.settled = self._settled
        self._once.stored.turns = self._put_down
        self._once.stored.aside = self._apply_aside
        try:
            # Partitions come with the first read, so the group is joined meanwhile.
            self._reader.subscribe()
            self._once.start()
            while not self.signs.stop.is_set():
                self._step()
            self._once.settle()
        finally:
            self._reader.close()
            self._store.close()
            if self._rules is not None:
                self._rules.close()

    def tasks(self) -> list[Task]:
        """The tasks this worker owns now."""
        return [self._made[task] for task in self._once.tasks] if self.signs.ready.is_set() else []

    def _follow_rules(self) -> None:
        """Let new rules take over between two batches."""
        if self._rules is None:
            return
        self._rules.follow()
        started = time.monotonic()
        changed = self._once.change_rules()
        self.rule_set = self._rules.at(self._rules.newest())
        if changed:
            say(
                "rules_changed",
                "{rules} takes over {count} partitions after {seconds:.1f}s",
                rules=self.rule_set.told(),
                count=len(changed),
                seconds=time.monotonic() - started,
            )
            self.signs.alive()
        if self._id(0) in self._once.tasks:
            self._letters.look(self.rule_set, self._once.settle)

    def _step(self) -> None:
        self._follow_rules()
        read = self._reader.read(self._records_max, self._settings.batch_wait_ms / 1000)
        started = time.monotonic()
        if self._pending:
            pending, self._pending = self._pending, {}
            self._commit({task: [silence] for task, silence in pending.items()}, {})
        batch: defaultdict[TaskId, list[Records | Silence]] = defaultdict(list)
        for task, silence in self._decided(read, started).items():
            batch[task].append(silence)
        for records in read:
            batch[self._id(records.part.partition)].append(records)
        if not batch:
            self._once.settle()
            self.signs.alive()
            self._once.put_down()
            return
        self._commit(batch, self._lags(read))
        if read:
            # What is put down beside it says nothing of the batch.
            self._fit(sum(len(records.offsets) for records in read), self._computed_at - started)

    def _commit(self, batch: Mapping[TaskId, Sequence[Records | Silence]], lags: Mapping[Part, int]) -> None:
        started = time.monotonic()
        self._once.commit(batch)
        self._metrics.computed(self._computed_at - started)
        self._lagging = lags

    def _later(self, transaction: Callable[[], None]) -> Callable[[], None]:
        """In a thread: while brokers answer, the next batch is read and computed."""
        self._begun_at = time.monotonic()
        return self._transactions.submit(transaction).result

    def _apply_aside(self, change: Callable[[], None]) -> Callable[[], None]:
        """In a thread of its own: the store may take as long as some batches do."""
        self._applying = self._aside.submit(change)
        return self._applying.result

    def _store_is_busy(self) -> bool:
        return self._applying is not None and not self._applying.done()

    def _settled(self, results: Mapping[TaskId, Done]) -> None:
        self.signs.alive()
        for task, done in results.items():
            self._metrics.processed(self._made[task], done)
        self._metrics.committed(self._ended_at - self._begun_at, self._lagging)

    def _decided(self, read: Sequence[Records], now_s: float) -> dict[TaskId, Silence]:
        """Tasks in which other topics are silent than before, now that this was read; written down."""
        brought: defaultdict[int, set[str]] = defaultdict(set)
        for records in read:
            self._silences.heard(records.part, now_s)
            brought[records.part.partition].add(records.part.topic)
        decided: dict[TaskId, Silence] = {}
        for task in self._once.tasks:
            state, number = self._made[task].state, task.partition
            silent = self._silences.silent(
                number, state.silent, brought[number], state.furthest, now_s, self._reader.read_to_end
            )
            if silent != state.silent:
                say(
                    "silent",
                    "partition {partition}: silent topics: {topics}",
                    partition=number,
                    topics=sorted(silent),
                )
                decided[task] = Silence(state.to.get(SILENCES, 0), dict(state.to), silent)
        if decided:
            self._once.decide(decided)
        return decided

    def _fit(self, records: int, seconds: float) -> None:
        """Choose the size of the next batch by the speed of this one, never more than twice as large."""
        fitting = int(records * BATCH_SECONDS / max(seconds, 1e-6))
        if records >= self._records_max or fitting < self._records_max:
            self._records_max = max(1, min(fitting, 2 * self._records_max, self._settings.batch_records))

    def _lags(self, read: Sequence[Records]) -> dict[Part, int]:
        ends = {records.part: self._reader.known_end(records.part) for records in read}
        return {r.part: end - r.next_offset for r in read if (end := ends[r.part]) is not None}

    def _at(self, point: Point) -> None:
        # Making state again takes as long as it takes; each step of it is a sign of life.
        now = self.signs.alive()
        if point is Point.COMPUTED:
            self._computed_at = now
        if point is Point.COMMITTED:
            self._ended_at = now

    def _id(self, number: int) -> TaskId:
        return TaskId(self._settings.group, number)

    def _make_task(self, task: TaskId, revision: int | None) -> Task:
        settings = self._task_settings
        if self._rules is not None and revision is not None:
            settings = self._rules.at(revision).settings
        made = self._made[task] = Task(settings, task.partition)
        return made

    def _assigned(self, parts: Sequence[Part]) -> Mapping[Part, int]:
        """Take up the tasks of these partitions; where to read on."""
        self._letters.forget()
        started = time.monotonic()
        found = self._once.acquire(sorted({self._id(part.partition) for part in parts}))
        seconds = time.monotonic() - started
        for task, offsets in found.items():
            told = "partition {partition} is taken up at {offsets}"
            say("taken_up", told, partition=task.partition, offsets=dict(offsets))
        say("ready", "{count} partitions ready after {seconds:.1f}s", count=len(found), seconds=seconds)
        self._metrics.assigned(len(self._once.tasks), seconds)
        now_s = self.signs.alive()
        for part in parts:
            self._silences.heard(part, now_s)
        for task, offsets in found.items():
            pending = self._log.pending(task, offsets)
            if pending is not None:
                self._pending[task] = pending
        self.signs.ready.set()
        return {part: found[self._id(part.partition)][part.topic] for part in parts}

    def _revoked(self, parts: Sequence[Part]) -> None:
        gone = {self._id(part.partition) for part in parts}
        self._once.release(gone)
        for task in gone:
            self._made.pop(task, None)
            self._pending.pop(task, None)
            self._put_down.forget(task)
        self._metrics.assigned(len(self._once.tasks), 0.0)


def _token(task: TaskId) -> str:
    """An ownership that nobody had before."""
    return f"{os.getpid()}-{uuid.uuid4().hex}-{task.partition}"
