"""Replaces every `USE` by the pattern of the library that it names.

    SEQ(USE auth.burst(n = 5) b, Transfer t)     the outer pattern
          │          DEFINE PATTERN burst($n = 3) = LoginFailed f{$n,} BY user_id WITHIN 10m;
          ▼
    SEQ(LoginFailed b{5,} WITHIN 10m, Transfer t) BY user_id

A definition of one step takes the name of the USE. Of a larger one each variable `f` becomes `b.f`, a name
that nobody can write and so nobody has taken, and `b.f.ip` in the outer pattern reads it. Everything put in
stands at the place of the USE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final, TypeAlias

from cep.errors import Diagnostic, Source, Span
from cep.language.definitions import (
    Library,
    bound_body,
    find_pattern,
    home_of,
    refuse_unknown,
    with_whole_calls,
)
from cep.language.expressions import Expr, FieldExpr, IsNullExpr, LogicExpr, NameExpr, Node, PathSyntax
from cep.language.report import Report
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BySuffix,
    EventSyntax,
    OrSyntax,
    PatternSyntax,
    QuantSyntax,
    SeqSyntax,
    SkipSyntax,
    StepSyntax,
    Suffix,
    UnitSyntax,
    UnlessSyntax,
    UseSyntax,
    WithinSuffix,
)
from cep.language.tree import joined, moved, outline, rebuild
from cep.values import replaced, value

Names: TypeAlias = Mapping[str, str]

USES_MAX: Final = 200
"""Uses in one pattern, those inside definitions counted each time they are put in."""


def expand(
    pattern: PatternSyntax, library: Library, source: Source, home: str = ""
) -> tuple[PatternSyntax, list[Diagnostic]]:
    """The pattern without `USE`, and what is wrong with its uses.

    `library` maps `file.name` to definitions. A USE that cannot be replaced stays in the tree and has an
    error. A pattern that is only a name, or only a USE, is the definition with all its clauses; clauses
    written beside it win. `home` is the file that the pattern itself is defined in, if it is.
    """
    report = Report(source)
    expanded = _Level(library, report, home, (), count(1)).pattern(pattern)
    return with_whole_calls(expanded, library, home), report.sorted()


@value
class _Place:
    """What surrounds a step: a loop, a branch that may be passed over, a key of its own."""

    repeated: bool = False
    optional: bool = False
    by: tuple[PathSyntax, ...] = ()


class _Level:
    """One pattern on the way: the rule's own, or a definition whose own uses are replaced first."""

    def __init__(
        self, library: Library, report: Report, home: str, stack: tuple[str, ...], uses: Iterator[int]
    ) -> None:
        self._library = library
        self._report = report
        self._home = home
        self._stack = stack
        self._uses = uses
        self._by: tuple[PathSyntax, ...] = ()
        self._where: Expr | None = None
        self._members: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def pattern(self, pattern: PatternSyntax) -> PatternSyntax:
        """The pattern with every USE replaced."""
        unit = self._named_only(pattern.unit)
        self._by, self._where = pattern.by, pattern.where
        self._taken = set(_variables(unit))
        if isinstance(unit.core, UseSyntax) and not _looped(unit):
            pattern = self._whole(pattern, unit, unit.core)
        else:
            unit, suffixes = self._unit(unit, _Place(), negated=pattern.negated)
            assert not suffixes, "the WITHIN of a repeated definition stays inside the loop"
            pattern = replaced(pattern, unit=unit, by=self._by, where=self._where)
        return _with_members(pattern, self._members)

    def _named_only(self, unit: UnitSyntax) -> UnitSyntax:
        """`auth.burst` as a whole pattern is `USE auth.burst`."""
        match unit.core:
            case EventSyntax((path,), None) if find_pattern(self._library, path, self._home):
                return replaced(unit, core=UseSyntax(path, span=unit.core.span))
            case _:
                return unit

    def _whole(self, pattern: PatternSyntax, unit: UnitSyntax, use: UseSyntax) -> PatternSyntax:
        """A pattern that is one USE: the clauses of the definition, but those written here win."""
        body = self._body(use)
        if body is None:
            return replaced(pattern, unit=unit)
        if pattern.by and body.by and pattern.by != body.by:
            self._other_key(use, body.by, pattern.by)
        if unit.name is not None:
            body = self._renamed(body, unit.name, unit.name_span)
        return replaced(
            body,
            negated=pattern.negated or body.negated,
            from_types=pattern.from_types or body.from_types,
            by=pattern.by or body.by,
            where=joined(pattern.where, body.where),
            within=pattern.within or body.within,
            gap=pattern.gap or body.gap,
            unless=pattern.unless + body.unless,
            pick=pattern.pick or body.pick,
            after=pattern.after or body.after,
            limit=pattern.limit or body.limit,
            sample=pattern.sample or body.sample,
            emits=pattern.emits or body.emits,
            span=pattern.span,
        )

    def _renamed(self, body: PatternSyntax, name: str, name_span: Span) -> PatternSyntax:
        """The body with its variables named after the USE, its unit bearing the name itself."""
        if isinstance(body.unit.core, EventSyntax):
            body = _rename(body, {body.unit.name: name} if body.unit.name else {})
            return replaced(body, unit=replaced(body.unit, name=name, name_span=name_span))
        inner = _variables(body.unit)
        body = _rename(body, {each: f"{name}.{each}" for each in inner})
        self._members |= {(name, each): f"{name}.{each}" for each in inner}
        for group in inner:
            # What an inner USE has named `first.l` is `l` of the group `first`.
            self._members |= {
                (f"{name}.{group}", each.removeprefix(f"{group}.")): f"{name}.{each}" for each in inner
            }
        unit = body.unit
        if unit.name is None and isinstance(unit.core, SeqSyntax) and not _looped(unit):
            return replaced(body, unit=replaced(unit, name=name, name_span=name_span))
        step = StepSyntax(unit, span=unit.span)
        core = SeqSyntax("relaxed", (step,), span=unit.span)
        return replaced(body, unit=UnitSyntax(core, name, name_span, span=unit.span))

    def _step(self, step: StepSyntax, place: _Place) -> StepSyntax:
        by = next((suffix.paths for suffix in step.suffixes if isinstance(suffix, BySuffix)), place.by)
        unit, suffixes = self._unit(step.unit, replaced(place, by=by), negated=step.negated)
        if suffixes and any(isinstance(each, WithinSuffix) and each.of is None for each in step.suffixes):
            # Both windows hold: the definition's stays inside, the step's own around it.
            inner = StepSyntax(unit, suffixes=suffixes, span=unit.span)
            unit = UnitSyntax(SeqSyntax("relaxed", (inner,), span=unit.span), span=unit.span)
            suffixes = ()
        return replaced(step, unit=unit, suffixes=step.suffixes + suffixes)

    def _unit(
        self, unit: UnitSyntax, place: _Place, *, negated: bool
    ) -> tuple[UnitSyntax, tuple[Suffix, ...]]:
        """The unit without USE, and suffixes that its step gets from the definition."""
        if unit.quant is not None:
            repeated = place.repeated or _is_loop(unit.quant)
            place = replaced(place, repeated=repeated, optional=place.optional or not unit.quant.min.number)
        match unit.core:
            case UseSyntax():
                return self._use(unit, unit.core, place, negated=negated)
            case EventSyntax():
                use = self._pattern_as_type(unit.core)
                if use is None:
                    return unit, ()
                return self._use(replaced(unit, core=use), use, place, negated=negated)
            case SeqSyntax(_, steps):
                inner = tuple(self._step(step, place) for step in steps)
                return replaced(unit, core=replaced(unit.core, steps=inner)), ()
            case AndSyntax(branches):
                inner = tuple(self._step(branch, place) for branch in branches)
            case OrSyntax(branches) | AtLeastSyntax(_, branches):
                place = replaced(place, optional=True)
                inner = tuple(self._step(branch, place) for branch in branches)
        return replaced(unit, core=replaced(unit.core, branches=inner)), ()

    def _use(
        self, unit: UnitSyntax, use: UseSyntax, place: _Place, *, negated: bool
    ) -> tuple[UnitSyntax, tuple[Suffix, ...]]:
        body = self._body(use)
        if body is None:
            return unit, ()
        self._refuse_clauses(use, body, place, negated=negated)
        self._same_key(use, body.by, place.by)
        looped = _looped(unit)
        name = unit.name
        if name is None and (body.unit.name is not None or not isinstance(body.unit.core, EventSyntax)):
            name = self._fresh(use.name.parts[-1])
        suffixes = () if negated else _within(body)
        if looped:
            # A round of the loop is one whole definition, with its own WITHIN.
            step = StepSyntax(body.unit, suffixes=suffixes, span=use.span)
            round_ = UnitSyntax(SeqSyntax("relaxed", (step,), span=use.span), span=use.span)
            body, suffixes = replaced(body, unit=round_), ()
        if name is not None:
            body = self._renamed(body, name, unit.name_span if unit.name else use.span)
        inner = body.unit
        if looped:
            inner = replaced(inner, quant=unit.quant, inner=unit.inner, until=unit.until)
        if not negated:
            self._where = joined(self._where, self._guarded(use, body, place))
        return replaced(inner, span=unit.span), suffixes

    def _guarded(self, use: UseSyntax, body: PatternSyntax, place: _Place) -> Expr | None:
        """The definition's WHERE; where the definition may be passed over, it is asked only if it was not."""
        if body.where is None or not place.optional:
            return body.where
        anchor = _anchor(body.unit)
        if anchor is None:
            self._refuse(
                use, "WHERE", "no step of it is in every match", "test it in the filters of its steps"
            )
            return None
        absent = IsNullExpr(NameExpr(anchor, span=use.span), False, span=use.span)
        return LogicExpr("OR", absent, body.where, span=use.span)

    def _body(self, use: UseSyntax) -> PatternSyntax | None:
        """The definition with its parameters filled in and its own uses replaced."""
        found = find_pattern(self._library, use.name, self._home)
        if found is None:
            refuse_unknown(self._library, use, self._home, self._report)
            return None
        name, definition = found
        if name in self._stack:
            circle = " → ".join((*self._stack[self._stack.index(name) :], name))
            message = f"`{name}` uses itself"
            self._report.error(
                "E207", use.span, message, circle, "a definition may use only others than itself"
            )
            return None
        if next(self._uses) > USES_MAX:
            message = f"this makes more than {USES_MAX} uses of patterns"
            repair = "fewer definitions that each use others twice"
            self._report.error("E207", use.span, message, "uses in uses multiply", repair)
            return None
        body = moved(bound_body(use, name, definition, self._library, self._report), use.span)
        return _Level(self._library, self._report, home_of(name), (*self._stack, name), self._uses).pattern(
            body
        )

    def _pattern_as_type(self, event: EventSyntax) -> UseSyntax | None:
        """A pattern of the library named like an event type, without `USE`: an error, and what was meant."""
        if len(event.types) != 1 or not find_pattern(self._library, event.types[0], self._home):
            return None
        path = event.types[0]
        message = f"`{path}` is a pattern of the library, not an event type"
        self._report.error("E201", path.span, message, "USE is missing", f"USE {path}")
        return UseSyntax(path, span=event.span)

    def _refuse_clauses(self, use: UseSyntax, body: PatternSyntax, place: _Place, *, negated: bool) -> None:
        for word in _clauses_of_whole(body):
            why = "it speaks of a whole match, here it is a step of another pattern"
            self._refuse(use, word, why, f"take {word} out of `{use.name}` and write it in the rule")
        if negated:
            # Of a definition with several steps the checker says all that is to be said.
            single = isinstance(body.unit.core, EventSyntax)
            for word in [*(["WHERE"] if body.where else []), *(["WITHIN"] if body.within else [])]:
                if not single:
                    break
                self._refuse(
                    use, word, "nothing is bound under NOT", "test it in the filter, bound it by FOR"
                )
        elif body.where is not None and place.repeated:
            why = "it would be asked of all rounds of the loop at once"
            self._refuse(use, "WHERE", why, "test it in the filters of its steps")

    def _refuse(self, use: UseSyntax, word: str, why: str, repair: str) -> None:
        self._report.error("E207", use.span, f"`{use.name}` has {word} and cannot be used here", why, repair)

    def _same_key(self, use: UseSyntax, theirs: tuple[PathSyntax, ...], own: tuple[PathSyntax, ...]) -> None:
        ours = own or self._by
        if not theirs or theirs == ours:
            return
        if ours:
            self._other_key(use, theirs, ours)
        else:
            self._by = theirs

    def _other_key(
        self, use: UseSyntax, theirs: tuple[PathSyntax, ...], ours: tuple[PathSyntax, ...]
    ) -> None:
        there, here = (", ".join(str(path) for path in paths) for paths in (theirs, ours))
        message = f"`{use.name}` is BY {there}, this pattern is BY {here}"
        self._report.error("E206", use.span, message, "one match has one key", f"BY {there}")

    def _fresh(self, word: str) -> str:
        """A name for a USE that has none: its own, numbered if that is taken."""
        name, number = word, 2
        while name in self._taken:
            name, number = f"{word}{number}", number + 1
        self._taken.add(name)
        return name


