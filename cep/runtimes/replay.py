"""Files of events through the detector, in event time: the same alerts on every run, whatever the chunks.

    input 0 ──chunks──┐
    input 1 ──chunks──┴─▶ clock ──▶ detector ──▶ alerts
                 │          └─ late ─┐
                 └─ cannot be read ──┴──▶ rejects, and counted in the Summary

The next chunk is read from the input whose time lags most. At the end all events have been read, so time has
come to that of the last one, and no further: an absence whose deadline lies behind it is not decided.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Final, Protocol

import numpy as np

from cep.columns import Batch, Projection
from cep.engines.engines import ENGINES, Engine
from cep.engines.matcher import Counters
from cep.errors import InputError
from cep.inputs import InputSettings
from cep.ports.decode import open_source
from cep.ports.lines import BOUNDS, Bounds
from cep.ports.open_file import Progress
from cep.ports.rejects import Reject, late_rejects
from cep.ports.rows import Chunk
from cep.runtimes.read_ahead import CHUNKS_AHEAD_MIN, ReadAhead
from cep.schema import Schema
from cep.stream.alert import Alert, Rule
from cep.stream.clock import EventClock
from cep.stream.detector import Detector
from cep.values import mutable, replaced, value

EXAMPLES_MAX: Final = 3
"""How many rejects of each kind the summary keeps."""

_FIRST_PART: Final = 64
"""The first of large batches is so much smaller, and the next ones grow: alerts come the sooner."""


@value
class Input:
    """A file, or `-` for standard input, and how it is to be read."""

    path: str
    settings: InputSettings


class AnyDetector(Protocol):
    """A `Detector`, wherever it works: what `process` gives may be a batch behind, until `rest` is asked."""

    @property
    def alerts(self) -> Counter[str]:
        """How many by rule."""
        ...

    @property
    def suppressed(self) -> Counter[str]:
        """Alerts that a limit held back, by rule."""
        ...

    def process(self, batch: Batch | None, watermark_ms: int, since_ms: int | None = None) -> list[Alert]:
        """As that of `Detector`."""
        ...

    def rest(self) -> list[Alert]:
        """The alerts that are under way."""
        ...

    def flush(self) -> list[Alert]:
        """As that of `Detector`."""
        ...

    def counters(self) -> dict[str, Counters]:
        """What each rule's matcher counted."""
        ...

    def open_runs(self) -> dict[str, int]:
        """Partial matches that each rule holds now."""
        ...

    def close(self) -> None:
        """It is not needed any more."""
        ...


