"""Syntax tree to canonical text: one line, clauses in one order, no parenthesis that is not needed.

`parse(show(tree)) == tree` holds for every tree that a text can give.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, assert_never

from cep.language.expressions import (
    CompareExpr,
    CountSyntax,
    DurationSyntax,
    Expr,
    LogicExpr,
    NameExpr,
    OverSyntax,
    PathSyntax,
)
from cep.language.print_expressions import (
    show_count,
    show_duration,
    show_expr,
    show_over,
    show_path,
)
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BindSyntax,
    BySuffix,
    Core,
    Definition,
    EmitSyntax,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    ItemSyntax,
    LibrarySyntax,
    LimitSyntax,
    OrSyntax,
    ParamSyntax,
    PatternDefinition,
    PatternSyntax,
    PickSyntax,
    PredicateDefinition,
    QuantSyntax,
    SampleSyntax,
    SeqSyntax,
    SkipSyntax,
    StepSyntax,
    Suffix,
    UnitSyntax,
    UnlessSyntax,
    UseSyntax,
    WindowSyntax,
    WithinSuffix,
)
from cep.language.words import HIDES_TYPE, HIDES_VALUE, HIDES_VARIABLE, quoted

Clause: TypeAlias = (
    WindowSyntax | UnlessSyntax | PickSyntax | SkipSyntax | LimitSyntax | SampleSyntax | EmitSyntax
)
Part: TypeAlias = (
    UnitSyntax | StepSyntax | QuantSyntax | BindSyntax | ItemSyntax | ParamSyntax
    | OverSyntax | PathSyntax | DurationSyntax | CountSyntax
)  # fmt: skip
Shown: TypeAlias = PatternSyntax | LibrarySyntax | Definition | Core | Suffix | Clause | Part | Expr


def show(node: Shown) -> str:
    """The canonical text of a tree or of any node in it.

    >>> login = EventSyntax((PathSyntax(("Login",)),))
    >>> show(UnitSyntax(login, "f", quant=QuantSyntax(CountSyntax(3, None), None)))
    'Login f{3,}'
    """
    match node:
        case PatternSyntax():
            return " ".join(_pattern(node))
        case LibrarySyntax(definitions):
            return " ".join(show(definition) for definition in definitions)
        case PatternDefinition() | PredicateDefinition():
            return _definition(node)
        case EventSyntax() | SeqSyntax() | AndSyntax() | OrSyntax() | AtLeastSyntax() | UseSyntax():
            return _core(node)
        case WithinSuffix() | GapSuffix() | ForSuffix() | BySuffix():
            return _suffix(node)
        case WindowSyntax() | UnlessSyntax() | PickSyntax() | SkipSyntax():
            return _clause(node)
        case LimitSyntax() | SampleSyntax() | EmitSyntax():
            return _clause(node)
        case UnitSyntax() | StepSyntax() | QuantSyntax() | BindSyntax() | ItemSyntax() | ParamSyntax():
            return _part(node)
        case OverSyntax():
            return show_over(node)
        case PathSyntax():
            return show_path(node)
        case DurationSyntax():
            return show_duration(node)
        case CountSyntax():
            return show_count(node)
        case _:
            return show_expr(node)


def _pattern(pattern: PatternSyntax) -> Iterator[str]:
    yield from ["NOT"] if pattern.negated else []
    yield show(pattern.unit)
    if pattern.from_types:
        yield f"FROM {', '.join(show_path(path) for path in pattern.from_types)}"
    if pattern.by:
        yield f"BY {', '.join(show_path(path) for path in pattern.by)}"
    if pattern.where:
        yield f"WHERE {show_expr(pattern.where)}"
    if pattern.within:
        yield show(pattern.within)
    if pattern.gap:
        yield f"GAP {show_duration(pattern.gap)}"
    yield from (show(unless) for unless in pattern.unless)
    yield from (show(clause) for clause in (pattern.pick, pattern.after, pattern.limit) if clause)
    if pattern.sample:
        yield show(pattern.sample)
    yield from (show(emit) for emit in pattern.emits)


def _definition(definition: Definition) -> str:
    params = ", ".join(show(param) for param in definition.params)
    head = quoted(definition.name) + (f"({params})" if params else "")
    match definition:
        case PatternDefinition(body=body):
            return f"DEFINE PATTERN {head} = {show(body)};"
        case PredicateDefinition(body=body):
            return f"DEFINE PREDICATE {head} = {show_expr(body)};"
        case _:
            assert_never(definition)


def _core(core: Core) -> str:
    match core:
        case EventSyntax(types, condition):
            first = show_path(types[0], HIDES_TYPE) if types else "EVENT"
            text = "|".join([first, *(show_path(path) for path in types[1:])])
            return f"{text}[{show_expr(condition)}]" if condition else text
        case SeqSyntax(mode, steps):
            word = {"strict": "SEQ STRICT", "relaxed": "SEQ", "any": "SEQ ANY"}[mode]
            return f"{word}({_list(steps)})"
        case AndSyntax(branches):
            return f"AND({_list(branches)})"
        case OrSyntax(branches):
            return f"OR({_list(branches)})"
        case AtLeastSyntax(count, branches):
            return f"ATLEAST({show_count(count)}, {_list(branches)})"
        case UseSyntax(name, binds):
            return f"USE {show_path(name)}" + (f"({_list(binds)})" if binds else "")
        case _:
            assert_never(core)


def _list(nodes: tuple[Shown, ...]) -> str:
    return ", ".join(show(node) for node in nodes)


def _suffix(suffix: Suffix) -> str:
    match suffix:
        case WithinSuffix(duration, of):
            return f"WITHIN {show_duration(duration)}" + (f" OF {quoted(of)}" if of else "")
        case GapSuffix(duration):
            return f"GAP {show_duration(duration)}"
        case ForSuffix(duration):
            return f"FOR {show_duration(duration)}"
        case BySuffix((path,)):
            return f"BY {show_path(path)}"
        case BySuffix(paths):
            return f"BY ({', '.join(show_path(path) for path in paths)})"
        case _:
            assert_never(suffix)


def _clause(clause: Clause) -> str:
    match clause:
        case WindowSyntax():
            return _window(clause)
        case UnlessSyntax(event, name):
            return f"UNLESS {show(event)}" + (f" {quoted(name, HIDES_VARIABLE)}" if name else "")
        case PickSyntax(pick):
            return f"PICK {pick.upper()}"
        case SkipSyntax(kind, variable):
            words = {"none": "NO SKIP", "stop": "STOP"}.get(kind, f"SKIP {kind.replace('_', ' ').upper()}")
            return f"AFTER MATCH {words}" + (f" {quoted(variable)}" if variable else "")
        case LimitSyntax(count, per):
            return f"LIMIT {show_count(count)}" + (f" PER {show_duration(per)}" if per else "")
        case SampleSyntax(percent):
            return f"SAMPLE {show_expr(percent)}"
        case EmitSyntax(moment, kind, items):
            on = f"ON {moment.upper()} " if moment else ""
            return f"{on}EMIT {show_path(kind) if kind else ''}({_list(items)})"
        case _:
            assert_never(clause)


def _window(window: WindowSyntax) -> str:
    if window.events:
        return f"WITHIN {show_count(window.events)} EVENTS"
    assert window.duration
    text = f"WITHIN {show_duration(window.duration)}"
    if window.hop:
        return f"{text} HOP {show_duration(window.hop)}"
    return f"{text} TUMBLING" if window.tumbling else text


def _part(part: UnitSyntax | StepSyntax | QuantSyntax | BindSyntax | ItemSyntax | ParamSyntax) -> str:
    match part:
        case UnitSyntax():
            return _unit(part)
        case StepSyntax(unit, follow, negated, suffixes):
            follow_word = {"strict": "NEXT ", "any": "ANY "}[follow] if follow else ""
            not_word = "NOT " if negated else ""
            return " ".join([f"{follow_word}{not_word}{show(unit)}", *(show(suffix) for suffix in suffixes)])
        case QuantSyntax():
            return _quantifier(part)
        case BindSyntax(name, value):
            return f"{quoted(name)} = {show_expr(value)}"
        case ItemSyntax(None, value):
            text = show_expr(value)
            return f"({text})" if _begins_as_named(value) else text
        case ItemSyntax(name, value):
            return f"{quoted(name or '', HIDES_VALUE)} = {show_expr(value)}"
        case ParamSyntax(name, dollar, default):
            shown = f"${name}" if dollar else quoted(name)
            return f"{shown} = {show_expr(default)}" if default else shown
        case _:
            assert_never(part)


def _unit(unit: UnitSyntax) -> str:
    text = show(unit.core)
    if unit.name:
        text += f" {quoted(unit.name, HIDES_VARIABLE)}"
    if unit.quant:
        text += _quantifier(unit.quant)
    if unit.inner:
        text += {"strict": " CONSECUTIVE", "any": " COMBINATIONS", "relaxed": ""}[unit.inner]
    if unit.until:
        text += f" UNTIL {show(unit.until)}"
    return text


def _quantifier(quant: QuantSyntax) -> str:
    greed = {"eager": "", "reluctant": "?", "possessive": "+"}[quant.greed]
    least, most = quant.min, quant.max
    signs = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    bounds = (least.number, most.number if most else None)
    if least.param is None and (most is None or most.param is None) and bounds in signs:
        return signs[bounds] + greed
    if most is None:
        return f"{{{show_count(least)},}}{greed}"
    if most == least:
        return f"{{{show_count(least)}}}{greed}"
    return f"{{{'' if least.number == 0 else show_count(least)},{show_count(most)}}}{greed}"


def _begins_as_named(value: Expr) -> bool:
    """Whether the text would begin with `name =`, which in EMIT gives a name to what follows."""
    match value:
        case CompareExpr("=", NameExpr(), _):
            return True
        case LogicExpr(_, left, _):
            return _begins_as_named(left)
        case _:
            return False
