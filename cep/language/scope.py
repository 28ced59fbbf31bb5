"""What a condition is typed against: its place, what can be read there, and what was found so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from cep.errors import Span
from cep.language.expressions import Expr, FieldExpr, NameExpr, Node
from cep.language.kinds import Type
from cep.language.printer import show
from cep.language.report import Report
from cep.language.sites import EventPlace, Site, Survey, Variable
from cep.language.tree import conjuncts, rebuild, walk
from cep.schema import Schema
from cep.values import value

ONLY: Final = ""
"""Stands for the variable of a pattern of one step that has given it none."""


@value
class Scope:
    """The surroundings of one expression.

    `keys` are the values of `BY` by their names, `only` is the step of a pattern that has but one. `element`
    is set inside an aggregate: the loop variable that stands for one event there. `found` keeps the type of
    every node by its id, `plain` the variables that stand for each of their events.
    """

    site: Site
    survey: Survey
    schema: Schema
    report: Report
    keys: Mapping[str, Type]
    only: EventPlace | None
    typed: Callable[[Expr, Scope], Type]
    functions: frozenset[str] = frozenset()
    """Names of predicates, for suggestions."""
    element: str | None = None
    found: dict[int, Type] = field(default_factory=dict)
    plain: dict[str, Span] = field(default_factory=dict)

    @property
    def in_filter(self) -> bool:
        """Whether there is an event under test."""
        return self.site.event is not None

    def error(self, code: str, at: Node, message: str, label: str = "", repair: str = "") -> None:
        """Note an error at a node."""
        self.report.error(code, at.span, message, label, repair)

    def variable(self, name: str) -> Variable | None:
        """A variable by its name."""
        return self.survey.variables.get(name)

    def known(self) -> list[str]:
        """The variables bound before this place, in the order written."""
        return [name for name in self.survey.variables if name in self.site.known]

    def is_many(self, name: str) -> bool:
        """Whether a variable holds more than one event when seen from here."""
        if self.element == name:
            return False
        if name == ONLY:
            return self.only is not None and self.only.looped
        loops = self.survey.variables[name].loops
        return bool(loops) if name == self.site.var else any(loop not in self.site.loops for loop in loops)


def said(node: Expr) -> str:
    """An expression as its writer would write it, also where a USE has made dotted names."""
    return re.sub(r"`([^\W\d]\w*(?:\.\w+)+)`", r"\1", show(node))


def moved_to_where(scope: Scope, part: Expr) -> str:
    """The test around `part` as it would stand in WHERE: a repair for names that a filter does not know."""
    site = scope.site
    if site.role != "filter":
        return ""
    if site.var is None:
        return "give this step a variable and move the test to WHERE"
    for test in conjuncts(site.expr):
        if any(node is part for node in walk(test)):
            return f"move the test to where both are known: WHERE {said(_qualified(test, site.var, scope))}"
    return ""


def _qualified(test: Expr, var: str, scope: Scope) -> Expr:
    """The test of a filter with its bare fields written as fields of the variable."""

    def change(node: Node) -> Node:
        match node:
            case NameExpr("this"):
                return NameExpr(var)
            case NameExpr(name) if name not in scope.survey.variables:
                return FieldExpr(NameExpr(var), name)
            case _:
                return node

    return rebuild(test, change)
