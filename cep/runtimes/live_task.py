"""One partition number of all input topics: their decoders, one event clock, one detector.

    payments/3 ──▶ decode ──┐                        ┌─▶ alerts
    logins/3   ──▶ decode ──┴──▶ clock ──▶ detector ─┘
                     │             └─ late ──────────┬─▶ late topic
                     └─ cannot be read ──────────────┴─▶ dead letters

What comes out is a function of the records read and of nothing else: not of the size of batches, nor of the
interleaving of topics, nor of the time of day. So any worker can compute it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cep.columns import Projection
from cep.engines.engines import Engine
from cep.inputs import InputSettings
from cep.ports.outgoing import Topics, alert_out, refused_out
from cep.ports.records import LINE_OF_OFFSET, RecordDecoder
from cep.ports.rejects import Reject, late_rejects
from cep.ports.rows import Reading
from cep.ports.topic_records import Outgoing, Part, Records
from cep.schema import Schema
from cep.stream.alert import Rule
from cep.stream.clock import EventClock
from cep.stream.detector import Detector


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What all tasks of a worker share. `inputs` are the topics in their order, each with how it is read."""

    rules: tuple[Rule, ...]
    inputs: tuple[tuple[str, InputSettings], ...]
    schema: Schema
    projection: Projection
    engine: Engine
    topics: Topics


@dataclass(slots=True)
class Done:
    """What a batch of one task came to."""

    out: list[Outgoing] = field(default_factory=list)
    events: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)


class Task:
    """The state of one partition number, in memory."""

    def __init__(self, settings: TaskSettings, number: int) -> None:
        """A task that has read nothing yet."""
        self.number = number
        self.positions: dict[Part, int] = {}
        """Where reading goes on."""
        self._settings = settings
        self._index = {topic: i for i, (topic, _) in enumerate(settings.inputs)}
        self._lateness_ms = [one.max_lateness_ms for _, one in settings.inputs]
        self.clock = EventClock(self._lateness_ms, projection=settings.projection)
        self.detector = Detector(settings.rules, settings.engine)
        self._decoders = [
            RecordDecoder(
                Reading(f"{topic}/{number}", one, settings.projection, settings.schema, self._index[topic])
            )
            for topic, one in settings.inputs
        ]

    def process(self, batch: Sequence[Records]) -> Done:
        """Take the next records of some of the task's partitions."""
        done = Done()
        for records in batch:
            self._take(records, done)
        return done

    def _take(self, records: Records, done: Done) -> None:
        part = records.part
        assert self.positions.get(part, 0) <= records.offsets[0], "records come in the order of their offsets"
        index = self._index[part.topic]
        chunk = self._decoders[index].chunk(records.offsets, records.values)
        ready, late = self.clock.push(index, chunk.batch)
        self._refuse(records, chunk.rejects, done)
        self._refuse(records, late_rejects(late, self._lateness_ms[index]), done)
        for alert in self.detector.process(ready, self.clock.watermark_ms, self.clock.first_ms):
            done.alerts[alert.rule.name] += 1
            done.out.append(alert_out(self._settings.topics, alert))
        done.events += len(chunk.batch)
        self.positions[part] = records.next_offset

    def _refuse(self, records: Records, rejects: Sequence[Reject], done: Done) -> None:
        if not rejects:
            return
        rows = {offset: row for row, offset in enumerate(records.offsets)}
        for reject in rejects:
            row = rows[reject.line - LINE_OF_OFFSET]
            done.rejects[reject.reason_code] += 1
            done.out.append(refused_out(self._settings.topics, reject, records, row))
