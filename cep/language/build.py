"""Parse tree to syntax tree: the rules for patterns, their clauses and libraries."""

from __future__ import annotations

from typing import Any, Final, cast

from cep.errors import Span
from cep.language.build_expressions import EXPRESSION_RULES, Piece, Rule, name_of, param_of
from cep.language.expressions import NOWHERE, LiteralExpr, PathSyntax
from cep.language.literals import literal, quantifier
from cep.language.problem import Problem
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BindSyntax,
    BySuffix,
    Contiguity,
    EmitSyntax,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    ItemSyntax,
    LibrarySyntax,
    LimitSyntax,
    Moment,
    OrSyntax,
    ParamSyntax,
    PatternDefinition,
    PatternSyntax,
    Pick,
    PickSyntax,
    PredicateDefinition,
    SampleSyntax,
    SeqSyntax,
    SkipKind,
    SkipSyntax,
    StepSyntax,
    UnitSyntax,
    UnlessSyntax,
    UseSyntax,
    WindowSyntax,
    WithinSuffix,
)
from cep.values import value


@value
class _Clause:
    """A clause on its way to its place in `PatternSyntax`: `slot` is the field there."""

    slot: str
    value: Any
    span: Span


@value
class _Modifier:
    """`CONSECUTIVE`, `COMBINATIONS` or `UNTIL event`, on its way to its place in `UnitSyntax`."""

    slot: str
    value: Contiguity | EventSyntax
    span: Span


# Several of these in one pattern add up; of the others there is one.
_REPEATABLE: Final = ("unless", "emits")


def build(rule: str, piece: Piece) -> Any:  # noqa: ANN401  the grammar has a type for each rule
    """The node of the syntax tree for one node of the parse tree; `rule` is its name in the grammar."""
    return RULES[rule](piece)


def _pattern(piece: Piece) -> PatternSyntax:
    negation, unit, *clauses = piece.kids
    first: dict[str, _Clause] = {}
    values: dict[str, Any] = {}
    for clause in clauses:
        if clause.slot in _REPEATABLE:
            values[clause.slot] = (*values.get(clause.slot, ()), clause.value)
        elif clause.slot in first:
            piece.problems.append(_twice(clause, first[clause.slot]))
        else:
            first[clause.slot] = clause
            values[clause.slot] = clause.value
    if _is_followed_by(unit, first.get("by")):
        by = first["by"].span.start
        span = unit.name_span.cover(Span(by, by + len("by")))
        message = "steps that follow each other stand in SEQ(…)"
        piece.problems.append(Problem(span, message, help="SEQ(Login a, Transfer b)"))
    return PatternSyntax(unit, negation is not None, **values, span=piece.span)


def _is_followed_by(unit: UnitSyntax, by: _Clause | None) -> bool:
    """Whether `A followed by B` was read as a variable and a key; backquotes say that it is meant so."""
    if not unit.name or not by or by.span.start - unit.name_span.end > 2:
        return False
    plain = unit.name_span.end - unit.name_span.start == len(unit.name)
    return plain and unit.name.lower() == "followed"


_KEYWORDS: Final = {"from_types": "FROM", "by": "BY", "after": "AFTER MATCH"}


def _twice(second: _Clause, first: _Clause) -> Problem:
    keyword = _KEYWORDS.get(second.slot, second.slot.upper())
    span = Span(second.span.start, second.span.start + len(keyword))
    help_text = {
        "where": "join both conditions with AND in one WHERE",
        "by": "one BY names all fields: BY a, b",
        "from_types": "one FROM names all types: FROM A, B",
    }.get(second.slot, f"keep one {keyword}")
    # The place of the first one is put in by whoever knows lines.
    return Problem(span, f"{keyword} is written twice", "the second one", help_text, first=first.span)


def _library(piece: Piece) -> LibrarySyntax:
    return LibrarySyntax(tuple(piece.kids), span=piece.span)


def _pattern_definition(piece: Piece) -> PatternDefinition:
    _, _, name, params, _, body = piece.kids
    return PatternDefinition(name_of(name), params or (), body, span=piece.span)


