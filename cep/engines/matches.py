"""Matches of a rule in a batch, as rows of a sheet that rules share: made into objects when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Final, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from cep.columns import Ints
from cep.engines.match import Match
from cep.event import Position
from cep.values import value

Index: TypeAlias = NDArray[np.intp]

_NO_INTS: Final = np.zeros(0, dtype=np.int64)


@value
class Places:
    """Where matches stand, as columns: when each was decided, where its first and its last event are."""

    detected_ms: Ints
    detected_seq: Ints
    start_ms: Ints
    start_seq: Ints
    last_ms: Ints
    last_seq: Ints

    @staticmethod
    def of(matches: Sequence[Match]) -> Places:
        """Those of matches."""
        places = [(*each.detected, *each.start, *each.last) for each in matches]
        return Places(*np.array(places, dtype=np.int64).reshape(-1, 6).T)

    def order(self, rank: Ints) -> Index:
        """The order of all of them: by when they were decided, then by rank, then by where they stand."""
        columns = (self.last_seq, self.last_ms, self.start_seq, self.start_ms)
        return np.lexsort((*columns, rank, self.detected_seq, self.detected_ms))

    def rows(self, rows: Index) -> Places:
        """Some of them."""
        return Places(*(column[rows] for column in self.columns()))

    def pairs(self, rows: Index) -> tuple[Iterator[Position], Iterator[Position], Iterator[Position]]:
        """Of some of them when they were decided, where they start, and where they end."""
        columns = [column[rows].tolist() for column in self.columns()]
        return positions(*columns[:2]), positions(*columns[2:4]), positions(*columns[4:])

    def columns(self) -> tuple[Ints, ...]:
        """In the order in which they are named."""
        return (
            *(self.detected_ms, self.detected_seq),
            *(self.start_ms, self.start_seq),
            *(self.last_ms, self.last_seq),
        )


def joined(parts: Sequence[Places]) -> Places:
    """Several, one after the other."""
    return Places(*map(np.concatenate, zip(*(part.columns() for part in parts), strict=True)))


def positions(ts_ms: Sequence[int], seq: Sequence[int]) -> Iterator[Position]:
    """Places in time, made without a call of Python each."""
    return map(tuple.__new__, repeat(Position), zip(ts_ms, seq, strict=True))


class Sheet:
    """Matches that several rules may take from, each made once."""

    def __init__(self, places: Places, make: Callable[[Index], Sequence[Match]]) -> None:
        """`make` gives the matches of some rows."""
        self.places = places
        self._make = make
        self._made = np.full(len(places.detected_ms), None, dtype=object)
        self._is_made = np.zeros(len(places.detected_ms), dtype=np.bool_)

    def __len__(self) -> int:
        """How many."""
        return len(self._made)

    @staticmethod
    def of(matches: Sequence[Match]) -> Sheet:
        """Matches that are there."""
        return Sheet(Places.of(matches), lambda rows: [matches[i] for i in rows.tolist()])

    def matches(self, rows: Index) -> NDArray[np.object_]:
        """The matches of some rows."""
        fresh = rows[~self._is_made[rows]]
        if len(fresh):
            self._made[fresh] = np.fromiter(self._make(fresh), dtype=object, count=len(fresh))
            self._is_made[fresh] = True
        found: NDArray[np.object_] = self._made[rows]
        return found


class Matches(Sequence[Match]):
    """Rows of a sheet, in the order of `Match.sort_key`."""

    __slots__ = ("rows", "sheet")

    def __init__(self, sheet: Sheet, rows: Index) -> None:
        """Nothing is made yet."""
        self.sheet = sheet
        self.rows = rows

    @staticmethod
    def of(found: Sequence[Match]) -> Matches:
        """What an engine found, whatever it gave."""
        return found if isinstance(found, Matches) else Matches(Sheet.of(found), np.arange(len(found)))

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    @overload
    def __getitem__(self, i: int) -> Match: ...
    @overload
    def __getitem__(self, i: slice) -> Matches: ...
    def __getitem__(self, i: int | slice) -> Match | Matches:
        """One, or some."""
        if isinstance(i, slice):
            return Matches(self.sheet, self.rows[i])
        found: Match = self.sheet.matches(self.rows[i : i + 1 or None])[0]
        return found

    def __iter__(self) -> Iterator[Match]:
        return iter(self.sheet.matches(self.rows).tolist())

    def where(self, keep: Sequence[bool]) -> Matches:
        """Those that are kept."""
        return Matches(self.sheet, self.rows[np.array(keep, dtype=np.bool_)])


def in_order(found: Sequence[tuple[int, Matches]]) -> tuple[list[int], list[Match]]:
    """Matches of several rules, each told with its rank: whose they are, by place in `found`, and they."""
    sheets = list({id(matches.sheet): matches.sheet for _, matches in found}.values())
    begins = np.cumsum([0, *map(len, sheets)])
    begin = dict(zip(map(id, sheets), begins.tolist(), strict=False))
    rows = np.concatenate([matches.rows + begin[id(matches.sheet)] for _, matches in found])
    lengths = [len(matches) for _, matches in found]
    rank = np.repeat([rank for rank, _ in found], lengths)
    order = joined([sheet.places for sheet in sheets]).rows(rows).order(rank)
    asked = np.zeros(begins[-1], dtype=np.bool_)
    asked[rows] = True
    made = np.full(begins[-1], None, dtype=object)
    for sheet, begin_, end in zip(sheets, begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        some = np.flatnonzero(asked[begin_:end])
        made[some + begin_] = sheet.matches(some)
    whose = np.repeat(np.arange(len(found)), lengths)[order]
    return whose.tolist(), made[rows[order]].tolist()


NO_MATCHES: Final = Matches(Sheet(Places(*(_NO_INTS,) * 6), lambda _: ()), np.zeros(0, dtype=np.intp))
