"""Single events of an `every_once` pattern as text, with the names that the rule gives away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.conformance.cases import Json
from tests.conformance.every_way import (
    Single,
    Way,
    all_of,
    covers,
    kind_text,
    moment_text,
    overlap,
    unless_text,
    where_text,
)
from tests.conformance.row_fold import condition, fold
from tests.conformance.text import (
    Names,
    UnsayableError,
    name_text,
    quantifier_text,
)


@dataclass(slots=True)
class Events:
    """Writes single events; keeps the names given away and what they stand for."""

    esper: bool
    forks: bool
    """Whether the rule is `PICK ALL`: then what excludes each other must be said."""
    attributes: frozenset[str]
    horizon_ms: int | None
    """When the case ends, None if it never does."""
    moments: Sequence[tuple[int, str]] = ()
    """When which type of event comes."""
    within_ms: int | None = None
    sequence: bool = False
    """Whether steps follow each other strictly."""
    replaced_by: Single | None = None
    """In a sequence, the start that takes the place of a run that waits for an absence."""
    types: frozenset[str] = frozenset()
    """The types that the pattern names, but for those of a first absence."""
    heads: Sequence[Single] = ()
    """What may follow the node that is being written."""
    variables: dict[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    several: set[str] = field(default_factory=set)

    def _event(self, event: Single, way: Way, *, last: bool, follow: str = "", extra: str = "") -> list[Way]:
        low, high = event.low, event.high
        way = way.add(*(self._none(guard, way) for guard in way.guards))
        if self.esper and low != high:
            raise UnsayableError("a repetition without bound or end")
        if last and (low, high) != (1, 1):
            high = low  # a last step is over when it has enough
        if low != high and self.forks and any(covers(each, event) for each in self.heads):
            high = low  # whatever it could take more, the next step takes
        if high == 0:
            return [way]
        many = (low, high) != (1, 1)
        if many:
            self.several.add(event.var)
        event = replace(event, low=low, high=high)
        if any(covers(spoiler, event) for spoiler in way.spoilers):
            return []
        if event.where is False:
            raise UnsayableError("a step that no event fits: such a rule is refused when it is loaded")
        name = self.name(event.var)
        greed = "+" if self.forks and low != high else ""
        inner = " CONSECUTIVE" if event.inner_strict and high != 1 else ""
        # A loop that never lets go must leave to the next step what that takes.
        spared = [self._left_to(next_, event, way) for next_ in self.heads if greed and overlap(event, next_)]
        unspoiled = self._not_any(event, way.spoilers, way)
        tests = all_of(
            where_text(event, self.names(way)), extra, *self._times(way, event), *spared, unspoiled
        )
        text = kind_text(event, tests)
        follow = follow or ("NEXT " if event.strict and not way.fresh else "")
        if event.strict and way.fresh and way.off_ms:
            way = self._none_between(event, way)
        part = f"{follow}{text} {name_text(name)}{quantifier_text(low, high, greed)}{inner}"
        mark = f"last({name_text(name)}).ts" if many else f"{name_text(name)}.ts"
        if many and not low and way.mark is not None:
            mark = f"coalesce({mark}, {moment_text(way.mark, way.off_ms)})"
        late = not low and (way.late or way.off_ms > 0)
        return [replace(way.take(part, mark), open=low != high, late=late)]

    def _left_to(self, following: Single, event: Single, way: Way) -> str:
        """That an event of a loop is not what follows it, or comes too early for that."""
        if event.high == 1:
            where = condition(fold(_before(following.where, event.var)))
            if where is False:
                return ""
            following = replace(following, where=where)
        test = unless_text(following, self.names(way), event.type)
        enough = f"count({name_text(self.name(event.var))}) < {event.low}"
        return f"{enough} OR {test}" if event.low else test

    def _times(self, way: Way, event: Single | None = None) -> list[str]:
        """When an event may come, as conditions."""
        limits = way.limits
        if event is not None and event.within_ms is not None:
            limits = (*limits, (self._mark(way), way.off_ms + event.within_ms))
        found = [f"ts < {moment_text(mark, ms)}" for mark, ms in limits]
        if not way.held:
            found.append(f"ts >= {moment_text(self._mark(way), way.off_ms)}")
        return found

    def _none(self, event: Single, way: Way, *tests: str | None) -> str:
        """No such event from the moment on that has come."""
        since = f"ts >= {moment_text(self._mark(way), way.off_ms)}" if way.off_ms or way.late else None
        forbidden = all_of(where_text(event, self.names(way)), since, *tests)
        return f"NOT {kind_text(event, forbidden)} {name_text(self.fresh(f'no_{event.var}'))}"

    def _not_any(self, event: Single, others: Sequence[Single], way: Way) -> str | None:
        """That an event is none of some others: what it fits ends its wait, and does not end it well."""
        names = self.names(way)
        return all_of(*(unless_text(o, names, event.type) for o in others if overlap(event, o)))

    def _none_between(self, event: Single, way: Way) -> Way:
        """The very next event behind a first absence, whose own events do no harm any more."""
        for kind in sorted(self.types):
            spared = unless_text(event, self.names(way), kind) if event.type == kind else None
            if spared != "FALSE":
                way = way.add(self._none(Single(event.var, kind, True), way, spared))
        return way

    def names(self, way: Way) -> Names:
        """How variables are written in a way."""
        return Names({**self.written, **(way.both or {})}, frozenset(self.several))

    def name(self, var: str) -> str:
        """The variable of ours for one of the case."""
        if var not in self.written:
            self.written[var] = self.fresh(var)
            self.variables[self.written[var]] = var
        return self.written[var]

    def fresh(self, name: str) -> str:
        """A name like this one that nothing else has, for an event that does not count."""
        number, fresh = 1, name
        while fresh in self.attributes or fresh in self.variables:
            number += 1
            fresh = f"{name}_{number}"
        self.variables[fresh] = None
        return fresh

    def _mark(self, way: Way) -> str:
        if way.mark is None:
            raise UnsayableError("a time that counts from one of several events")
        return way.mark


def _before(expr: Json, var: str) -> Json:
    """An expression while a variable has taken nothing."""
    match expr:
        case ["ref", str(name), *_] if name == var:
            return None
        case [str(op), *operands]:
            return [op, *(_before(each, var) for each in operands)]
        case _:
            return expr