def _predicate_definition(piece: Piece) -> PredicateDefinition:
    _, _, name, params, _, body = piece.kids
    return PredicateDefinition(name_of(name), params, body, span=piece.span)


def _params(piece: Piece) -> tuple[ParamSyntax, ...]:
    return tuple(piece.kids)


def _param(piece: Piece) -> ParamSyntax:
    word, _, default = piece.kids
    if word.kind == "PARAM":
        return ParamSyntax(param_of(word), True, default, span=piece.span)
    return ParamSyntax(name_of(word), False, default, span=piece.span)


def _unit(piece: Piece) -> UnitSyntax:
    core, name, quant, *modifiers = piece.kids
    values: dict[str, Any] = {}
    for modifier in modifiers:
        if modifier.slot in values:
            message = "this is said already" if modifier.slot == "until" else "a loop has one of these words"
            span = Span(modifier.span.start, modifier.span.end)
            piece.problems.append(Problem(span, message, help="CONSECUTIVE or COMBINATIONS, and one UNTIL"))
        values[modifier.slot] = modifier.value
    return UnitSyntax(
        core,
        name_of(name) if name else None,
        name.span if name else NOWHERE,
        quantifier(quant, piece.problems) if quant else None,
        **values,
        span=piece.span,
    )


def _consecutive(piece: Piece) -> _Modifier:
    return _Modifier("inner", "strict", piece.span)


def _combinations(piece: Piece) -> _Modifier:
    return _Modifier("inner", "any", piece.span)


def _until(piece: Piece) -> _Modifier:
    return _Modifier("until", piece.kids[1], piece.span)


def _seq(piece: Piece) -> SeqSyntax:
    mode: Contiguity = "relaxed"
    if "STRICT" in piece.words():
        mode = "strict"
    elif "ANY" in piece.words():
        mode = "any"
    return SeqSyntax(mode, tuple(piece.nodes()), span=piece.span)


def _conjunction(piece: Piece) -> AndSyntax:
    return AndSyntax(tuple(piece.nodes()), span=piece.span)


def _disjunction(piece: Piece) -> OrSyntax:
    return OrSyntax(tuple(piece.nodes()), span=piece.span)


def _atleast(piece: Piece) -> AtLeastSyntax:
    number, *branches = piece.nodes()
    return AtLeastSyntax(number, tuple(branches), span=piece.span)


def _use(piece: Piece) -> UseSyntax:
    name, *binds = piece.nodes()
    return UseSyntax(name, tuple(binds), span=piece.span)


def _bind(piece: Piece) -> BindSyntax:
    name, _, value = piece.kids
    return BindSyntax(name_of(name), value, span=piece.span)


def _event(piece: Piece) -> EventSyntax:
    *types, condition = piece.kids
    paths = tuple(path for path in types if isinstance(path, PathSyntax))
    return EventSyntax(paths, condition, span=piece.span)


def _step(piece: Piece) -> StepSyntax:
    follow, negation, unit, *suffixes = piece.kids
    mode = None if follow is None else "strict" if follow.kind == "NEXT" else "any"
    return StepSyntax(
        unit,
        cast("Any", mode),
        negation is not None,
        tuple(suffixes),
        span=piece.span,
    )


def _branch(piece: Piece) -> StepSyntax:
    negation, unit, *suffixes = piece.kids
    return StepSyntax(unit, None, negation is not None, tuple(suffixes), span=piece.span)


def _within_suffix(piece: Piece) -> WithinSuffix:
    _, duration, _, of = piece.kids
    return WithinSuffix(duration, name_of(of) if of else None, span=piece.span)


def _gap_suffix(piece: Piece) -> GapSuffix:
    return GapSuffix(piece.kids[1], span=piece.span)


def _for_suffix(piece: Piece) -> ForSuffix:
    return ForSuffix(piece.kids[1], span=piece.span)


def _by_suffix(piece: Piece) -> BySuffix:
    return BySuffix(tuple(piece.nodes()), span=piece.span)


def _from_clause(piece: Piece) -> _Clause:
    return _Clause("from_types", tuple(piece.nodes()), piece.span)


def _by_clause(piece: Piece) -> _Clause:
    return _Clause("by", tuple(piece.nodes()), piece.span)