def _clauses_of_whole(body: PatternSyntax) -> Iterator[str]:
    """The clauses that have no meaning for a part of a match."""
    within = body.within
    by_clock = within is not None and (within.duration is None or within.tumbling or within.hop is not None)
    clauses = {
        "NOT": body.negated,
        "FROM": body.from_types,
        "WITHIN … EVENTS, TUMBLING or HOP": by_clock,
        "GAP": body.gap,
        "UNLESS": body.unless,
        "PICK": body.pick,
        "AFTER MATCH": body.after,
        "LIMIT": body.limit,
        "SAMPLE": body.sample,
        "EMIT": body.emits,
    }
    return (word for word, said in clauses.items() if said)


def _within(body: PatternSyntax) -> tuple[Suffix, ...]:
    if body.within is None or body.within.duration is None:
        return ()
    return (WithinSuffix(body.within.duration, span=body.within.span),)


def _looped(unit: UnitSyntax) -> bool:
    return unit.quant is not None or unit.inner is not None or unit.until is not None


def _is_loop(quant: QuantSyntax) -> bool:
    return quant.max is None or quant.max.number is None or quant.max.number > 1


def _variables(unit: UnitSyntax) -> list[str]:
    return [node.name for node in outline(unit) if isinstance(node, UnitSyntax) and node.name is not None]


