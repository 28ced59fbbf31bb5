"""Syntax tree to algebra: all sugar ends here.

The tree given has been expanded (`USE`), its parameters filled in, and checked. What is found wrong on the
way in expressions comes back as diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from cep.errors import Diagnostic, Source, Span, has_errors
from cep.language.expressions import DurationSyntax, PathSyntax
from cep.language.inline import Predicates, inline
from cep.language.report import Report
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BySuffix,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    OrSyntax,
    PatternSyntax,
    QuantSyntax,
    SeqSyntax,
    StepSyntax,
    UnitSyntax,
    UseSyntax,
    WithinSuffix,
)
from cep.plan.lower_clauses import lower_clauses, split
from cep.plan.lower_expr import ExprLowering
from cep.plan.lower_names import survey
from cep.plan.pattern import (
    Absent,
    Both,
    Chain,
    Choice,
    Follow,
    Node,
    Part,
    Path,
    Pattern,
    Repeat,
    Scope,
    Since,
    Step,
    Take,
)
from cep.values import replaced, value


@value
class Around:
    """What the surroundings of a unit say about its steps."""

    gap_ms: int | None = None
    since: tuple[Since, ...] = ()
    by: tuple[Path, ...] = ()


def lower(
    pattern: PatternSyntax, source: Source, predicates: Predicates | None = None
) -> tuple[Pattern | None, list[Diagnostic]]:
    """The algebra of a pattern, or None with the errors that prevent it."""
    report = Report(source)
    pattern = inline(pattern, predicates or {}, report)
    expressions = ExprLowering(survey(pattern), report)
    walk = _Lowering(expressions)
    node = walk.unit(pattern.unit, Around(gap_ms=_ms(pattern.gap) if pattern.gap is not None else None), None)
    unless = tuple(
        walk.step(clause.event, clause.name, clause.event.span, Around()) for clause in pattern.unless
    )
    plain = Pattern(node=node, steps=tuple(walk.taken), groups=tuple(walk.groups), unless=unless)
    lowered = lower_clauses(pattern, plain, expressions)
    problems = report.sorted()
    return (None if has_errors(problems) else lowered), problems


class _Lowering:
    """Walks the tree once; numbers steps, loops and choices as it goes."""

    def __init__(self, expressions: ExprLowering) -> None:
        self.taken: list[Step] = []
        self.groups: list[tuple[str, tuple[str, ...]]] = []
        self._expressions = expressions
        self._numbers = count()
        self._unnamed: dict[str, int] = {}

    def unit(self, unit: UnitSyntax, around: Around, mode: Follow | None) -> Node:
        """A core with its quantifier; `mode` is the contiguity of the chain around it."""
        before = len(self.taken)
        match unit.core:
            case EventSyntax():
                step = self.step(unit.core, unit.name, unit.span, around)
                self.taken.append(step)
                node: Node = Take(step)
            case SeqSyntax():
                node = self._chain(unit.core, around)
            case OrSyntax(branches):
                index = next(self._numbers)
                node = Choice(index, tuple(self._branch(branch, around) for branch in branches))
            case AndSyntax(branches):
                node = self._both(branches, None, around)
            case AtLeastSyntax(number, branches):
                node = self._both(branches, number.number, around)
            case UseSyntax():
                raise AssertionError("USE is expanded before a pattern is lowered")
        if unit.name is not None and not isinstance(unit.core, EventSyntax):
            self.groups.append((unit.name, tuple(step.var for step in self.taken[before:])))
        return node if unit.quant is None else self._repeat(unit, unit.quant, node, mode, around)

    def step(self, event: EventSyntax, name: str | None, span: Span, around: Around) -> Step:
        """One event's step; its filter is split into what the event alone decides and the rest."""
        types = tuple(str(path) for path in event.types) or None
        var = name if name is not None else self._made_up(types)
        local, correlated = None, None
        if event.filter is not None:
            inside = replaced(self._expressions, names=self._expressions.names.inside(var))
            local, correlated = split(inside.lower(event.filter))
        return Step(
            index=next(self._numbers),
            var=var,
            types=types,
            local=local,
            correlated=correlated,
            gap_ms=around.gap_ms,
            since=around.since,
            by=around.by,
            named=name is not None,
            span=span,
        )

    def _made_up(self, types: tuple[str, ...] | None) -> str:
        """A variable for a step that has none: its type, numbered when it comes again."""
        base = "|".join(types) if types else "EVENT"
        self._unnamed[base] = self._unnamed.get(base, 0) + 1
        return base if self._unnamed[base] == 1 else f"{base}#{self._unnamed[base]}"

    def _chain(self, seq: SeqSyntax, around: Around) -> Node:
        mode: Follow | None = None if seq.mode == "relaxed" else seq.mode
        parts: list[Part] = []
        for step in seq.steps:
            follow: Follow | None = step.follow or mode
            if step.negated:
                parts += [Part(absent) for absent in self._absents(step, around)]
            else:
                parts.append(Part(self._suffixed(step, around, mode), follow))
        if parts and seq.steps[0].follow is None and not seq.steps[0].negated:
            # What comes first follows as the surroundings say, not as this chain does.
            parts[0] = Part(parts[0].node, None)
        return parts[0].node if len(parts) == 1 and parts[0].follow is None else Chain(tuple(parts))

    def _branch(self, branch: StepSyntax, around: Around) -> Node:
        if branch.negated:
            absents = self._absents(branch, around)
            return absents[0] if len(absents) == 1 else Chain(tuple(Part(absent) for absent in absents))
        return self._suffixed(branch, around, None)

    def _both(self, branches: tuple[StepSyntax, ...], need: int | None, around: Around) -> Node:
        index = next(self._numbers)
        wanted = [branch for branch in branches if not branch.negated]
        nodes = tuple(self._branch(branch, around) for branch in wanted)
        absents = tuple(
            absent for branch in branches if branch.negated for absent in self._absents(branch, around)
        )
        for absent in (each for node in nodes for each in _unmeasured(node)):
            self._expressions.report.error(
                "E501", absent.step.span, "not supported yet: this NOT inside a branch of AND",
                "between two steps, without FOR and NEXT, it may stand there",
                "put the NOT beside the AND, or write out the orders: OR(SEQ(…), SEQ(…))",
            )  # fmt: skip
        return Both(index, nodes, len(nodes) if need is None else need, absents)

    def _absents(self, step: StepSyntax, around: Around) -> list[Absent]:
        """`NOT` of an event, or of an OR of events: none of them."""
        for_ms = None
        by = around.by
        for suffix in step.suffixes:
            if isinstance(suffix, ForSuffix):
                for_ms = _ms(suffix.duration)
            if isinstance(suffix, BySuffix):
                by = _paths(suffix.paths)
        core = step.unit.core
        units = [branch.unit for branch in core.branches] if isinstance(core, OrSyntax) else [step.unit]
        found = []
        for unit in units:
            assert isinstance(unit.core, EventSyntax), "the checker allows NOT only before events"
            forbidden = self.step(unit.core, unit.name, step.span, Around(by=by))
            found.append(Absent(forbidden, for_ms, step.follow == "strict"))
        return found

    def _suffixed(self, step: StepSyntax, around: Around, mode: Follow | None) -> Node:
        scope_ms: int | None = None
        for suffix in step.suffixes:
            match suffix:
                case WithinSuffix(duration, None):
                    scope_ms = _ms(duration)
                case WithinSuffix(duration, str(of)):
                    since = (self._expressions.names.last_of(of), _ms(duration))
                    around = replaced(around, since=(*around.since, since))
                case GapSuffix(duration):
                    gaps = [ms for ms in (around.gap_ms, _ms(duration)) if ms is not None]
                    around = replaced(around, gap_ms=min(gaps))
                case BySuffix(paths):
                    around = replaced(around, by=_paths(paths))
                case _:
                    continue
        node = self.unit(step.unit, around, mode)
        return node if scope_ms is None else Scope(next(self._numbers), node, scope_ms)

    def _repeat(
        self, unit: UnitSyntax, quant: QuantSyntax, node: Node, mode: Follow | None, around: Around
    ) -> Node:
        low = quant.min.number or 0
        high = None if quant.max is None else quant.max.number
        if (low, high) == (1, 1):
            return node
        until = None
        if unit.until is not None:
            until = self.step(unit.until, None, unit.until.span, Around(by=around.by))
        inner = unit.inner or ("strict" if mode == "strict" else None)
        return Repeat(next(self._numbers), node, low, high, quant.greed, inner, until, unit.span)


def _unmeasured(node: Node, *, edge: bool = True) -> Iterator[Absent]:
    """Absences of a branch of AND that would be measured from events of that branch, which no run remembers.

    `edge`: the node is the first or the last thing of the branch, so that an absence in it is as well.
    """
    match node:
        case Absent(_, for_ms, next_only):
            if edge or for_ms is not None or next_only:
                yield node
        case Chain(parts):
            for i, part in enumerate(parts):
                yield from _unmeasured(part.node, edge=edge and i in (0, len(parts) - 1))
        case Choice(_, branches) | Both(_, branches):
            for branch in branches:
                yield from _unmeasured(branch, edge=edge)
        case Repeat(_, inner) | Scope(_, inner):
            yield from _unmeasured(inner, edge=edge)
        case _:
            return


def _ms(duration: DurationSyntax) -> int:
    assert duration.ms is not None, "parameters are filled in before a pattern is lowered"
    return duration.ms


def _paths(paths: tuple[PathSyntax, ...]) -> tuple[Path, ...]:
    return tuple(path.parts for path in paths)
