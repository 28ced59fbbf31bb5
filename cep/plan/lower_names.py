"""What the names in an expression mean, by where it stands; made once for a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from cep.event import Value
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    EventSyntax,
    OrSyntax,
    PatternSyntax,
    SeqSyntax,
    StepSyntax,
    UnitSyntax,
    UseSyntax,
)
from cep.plan.pattern import Path
from cep.values import replaced, value

Role = Literal["single", "loop", "absent"]


@value
class Names:
    """Variables with their role, groups with their variables, the key, and where the expression stands.

    `own` is the variable of the step whose filter it is; None in `WHERE` and `EMIT`. `element` is set inside
    an aggregate: the variable whose elements it looks at. `only` is the variable of a pattern with one step.
    """

    variables: Mapping[str, Role]
    groups: Mapping[str, tuple[str, ...]]
    markers: Mapping[str, str]
    """For each group a variable that every round of it takes exactly once, if there is one."""
    by: tuple[Path, ...] = ()
    only: str | None = None
    own: str | None = None
    element: str | None = None
    as_filter: str | None = None
    """In `WHERE`: the variable whose plain mentions mean the event under test."""
    params: Mapping[str, Value] | None = None

    def inside(self, var: str) -> Names:
        """The same names in the filter of a step."""
        return replaced(self, own=var)

    def last_of(self, name: str) -> tuple[str, ...]:
        """The variables that `OF name` may mean: the variable, or those of the group."""
        return self.groups.get(name, (name,))


def survey(pattern: PatternSyntax) -> Names:
    """The names of an expanded pattern."""
    groups: dict[str, tuple[str, ...]] = {}
    markers: dict[str, str] = {}
    variables = dict(_unit(pattern.unit, groups, markers))
    for clause in pattern.unless:
        if clause.name is not None:
            variables.setdefault(clause.name, "absent")
    taken = [name for name, role in variables.items() if role != "absent"]
    single = isinstance(pattern.unit.core, EventSyntax)
    by = tuple(path.parts for path in pattern.by)
    return Names(variables, groups, markers, by, only=_only(pattern, taken) if single else None)


def _only(pattern: PatternSyntax, taken: list[str]) -> str | None:
    if taken:
        return taken[0]
    core = pattern.unit.core
    assert isinstance(core, EventSyntax)
    return "|".join(str(path) for path in core.types) or "EVENT"


def _unit(
    unit: UnitSyntax,
    groups: dict[str, tuple[str, ...]],
    markers: dict[str, str],
    *,
    loop: bool = False,
    absent: bool = False,
) -> Iterator[tuple[str, Role]]:
    loop = loop or _repeats(unit)
    match unit.core:
        case EventSyntax():
            if unit.name is not None:
                yield unit.name, "absent" if absent else "loop" if loop else "single"
            return
        case SeqSyntax(_, steps):
            inner = steps
        case AndSyntax(branches) | OrSyntax(branches) | AtLeastSyntax(_, branches):
            inner = branches
        case UseSyntax():
            inner = ()
    found: list[tuple[str, Role]] = []
    for step in inner:
        found += _unit(step.unit, groups, markers, loop=loop, absent=absent or step.negated)
    if unit.name is not None:
        groups[unit.name] = tuple(name for name, role in found if role != "absent")
        marker = _marker(unit, inner)
        if marker is not None:
            markers[unit.name] = marker
    yield from found


def _marker(unit: UnitSyntax, steps: tuple[StepSyntax, ...]) -> str | None:
    """A named step that each round takes exactly once."""
    if isinstance(unit.core, (OrSyntax, AtLeastSyntax)):
        return None
    for step in steps:
        plain = isinstance(step.unit.core, EventSyntax) and step.unit.quant is None
        if plain and not step.negated and step.unit.name is not None:
            return step.unit.name
    return None


def _repeats(unit: UnitSyntax) -> bool:
    quant = unit.quant
    return quant is not None and (quant.max is None or quant.max.number is None or quant.max.number > 1)