def _anchor(unit: UnitSyntax) -> str | None:
    """A variable that is bound whenever the unit is."""
    if unit.quant is not None and not unit.quant.min.number:
        return None
    match unit.core:
        case EventSyntax():
            return unit.name
        case SeqSyntax(_, steps) | AndSyntax(steps):
            found = (_anchor(step.unit) for step in steps if not step.negated)
            return next((name for name in found if name is not None), None)
        case _:
            return None


def _rename(pattern: PatternSyntax, names: Names) -> PatternSyntax:
    """The pattern with variables renamed wherever they are bound or read."""

    def change(node: Node) -> Node:
        match node:
            case NameExpr(name) | UnitSyntax(name=str(name)) | UnlessSyntax(name=str(name)) if name in names:
                return replaced(node, name=names[name])
            case WithinSuffix(of=str(name)) if name in names:
                return replaced(node, of=names[name])
            case SkipSyntax(variable=str(name)) if name in names:
                return replaced(node, variable=names[name])
            case _:
                return node

    return rebuild(pattern, change) if names else pattern


def _with_members(pattern: PatternSyntax, members: Mapping[tuple[str, str], str]) -> PatternSyntax:
    """`b.f` read as the variable that `f` of the definition has become."""

    def change(node: Node) -> Node:
        match node:
            case FieldExpr(NameExpr(group), name) if (group, name) in members:
                return NameExpr(members[group, name], span=node.span)
            case _:
                return node

    return rebuild(pattern, change) if members else pattern
