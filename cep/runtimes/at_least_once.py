"""At least once: records that somebody else reads from Kafka, through the same tasks, repeats recognisable.

    handed over ──▶ tasks ──▶ alerts acknowledged ──▶ state stored ──▶ the reader may acknowledge the records

A worker that dies between two of these steps does the last batch again, and its alerts carry the same ids.
What was handed over with gaps, out of order or twice is read from the log instead: the reader is not trusted.

State is stored with every batch, so where rules change a task is taken up as after a restart. Nothing says
where they changed: a batch that is done again, or state that is made again, meets the newest rules.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from cep.ports.kafka_topics import TopicReader
from cep.ports.kafka_writers import TopicWriter
from cep.ports.topic_records import Part, Records
from cep.runtimes.kafka_log import KafkaLog
from cep.runtimes.live_loop import prepare_topics
from cep.runtimes.live_task import Done, Task
from cep.runtimes.log_lines import say
from cep.runtimes.loop_parts import Given, Signs
from cep.runtimes.rule_sets import RuleSet
from cep.state.store import Delta, Offsets, TaskId
from cep.values import mutable

NO_ENDS: Final[Mapping[Part, int | None]] = MappingProxyType({})


@mutable
class _Owned:
    """A task whose state is there; `first` as long as nothing of it was stored."""

    task: Task
    token: str
    first: bool


class AtLeastOnce:
    """The tasks of one worker. Its calls must follow each other, from whatever thread."""

    def __init__(self, given: Given) -> None:
        """Nothing is connected before `connect`."""
        self.signs = Signs()
        self._settings = given.settings
        self._task_settings = given.tasks
        self._store = given.store
        self._metrics = given.metrics
        self._rules = given.rules
        self._rebuild = given.rebuild
        self.rule_set: RuleSet | None = None
        """The rules of the next batch; None where they come from files, or nothing is known yet."""
        self._mine: frozenset[int] = frozenset()
        self._owned: dict[TaskId, _Owned] = {}

    def connect(self) -> None:
        """Wait for the broker, look at the topics, make those that are written."""
        prepare_topics(self._settings, self.signs.stop)
        # Never subscribed, so no member of a name: it only asks for offsets.
        self._reader = TopicReader(replace(self._settings, instance=""), _nothing, lambda _: None)
        self._log = KafkaLog(self._settings, self._reader)
        self._writer = TopicWriter(self._settings, f"{self._settings.group}-{uuid.uuid4().hex}")
        if self._rules is not None:
            self._rules.connect()
            self._follow_rules()
        self.signs.alive()

    def assigned(self, numbers: Iterable[int]) -> None:
        """These partition numbers are ours now, and no others."""
        self._mine = frozenset(numbers)
        self.revoked({task.partition for task in self._owned} - self._mine)
        self._metrics.assigned(len(self._mine), 0.0)
        self.signs.alive()
        self.signs.ready.set()

    def revoked(self, numbers: Iterable[int]) -> None:
        """These are no longer ours."""
        gone = frozenset(numbers)
        self._mine -= gone
        for number in gone:
            self._owned.pop(TaskId(self._settings.group, number), None)

    def tasks(self) -> list[Task]:
        """The tasks whose state is here."""
        return [owned.task for owned in list(self._owned.values())]

    def idle(self) -> None:
        """There is nothing to do."""
        self.signs.alive()

    def handle(self, batch: Sequence[Records], ends: Mapping[Part, int | None] = NO_ENDS) -> frozenset[int]:
        """Process records; the partition numbers whose records may be acknowledged now.

        `ends`: where partitions end, as far as the reader knows.
        """
        started = time.monotonic()
        self._follow_rules()
        # A reader that lost a partition and got it back gives what it held and then what it was sent again.
        batch = [records.in_order() for records in batch]
        by_task: defaultdict[TaskId, list[Records]] = defaultdict(list)
        for records in batch:
            if records.part.partition in self._mine:
                by_task[TaskId(self._settings.group, records.part.partition)].append(records)
        results: list[tuple[TaskId, Done]] = []
        for task, several in by_task.items():
            owned = self._owned.get(task) or self._take_up(task)
            results += [(task, done) for records in several for done in self._process(task, owned, records)]
        computed = time.monotonic()
        out = [record for _, done in results for record in done.out]
        if out:
            self._writer.begin()
            self._writer.write(out)
            self._writer.commit()
        for task, done in results:
            self._apply(task, self._owned[task], done.delta)
            self._metrics.processed(self._owned[task].task, done)
        committed = self.signs.alive()
        lags = {one.part: end - one.next_offset for one in batch if (end := ends.get(one.part)) is not None}
        self._metrics.computed(computed - started)
        self._metrics.committed(committed - computed, lags)
        return frozenset(task.partition for task in by_task)

    def _follow_rules(self) -> None:
        """Let new rules take over between two batches."""
        if self._rules is None:
            return
        self._rules.follow()
        newest = self._rules.newest()
        if self.rule_set is None or self.rule_set.revision != newest:
            self.rule_set = self._rules.at(newest)
            # Taken up again with the next records, with what is stored.
            self._owned.clear()
            say("rules_changed", "{rules} takes over", rules=self.rule_set.told())

    def _process(self, task: TaskId, owned: _Owned, records: Records) -> Iterator[Done]:
        to = dict(owned.task.state.to)
        begin, end = to[records.part.topic], records.next_offset
        if end <= begin:
            return
        _, fresh = records.split(begin)
        if len(fresh.offsets) == end - begin:
            yield owned.task.process([fresh])
            return
        for rows in self._log.read(task, to, {**to, records.part.topic: end}):
            yield owned.task.process(rows)

    def _take_up(self, task: TaskId) -> _Owned:
        """Make the state what it was when it was stored, or make it again from the log, silently."""
        started = time.monotonic()
        token = f"{os.getpid()}-{uuid.uuid4().hex}-{task.partition}"
        stored = self._store.fence(task, token)
        if stored is not None and self._rebuild:
            self._store.wipe(task, token)
            stored = None
        begin, committed = self._log.start(task), self._log.committed(task)
        to = begin if committed is None else committed.to
        settings = self._task_settings if self.rule_set is None else self.rule_set.settings
        owned = _Owned(Task(settings, task.partition), token, first=stored is None)
        if stored is None:
            earliest = self._settings.start == "earliest"
            standing: Offsets = {t: min(begin[t], to[t]) if earliest else to[t] for t in to}
            owned.task.begin(standing)
        else:
            standing = stored.to
            resume = owned.task.restore(self._store.load(task, token), standing, to)
            for rows in self._log.read(task, resume, standing):
                owned.task.refill(rows)
            if self.rule_set is not None:
                self._warm_up(task, owned.task)
        until = {topic: max(offset, standing.get(topic, 0)) for topic, offset in to.items()}
        for rows in self._log.read(task, dict(owned.task.state.to), until):
            self._apply(task, owned, owned.task.process(rows).delta)
            self.signs.alive()
        # Only batch mode watches for silent topics; it may have been at work here before.
        owned.task.state.wait_for_all()
        self._owned[task] = owned
        seconds = time.monotonic() - started
        told = "partition {partition} is taken up at {offsets} after {seconds:.1f}s"
        say("taken_up", told, partition=task.partition, offsets=until, seconds=seconds)
        return owned

    def _warm_up(self, task: TaskId, taken_up: Task) -> None:
        """Show records from before the state to rules that it knows nothing of."""
        at = dict(taken_up.state.to)
        records = self._settings.warm_up_records // max(1, len(self._mine))
        since = dict(at)
        for topic, _ in self._settings.topics:
            first, _ = self._reader.bounds(Part(topic, task.partition))
            since[topic] = min(at[topic], max(first, at[topic] - records))
        taken_up.warm_up(since, self._log.read(task, since, at))

    def _apply(self, task: TaskId, owned: _Owned, delta: Delta) -> None:
        self._store.apply(task, owned.token, replace(delta, first=owned.first))
        owned.first = False


def _nothing(_: Sequence[Part]) -> Mapping[Part, int]:
    return {}
