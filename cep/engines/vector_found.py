"""What a kernel found in a batch: candidates as columns, made into matches when a rule takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Ints
from cep.engines.match import Match
from cep.engines.matches import NO_MATCHES, Matches, Places, Sheet
from cep.engines.vector_fields import Slots
from cep.engines.vector_pool import NONE
from cep.engines.vector_step import Index, Log
from cep.engines.vector_track import Move
from cep.engines.vector_trails import Took, Trails
from cep.event import Event, Key, Position
from cep.values import value

Story: TypeAlias = list[tuple[Move, Event]]
"""What a run has taken, oldest first."""


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


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

    def moves(self, of_cells: NDArray[np.int16]) -> NDArray[np.int16]:
        """A move that each run has taken; `of_cells` are those of cells."""
        last = np.zeros(int(self.runs.max(initial=0)) + 1, dtype=np.int16)
        mine = self.log.runs < len(last)
        last[self.log.runs[mine]] = self.log.moves[mine]
        found = last[self.runs]
        before = self.cell != NONE
        found[before] = of_cells[self.cell[before]]
        return found


@dataclass
class Found:
    """Candidates as columns, in the order of key, decision and start; and what goes to stepped engines."""

    keys: list[Key] = field(default_factory=list)
    start_ms: Ints = field(default_factory=_none)
    start_seq: Ints = field(default_factory=_none)
    last_ms: Ints = field(default_factory=_none)
    ts_ms: Ints = field(default_factory=_none)
    seq: Ints = field(default_factory=_none)
    variants: Ints = field(default_factory=_none)
    """Of tracks side by side, that of each candidate."""
    trails: Trails = field(default_factory=Trails)
    handed: Sequence[Handed] = ()
    held: Bools | None = None
    """The rows of keys that are stepped, None if no key is."""
    touched: Callable[[], set[Key]] = set
    """The keys whose runs may have changed."""
    _whole: Sheet | None = None

    def within(self, within_ms: int, variant: int) -> Index:
        """The candidates of a variant that a window allows, by decision and start."""
        mine = self._by_variant[variant] if variant < len(self._by_variant) else self._by_time[:0]
        return mine if self._widest_ms <= within_ms else mine[self._spans_ms[mine] <= within_ms]

    def in_order(self, numbers: Sequence[int]) -> Index:
        """Some candidates by decision and start."""
        return self._by_time[np.sort(self._ranks[np.array(numbers, dtype=np.intp)])]

    def matches(self, numbers: Index, *, most: bool) -> Matches:
        """Candidates as matches. `most`: rules take most of what there is, so all is told at once for all."""
        if not len(numbers):
            return NO_MATCHES
        if self._whole is None and most:
            self._whole = self._sheet(np.arange(len(self.start_ms)))
        if self._whole is not None:
            return Matches(self._whole, numbers)
        return Matches(self._sheet(numbers), np.arange(len(numbers)))

    def match(self, number: int) -> Match:
        """One candidate as a match."""
        return self.matches(np.array([number]), most=False)[0]

    def _sheet(self, numbers: Index) -> Sheet:
        """What outlives the batch of some candidates."""
        told = self.trails.told(numbers)
        places = Places(
            *(self.ts_ms[numbers], self.seq[numbers]),
            *(self.start_ms[numbers], self.start_seq[numbers]),
            *told.lasts(),
        )
        keys = [self.keys[i] for i in numbers.tolist()]

        def make(rows: Index) -> list[Match]:
            detected, start, last = places.pairs(rows)
            ts_ms = places.detected_ms[rows].tolist()
            whose = map(keys.__getitem__, rows.tolist())
            took = map(Took, repeat(told), rows.tolist())
            return list(map(Match, whose, took, start, last, ts_ms, detected))

        return Sheet(places, make)

    @cached_property
    def _by_time(self) -> Index:
        return np.lexsort((self.start_seq, self.start_ms, self.seq, self.ts_ms))

    @cached_property
    def _by_variant(self) -> list[Index]:
        """For each variant its candidates, by decision and start."""
        variants = self.variants[self._by_time]
        by = self._by_time[np.argsort(variants, kind="stable")]
        return np.split(by, np.cumsum(np.bincount(variants))[:-1])

    @cached_property
    def _ranks(self) -> Index:
        ranks = np.empty_like(self._by_time)
        ranks[self._by_time] = np.arange(len(ranks))
        return ranks

    @cached_property
    def _spans_ms(self) -> Ints:
        return self.last_ms - self.start_ms

    @cached_property
    def _widest_ms(self) -> int:
        return int(self._spans_ms.max(initial=0))


NOTHING: Final = Found()
