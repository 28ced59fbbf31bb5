"""The variables that a pattern binds, and every condition with the variables it may read where it stands.

One walk over the tree, in the order in which events are taken:

    SEQ(Login l, OR(A a, B b), NOT C[…] c, Transfer[…] t) WHERE …
                                     │              │           └ reads l a b t
                                     │              └ reads l a b, and its own event
                                     └ reads l a b, and t: it is asked when t arrives
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from cep.errors import Span
from cep.language.expressions import Expr, PathSyntax
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BySuffix,
    Core,
    EventSyntax,
    OrSyntax,
    PatternSyntax,
    QuantSyntax,
    SeqSyntax,
    StepSyntax,
    UnitSyntax,
    UseSyntax,
    WithinSuffix,
)
from cep.values import mutable, replaced, value

Fork: TypeAlias = tuple[Literal["and", "or"], int, int]
"""A branch that is around something: of an AND (or ATLEAST) or an OR, which one, and which branch of it."""

Role: TypeAlias = Literal["filter", "not", "until", "unless", "where", "emit"]


@value
class Variable:
    """A name and what it holds.

    `types` None is a group, empty is an event of any type. `loops` are the loops around it, the outermost
    first, its own last. `members` are the variables of a group. A `negated` one is never bound.
    """

    name: str
    span: Span
    types: tuple[str, ...] | None
    loops: tuple[int, ...] = ()
    forks: tuple[Fork, ...] = ()
    members: frozenset[str] = frozenset()
    negated: bool = False
    quantified: bool = False
    """Its step, or one around it, has a quantifier, be it {1}."""


@value
class Site:
    """A condition and where it stands.

    `event` is the event under test and `var` its variable; None in `WHERE` and `EMIT`. `known` are the
    variables bound before; `loops` and `forks` are what is around the place.
    """

    role: Role
    expr: Expr
    event: EventSyntax | None = None
    var: str | None = None
    known: frozenset[str] = frozenset()
    loops: tuple[int, ...] = ()
    forks: tuple[Fork, ...] = ()


@value
class EventPlace:
    """An event of the pattern with the key that its step has of its own."""

    event: EventSyntax
    var: str | None
    by: tuple[PathSyntax, ...]
    negated: bool
    looped: bool


@value
class Since:
    """A `WITHIN d OF v`, and what its place knows."""

    suffix: WithinSuffix
    of: str
    known: frozenset[str]
    forks: tuple[Fork, ...]


@value
class Clash:
    """A variable named twice: the second place, and the first."""

    name: str
    span: Span
    first: Span


@mutable
class Survey:
    """What the walk found. `until` and `unless` events are no places: they take nothing."""

    variables: dict[str, Variable] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    places: list[EventPlace] = field(default_factory=list)
    since: list[Since] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    only: EventPlace | None = None
    """The step of a pattern that has but one: its fields need no variable before them."""


def survey(pattern: PatternSyntax) -> Survey:
    """Everything that the conditions of a pattern may read, and the conditions themselves."""
    walk = _Walk()
    around = _Around(negated=pattern.negated)
    walk.unit(pattern.unit, around)
    found = walk.found
    if isinstance(pattern.unit.core, EventSyntax):
        found.only = found.places[0]
    bound = frozenset(name for name, variable in found.variables.items() if not variable.negated)
    for unless in pattern.unless:
        if unless.name is not None:
            types = tuple(str(path) for path in unless.event.types)
            walk.bind(Variable(unless.name, unless.span, types, negated=True))
        if unless.event.filter is not None:
            site = Site("unless", unless.event.filter, unless.event, unless.name, bound)
            found.sites.append(site)
    if pattern.where is not None:
        found.sites.append(Site("where", pattern.where, known=bound))
    found.sites += [Site("emit", item.value, known=bound) for emit in pattern.emits for item in emit.items]
    return found


@value
class _Around:
    """What is around a unit: variables bound before it, loops, branches, whether it may be passed over."""

    known: frozenset[str] = frozenset()
    loops: tuple[int, ...] = ()
    forks: tuple[Fork, ...] = ()
    by: tuple[PathSyntax, ...] = ()
    negated: bool = False
    quantified: bool = False


class _Walk:
    """The walk; it numbers loops and forks as it meets them."""

    def __init__(self) -> None:
        self.found = Survey()
        self._number = 0

    def unit(self, unit: UnitSyntax, around: _Around) -> frozenset[str]:
        """The variables that are bound behind the unit."""
        outside = around
        if unit.quant is not None:
            loops = (*around.loops, self._next()) if is_loop(unit.quant) else around.loops
            around = replaced(around, loops=loops, quantified=True)
        if isinstance(unit.core, EventSyntax):
            self._event(unit, unit.core, around)
            bound = frozenset({unit.name} if unit.name else ())
        else:
            bound = self._core(unit, around)
            if unit.name is not None:
                group = self._variable(unit, None, around)
                self.bind(replaced(group, members=bound))
                bound |= {unit.name}
        if unit.until is not None and unit.until.filter is not None:
            known = outside.known | bound
            self.found.sites.append(
                Site("until", unit.until.filter, unit.until, None, known, outside.loops, outside.forks)
            )
        return bound

    def _core(self, unit: UnitSyntax, around: _Around) -> frozenset[str]:
        match unit.core:
            case SeqSyntax(_, steps):
                return self._chain(steps, around)
            case AndSyntax(branches) | AtLeastSyntax(_, branches):
                return self._branches("and", branches, around)
            case OrSyntax(branches):
                return self._branches("or", branches, around)
            case UseSyntax() | EventSyntax():
                return frozenset()

    def _chain(self, steps: tuple[StepSyntax, ...], around: _Around) -> frozenset[str]:
        before = around.known
        for i, step in enumerate(steps):
            inside = replaced(around, known=before)
            if step.negated:
                rest = (later for later in steps[i + 1 :] if not later.negated)
                self._absence(step, replaced(inside, known=before | _first_names(next(rest, None))))
            else:
                before |= self.unit(step.unit, self._inside(step, inside))
        return before - around.known

    def _branches(
        self, kind: Literal["and", "or"], branches: tuple[StepSyntax, ...], around: _Around
    ) -> frozenset[str]:
        fork, bound = self._next(), frozenset[str]()
        for i, branch in enumerate(branches):
            inside = replaced(around, forks=(*around.forks, (kind, fork, i)))
            if branch.negated:
                self._absence(branch, inside)
            else:
                bound |= self.unit(branch.unit, self._inside(branch, inside))
        return bound

    def _absence(self, step: StepSyntax, around: _Around) -> None:
        self.unit(step.unit, self._inside(step, replaced(around, negated=True)))

    def _inside(self, step: StepSyntax, around: _Around) -> _Around:
        """What is around the unit of a step: its suffixes are read."""
        for suffix in step.suffixes:
            if isinstance(suffix, BySuffix):
                around = replaced(around, by=suffix.paths)
            if isinstance(suffix, WithinSuffix) and suffix.of is not None:
                self.found.since.append(Since(suffix, suffix.of, around.known, around.forks))
        return around

    def _event(self, unit: UnitSyntax, event: EventSyntax, around: _Around) -> None:
        looped = bool(around.loops)
        self.found.places.append(EventPlace(event, unit.name, around.by, around.negated, looped))
        if unit.name is not None:
            self.bind(self._variable(unit, tuple(str(path) for path in event.types), around))
        if event.filter is not None:
            role: Role = "not" if around.negated else "filter"
            known, loops, forks = around.known, around.loops, around.forks
            self.found.sites.append(Site(role, event.filter, event, unit.name, known, loops, forks))

    def _variable(self, unit: UnitSyntax, types: tuple[str, ...] | None, around: _Around) -> Variable:
        assert unit.name is not None
        return Variable(
            unit.name,
            unit.name_span,
            types,
            around.loops,
            around.forks,
            negated=around.negated,
            quantified=around.quantified,
        )

    def bind(self, variable: Variable) -> None:
        """Note a variable; the branches of one OR may share one, which then has any of their types."""
        first = self.found.variables.get(variable.name)
        if first is None:
            self.found.variables[variable.name] = variable
        elif first.types is None or variable.types is None or not _apart(first.forks, variable.forks):
            self.found.clashes.append(Clash(variable.name, variable.span, first.span))
        else:
            every = not first.types or not variable.types
            types = () if every else tuple(dict.fromkeys(first.types + variable.types))
            loops = max(first.loops, variable.loops, key=len)
            self.found.variables[variable.name] = replaced(first, types=types, loops=loops)

    def _next(self) -> int:
        self._number += 1
        return self._number


def steps_of(core: Core) -> tuple[StepSyntax, ...]:
    """The steps or branches directly in a core."""
    match core:
        case SeqSyntax(_, steps):
            return steps
        case AndSyntax(branches) | OrSyntax(branches) | AtLeastSyntax(_, branches):
            return branches
        case EventSyntax() | UseSyntax():
            return ()


def is_loop(quant: QuantSyntax) -> bool:
    """Whether a quantifier allows more than one; one that a parameter gives is taken for a loop."""
    return quant.max is None or quant.max.number is None or quant.max.number > 1


def fork_between(one: tuple[Fork, ...], other: tuple[Fork, ...]) -> Literal["and", "or"] | None:
    """The kind of the AND or OR in whose different branches two places stand; None if there is none."""
    for mine, its in zip(one, other, strict=False):
        if mine[:2] != its[:2]:
            return None
        if mine != its:
            return mine[0]
    return None


def _apart(one: tuple[Fork, ...], other: tuple[Fork, ...]) -> bool:
    return fork_between(one, other) == "or"


def may_lack(unit: UnitSyntax, name: str) -> bool:
    """Whether some match of the unit leaves the variable unbound."""
    if unit.quant is not None and unit.quant.min.number == 0:
        return True
    if unit.name == name:
        return False
    match unit.core:
        case SeqSyntax(_, steps) | AndSyntax(steps):
            return all(may_lack(step.unit, name) for step in steps if not step.negated)
        case OrSyntax(branches):
            return any(branch.negated or may_lack(branch.unit, name) for branch in branches)
        case AtLeastSyntax(count, branches):
            lacking = sum(may_lack(branch.unit, name) for branch in branches if not branch.negated)
            return count.number is None or lacking >= count.number
        case EventSyntax() | UseSyntax():
            return True


def _first_names(step: StepSyntax | None) -> frozenset[str]:
    """The variables that the first event of a step may be bound to."""
    if step is None:
        return frozenset()
    unit = step.unit
    match unit.core:
        case EventSyntax():
            return frozenset({unit.name} if unit.name else ())
        case SeqSyntax(_, steps):
            return _first_names(next((each for each in steps if not each.negated), None))
        case AndSyntax(branches) | OrSyntax(branches) | AtLeastSyntax(_, branches):
            return frozenset(name for branch in branches for name in _first_names(branch))
        case UseSyntax():
            return frozenset()
