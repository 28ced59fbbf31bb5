"""Asks an expression, given as text, of an event and of what a run has bound."""

from __future__ import annotations

from cep.engines.evaluate import Scope, value_of
from cep.errors import Source
from cep.event import Event, Value
from cep.language.parser import parse_pattern
from cep.language.report import Report
from cep.language.syntax import EventSyntax
from cep.plan.expr import Expr
from cep.plan.lower_expr import ExprLowering
from cep.plan.lower_names import Names

NAMES = Names(variables={"a": "single", "f": "loop"}, groups={}, markers={}, by=(("user",),))


def lowered(text: str) -> Expr:
    """The expression as it would stand in the filter of the loop variable `f`."""
    source = Source.whole("expression", f"E[{text}] f")
    tree, problems = parse_pattern(source)
    assert tree is not None, problems
    core = tree.unit.core
    assert isinstance(core, EventSyntax)
    assert core.filter is not None
    report = Report(source)
    expr = ExprLowering(NAMES.inside("f"), report).lower(core.filter)
    assert not report.found, report.found
    return expr


def asked(text: str, bound: dict[str, list[dict[str, Value]]] | None = None, **fields: Value) -> Value:
    """Its value for an event at time 5000 with these fields; `bound` gives the fields of earlier events."""
    taken = {
        var: [Event("E", 1000 * (i + 1), i, given) for i, given in enumerate(events)]
        for var, events in (bound or {}).items()
    }
    return value_of(lowered(text))(Scope(Event("E", 5000, 99, fields), taken, ("u1",)))
