"""Which candidates become matches: a rule's window, pick and skip policy over what its kernel found.

Candidates come by key and in the order in which they were decided. A start that a match took away is known by
the horizon of its key: whatever starts up to there is gone.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from cep.columns import Ints
from cep.engines.matcher import FOREVER_MS, TIMER_SEQ
from cep.engines.matches import NO_MATCHES, Matches
from cep.engines.skip import picked
from cep.engines.vector_found import Found
from cep.event import Key, Position
from cep.plan.pattern import Pattern
from cep.values import value

BEFORE_ALL = Position(-FOREVER_MS, 0)
AFTER_ALL = Position(FOREVER_MS, 0)
PRUNE_MIN = 1024


@value
class Candidate:
    """A run that would be a match: its number among those found, its start, and when it was decided."""

    number: int
    key: Key
    start: Position
    detected: Position


class Chooser:
    """Picks and skips of one rule over all keys."""

    def __init__(self, pattern: Pattern, variant: int) -> None:
        """No match yet. `variant`: the candidates of which it is to choose."""
        self._pattern = pattern
        self._variant = variant
        self._within_ms = FOREVER_MS if pattern.within_ms is None else pattern.within_ms
        self._horizons: dict[Key, Position] = {}
        self._prune_at = PRUNE_MIN
        self.stopped: set[Key] = set()
        limit = pattern.limit
        self._room = limit.count if limit is not None and limit.per_ms is None else FOREVER_MS
        self._every = pattern.pick in ("each", "all") and pattern.after == "none" and self._room == FOREVER_MS

    def horizon(self, key: Key) -> Position:
        """What starts up to here is gone."""
        return AFTER_ALL if key in self.stopped else self._horizons.get(key, BEFORE_ALL)

    def forget(self, key: Key) -> None:
        """Nothing of the key is known any more."""
        self._horizons.pop(key, None)
        self.stopped.discard(key)

    def prune(self, watermark_ms: int) -> None:
        """Drop horizons that are older than any open run, once their number may have doubled."""
        if len(self._horizons) > self._prune_at:
            old_ms = watermark_ms - self._within_ms
            self._horizons = {key: at for key, at in self._horizons.items() if at.ts_ms >= old_ms}
            self._prune_at = max(PRUNE_MIN, 2 * len(self._horizons))

    def horizons(self) -> list[tuple[Key, Position]]:
        """All horizons there are."""
        return [(key, self.horizon(key)) for key in self._horizons.keys() | self.stopped]

    def matches(self, found: Found) -> Matches:
        """The matches among the candidates, sorted."""
        if not len(found.start_ms):
            return NO_MATCHES
        within = found.within(self._within_ms, self._variant)
        if self._every:
            return found.matches(within, most=True)
        return found.matches(found.in_order(self._chosen(found, np.sort(within))), most=False)

    def _chosen(self, found: Found, numbers: NDArray[np.intp]) -> list[int]:
        """The numbers of those that are picked and that no match before them takes away."""
        chosen: list[int] = []
        for _, group in groupby(_candidates(found, numbers), key=attrgetter("key", "detected")):
            chosen += self._given(list(group), found)
        return chosen

    def _given(self, group: list[Candidate], found: Found) -> list[int]:
        """The matches among what one event or one deadline decides for a key."""
        key, pattern = group[0].key, self._pattern
        if key in self.stopped:
            return []
        alive = [one for one in group if one.start > self.horizon(key)]
        waiting = [alive[i] for i in picked(pattern.pick, [one.start for one in alive])]
        room, given = self._room, []
        while waiting:
            one = waiting.pop(0)
            if room > 0:
                given.append(one.number)
            room -= 1
            if pattern.after == "stop":
                self.stopped.add(key)
                return given
            self._skip(key, one, found)
            waiting = [other for other in waiting if other.start > self.horizon(key)]
        return given

    def _skip(self, key: Key, one: Candidate, found: Found) -> None:
        match self._pattern.after:
            case "none" | "stop":
                return
            case "to_next":
                at = one.start
            case "past_last":
                # What an event completes ends with that event; what a deadline completes ended before it.
                at = found.match(one.number).last if one.detected.seq == TIMER_SEQ else one.detected
            case "to_first" | "to_last":
                events = found.match(one.number).bindings.get(self._pattern.after_var or "", ())
                if not events:
                    return
                target = events[0 if self._pattern.after == "to_first" else -1].position
                at = Position(target.ts_ms, target.seq - 1)
        self._horizons[key] = max(at, self.horizon(key))


def _candidates(found: Found, numbers: NDArray[np.intp]) -> list[Candidate]:
    columns: tuple[Ints, ...] = (found.start_ms, found.start_seq, found.ts_ms, found.seq)
    start_ms, start_seq, ts_ms, seq = (column[numbers].tolist() for column in columns)
    rows = zip(numbers.tolist(), start_ms, start_seq, ts_ms, seq, strict=True)
    return [Candidate(i, found.keys[i], Position(a, b), Position(c, d)) for i, a, b, c, d in rows]