class Here(Detector):
    """In this process: nothing is ever under way."""

    def rest(self) -> list[Alert]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing has to be done."""


@value
class Options:
    """How to replay. Events before `from_ms`, and from `to_ms` on, are left out as if they were not there.

    `batch_rows`: chunks are matched together until there are so many events; the first batches are smaller.
    `flush`: let time go on for ever at the end, which decides every absence. `detector` makes what matches.
    """

    engine: Engine = ENGINES["reference"]
    bounds: Bounds = BOUNDS
    batch_rows: int = 0
    from_ms: int | None = None
    to_ms: int | None = None
    flush: bool = False
    detector: Callable[[Sequence[Rule], Engine], AnyDetector] = Here


_PLAIN: Final = Options()


@mutable
class Summary:
    """What a replay did so far; right after every alert and at the end, also when it was broken off."""

    records: int = 0
    """Everything read: events, rejects, and lines that no pattern of a text log matched."""
    events: int = 0
    """Records that are events in the time asked for."""
    outside: int = 0
    """Events before `from_ms` or after `to_ms`."""
    skipped: int = 0
    """Events of types that no rule reads."""
    unmatched: int = 0
    """Lines of text logs that match no pattern."""
    forced: int = 0
    """Events that had to go on before their time because too many waited."""
    first_ms: int | None = None
    last_ms: int | None = None
    rejects: Counter[str] = field(default_factory=Counter)
    """By code; `late` is one of them."""
    examples: dict[str, list[Reject]] = field(default_factory=dict)
    """The first few rejects of each code."""
    alerts: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    """Alerts that a `LIMIT … PER` held back, by rule."""
    counters: dict[str, Counters] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    """Partial matches that each rule still held at the end."""
    read: float | None = None
    """How much of all inputs was read, from 0 to 1; None if the size of one is not known."""
    complete: bool = False
    """Whether everything was read."""

    @property
    def span_ms(self) -> int:
        """From the first to the last event."""
        return 0 if self.first_ms is None or self.last_ms is None else self.last_ms - self.first_ms


def replay(
    rules: Sequence[Rule],
    inputs: Sequence[Input],
    summary: Summary,
    schema: Schema | None = None,
    options: Options = _PLAIN,
    on_reject: Callable[[Reject], None] | None = None,
    on_chunk: Callable[[], None] | None = None,
) -> Iterator[Alert]:
    """Alerts in the order of their detection; `summary` is filled as they come.

    InputError at once if an input cannot be opened, and while reading if it turns out to be damaged.
    """
    run = _Replay(rules, inputs, summary, schema or Schema(), options, on_reject)
    return run.alerts(on_chunk or (lambda: None))


def projection_of(rules: Iterable[Rule]) -> Projection:
    """The fields that these rules read of each event type."""
    everywhere: set[str] = set()
    by_type: dict[str, set[str]] = {}
    reads_all_types = False
    for plan in (rule.plan for rule in rules):
        if plan.types is None:
            reads_all_types = True
            everywhere |= plan.fields
        for name in plan.types or ():
            by_type.setdefault(name, set()).update(plan.fields)
    return Projection(
        fields=frozenset(everywhere),
        types=None if reads_all_types else frozenset(by_type),
        by_type={name: frozenset(fields | everywhere) for name, fields in by_type.items()},
    )


class _Replay:
    """One replay under way."""

    def __init__(
        self,
        rules: Sequence[Rule],
        inputs: Sequence[Input],
        summary: Summary,
        schema: Schema,
        options: Options,
        on_reject: Callable[[Reject], None] | None,
    ) -> None:
        projection = projection_of(rules)
        self._summary = summary
        self._options = options
        self._on_reject = on_reject
        self._lateness_ms = [one.settings.max_lateness_ms for one in inputs]
        self._clock = EventClock(self._lateness_ms, projection=projection)
        self._detector = options.detector(rules, options.engine)
        self._progress = [Progress() for _ in inputs]
        # More is not read at once than is matched at once.
        chunk_rows = min(options.bounds.chunk_rows, options.batch_rows or options.bounds.chunk_rows)
        bounds = replaced(options.bounds, chunk_rows=chunk_rows)
        self._open = set(range(len(inputs)))
        self._chunks = ReadAhead(
            {
                i: open_source(one.path, one.settings, projection, schema, i, bounds, progress)
                for i, (one, progress) in enumerate(zip(inputs, self._progress, strict=True))
            },
            max(CHUNKS_AHEAD_MIN, 2 * options.batch_rows // chunk_rows),
        )
        self._gathered = 0
        self._enough = options.batch_rows // _FIRST_PART

    def alerts(self, on_chunk: Callable[[], None]) -> Iterator[Alert]:
        # Rules stay to the end: the collector need not look through them with every batch of alerts.
        gc.freeze()
        try:
            while self._open:
                lagging = min(self._open, key=lambda i: (self._clock.source_watermark_ms(i), i))
                if self._chunks.waits(lagging):
                    # Nobody knows for how long: what is found by now is told by now.
                    yield from self._detector.rest()
                yield from self._step(lagging)
                self._note()
                on_chunk()
            if self._options.flush:
                yield from self._detector.flush()
            yield from self._detector.rest()
            self._summary.complete = True
        except InputError:
            # What was read before is told before.
            yield from self._detector.rest()
            raise
        finally:
            gc.unfreeze()
            self._chunks.close()
            self._note()
            self._summary.waiting = self._detector.open_runs()
            self._detector.close()

    def _step(self, source: int) -> list[Alert]:
        """Read the next chunk of an input and let go on what its time allows."""
        chunk = self._chunks.take(source)
        if chunk is None:
            self._open.remove(source)
            ready = self._clock.end(source)
        else:
            batch = self._taken(chunk)
            self._gathered += len(batch)
            hold = self._gathered < self._enough
            ready, late = self._clock.push(source, batch, hold=hold)
            self._refuse(late_rejects(late, self._lateness_ms[source]))
            if hold:
                return []
            self._gathered, self._enough = 0, min(2 * self._gathered, self._options.batch_rows)
        return self._detector.process(ready, self._time_ms(), self._clock.first_ms)

    def _time_ms(self) -> int:
        """The watermark; once everything is read the time of the last event."""
        if self._open:
            return self._clock.watermark_ms
        last_ms = self._summary.last_ms
        return self._clock.watermark_ms if last_ms is None else last_ms

    def _taken(self, chunk: Chunk) -> Batch:
        """Count what a chunk holds; its events in the time asked for."""
        summary = self._summary
        summary.records += chunk.records
        summary.unmatched += chunk.unmatched
        self._refuse(chunk.rejects)
        batch = self._in_time(chunk.batch)
        summary.outside += len(chunk.batch) - len(batch)
        summary.events += len(batch)
        if len(batch):
            first_ms, last_ms = int(batch.ts_ms.min()), int(batch.ts_ms.max())
            summary.first_ms = first_ms if summary.first_ms is None else min(first_ms, summary.first_ms)
            summary.last_ms = last_ms if summary.last_ms is None else max(last_ms, summary.last_ms)
        return batch

    def _in_time(self, batch: Batch) -> Batch:
        keep = np.ones(len(batch), dtype=np.bool_)
        if self._options.from_ms is not None:
            keep &= batch.ts_ms >= self._options.from_ms
        if self._options.to_ms is not None:
            keep &= batch.ts_ms < self._options.to_ms
        return batch if keep.all() else batch.take(np.flatnonzero(keep))

    def _refuse(self, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            self._summary.rejects[reject.reason_code] += 1
            examples = self._summary.examples.setdefault(reject.reason_code, [])
            if len(examples) < EXAMPLES_MAX:
                examples.append(reject)
            if self._on_reject is not None:
                self._on_reject(reject)

    def _note(self) -> None:
        summary, detector = self._summary, self._detector
        totals = [progress.total for progress in self._progress if progress.total is not None]
        if totals and len(totals) == len(self._progress):
            summary.read = sum(progress.read for progress in self._progress) / sum(totals)
        summary.skipped = self._clock.skipped
        summary.forced = self._clock.forced
        summary.alerts = detector.alerts
        summary.suppressed = detector.suppressed
        summary.counters = detector.counters()
