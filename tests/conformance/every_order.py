"""Parts of an `every_once` pattern in any order, or one of several, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from tests.conformance.cases import Json
from tests.conformance.every_waits import Waits
from tests.conformance.every_way import (
    Single,
    Way,
    all_of,
    covers,
    either,
    fits_text,
    kind_text,
    overlap,
    sequence_text,
    single,
    unless_text,
    where_text,
)
from tests.conformance.text import (
    UnsayableError,
    name_text,
    nodes_below,
)


@dataclass(slots=True)
class Order(Waits):
    """Writes `and` and `or`."""

    def ways(self, node: Json, way: Way, *, last: bool) -> list[Way]:
        """All ways in which a node may match from a moment on."""
        raise NotImplementedError

    def _or(self, nodes: Sequence[Json], way: Way, *, last: bool, strict: bool) -> list[Way]:
        if all("event" in node and single(node).once for node in nodes):
            read = [single(node) for node in nodes]
            if self.esper and any(
                one.var != other.var and (covers(one, other) or covers(other, one))
                for i, one in enumerate(read)
                for other in read[:i]
            ):
                raise UnsayableError("a choice of two for one event: which it is, Esper does not say")
            events = [each for each in read if not any(covers(spoiler, each) for spoiler in way.spoilers)]
            if not events:
                return []
            if last and not self.forks:
                return [self._one_of(events, way, strict=strict)]
            return [self._first_of(events, way, follow="NEXT " if strict and not way.fresh else "")]
        waits = [self._absence(node) for node in nodes]
        if len(nodes) == 2 and any(waits) and any("event" in node for node in nodes):
            wait = next(each for each in waits if each)
            event = single(next(node for node in nodes if "event" in node))
            if event.once:
                return self._event_or_wait(event, *wait, way)
        if self.sequence and not self._leads(way) and all(waits):
            # In a sequence what ends one of the waits ends the run.
            shortest = min(ms for wait in waits if wait for ms in wait[1:])
            return self._all_waits([(wait[0], shortest) for wait in waits if wait], way)
        if any("every" in node for node in nodes):
            return self._some_go_on(nodes, way)
        if self.forks or not (last or all(waits)):
            raise UnsayableError("a choice of parts, of which more than one may match")
        if any(set(node) == {"not"} for node in nodes):
            raise UnsayableError("a choice of which one side is true at once and another comes later")
        return [found for node in nodes for found in self.ways(node, way, last=last)]

    def _some_go_on(self, nodes: Sequence[Json], way: Way) -> list[Way]:
        """Sides of which some match again and again, until one that matches once does."""
        again = [set(node) == {"every"} for node in nodes]
        inner = [node["every"] if on else node for node, on in zip(nodes, again, strict=True)]
        if not all("event" in node and "until" not in node and single(node).once for node in inner):
            raise UnsayableError("a choice of parts, of which more than one may match")
        events = [single(node) for node in inner]
        found = []
        for i, (event, on) in enumerate(zip(events, again, strict=True)):
            before = way
            for j, other in enumerate(events):
                if j != i and overlap(event, other):
                    raise UnsayableError("a choice of parts, of which more than one may match")
                if j != i and not again[j]:
                    before = before.add(self._none(other, before, *self._times(before, other)))
            free = replace(event, within_ms=None) if on else event
            found += self._event(free, before, last=False, follow="ANY " if on else "")
        return found

    def _one_of(self, events: Sequence[Single], way: Way, *, strict: bool) -> Way:
        """The first event that is one of several, the first of them that it fits."""
        parts = []
        for i, event in enumerate(events):
            if any(covers(other, event) for other in events[:i]):
                continue
            tests = (*self._times(way, event), self._not_any(event, way.spoilers, way))
            text = kind_text(event, all_of(where_text(event, self.names(way)), *tests))
            parts.append(f"{text} {name_text(self.name(event.var))}")
        text = parts[0] if len(parts) == 1 else f"OR({', '.join(parts)})"
        return way.take(f"{'NEXT ' if strict and not way.fresh else ''}{text}", None)

    def _first_of(self, events: Sequence[Single], way: Way, follow: str = "") -> Way:
        """The same where more may follow: what one of them takes the others do not take as well."""
        bodies, times, names = [], [], self.names(way)
        for i, event in enumerate(events):
            earlier = [other for other in events[:i] if overlap(event, other)]
            tests = [unless_text(other, names, event.type) for other in earlier]
            if any(covers(other, event) for other in earlier):
                continue
            before = replace(way, parts=(), first=None, ahead=(), behind=())
            for j, other in enumerate(events):
                if j != i and not follow and way.anchored:
                    spared = (
                        unless_text(event, names, other.type) if j > i and overlap(event, other) else None
                    )
                    if spared != "FALSE":
                        before = before.add(self._none(other, way, spared))
            (taken,) = self._event(
                replace(event, strict=False), before, last=False, extra=all_of(*tests) or ""
            )
            bodies.append(sequence_text(taken.parts))
            times.append(taken.mark or "")
        if len(bodies) == 1:
            return way.take(follow + bodies[0], times[0])
        return way.take(f"{follow}OR({', '.join(bodies)})", f"coalesce({', '.join(times)})")

    def _and(self, nodes: Sequence[Json], way: Way, *, last: bool, strict: bool) -> list[Way]:
        """All sides, in any order, from the same moment on."""
        waits = [wait for node in nodes if (wait := self._absence(node))]
        nots = [node["not"] for node in nodes if "not" in node and node.get("for") is None]
        sides = [node for node in nodes if "not" not in node and not self._absence(node)]
        if any("event" not in each and "timer" not in each for each in nots):
            raise UnsayableError("a NOT of more than one event")
        forbidden = [single(each) for each in nots if "event" in each]
        ends = tuple((self._mark(way), way.off_ms + each["timer"]) for each in nots if "timer" in each)
        within = replace(
            way, limits=way.limits + ends, spoilers=(*way.spoilers, *forbidden) if sides else way.spoilers
        )
        found = self._sides(sides, waits, forbidden, within, last=last, strict=strict)
        return [replace(each, limits=way.limits, spoilers=way.spoilers) for each in found]

    def _sides(
        self,
        sides: Sequence[Json],
        waits: Sequence[tuple[Single, int]],
        forbidden: Sequence[Single],
        way: Way,
        *,
        last: bool,
        strict: bool,
    ) -> list[Way]:
        if waits and not sides and not forbidden:
            return self._all_waits(waits, way)
        if waits:
            if len(waits) == len(sides) == 1 and not forbidden and "event" in sides[0]:
                event = single(sides[0])
                if event.once:
                    return self._event_and_wait(event, *waits[0], way)
            raise UnsayableError("several events and an absence that must last, in any order")
        if len(sides) > 1:
            return self._any_order(sides, forbidden, way, strict=strict)
        if not sides:
            raise UnsayableError("an `and` of absences that are true at once")
        side = {**sides[0], "follow": "strict"} if strict else sides[0]
        if forbidden and ("seq" in side or "every" in side) and _plain(side):
            # None of them up to the last event, so before each one.
            guarded = replace(way, guards=(*way.guards, *forbidden))
            return [replace(each, guards=way.guards) for each in self.ways(side, guarded, last=last)]
        if forbidden and ("until" in side or ("event" not in side and "or" not in side)):
            raise UnsayableError("a part of several events during which another event must not come")
        for event in forbidden:
            way = way.add(self._none(event, way))
        return self.ways(side, way, last=last)

    def _any_order(
        self, sides: Sequence[Json], forbidden: Sequence[Single], way: Way, *, strict: bool
    ) -> list[Way]:
        """Several sides, all of which must match; one event may fill more than one."""
        everys = [node["every"] if set(node) <= {"every", "follow"} else node for node in sides]
        if not all("event" in node and "until" not in node for node in everys):
            return [self._groups_in_any_order(sides, forbidden, way, strict=strict)]
        events = [single(node) for node in everys]
        again = ["every" in node for node in sides]
        apart = not any(overlap(a, b) for i, a in enumerate(events) for b in events[:i])
        plain = not any(again) and not forbidden and not strict
        if plain and (apart or (not way.anchored and not all(e.once for e in events))):
            return [self._natural(events, way)]
        events = [replace(e, within_ms=None) if any_ else e for e, any_ in zip(events, again, strict=True)]
        if any(event.within_ms is not None for event in events):
            raise UnsayableError("sides with windows of their own, told one after the other")
        if not all(event.once for event in events):
            raise UnsayableError("a counted step in any order with others that may share its events")
        if apart:
            return self._orders(events, again, forbidden, way, strict=strict)
        if len(events) == 2 and not any(again) and not strict:
            return self._two_that_share(events, forbidden, way)
        raise UnsayableError("three events or more in any order, some of which one event may fill")

    def _natural(self, events: Sequence[Single], way: Way) -> Way:
        parts, times = [], []
        for event in events:
            if (event.high is None and self.esper) or (event.low != event.high and self.esper):
                raise UnsayableError("a repetition without bound or end")
            (taken,) = self._event(
                replace(event, high=event.low),
                replace(way, parts=(), first=None, ahead=(), behind=(), fresh=False),
                last=False,
            )
            parts.append(taken.parts[-1])
            times.append(taken.mark or "")
        return way.take(f"AND({', '.join(parts)})", f"greatest({', '.join(times)})")

    def _groups_in_any_order(
        self, sides: Sequence[Json], forbidden: Sequence[Single], way: Way, *, strict: bool
    ) -> Way:
        events = [[single(each) for each in nodes_below(side) if "event" in each] for side in sides]
        apart = not any(
            overlap(one, other)
            for i, mine in enumerate(events)
            for its in events[:i]
            for one in mine
            for other in its
        )
        simple = all(
            not {"every", "not", "timer", "until"} & set(each) for s in sides for each in nodes_below(s)
        )
        if not apart or not simple or forbidden or strict:
            raise UnsayableError("groups in any order that may share events, or that go on for ever")
        inside = replace(way, parts=(), first=None, ahead=(), behind=(), fresh=False)
        bodies = [either(self.ways(side, inside, last=False)) for side in sides]
        if any("NOT " in body for body in bodies):
            raise UnsayableError("groups in any order, inside which something must not come")
        return way.take(f"AND({', '.join(bodies)})", None)

    def _orders(
        self,
        events: Sequence[Single],
        again: Sequence[bool],
        forbidden: Sequence[Single],
        way: Way,
        *,
        strict: bool,
    ) -> list[Way]:
        """One way for each order; a side that counts once is the first event of its kind."""
        found = []
        for order in permutations(range(len(events))):
            after = way
            for place, i in enumerate(order):
                # Each side counts from the same moment: what comes later must not have come before.
                waiting = [events[j] for j in order[place + 1 :] if not again[j]]
                if not strict and after.anchored:
                    for other in (*forbidden, *waiting):
                        after = after.add(self._none(other, after))
                elif place:
                    for other in forbidden:
                        after = after.add(self._none(other, after))
                follow = "NEXT " if strict else "ANY " if again[i] else ""
                (after,) = self._event(events[i], after, last=False, follow=follow)
            found.append(after)
        return found

    def _two_that_share(self, events: Sequence[Single], forbidden: Sequence[Single], way: Way) -> list[Way]:
        one, other = events
        names, found = self.names(way), []
        leads = way.anchored
        ahead = way
        for event in forbidden:
            ahead = ahead.add(self._none(event, ahead))
        kind = one.type if one.type is not None else other.type
        shared = replace(one, type=kind, var=f"{one.var}_{other.var}")
        name = self.fresh(shared.var)
        if self.variables.get(self.name(one.var)) is not None:
            self.variables[name] = tuple(dict.fromkeys((one.var, other.var)))  # not of a turn before
        fits = all_of(
            fits_text(one, names, kind),
            fits_text(other, names, kind),
            *self._times(way),
            self._not_any(shared, way.spoilers, way),
        )
        pairs = ((one, other), (other, one))
        only = [(a, b, None if covers(b, a) else unless_text(b, names, a.type)) for a, b in pairs]
        before = ahead
        if leads:
            for a, _, alone in only:
                before = before.add(self._none(a, way, alone)) if alone else before
        both = before.take(f"{kind_text(shared, fits)} {name_text(name)}", f"{name_text(name)}.ts")
        found.append(replace(both, both={**(way.both or {}), one.var: name, other.var: name}))
        for a, b, alone in only:
            if alone is None:
                continue
            before = ahead.add(self._none(b, way)) if leads else ahead
            (first,) = self._event(a, before, last=False, extra=alone)
            for event in forbidden:
                first = first.add(self._none(event, first))
            found += self._event(b, first, last=False)
        return found


def _plain(side: Json) -> bool:
    """Whether a part is single events one after the other, perhaps again and again, and no more."""
    nodes = list(nodes_below(side))
    known = {"seq", "every", "event", "type", "where", "follow"}
    return not any(
        value not in (None, False) for node in nodes for value in map(node.get, node.keys() - known)
    )
