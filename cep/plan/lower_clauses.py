"""The clauses of a pattern: conditions put where they can be asked, windows, picks, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cep.language.expressions import CallExpr, DurationSyntax, FieldExpr, NameExpr
from cep.language.expressions import Expr as ExprSyntax
from cep.language.printer import show
from cep.language.syntax import EmitSyntax, PatternSyntax
from cep.language.tree import conjuncts as syntax_conjuncts
from cep.plan.expr import TRUE, Every, Expr, conjoin, conjuncts, is_local, variables
from cep.plan.lower_expr import ExprLowering, expr_children, plainly_named
from cep.plan.pattern import (
    Absent,
    Both,
    Chain,
    Choice,
    Condition,
    Emit,
    Limit,
    Moment,
    Node,
    Part,
    Pattern,
    PickKind,
    Repeat,
    Scope,
    SkipKind,
    Step,
    Take,
)
from cep.values import replaced


def split(expr: Expr | None) -> tuple[Expr | None, Expr | None]:
    """What the event alone decides, and the rest."""
    parts = [part for part in conjuncts(expr) if part != TRUE]
    local = conjoin(tuple(part for part in parts if is_local(part)))
    return local, conjoin(tuple(part for part in parts if not is_local(part)))


def lower_clauses(pattern: PatternSyntax, plain: Pattern, lowering: ExprLowering) -> Pattern:
    """The pattern with everything that its clauses say."""
    filters, conditions = _where(pattern.where, lowering)
    within = pattern.within
    pick: PickKind = "first" if pattern.pick is None else pattern.pick.pick
    overlapping = pick in ("each", "all")
    after: SkipKind = (
        pattern.after.kind if pattern.after is not None else "none" if overlapping else "past_last"
    )
    emits = {emit.moment or "match": _emit(emit, lowering) for emit in pattern.emits}
    moment: Moment = "close" if "close" in emits else "update" if "update" in emits else "match"
    return replaced(
        _with_filters(plain, filters),
        conditions=tuple(conditions),
        from_types=tuple(str(path) for path in pattern.from_types) or None,
        by=tuple(path.parts for path in pattern.by),
        within_ms=within.duration.ms if within is not None and within.duration is not None else None,
        within_events=within.events.number if within is not None and within.events is not None else None,
        pick=pick,
        after=after,
        after_var=pattern.after.variable if pattern.after is not None else None,
        limit=_limit(pattern),
        sample_ppm=round(pattern.sample.percent.value * 1_000_000) if pattern.sample is not None else None,
        moment=moment,
        emit=emits.get(moment),
        emit_timeout=emits.get("timeout"),
    )


def _limit(pattern: PatternSyntax) -> Limit | None:
    if pattern.limit is None or pattern.limit.count.number is None:
        return None
    per: DurationSyntax | None = pattern.limit.per
    return Limit(pattern.limit.count.number, per.ms if per is not None else None)


# --- WHERE -----------------------------------------------------------------------------------------------


def _where(where: ExprSyntax | None, lowering: ExprLowering) -> tuple[dict[str, list[Expr]], list[Condition]]:
    """Each conjunct as a filter of a variable's steps, or as a condition for when its variables are known."""
    filters: dict[str, list[Expr]] = {}
    conditions: list[Condition] = []
    for part in syntax_conjuncts(where):
        named = list(dict.fromkeys(plainly_named(part, lowering)))
        roles = lowering.names.variables
        absent = [var for var in named if roles.get(var) == "absent"]
        loops = [var for var in named if roles.get(var) == "loop"]
        if len(absent) > 1 or (len(loops) > 1 and not absent):
            both = " and ".join(f"`{var}`" for var in (absent if len(absent) > 1 else loops))
            lowering.report.error(
                "E205", part.span, f"one condition names every event of {both}", "two loops at once",
                "say which event is meant: last(f), first(f), any(…)",
            )  # fmt: skip
        elif absent:
            filters.setdefault(absent[0], []).append(_as_filter(part, absent[0], lowering))
        elif loops:
            expr = _as_filter(part, loops[0], lowering)
            others = variables(expr) - ({loops[0]} if _reads_previous(part) else frozenset())
            if others:
                names = replaced(lowering.names, element=loops[0])
                every: Expr = Every(loops[0], replaced(lowering, names=names).lower(part))
                conditions.append(Condition(every, variables(every), part.span))
            else:
                filters.setdefault(loops[0], []).append(expr)
        else:
            expr = lowering.lower(part)
            conditions.append(Condition(expr, variables(expr), part.span))
    return filters, conditions


def _as_filter(part: ExprSyntax, var: str, lowering: ExprLowering) -> Expr:
    return replaced(lowering, names=replaced(lowering.names, as_filter=var)).lower(part)


def _reads_previous(part: ExprSyntax) -> bool:
    if isinstance(part, CallExpr) and part.name.lower() == "prev":
        return True
    return any(_reads_previous(child) for child in expr_children(part))


def _with_filters(pattern: Pattern, filters: Mapping[str, Sequence[Expr]]) -> Pattern:
    """The pattern with conditions on every event of a variable moved into that variable's steps."""
    if not filters:
        return pattern
    return replaced(
        pattern,
        node=_map_steps(pattern.node, filters),
        steps=tuple(_filtered(step, filters) for step in pattern.steps),
        unless=tuple(_filtered(step, filters) for step in pattern.unless),
    )


def _filtered(step: Step, filters: Mapping[str, Sequence[Expr]]) -> Step:
    extra = filters.get(step.var)
    if not extra:
        return step
    parts = [part for part in (step.local, step.correlated, *extra) if part is not None]
    local, correlated = split(conjoin(tuple(parts)))
    return replaced(step, local=local, correlated=correlated)


def _map_steps(node: Node, filters: Mapping[str, Sequence[Expr]]) -> Node:
    match node:
        case Take(step):
            return Take(_filtered(step, filters))
        case Absent(step):
            return replaced(node, step=_filtered(step, filters))
        case Chain(parts):
            return Chain(tuple(Part(_map_steps(part.node, filters), part.follow) for part in parts))
        case Choice(_, branches):
            return replaced(node, branches=tuple(_map_steps(branch, filters) for branch in branches))
        case Both(_, branches, _, absents):
            return replaced(
                node,
                branches=tuple(_map_steps(branch, filters) for branch in branches),
                absents=tuple(replaced(absent, step=_filtered(absent.step, filters)) for absent in absents),
            )
        case Repeat(_, inner) | Scope(_, inner):
            return replaced(node, node=_map_steps(inner, filters))
        case _:
            raise AssertionError("a lowered pattern has not begun")


# --- EMIT ------------------------------------------------------------------------------------------------


def _emit(emit: EmitSyntax, lowering: ExprLowering) -> Emit:
    items = tuple((item.name or item_name(item.value), lowering.lower(item.value)) for item in emit.items)
    return Emit(str(emit.type) if emit.type is not None else None, items)


def item_name(value: ExprSyntax) -> str:
    """The name of an output that is given none: its last part, or how it is written."""
    match value:
        case NameExpr(name) | FieldExpr(_, name):
            return name
        case _:
            return show(value)
