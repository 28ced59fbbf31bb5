"""Event time over several sources: what is late, what may go on, and how far time has come.

    source 0   ──rows──▶ late? ──▶ waiting ──┐  (ts_ms, seq) order, up to the watermark
    source 1   ──rows──▶ late? ──▶ waiting ──┴──▶ ready batch
                          └──▶ late batch

The watermark of a source trails its highest time by the allowed lateness and a millisecond: an event exactly
`max_lateness_ms` behind is in time still. A row is late if its source's watermark had reached its time before
the row came. That looks at the rows of one source in their order and at nothing else, so neither the size of
chunks nor the interleaving of sources makes an event late. The watermark of all is the least of those sources
that have not ended.

A source that is said to be idle does not hold the watermark back: `idle` names those that are. When it is no
longer said to be so, what it brings from before the watermark of that moment (its `floor`) is late. Who says
it decides by a clock on the wall, so it must be said again at the same place when the rows come once more.

One thing does depend on sizes: when more events wait than the bound allows, the oldest go on early, are
counted in `forced`, and raise the watermark; what then comes from before it is late too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from cep.columns import Batch, Bools, Ints, Projection
from cep.concat import concat
from cep.engines.matcher import FOREVER_MS
from cep.values import value

BEFORE_ALL_MS: Final = -FOREVER_MS
"""The watermark while some source has shown no event yet."""

END_MS: Final = FOREVER_MS - 1
"""The watermark at the end of all input: after every event, and before what never comes."""

BUFFER_EVENTS_MAX: Final = 1_000_000


@value
class ClockState:
    """How far time has come, without the events that wait: they stand in the log and are read again."""

    watermark_ms: int
    first_ms: int | None
    forced_ms: int
    highest_ms: tuple[int, ...]
    """The highest time of each source."""
    floor_ms: tuple[int, ...]
    """How far time had come when each source was last said to be idle no longer."""
    idle: frozenset[int] = frozenset()
    """The sources that are said to be idle."""


@value
class Announced:
    """The watermark of a source as somebody told it who sees more of it than its rows."""

    before_ms: Ints
    """Of each row, what was told before it."""
    after_ms: int
    """What was told up to the end of the rows."""


class EventClock:
    """Orders the events of a fixed number of sources by time. Rows of types nobody wants only move time."""

    def __init__(
        self,
        max_lateness_ms: Sequence[int],
        buffer_events_max: int = BUFFER_EVENTS_MAX,
        projection: Projection | None = None,
    ) -> None:
        """One allowed lateness for each source; `projection` says which event types go on, None is all."""
        self.watermark_ms = BEFORE_ALL_MS
        """Every event up to this time was given out or was late. Never falls; END_MS once all ended."""
        self.late = 0
        """Rows that came too late."""
        self.forced = 0
        """Events that went on before the watermark had reached them."""
        self.skipped = 0
        """Rows in time, of types nobody wants."""
        self.waiting = 0
        """Events that wait for the watermark."""
        self.first_ms: int | None = None
        """The time of the earliest row of any type: history reaches back to it, and no further."""
        self._highest = [BEFORE_ALL_MS] * len(max_lateness_ms)
        self._lateness = tuple(max_lateness_ms)
        self._ended = [False] * len(max_lateness_ms)
        self._forced_ms = BEFORE_ALL_MS
        self._floor = [BEFORE_ALL_MS] * len(max_lateness_ms)
        self._idle: frozenset[int] = frozenset()
        self._max = buffer_events_max
        self._projection = projection or Projection()
        # A heap of batches, each in order, by the time of its first row; the number settles ties.
        self._waiting: list[tuple[int, int, Batch]] = []
        self._pushed = 0

    def source_watermark_ms(self, source: int) -> int:
        """How far the time of one source has come; END_MS once it ended. Read next from the least."""
        if self._ended[source]:
            return END_MS
        return max(BEFORE_ALL_MS, self._highest[source] - self._lateness[source] - 1)

    def push(
        self, source: int, batch: Batch, announced: Announced | None = None, *, hold: bool = False
    ) -> tuple[Batch | None, Batch]:
        """Take the next rows of a source: the events that may go on now, in order, and the late rows.

        Where time is `announced` the rows move none. `hold`: none goes on yet, and the watermark stays.
        """
        assert not self._ended[source], "a source that ended has no more rows"
        assert source not in self._idle, "a source with rows is not idle"
        late = self._late_rows(source, batch.ts_ms, announced)
        in_time = ~late
        keep = in_time & self._wanted(batch)
        if in_time.any():
            earliest_ms = int(batch.ts_ms[in_time].min())
            self.first_ms = earliest_ms if self.first_ms is None else min(self.first_ms, earliest_ms)
        self.late += int(np.count_nonzero(late))
        self.skipped += int(np.count_nonzero(in_time & ~keep))
        self._add(_in_order(batch if keep.all() else batch.take(np.flatnonzero(keep))))
        self._move_time(source, batch, announced)
        return None if hold else self._release(), batch.take(np.flatnonzero(late))

    def idle(self, sources: Iterable[int]) -> Batch | None:
        """These sources are idle from here on, and no others: the events that may go on because of that."""
        was, self._idle = self._idle, frozenset(sources)
        for source in was - self._idle:
            self._floor[source] = self.watermark_ms
        return self._release()

    def state(self) -> ClockState:
        """How far time has come."""
        return ClockState(
            self.watermark_ms,
            self.first_ms,
            self._forced_ms,
            tuple(self._highest),
            tuple(self._floor),
            self._idle,
        )

    def resume(self, state: ClockState) -> None:
        """Go on from there; what waited then has to be given to `refill`, before any new row."""
        assert len(state.highest_ms) == len(self._highest), "as many sources as there were"
        self.watermark_ms, self.first_ms = state.watermark_ms, state.first_ms
        self._forced_ms = state.forced_ms
        self._highest = list(state.highest_ms)
        self._floor = list(state.floor_ms)
        self._idle = state.idle

    def refill(self, source: int, batch: Batch, announced: Announced | None = None) -> None:
        """Rows that were pushed once before: those that waited wait again, the others are done with."""
        late = self._late_rows(source, batch.ts_ms, announced)
        keep = ~late & (batch.ts_ms > self.watermark_ms) & self._wanted(batch)
        self._add(_in_order(batch if keep.all() else batch.take(np.flatnonzero(keep))))
        self._move_time(source, batch, announced)

    def reach(self, watermark_ms: int) -> Batch | None:
        """Time has come so far, whoever says it: the events that may go on because of that."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
        return self._release()

    def end(self, source: int) -> Batch | None:
        """The source has no more rows: the events that may go on because of that."""
        self._ended[source] = True
        return self._release()

    def _wanted(self, batch: Batch) -> Bools:
        wanted = [self._projection.wants(name) for name in batch.type_names] + [True]
        return np.array(wanted, dtype=np.bool_)[batch.types]

    def _move_time(self, source: int, batch: Batch, announced: Announced | None) -> None:
        highest = self._highest[source]
        if announced is not None:
            # The time that would have brought this watermark: so all that is kept of sources is alike.
            self._highest[source] = max(highest, announced.after_ms + self._lateness[source] + 1)
        elif len(batch):
            self._highest[source] = max(highest, int(batch.ts_ms.max()))

    def _late_rows(self, source: int, ts_ms: Ints, announced: Announced | None) -> Bools:
        """Which rows their source's watermark had passed before they came."""
        highest, lateness = self._highest[source], self._lateness[source]
        if announced is None:
            late = late_rows(ts_ms, highest, lateness)
        else:
            late = ts_ms <= np.maximum(announced.before_ms, highest - lateness - 1)
        return late | (ts_ms <= max(self._forced_ms, self._floor[source]))

    def _release(self) -> Batch | None:
        waited_for = [source for source in range(len(self._lateness)) if source not in self._idle]
        # Where all are idle nobody knows how late it is.
        unknown_ms = BEFORE_ALL_MS if self._idle else END_MS
        least = min((self.source_watermark_ms(source) for source in waited_for), default=unknown_ms)
        self.watermark_ms = max(self.watermark_ms, least)
        ready = self._cut(self.watermark_ms)
        if self.waiting > self._max:
            ready += self._force()
        if not ready:
            return None
        return _in_order(concat(ready))

    def _force(self) -> list[Batch]:
        """Let the oldest go although older ones may come: a tenth, so that it is not done for each event."""
        times = np.concatenate([batch.ts_ms for _, _, batch in self._waiting])
        excess = len(times) - self._max + self._max // 10
        self._forced_ms = int(np.partition(times, excess - 1)[excess - 1])
        self.watermark_ms = max(self.watermark_ms, self._forced_ms)
        ready = self._cut(self._forced_ms)
        self.forced += sum(len(batch) for batch in ready)
        return ready

    def _add(self, batch: Batch) -> None:
        if len(batch):
            self._pushed += 1
            self.waiting += len(batch)
            heapq.heappush(self._waiting, (int(batch.ts_ms[0]), self._pushed, batch))

    def _cut(self, until_ms: int) -> list[Batch]:
        """Take out what waits with a time up to this one."""
        ready = []
        while self._waiting and self._waiting[0][0] <= until_ms:
            _, _, batch = heapq.heappop(self._waiting)
            self.waiting -= len(batch)
            count = int(np.searchsorted(batch.ts_ms, until_ms, side="right"))
            if count == len(batch):
                ready.append(batch)
            else:
                ready.append(batch.take(slice(0, count)))
                self._add(batch.take(slice(count, None)))
        return ready


def late_rows(ts_ms: Ints, highest_ms: int, lateness_ms: int) -> Bools:
    """Which rows the watermark of their source had passed before they came: a running maximum says it.

    >>> late_rows(np.array([5, 9, 4, 3]), 0, 5).tolist()
    [False, False, False, True]
    """
    if not len(ts_ms) or (ts_ms[0] >= highest_ms - lateness_ms and (ts_ms[1:] >= ts_ms[:-1]).all()):
        # Most inputs are in order, and looking is cheaper than a running maximum.
        return np.zeros(len(ts_ms), dtype=np.bool_)
    before = np.concatenate([np.array([highest_ms], dtype=np.int64), ts_ms[:-1]])
    late: Bools = ts_ms <= np.maximum.accumulate(before) - lateness_ms - 1
    return late


def _in_order(batch: Batch) -> Batch:
    ts_ms, seq = batch.ts_ms, batch.seq
    unsure = np.flatnonzero(ts_ms[1:] <= ts_ms[:-1])
    if ((ts_ms[unsure + 1] == ts_ms[unsure]) & (seq[unsure + 1] > seq[unsure])).all():
        return batch
    return batch.take(np.lexsort((seq, ts_ms)))
