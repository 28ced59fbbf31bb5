"""Absences and timers of an `every_once` pattern as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.conformance.cases import Json
from tests.conformance.every_events import Events
from tests.conformance.every_way import (
    Single,
    Way,
    all_of,
    counted,
    covers,
    kind_text,
    moment_text,
    never_text,
    overlap,
    single,
    unless_text,
    where_text,
)
from tests.conformance.text import (
    UnsayableError,
    name_text,
)

NEVER: Final = Single("never", "Never", True)
"""An event that never comes: not to see it for some time is a timer."""


@dataclass(slots=True)
class Waits(Events):
    """Writes what only waits, and what waits beside a single event."""

    def _absence(self, node: Json) -> tuple[Single, int] | None:
        """A node that only waits: what must not come, and for how long."""
        match node:
            case {"timer": int(ms)}:
                return NEVER, ms
            case {"not": {"event": _} as event, "for": int(ms)}:
                return single(event), ms
            case {"and": [{"timer": int(ms)}, {"not": {"event": _} as event}]} | {
                "and": [{"not": {"event": _} as event}, {"timer": int(ms)}]
            } if not counted(node):
                return single(event), ms
            case _:
                return None

    def _wait(self, event: Single, ms: int, way: Way, *, every: bool, strict: bool = False) -> list[Way]:
        """None of an event for some time; from the start of the query each one starts the wait again."""
        if any(mark != way.mark for mark, _ in way.limits) and way.limits:
            raise UnsayableError("a wait inside a part that is given up later than it starts")
        if any(way.off_ms + ms >= limit for _, limit in way.limits):
            return []
        if not every:
            # In a sequence the only run is broken.
            restarts = self._leads(way) and not self.sequence
            return [self._silent(event, ms, self._resets(event, ms, way) if restarts else way)]
        if self.horizon_ms is None:
            raise UnsayableError("an absence that is given again and again, for ever")
        if self._leads(way) or (self.esper and event is not NEVER):
            # In Esper what ends a wait ends a turn, and the next one starts at once.
            way = self._restarts(event, way)
        turns = range(1, self.horizon_ms // ms + 2)
        found = [self._silent(event, turn * ms, way) for turn in turns]
        if strict and self._leads(way):
            # In a sequence the next turn takes the place of this one.
            return [replace(each, limits=((self._mark(way), each.off_ms + ms),)) for each in found]
        return found

    def _moment(self, ms: int, way: Way, *, last: bool) -> Way:
        """A timer of no time, or of 1 ms, which no wait of ours can say less than."""
        if not ms:
            return way
        if last:
            return way.add(f"{self._none(NEVER, way)} FOR {ms}ms")
        return replace(way, off_ms=way.off_ms + ms, held=False)

    def _replaceable(self, ways: Sequence[Way]) -> list[Way]:
        """In a sequence a new start takes the place of a run that waits."""
        start = self.replaced_by
        if start is None:
            return list(ways)
        return [
            way.add(self._none(start, replace(way, off_ms=0)) + f" FOR {never_text(way.off_ms)}")
            for way in ways
        ]

    def _silent(self, event: Single, ms: int, way: Way) -> Way:
        """The wait itself, from the moment that has come."""
        until = way.off_ms + ms
        if way.open:
            raise UnsayableError("a wait that begins when a counted step has enough, and may still take more")
        if not way.held:
            raise UnsayableError("a wait that begins at a time which no event marks")
        part = self._none(event, way) + f" FOR {never_text(until)}"
        return replace(way.add(part), off_ms=until)

    def _leads(self, way: Way) -> bool:
        return not self.esper and way.fresh and not way.off_ms

    def _resets(self, event: Single, ms: int, way: Way, spared: Single | None = None) -> Way:
        """Events that start the wait again before it is over; none of another kind may come before them."""
        name = self.fresh(f"{event.var}_again")
        text = f"{kind_text(event, where_text(event, self.names(way)))} {name_text(name)}"
        gap = f" GAP {never_text(ms)}"
        part = f"{text}*+{gap}" if spared is None else f"SEQ({self._none(spared, way)}, {text}{gap})*+"
        mark = f"coalesce(last({name_text(name)}).ts, {self._mark(way)})"
        return replace(way.add(part), mark=mark)

    def _restarts(self, event: Single, way: Way) -> Way:
        """Any number of events, each of which starts the wait again."""
        name = self.fresh(f"{event.var}_again")
        text = kind_text(event, where_text(event, self.names(way)))
        return replace(
            way.add(f"{text} {name_text(name)}*"),
            mark=f"coalesce(last({name_text(name)}).ts, {self._mark(way)})",
        )

    def _event_or_wait(self, event: Single, absent: Single, ms: int, way: Way) -> list[Way]:
        """An event, or none of another kind for some time, whichever is first."""
        event, way, outer = *self._from_now(event, way), way.limits
        if self._leads(way):
            self._refuse_both(event, absent)
            reset = self._resets(absent, ms, way, spared=event)
            silent = self._silent(absent, ms, reset)
            silent = silent.add(self._none(event, way) + f" FOR {never_text(ms)}")
            soon = self._event(event, replace(reset, limits=((reset.mark or "", ms),)), last=False)
            return [silent, *(replace(each, limits=outer) for each in soon)]
        until = way.off_ms + ms
        limit = (self._mark(way), until)
        limited = replace(way, limits=(*way.limits, limit))
        if self.sequence:
            # Other events of the two streams break the run.
            absent, other = replace(absent, where=True), replace(event, where=True)
            silent = self._silent(absent, ms, way).add(self._none(other, way) + f" FOR {never_text(until)}")
            soon = self._event(event, self._unbroken(event, limited.add(self._none(absent, way))), last=False)
            return [silent, *(replace(each, limits=outer) for each in soon)]
        silent = self._silent(absent, ms, way)
        silent = silent.add(self._none(event, way) + f" FOR {never_text(until)}")
        soon = self._event(event, limited, last=False)
        found = [silent, *(replace(each, limits=outer) for each in soon)]
        if not covers(event, absent) and absent is not NEVER:
            name = self.fresh(f"{absent.var}_came")
            tests = all_of(
                where_text(absent, self.names(way)),
                f"ts < {moment_text(*limit)}",
                self._not_any(absent, [event], way),
            )
            came = way.add(self._none(event, way), f"{kind_text(absent, tests)} {name_text(name)}")
            came = replace(came, mark=f"{name_text(name)}.ts", off_ms=0)
            found += [replace(each, limits=outer) for each in self._event(event, came, last=False)]
        return found

    def _event_and_wait(self, event: Single, absent: Single, ms: int, way: Way) -> list[Way]:
        """An event, and none of another kind for some time: the match comes with the later of the two."""
        event, way, outer = *self._from_now(event, way), way.limits
        leads = self._leads(way)
        if leads:
            self._refuse_both(event, absent)
        if self.sequence and not leads:
            absent, way = replace(absent, where=True), self._unbroken(event, way)
        reset = self._resets(absent, ms, way, spared=event) if leads else way
        until = reset.off_ms + ms
        silent = self._silent(absent, ms, reset)
        late = self._event(
            event, silent.add(self._none(event, way) + f" FOR {never_text(until)}"), last=False
        )
        limit = (self._mark(reset), until)
        unbroken = reset.add(self._none(absent, way))
        unbroken = replace(unbroken, limits=(*way.limits, limit), spoilers=(*way.spoilers, absent))
        early = self._event(event, unbroken, last=False)
        if early and self._ends_too_soon(event, ms, way):
            raise UnsayableError("a wait that an event in it makes longer: ours counts from that event")
        found = [replace(each, limits=outer) for each in late]
        soon = f"ts < {moment_text(*limit)}"
        for each in early:
            done = replace(each, limits=outer, spoilers=way.spoilers, mark=limit[0], off_ms=until, held=False)
            found.append(
                replace(
                    done,
                    ahead=(self._none(absent, each, soon),),
                    behind=(self._none(absent, each, soon) + f" FOR {never_text(ms)}",),
                )
            )
            if leads:
                name = self.fresh(f"{absent.var}_came")
                text = kind_text(absent, all_of(where_text(absent, self.names(way)), soon))
                again = replace(each, limits=outer, spoilers=way.spoilers).add(f"{text} {name_text(name)}")
                again = self._resets(absent, ms, replace(again, mark=f"{name_text(name)}.ts"))
                found.append(self._silent(absent, ms, again))
        return found

    def _from_now(self, event: Single, way: Way) -> tuple[Single, Way]:
        """An event whose own window counts from now on, whatever comes before it."""
        if event.within_ms is None:
            return event, way
        limit = (self._mark(way), way.off_ms + event.within_ms)
        return replace(event, within_ms=None), replace(way, limits=(*way.limits, limit))

    def _ends_too_soon(self, event: Single, ms: int, way: Way) -> bool:
        """Whether such an event may come in a wait that is over in this case, but not if counted from it."""
        end = self.horizon_ms
        return end is not None and any(
            kind == event.type and at < start + ms <= end < at + ms
            for at, kind in self.moments
            for start, _ in (self.moments[:1] if way.fresh else self.moments)
            if start < at
        )

    def _unbroken(self, event: Single, way: Way) -> Way:
        """In a sequence no other event of the stream may come before the one that is waited for."""
        spared = unless_text(event, self.names(way), event.type)
        return way if spared == "FALSE" else way.add(self._none(replace(event, where=True), way, spared))

    def _refuse_both(self, event: Single, absent: Single) -> None:
        if overlap(event, absent):
            raise UnsayableError("an event that starts a wait again and is itself waited for beside it")

    def _all_waits(self, waits: Sequence[tuple[Single, int]], way: Way) -> list[Way]:
        if self._leads(way):
            raise UnsayableError("two absences from the start of the query, each starting again by itself")
        ends = [self._silent(event, ms, way) for event, ms in waits]
        parts = [part for end in ends for part in end.parts[len(way.parts) :]]
        return [replace(way.add(*parts), off_ms=max(end.off_ms for end in ends))]
