"""The stage before the rules, where events must change their partition: read, move, commit, exactly once.

A group of its own reads the topics that are keyed by something else. What is moved, what is refused, the
marks of time and the offsets read are one transaction. Beside each committed offset stands the highest time
that the partition has shown: whoever takes it up knows it from there, and so does every other worker, since
time in the topics that are written is that of the slowest partition, whoever has it.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from cep.live import LiveSettings
from cep.ports.kafka_topics import TopicReader, create_topics, partition_counts
from cep.ports.kafka_writers import TopicWriter
from cep.ports.moved_records import time_out
from cep.ports.rows import Reading
from cep.ports.topic_records import Outgoing, Part, Position
from cep.runtimes.live_loop import prepare_topics
from cep.runtimes.live_metrics import Metrics
from cep.runtimes.live_task import TaskSettings
from cep.runtimes.log_lines import say
from cep.runtimes.loop_parts import Signs
from cep.runtimes.repartition import Move, Repartition
from cep.stream.clock import BEFORE_ALL_MS

RECORDS_MAX: Final = 5000

ASKED_MAX: Final = 100
"""How often brokers are asked whether they know the topics that were made."""

MARK_SECONDS: Final = 0.5
"""How long nothing may be read before the others are looked at."""

_METADATA: Final = re.compile(r"highest (-?[0-9]+)")


class RepartitionLoop:
    """All moves of one worker. `run` returns when `stop` is set, and raises else."""

    def __init__(
        self, settings: LiveSettings, moves: Sequence[Move], tasks: TaskSettings, metrics: Metrics
    ) -> None:
        """`settings` are those of the rules' own loop; nothing is connected before `run`."""
        self.signs = Signs()
        """Ready is it once the topics that are written exist."""
        self._settings = replace(
            settings,
            group=f"{settings.group}.repartition",
            topics=tuple((move.source, move.settings.name) for move in moves),
        )
        self._direct = [topic for topic, _ in settings.topics if topic not in {move.to for move in moves}]
        self._moves = {move.source: move for move in moves}
        self._metrics = metrics
        self._stages = {
            move.source: Repartition(
                move, Reading(move.source, move.settings, tasks.projection, tasks.schema), tasks.topics
            )
            for move in moves
        }
        self._announced: dict[str, int] = {}
        self._marked_at = 0.0
        self._mine: dict[Part, float] = {}
        """The partitions of this worker, and when it last heard of each."""

    def run(self) -> None:
        """Connect, make the topics that are written, then batch after batch."""
        self._prepare()
        self._reader = TopicReader(self._settings, self._assigned, self._revoked, ends=True)
        try:
            name = self._settings.instance or uuid.uuid4().hex
            self._writer = TopicWriter(self._settings, f"{self._settings.group}-{name}")
            self._reader.subscribe()
            while not self.signs.stop.is_set():
                self._step()
        finally:
            self._reader.close()

    def _prepare(self) -> None:
        sources: dict[str, int] = {}
        for pair in self._settings.topics:
            sources[pair[0]] = prepare_topics(replace(self._settings, topics=(pair,)), self.signs.stop)
        there = partition_counts(self._settings, [*self._direct, *(move.to for move in self._moves.values())])
        # Topics that are read together need equally many; `prepare_topics` says so where they differ.
        given = [there[topic] for topic in self._direct if topic in there]
        count = given[0] if given else max(sources.values())
        made = [move.to for move in self._moves.values()]
        create_topics(self._settings, {topic: count for topic in made if topic not in there})
        # Not every broker knows at once what another one has made.
        for _ in range(ASKED_MAX):
            if self.signs.stop.wait(0.1) or len(partition_counts(self._settings, made)) == len(made):
                break
        self._sizes = {
            source: (size, there.get(self._moves[source].to, count)) for source, size in sources.items()
        }
        self.signs.ready.set()

    def _step(self) -> None:
        read = self._reader.read(
            min(RECORDS_MAX, self._settings.batch_records), self._settings.batch_wait_ms / 1000
        )
        out: list[Outgoing] = []
        positions: dict[Part, Position] = {}
        for records in read:
            stage = self._stages[records.part.topic]
            self._mine[records.part] = time.monotonic()
            out += stage.take(records)
            positions[records.part] = _position(
                records.next_offset, stage.highest_ms.get(records.part.partition)
            )
        if read:
            out += self._marks()
            self._commit(out, positions)
            for stage in self._stages.values():
                self._metrics.refused(stage.rejects)
                stage.rejects.clear()
        elif time.monotonic() - self._marked_at > MARK_SECONDS and self._mine:
            # Another worker may have committed since the marks of the last batch were made.
            self._commit(self._marks(), {})
        self.signs.alive()

    def _commit(self, out: Sequence[Outgoing], positions: Mapping[Part, Position]) -> None:
        if not out and not positions:
            return
        self._writer.begin()
        self._writer.write(out)
        if positions:
            self._writer.send_offsets(positions, self._reader.group_metadata())
        self._writer.commit()

    def _marks(self) -> list[Outgoing]:
        """A mark in each partition of each topic in which time has come further."""
        marks: list[Outgoing] = []
        self._marked_at = time.monotonic()
        for source, stage in self._stages.items():
            size, count = self._sizes[source]
            self._look_at_others(source, size)
            watermark_ms = stage.watermark_ms(self._waited_for(source, size))
            if watermark_ms > self._announced.get(source, BEFORE_ALL_MS):
                self._announced[source] = watermark_ms
                marks += [time_out(self._moves[source].to, number, watermark_ms) for number in range(count)]
        return marks

    def _look_at_others(self, source: str, size: int) -> None:
        """How far partitions of other workers have come: what they committed is in the topic already."""
        others = [part for number in range(size) if (part := Part(source, number)) not in self._mine]
        if others:
            for part, position in self._reader.committed(others).items():
                self._remember(part, position)

    def _waited_for(self, source: str, size: int) -> list[int]:
        """A partition that nobody ever wrote to, or that is silent for too long, holds nobody back."""
        known = self._stages[source].highest_ms
        written = (n for n in range(size) if n in known or self._reader.bounds(Part(source, n))[1] > 0)
        return [number for number in written if not self._silent(Part(source, number))]

    def _silent(self, part: Part) -> bool:
        timeout_ms = self._moves[part.topic].settings.idle_timeout_ms
        if timeout_ms is None or part not in self._mine or not self._reader.read_to_end(part):
            return False
        return (time.monotonic() - self._mine[part]) * 1000 > timeout_ms

    def _remember(self, part: Part, position: Position) -> None:
        # The client writes the end mark of C texts with it.
        found = _METADATA.fullmatch(position.metadata.rstrip("\0"))
        if found is not None:
            self._stages[part.topic].highest_ms[part.partition] = int(found[1])

    def _assigned(self, parts: Sequence[Part]) -> Mapping[Part, int]:
        found = self._reader.committed(parts)
        fresh: dict[Part, Position] = {}
        for part in parts:
            self._stages[part.topic].highest_ms.pop(part.partition, None)
            if part in found:
                self._remember(part, found[part])
            else:
                first, end = self._reader.bounds(part)
                fresh[part] = Position(first if self._settings.start == "earliest" else end)
        if fresh:
            # Written down: `latest` would name another place the next time.
            self._commit([], fresh)
        self._mine |= dict.fromkeys(parts, time.monotonic())
        say("moving", "{count} partitions are moved from here on", count=len(self._mine))
        return {part: (found.get(part) or fresh[part]).offset for part in parts}

    def _revoked(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._mine.pop(part, None)


def _position(offset: int, highest_ms: int | None) -> Position:
    return Position(offset, "" if highest_ms is None else f"highest {highest_ms}")
