"""Single events of an `every_once` pattern as text, with the names that the rule gives away."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.conformance.every_way import (
    Single,
    Way,
    all_of,
    kind_text,
    moment_text,
    unless_text,
    where_text,
)
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
    within_ms: int | None = None
    sequence: bool = False
    """Whether steps follow each other strictly."""
    replaced_by: Single | None = None
    """In a sequence, the start that takes the place of a run that waits for an absence."""
    types: frozenset[str] = frozenset()
    """The types that the pattern names, but for those of a first absence."""
    variables: dict[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    several: set[str] = field(default_factory=set)

    def _event(self, event: Single, way: Way, *, last: bool, follow: str = "", extra: str = "") -> list[Way]:
        low, high = event.low, event.high
        if self.esper and low != high:
            raise UnsayableError("a repetition without bound or end")
        if last and (low, high) != (1, 1):
            high = low  # a last step is over when it has enough
        if high == 0:
            return [way]
        many = (low, high) != (1, 1)
        if many:
            self.several.add(event.var)
        if event.where is False:
            raise UnsayableError("a step that no event fits: such a rule is refused when it is loaded")
        name = self.name(event.var)
        greed = "+" if self.forks and low != high else ""
        inner = " CONSECUTIVE" if event.inner_strict and high != 1 else ""
        text = kind_text(event, all_of(where_text(event, self.names(way)), extra, *self._times(way, event)))
        follow = follow or ("NEXT " if event.strict and not way.fresh else "")
        if event.strict and way.fresh and way.off_ms:
            way = self._none_between(event, way)
        part = f"{follow}{text} {name_text(name)}{quantifier_text(low, high, greed)}{inner}"
        mark = f"last({name_text(name)}).ts" if many else f"{name_text(name)}.ts"
        if many and not low and way.mark is not None:
            mark = f"coalesce({mark}, {way.mark})"
        return [way.take(part, mark)]

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
        """No such event."""
        condition = all_of(where_text(event, self.names(way)), *tests)
        return f"NOT {kind_text(event, condition)} {name_text(self.fresh(f'no_{event.var}'))}"

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