def _where_clause(piece: Piece) -> _Clause:
    return _Clause("where", piece.kids[1], piece.span)


def _within_clause(piece: Piece) -> _Clause:
    return _Clause("within", piece.kids[1], piece.span)


def _gap_clause(piece: Piece) -> _Clause:
    return _Clause("gap", piece.kids[1], piece.span)


def _unless_clause(piece: Piece) -> _Clause:
    _, event, name = piece.kids
    value = UnlessSyntax(event, name_of(name) if name else None, span=piece.span)
    return _Clause("unless", value, piece.span)


def _pick_clause(piece: Piece) -> _Clause:
    pick = cast("Pick", piece.kids[1].text.lower())
    return _Clause("pick", PickSyntax(pick, span=piece.span), piece.span)


def _after_clause(piece: Piece) -> _Clause:
    kind, variable = piece.kids[2]
    return _Clause("after", SkipSyntax(kind, variable, span=piece.span), piece.span)


_SKIPS: Final[dict[str, SkipKind]] = {
    "SKIP PAST LAST": "past_last",
    "SKIP TO NEXT": "to_next",
    "SKIP TO FIRST": "to_first",
    "SKIP TO LAST": "to_last",
    "NO SKIP": "none",
    "STOP": "stop",
}


def _skip(piece: Piece) -> tuple[SkipKind, str | None]:
    variable = next((name_of(kid) for kid in piece.kids if kid.kind == "NAME"), None)
    said = " ".join(kid.text.upper() for kid in piece.kids if kid.kind != "NAME")
    return _SKIPS[said], variable


def _limit_clause(piece: Piece) -> _Clause:
    number, *per = piece.nodes()
    value = LimitSyntax(number, per[0] if per else None, span=piece.span)
    return _Clause("limit", value, piece.span)


def _sample_clause(piece: Piece) -> _Clause:
    percent: LiteralExpr = literal(piece.kids[1], piece.problems)
    return _Clause("sample", SampleSyntax(percent, span=piece.span), piece.span)


def _emit_clause(piece: Piece) -> _Clause:
    on, moment, _, name, *items = piece.kids
    when = cast("Moment", moment.text.lower()) if on else None
    return _Clause("emits", EmitSyntax(when, name, tuple(items), span=piece.span), piece.span)


def _item(piece: Piece) -> ItemSyntax:
    name, _, value = piece.kids
    return ItemSyntax(name_of(name) if name else None, value, span=piece.span)


def _time_window(piece: Piece) -> WindowSyntax:
    duration, *hop = piece.nodes()
    tumbling = "TUMBLING" in piece.words()
    return WindowSyntax(duration, None, tumbling, hop[0] if hop else None, span=piece.span)


def _event_window(piece: Piece) -> WindowSyntax:
    return WindowSyntax(None, piece.kids[0], span=piece.span)


RULES: Final[dict[str, Rule]] = EXPRESSION_RULES | {
    "pattern": _pattern,
    "library": _library,
    "pattern_definition": _pattern_definition,
    "predicate_definition": _predicate_definition,
    "params": _params,
    "param": _param,
    "unit": _unit,
    "consecutive": _consecutive,
    "combinations": _combinations,
    "until": _until,
    "seq": _seq,
    "conjunction": _conjunction,
    "disjunction": _disjunction,
    "atleast": _atleast,
    "use": _use,
    "bind": _bind,
    "event": _event,
    "step": _step,
    "branch": _branch,
    "within_suffix": _within_suffix,
    "gap_suffix": _gap_suffix,
    "for_suffix": _for_suffix,
    "by_suffix": _by_suffix,
    "from_clause": _from_clause,
    "by_clause": _by_clause,
    "where_clause": _where_clause,
    "within_clause": _within_clause,
    "gap_clause": _gap_clause,
    "unless_clause": _unless_clause,
    "pick_clause": _pick_clause,
    "after_clause": _after_clause,
    "skip": _skip,
    "limit_clause": _limit_clause,
    "sample_clause": _sample_clause,
    "emit_clause": _emit_clause,
    "item": _item,
    "time_window": _time_window,
    "event_window": _event_window,
}
"""The function for each rule of the grammar."""
