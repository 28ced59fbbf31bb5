"""What a kernel found in a batch: candidates as columns, made into matches when a rule takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Ints
from cep.engines.match import Match
from cep.engines.vector_rows import Slots
from cep.engines.vector_step import Index, Log
from cep.engines.vector_track import Move
from cep.engines.vector_trails import Trails
from cep.event import Event, Key, Position
from cep.values import value

Story: TypeAlias = list[tuple[Move, Event]]
"""What a run has taken, oldest first."""


@value
class Handed:
    """The runs that a key had before the batch: their starts and what they took."""

    key: Key
    runs: Sequence[tuple[Position, Story]]


class Client(Protocol):
    """A rule that takes from a kernel and steps the keys that a kernel hands over."""

    def idle(self, key: Key) -> bool:
        """Whether its stepped engine has nothing of a key."""
        ...

    def adopt(self, handed: Handed) -> None:
        """Have a key stepped from now on."""
        ...

    def touch(self, keys: Iterable[Key]) -> None:
        """Runs of these keys are over."""
        ...


@value
class Matched:
    """Matches as columns: each run by its number in `log`, its key and start, and when it was decided."""

    runs: Index
    key: Codes
    cell: Slots
    start_ms: Ints
    start_seq: Ints
    last_ms: Ints
    ts_ms: Ints
    seq: Ints
    log: Log


@value
class Found:
    """Candidates as columns, in the order of key, decision and start; and what goes to stepped engines."""

    keys: list[Key] = field(default_factory=list)
    start_ms: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    start_seq: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    last_ms: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ts_ms: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    seq: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    trails: Trails = field(default_factory=Trails)
    handed: Sequence[Handed] = ()
    held: Bools | None = None
    """The rows of keys that are stepped, None if no key is."""
    touched: Callable[[], set[Key]] = set
    """The keys whose runs may have changed."""
    _made: dict[int, Match] = field(default_factory=dict)

    def match(self, number: int) -> Match:
        """One candidate as a match."""
        return self.matches([number])[0]

    def matches(self, numbers: Sequence[int] | NDArray[np.intp]) -> list[Match]:
        """Candidates as matches, each made once for all rules that take it."""
        wanted = np.asarray(numbers, dtype=np.intp).tolist()
        fresh = [i for i in wanted if i not in self._made] if self._made else wanted
        if fresh:
            self._made.update(zip(fresh, self._make(np.array(fresh, dtype=np.intp)), strict=True))
        return [self._made[i] for i in wanted]

    def _make(self, numbers: NDArray[np.intp]) -> list[Match]:
        told = self.trails.told(numbers)
        rows = zip(
            numbers.tolist(),
            map(told.taken, range(len(numbers))),
            _positions(self.start_ms[numbers], self.start_seq[numbers]),
            told.lasts(),
            self.ts_ms[numbers].tolist(),
            _positions(self.ts_ms[numbers], self.seq[numbers]),
            strict=True,
        )
        return [Match(self.keys[i], taken, start, last, ms, at) for i, taken, start, last, ms, at in rows]


def _positions(ts_ms: Ints, seq: Ints) -> Iterator[Position]:
    return map(Position._make, zip(ts_ms.tolist(), seq.tolist(), strict=True))
