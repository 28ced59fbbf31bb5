"""One partition number of all input topics: decoders in front of a task's state, records to write behind it.

    payments/3 ──▶ decode ──┐                         ┌─▶ alerts
    logins/3   ──▶ decode ──┴──▶ clock ──▶ detector ──┘
                     │             └─ late ───────────┬─▶ late topic
                     └─ cannot be read ───────────────┴─▶ dead letters

What comes out is a function of the records read and of nothing else: not of the size of batches, nor of the
interleaving of topics, nor of the time of day. So any worker can compute it again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cep.columns import Projection
from cep.engines.engines import Engine
from cep.inputs import InputSettings
from cep.ports.outgoing import Topics, alert_out, refused_out
from cep.ports.records import LINE_OF_OFFSET
from cep.ports.rejects import Reject, late_rejects
from cep.ports.rows import Reading
from cep.ports.topic_records import Outgoing, Records
from cep.runtimes.log_lines import say
from cep.runtimes.task_input import Taken, task_input
from cep.schema import Schema
from cep.state.codec import SnapshotCodec
from cep.state.store import Delta, Offsets
from cep.stream.alert import Rule
from cep.stream.cost import RuleCost
from cep.stream.cut import Cut
from cep.stream.silence import Silence
from cep.stream.task import ChangedRulesError, Rows, TaskState, codecs_of
from cep.values import mutable


@dataclass(frozen=True)
class TaskSettings:
    """What all tasks of a worker share. `inputs` are the topics in their order, each with how it is read."""

    rules: tuple[Rule, ...]
    inputs: tuple[tuple[str, InputSettings], ...]
    schema: Schema
    projection: Projection
    engine: Engine
    topics: Topics
    moved: Mapping[str, str] = field(default_factory=dict)
    """Topics whose records were moved there, each with the topic they came from."""
    cost: RuleCost = field(default_factory=lambda: RuleCost(time.perf_counter))
    """What rules cost in this worker."""

    @cached_property
    def codecs(self) -> Mapping[str, SnapshotCodec]:
        """What packs the state of each rule."""
        return codecs_of(self.rules)


@mutable
class Done:
    """What a batch of one task came to: what leaves, and what changes in the state."""

    since: Offsets
    delta: Delta
    out: list[Outgoing] = field(default_factory=list)
    events: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    shadows: Counter[str] = field(default_factory=Counter)
    """Alerts of shadow rules."""
    rejects: Counter[str] = field(default_factory=Counter)


class Task:
    """Records in, records out; `state` is what lives between two batches."""

    def __init__(self, settings: TaskSettings, number: int) -> None:
        """A task that has read nothing yet."""
        self.number = number
        self._topics = settings.topics
        self._may_be_idle = {topic for topic, one in settings.inputs if one.idle_timeout_ms is not None}
        self._lateness_ms = {topic: one.max_lateness_ms for topic, one in settings.inputs}
        self.state = TaskState(
            settings.rules,
            self._lateness_ms,
            settings.engine,
            settings.projection,
            settings.codecs,
            settings.cost,
        )
        self._inputs = {
            topic: task_input(
                Reading(f"{topic}/{number}", one, settings.projection, settings.schema, index),
                settings.moved.get(topic),
            )
            for index, (topic, one) in enumerate(settings.inputs)
        }

    def begin(self, offsets: Offsets) -> None:
        """Begin without state."""
        self.state.begin(offsets)

    def restore(self, entries: Iterable[tuple[bytes, bytes]], to: Offsets, begin: Offsets) -> Offsets:
        """Go on from state that stands at `to`; from where on the log must be read again for `refill`."""
        stored = list(entries)
        try:
            return self.state.restore(stored, to, begin)
        except ChangedRulesError as error:
            told = "partition {partition}: the state of rules that changed is dropped: {names}"
            names = ", ".join(sorted(error.names))
            say("begun_anew", told, logging.WARNING, partition=self.number, names=names)
            return self.state.restore(stored, to, begin, error.names)

    def refill(self, batch: Sequence[Records | Silence]) -> None:
        """Records from before the state: their events may still wait."""
        self.state.refill(self._rows(batch))

    def warm_up(self, begin: Offsets, pieces: Iterable[Sequence[Records | Silence]]) -> None:
        """Records from before the state, for rules that it knows nothing of."""
        self.state.warm_up(begin, (self._rows(batch) for batch in pieces))

    def _rows(self, batch: Sequence[Records | Silence]) -> list[Rows | Silence]:
        """Records that were there before: what cannot be read of them was told then."""
        return [
            each if isinstance(each, Silence) else self._inputs[each.part.topic].take(each).rows
            for each in batch
        ]

    def cut(self) -> Cut:
        """What has changed since the state was last put down or taken up, as it is now."""
        return self.state.cut()

    def process(self, batch: Sequence[Records | Silence], *, put_down: bool = True) -> Done:
        """The next records of some of the task's partitions, and silences where they were decided."""
        rows: list[Rows | Silence] = []
        taken: list[Taken] = []
        for each in batch:
            if isinstance(each, Silence):
                rows.append(each)
            else:
                taken.append(self._inputs[each.part.topic].take(each))
                rows.append(taken[-1].rows)
        outcome = self.state.process(rows, put_down=put_down)
        done = Done(outcome.since, outcome.delta, events=sum(len(each.rows.batch) for each in taken))
        sources: dict[str, Records] = {}
        for one in taken:
            sources |= one.by_source
            for records, rejects in one.refused:
                self._refuse(records, rejects, done)
        for topic, late in outcome.late:
            idle = topic in self._may_be_idle
            for reject in late_rejects(late, self._lateness_ms[topic], may_be_idle=idle):
                self._refuse(sources[reject.source], [reject], done)
        for alert in outcome.alerts:
            counts = done.shadows if alert.rule.status == "shadow" else done.alerts
            counts[alert.rule.name] += 1
            done.out.append(alert_out(self._topics, alert))
        return done

    def _refuse(self, records: Records, rejects: Sequence[Reject], done: Done) -> None:
        if not rejects:
            return
        rows = {offset: row for row, offset in enumerate(records.offsets)}
        for reject in rejects:
            row = rows[reject.line - LINE_OF_OFFSET]
            done.rejects[reject.reason_code] += 1
            done.out.append(refused_out(self._topics, reject, records, row))
