"""Names: event types that exist, variables that are bound once and hide nothing, outputs that have a name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cep.errors import Span
from cep.language.expressions import FieldExpr, NameExpr, PathSyntax
from cep.language.printer import show
from cep.language.report import Report
from cep.language.sites import Fork, Since, Survey, Variable, fork_between, may_lack
from cep.language.suggest import listed, nearest
from cep.language.syntax import EmitSyntax, EventSyntax, ItemSyntax, PatternSyntax, SkipSyntax, UnitSyntax
from cep.language.tree import outline
from cep.schema import Schema

RESERVED: Final = {"this": "the event under test", "ts": "the time of an event"}


def check_names(pattern: PatternSyntax, survey: Survey, schema: Schema, report: Report) -> None:
    """Every name that is not read in a condition."""
    events = [node for node in outline(pattern) if isinstance(node, EventSyntax)]
    for path in (*(path for event in events for path in event.types), *pattern.from_types):
        check_type(path, schema, report)
    _twice_in_event(events, report)
    types = dict.fromkeys(str(path) for event in events for path in event.types)
    for unless in pattern.unless:
        if unless.name is not None:
            # The name is the last word of the clause.
            span = Span(unless.span.end - len(unless.name), unless.span.end)
            at_end = report.source.text[span.start : span.end] == unless.name
            _variable(unless.name, span if at_end else unless.span, types, schema, report)
    for unit in outline(pattern.unit):
        if isinstance(unit, UnitSyntax) and unit.name is not None:
            _variable(unit.name, unit.name_span, types, schema, report)
    for clash in survey.clashes:
        place = report.source.place(clash.first.start)
        label = f"the first one is at {place.line}:{place.column}"
        repair = f"give each step its own name: `{_free(clash.name, survey)}`"
        report.error("E204", clash.span, f"the variable `{clash.name}` is bound twice", label, repair)
    for since in survey.since:
        _since(since, survey, report)
    if pattern.after is not None and pattern.after.variable is not None:
        _skip(pattern.after, pattern.after.variable, pattern, survey, report)
    for emit in pattern.emits:
        _items(emit, report)


def check_type(path: PathSyntax, schema: Schema, report: Report) -> None:
    """An event type must be declared if any is."""
    name = str(path)
    if not schema.types or schema.declares(name):
        return
    close = nearest(name, schema.types)
    label = f"did you mean `{close[0]}`?" if close else f"the types are {listed(sorted(schema.types))}"
    report.error(
        "E201",
        path.span,
        f"there is no event type `{name}`",
        label,
        "" if close else f"declare {name} under types:",
    )


def not_bound(name: str, variable: Variable, forks: tuple[Fork, ...], where: str) -> tuple[str, str]:
    """The message and the label for a variable that exists and is not bound at the place with these forks."""
    if variable.negated:
        return f"`{name}` is never bound", "it names what must not happen"
    match fork_between(variable.forks, forks):
        case "or":
            return f"`{name}` is not bound in this branch", f"`{name}` belongs to another branch of the OR"
        case "and":
            return f"`{name}` may come later than this", "the branches of AND come in any order"
        case None:
            return f"`{name}` is not known yet at this {where}", f"`{name}` is bound by a later step"


def _twice_in_event(events: Iterable[EventSyntax], report: Report) -> None:
    for event in events:
        seen: set[str] = set()
        for path in event.types:
            if str(path) in seen:
                report.error("E204", path.span, f"`{path}` stands twice in this step", "", "once is enough")
            seen.add(str(path))


def _variable(name: str, span: Span, types: Iterable[str], schema: Schema, report: Report) -> None:
    if name in RESERVED:
        message = f"`{name}` cannot name a variable"
        report.error("E204", span, message, f"`{name}` is {RESERVED[name]}", "give it another name")
        return
    for event_type in types:
        if schema.declares(event_type) and name in schema.types[event_type]:
            message = f"the variable `{name}` hides a field"
            label = f"{event_type} has a field `{name}`"
            report.error(
                "E204", span, message, label, f"name it otherwise, for example `{event_type[0].lower()}`"
            )
            return


def _free(name: str, survey: Survey) -> str:
    number = 2
    while f"{name}{number}" in survey.variables:
        number += 1
    return f"{name}{number}"


def _since(since: Since, survey: Survey, report: Report) -> None:
    """`WITHIN d OF v` needs v before it."""
    name, span = since.of, since.suffix.span
    variable = survey.variables.get(name)
    if variable is None:
        unknown_variable(name, span, survey, report)
    elif name not in since.known:
        message, label = not_bound(name, variable, since.forks, "step")
        report.error("E203", span, message, label, "WITHIN … OF names a step before this one")


def unknown_variable(name: str, span: Span, survey: Survey, report: Report) -> None:
    """Tell that no step has this variable."""
    bound = [each for each, variable in survey.variables.items() if not variable.negated]
    close = nearest(name, bound)
    label = f"did you mean `{close[0]}`?" if close else f"the variables are {listed(bound)}"
    if not bound:
        label = "no step has a variable"
    report.error("E201", span, f"there is no variable `{name}`", label)


def _skip(after: SkipSyntax, name: str, pattern: PatternSyntax, survey: Survey, report: Report) -> None:
    variable = survey.variables.get(name)
    if variable is None:
        unknown_variable(name, after.span, survey, report)
    elif variable.negated:
        report.error(
            "E306", after.span, f"a match cannot be left at `{name}`", "it names what must not happen",
            "AFTER MATCH SKIP PAST LAST",
        )  # fmt: skip
    elif variable.types is None:
        inner = [each for each in sorted(variable.members) if survey.variables[each].types is not None]
        report.error(
            "E202", after.span, f"`{name}` is a group of events, not one", "SKIP TO goes to one event",
            f"AFTER MATCH SKIP TO LAST {inner[-1]}" if inner else "name a step of the group",
        )  # fmt: skip
    elif may_lack(pattern.unit, name) and (pattern.pick is None or pattern.pick.pick != "all"):
        report.error(
            "E306", after.span, f"`{name}` may be empty, and there would be nothing to skip to",
            f"not every match has a `{name}`", "AFTER MATCH SKIP PAST LAST",
        )  # fmt: skip


def _items(emit: EmitSyntax, report: Report) -> None:
    seen: set[str] = set()
    for item in emit.items:
        name = output_name(item)
        if name in seen:
            message = f"the output `{name}` is given twice"
            report.error(
                "E204",
                item.span,
                message,
                "the second one",
                f"name it otherwise: {name}2 = {show(item.value)}",
            )
        else:
            seen.add(name)


def output_name(item: ItemSyntax) -> str:
    """The name of an output: the one written, that of the field it reads, or else its text.

    >>> output_name(ItemSyntax(None, FieldExpr(NameExpr("o"), "order_id")))
    'order_id'
    """
    if item.name is not None:
        return item.name
    match item.value:
        case NameExpr(name) | FieldExpr(_, name):
            return name
        case _:
            return show(item.value)
