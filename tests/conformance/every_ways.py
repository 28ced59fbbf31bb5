"""Patterns of semantics `every_once` part by part: what each kind of node becomes; see `every_once.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from tests.conformance.cases import Json
from tests.conformance.every_order import Order
from tests.conformance.every_waits import NEVER
from tests.conformance.every_way import (
    Single,
    Way,
    all_of,
    counted,
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
    duration_text,
    name_text,
    nodes_below,
    quantifier_text,
)

STARTS_AGAIN: Final = "a part that may be given up, and then starts again at once"
EVERY_OF_EVERY: Final = "every of every: the same events are a match many times"


@dataclass(slots=True)
class Writer(Order):
    """Writes any node."""

    def chain(self, nodes: Sequence[Json], ways: Sequence[Way], *, last: bool) -> list[Way]:
        """All ways through nodes one after the other."""
        found, outer = list(ways), self.heads
        for i, node in enumerate(nodes):
            rest = nodes[i + 1 :]
            ends = last and all(_may_lack(each) for each in rest)
            self.heads = [*_heads(rest), *(outer if all(_may_lack(each) for each in rest) else ())]
            found = [after for way in found for after in self.ways(node, way, last=ends)]
        self.heads = outer
        return found

    def ways(self, node: Json, way: Way, *, last: bool) -> list[Way]:
        """All ways in which a node may match from a moment on."""
        if any(each.get("within_max") == 0 for each in nodes_below(node)):
            return []
        if self.esper and node.get("within") is not None and "event" not in node:
            way = replace(way, limits=(*way.limits, (self._mark(way), way.off_ms + node["within"])))
            found = self._node({k: v for k, v in node.items() if k != "within"}, way, last=last)
            return [replace(each, limits=way.limits[:-1]) for each in found]
        if not self.esper and node.get("within") is not None:
            bare = {name: value for name, value in node.items() if name != "within"}
            span = f" WITHIN {duration_text(node['within'])}"
            place = len(way.parts)
            return [
                replace(each, parts=(*way.parts, f"SEQ({', '.join(each.parts[place:])}){span}"))
                for each in self._node(bare, way, last=last)
            ]
        return self._node(node, way, last=last)

    def _node(self, node: Json, way: Way, *, last: bool) -> list[Way]:
        if "event" in node and "until" not in node:
            return self._event(single(node), way, last=last)
        absence = self._absence(node)
        if absence is not None and absence[0] is NEVER and absence[1] < 2:
            return [self._moment(absence[1], way, last=last)]
        if absence is not None:
            found = self._wait(*absence, way, every=False)
            return self._replaceable(found) if node.get("follow") == "strict" else found
        match node:
            case {"until": until}:
                return self._until(node, until, way, last=last)
            case {"every": inner}:
                return self._every(node, inner, way, last=last)
            case {"seq": nodes} if not counted(node):
                return self.chain(nodes, [way], last=last)
            case {"and": nodes} if not counted(node):
                return self._and(nodes, way, last=last, strict=node.get("follow") == "strict")
            case {"or": nodes} if not counted(node):
                return self._or(nodes, way, last=last, strict=node.get("follow") == "strict")
            case {"seq": _} | {"or": _} | {"and": _}:
                return self._group(node, way)
            case {"not": _}:
                return [way]  # true at once, and for that moment only
            case _:
                raise UnsayableError(f"a node of {', '.join(sorted(node))}")

    def _until(self, node: Json, until: Json, way: Way, *, last: bool) -> list[Way]:
        """A loop that another event ends; one that fits both only ends it."""
        kinds, enders = _one_of(node), _one_of(until)
        if not all(single(each).once for each in enders) or not kinds or not enders:
            raise UnsayableError("a loop over more than single events that another event ends")
        ends = [single(each) for each in enders]
        events = [replace(single(each), low=1, high=1) for each in kinds]
        self.several |= {each.var for each in events}
        low, high = node.get("min") or 0, node.get("max")
        names, parts = self.names(way), []
        for i, event in enumerate(events):
            others = [*ends, *events[:i]]
            if any(covers(other, event) for other in others):
                continue
            tests = [unless_text(o, names, event.type) for o in others if overlap(event, o)]
            text = kind_text(event, all_of(where_text(event, names), *tests, *self._times(way)))
            parts.append(f"{text} {name_text(self.name(event.var))}")
        if not parts and low:
            return []  # each event of the loop ends it before it has enough
        none = ", ".join(self._none(end, way) for end in ends)
        body = parts[0] if len(parts) == 1 else f"OR({', '.join(parts)})"
        if low and low == high:
            # It has enough and does not wait for the end.
            mark = f"last({name_text(self.name(events[0].var))}).ts" if len(events) == 1 else None
            return [way.take(f"SEQ({none}, {body}){quantifier_text(low, high)}", mark)]
        if parts and high != 0:
            way = way.take(f"SEQ({none}, {body}){quantifier_text(low, high, '+')}", None)
        if len(ends) == 1:
            return self._event(ends[0], way, last=False)
        return self._or(enders, way, last=last, strict=False)

    def _group(self, node: Json, way: Way) -> list[Way]:
        """A group so many times."""
        low, high = node.get("min", 1), node.get("max", 1)
        if low != high or not low:
            raise UnsayableError("a group that may come more or fewer times")
        bare = {name: value for name, value in node.items() if name not in ("min", "max")}
        self.several |= {each["event"] for each in nodes_below(node) if "event" in each}
        body = self.ways(bare, Way(fresh=False), last=False)
        return [way.take(f"{either(body)}{quantifier_text(low, high)}", None)]

    def _every(self, node: Json, inner: Json, way: Way, *, last: bool) -> list[Way]:
        """A match of each turn of the node, beside what the turns before still wait for."""
        if counted(node):
            raise UnsayableError("a repetition of what comes again and again")
        if not self.forks:
            raise AssertionError("what comes again and again is PICK ALL")
        absence = self._absence(inner)
        if absence is not None:
            return self._wait(*absence, way, every=True, strict=self.sequence)
        if self.esper and "within" in inner and "event" in inner and single(inner).once:
            # Given up, it starts again: at any time one is on.
            inner = {name: value for name, value in inner.items() if name not in ("within", "within_max")}
        if "event" in inner and "until" not in inner and single(inner).once:
            return self._every_event(node, single(inner), way)
        if node.get("distinct") or node.get("while") or node.get("within_max"):
            raise UnsayableError("distinct values of a group, or a bound of a group that comes again")
        if counted(inner) and "event" not in inner and any(_gives_up(each) for each in nodes_below(inner)):
            raise UnsayableError(STARTS_AGAIN)
        match inner:
            case {"or": nodes} if "until" not in inner and all(
                "event" in each and single(each).once for each in nodes
            ):
                return [self._first_of([single(each) for each in nodes], way, follow="ANY ")]
            case {"and": [{"not": {"event": _} as absent, **rest}, {"event": _} as taken]} | {
                "and": [{"event": _} as taken, {"not": {"event": _} as absent, **rest}]
            } if rest.get("for") is None and single(taken).once:
                event = single(taken)
                if self.esper:
                    # What ends it also starts it again.
                    free = replace(way, spoilers=(*way.spoilers, single(absent)))
                    lasting = replace(event, within_ms=None)
                    found = self._event(lasting, free, last=False, follow="ANY ")
                    return [replace(each, spoilers=way.spoilers) for each in found]
                # A spoiled one starts nothing, but the next is free again.
                name = self.fresh(f"{event.var}_past")
                past = way.add(f"{kind_text(event, where_text(event, self.names(way)))} {name_text(name)}*")
                spoiler = single(absent)
                free = replace(past.add(self._none(spoiler, way)), spoilers=(*way.spoilers, spoiler))
                return [replace(each, spoilers=way.spoilers) for each in self._event(event, free, last=last)]
            case {"every": _}:
                raise UnsayableError(EVERY_OF_EVERY)
            case {"or": sides} if all("every" in side for side in sides):
                raise UnsayableError(EVERY_OF_EVERY)
            case _ if self.esper and any(_gives_up(each) for each in nodes_below(inner)):
                raise UnsayableError(STARTS_AGAIN)
            case _:
                pass
        return self.ways(inner, self._turns(inner, way), last=last)

    def _every_event(self, node: Json, event: Single, way: Way) -> list[Way]:
        keys = node.get("distinct") or ()
        tests = []
        for key in keys:
            match key:
                case ["ref", var, str(name)] if var == event.var:
                    tests.append(f"{name_text(name)} = {name_text(self.name(var))}.{name_text(name)}")
                case _:
                    raise UnsayableError("distinct values of expressions")
        if node.get("distinct_for") and (self.horizon_ms is None or node["distinct_for"] <= self.horizon_ms):
            raise UnsayableError(
                "distinct for some time: counted from the last match given, as LIMIT 1 PER does for alerts"
            )
        extra = ""
        if node.get("while") is not None:
            goes_on = replace(event, where=_of_event(node["while"], event.var), type=None)
            names = self.names(way)
            stop = unless_text(goes_on, names, None)
            way = way.add(self._none(event, way, stop))
            extra = fits_text(goes_on, names, None) or ""
        if keys:
            way = way.add(self._none(event, way, *tests, *self._times(way)))
        if node.get("within_max"):
            name = self.fresh(f"{event.var}_past")
            text = kind_text(event, all_of(where_text(event, self.names(way)), *self._times(way)))
            most = node["within_max"] - 1
            past = way.add(f"{text} {name_text(name)}{quantifier_text(0, most)}") if most else way
            return self._event(event, past, last=False)
        return self._event(event, way, last=False, follow="ANY ", extra=extra)

    def _turns(self, inner: Json, way: Way) -> Way:
        """The turns before, as a loop whose events are not part of the match."""
        if "event" in inner and "until" not in inner:
            event = single(inner)
            if event.low == 0:
                raise UnsayableError("every of a step that may be missing, with something before it")
            inner = {**inner, "max": event.low}
        if not self.esper and "within" in inner:
            raise UnsayableError("a group that comes again, part of which a window ends")
        with self._past(inner):
            steps = _steps(inner)
            if self.sequence and (steps is None or len(steps) > 1):
                raise UnsayableError("turns of a sequence, some of which may break")
            turns = self.ways(inner, Way(fresh=False, both=way.both, guards=way.guards), last=False)
            heads = [each.parts[0] for each in turns if not each.parts[0].startswith("NOT Never")]
            if any(each.off_ms for each in turns) and any("NOT " in head for head in heads):
                raise UnsayableError("turns that end with a wait and begin with what must not come first")
            body = [sequence_text(each.parts + each.behind) for each in turns]
            if self.within_ms is not None and way.fresh:
                if steps is None:
                    raise UnsayableError("a group that comes again, part of which a window ends")
                body = [f"{sequence_text(turns[0].parts)} WITHIN {duration_text(self.within_ms)}"]
                body += [self._ended(steps, end) for end in range(1, len(steps))]
        text = body[0] if len(body) == 1 else f"OR({', '.join(body)})"
        bare = text[-1] not in "}+*" and " WITHIN " not in text and " CONSECUTIVE" not in text
        return replace(way.add(f"{text}*" if bare else f"SEQ({text})*"), mark=None)

    def _ended(self, steps: Sequence[Single], end: int) -> str:
        """A turn that the window ended before its step number `end`, until the window is over."""
        assert self.within_ms is not None
        parts, names = [], []
        with self._past({"seq": [{"event": each.var} for each in steps]}):
            for event in steps[:end]:
                name = self.fresh(f"{event.var}_lost")
                self.written[event.var] = name
                names.append(name)
                parts.append(f"{kind_text(event, where_text(event, self.names(Way())))} {name_text(name)}")
            way = Way(fresh=False)
            if end == 1:
                parts.append(f"{self._none(steps[1], way)} FOR {duration_text(self.within_ms)}")
                return sequence_text(parts)
            soon = f"ts <= {name_text(names[0])}.ts + {duration_text(self.within_ms)}"
            idle = kind_text(steps[0], all_of(where_text(steps[0], self.names(way)), soon))
            name = self.fresh(f"{steps[0].var}_idle")
            parts.append(f"SEQ({self._none(steps[end], way, soon)}, {idle} {name_text(name)})*+")
            parts.append(self._none(steps[end], way, soon))
        return sequence_text(parts)

    @contextmanager
    def _past(self, node: Json) -> Iterator[None]:
        """Inside, the variables of a node are others, which stand for nothing in the match."""
        kept = dict(self.written)
        for each in nodes_below(node):
            if "event" in each:
                name = self.fresh(f"{each['event']}_past")
                self.written[each["event"]] = name
        yield
        self.written = kept


def _gives_up(node: Json) -> bool:
    """Whether a node may end without a match."""
    return bool({"within", "while", "not"} & set(node)) or ("until" in node and bool(node.get("min")))


def _heads(nodes: Sequence[Json]) -> Iterator[Single]:
    """The events that nodes one after the other may begin with."""
    for node in nodes:
        if "event" in node:
            yield single(node)
            if _may_lack(node):
                continue
        elif "every" in node:
            yield from _heads([node["every"]])
        elif "seq" in node:
            yield from _heads(node["seq"])
        else:
            for each in (*node.get("or", ()), *node.get("and", ())):
                yield from _heads([each])
        return


def _may_lack(node: Json) -> bool:
    return "event" in node and "until" not in node and not single(node).low


def _steps(node: Json) -> list[Single] | None:
    """A group as single events one after the other, if it is that."""
    if "event" in node and "until" not in node:
        event = single(node)
        return [replace(event, low=1, high=1)] * event.low if event.low == event.high else None
    if "seq" not in node or counted(node):
        return None
    found: list[Single] = []
    for each in node["seq"]:
        steps = _steps(each)
        if steps is None:
            return None
        found += steps
    return found


def _of_event(expr: Json, var: str) -> Json:
    """An expression over a variable, asked of the event that it is about to take."""
    match expr:
        case ["ref", str(name), str(attribute)] if name == var:
            return ["field", attribute]
        case [str(op), *operands]:
            return [op, *(_of_event(each, var) for each in operands)]
        case _:
            return expr


def _one_of(node: Json) -> list[Json]:
    """The single events of which a node is one, however often it comes; none if it is something else."""
    if "event" in node and not isinstance(node["event"], dict):
        return [node]
    inner = node.get("or", ())
    plain = {"event", "type", "where"}
    return list(inner) if all("event" in each and not set(each) - plain for each in inner) else []
