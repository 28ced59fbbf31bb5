"""Puts values in the place of `$name`: in conditions, counts and durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import timedelta
from typing import TypeVar

from cep.errors import Diagnostic, Source, Span
from cep.event import duration_ms
from cep.language.expressions import CountSyntax, DurationSyntax, Expr, LiteralExpr, Node, ParamExpr
from cep.language.printer import show
from cep.language.report import Report
from cep.language.suggest import listed, nearest
from cep.language.syntax import PatternSyntax
from cep.language.tree import moved, rebuild, walk
from cep.values import mutable, replaced

N = TypeVar("N", bound=Node)

Complain = Callable[[Span, str, str, str], None]
"""Takes a span, a message, a label and a repair."""


def substitute(
    pattern: PatternSyntax,
    params: Mapping[str, LiteralExpr],
    source: Source,
    places: Mapping[str, tuple[Source, Span]] | None = None,
) -> tuple[PatternSyntax, list[Diagnostic]]:
    """The pattern with the rule's parameters filled in; what has no value stays and is an error (E207).

    A parameter that the pattern does not use is a warning at its place in `places` (its name in the rule's
    file), or at the pattern if that is not given. Works before `expand` and after it.
    """
    report = Report(source)
    filling = Filling(
        params, lambda span, message, label, repair: report.error("E207", span, message, label, repair)
    )
    filled = filling.fill(pattern)
    for name in dict.fromkeys(filling.unknown):
        span = filling.unknown[name]
        close = nearest(name, params)
        if close:
            label = f"did you mean `${close[0]}`?"
        else:
            label = f"the parameters are {listed(params)}" if params else "the rule has no parameters"
        report.error("E207", span, f"nothing gives `${name}` a value", label, f"params: {{{name}: …}}")
    unused = [name for name in params if name not in filling.used]
    for name in unused:
        at, span = (places or {}).get(name, (source, Span(pattern.span.start, pattern.span.start)))
        message, label = f"the parameter `{name}` is not used", f"the pattern says `${name}` nowhere"
        report.found.append(Diagnostic("E207", "warning", message, at, span, label, "use it or remove it"))
    return filled, report.sorted()


def params_in(node: Node) -> dict[str, Span]:
    """The names of all parameters below `node`, each with the place of its first use."""
    found: dict[str, Span] = {}
    for each in walk(node):
        name = each.name if isinstance(each, ParamExpr) else None
        if isinstance(each, DurationSyntax | CountSyntax):
            name = each.param
        if name is not None:
            found.setdefault(name, each.span)
    return found


@mutable
class Filling:
    """Fills in `values` and remembers which were used and which were missing."""

    values: Mapping[str, Expr]
    complain: Complain
    used: set[str] = field(default_factory=set)
    unknown: dict[str, Span] = field(default_factory=dict)

    def fill(self, node: N) -> N:
        """The tree with every parameter replaced that has a value of the right kind."""
        return rebuild(node, self._one) if params_in(node) else node

    def _one(self, node: Node) -> Node:
        match node:
            case ParamExpr(name):
                value = self._value(name, node.span)
                return node if value is None else moved(value, node.span)
            case DurationSyntax(None, str(name)):
                return self._duration(node, name)
            case CountSyntax(None, str(name)):
                return self._count(node, name)
            case _:
                return node

    def _value(self, name: str, span: Span) -> Expr | None:
        if name not in self.values:
            self.unknown.setdefault(name, span)
            return None
        self.used.add(name)
        return self.values[name]

    def _duration(self, node: DurationSyntax, name: str) -> DurationSyntax:
        match self._value(name, node.span):
            case None:
                return node
            case LiteralExpr("duration", timedelta() as value, text):
                return DurationSyntax(duration_ms(value), None, text, span=node.span)
            case ParamExpr(other):
                return DurationSyntax(None, other, f"${other}", span=node.span)
            case value:
                label = f"`${name}` is given as {show(value)}"
                self.complain(node.span, "a duration is needed here", label, f"{name}: 10m")
                return node

    def _count(self, node: CountSyntax, name: str) -> CountSyntax:
        match self._value(name, node.span):
            case None:
                return node
            case LiteralExpr("int", int(number)) if number >= 0:
                return replaced(node, number=number, param=None)
            case ParamExpr(other):
                return replaced(node, param=other)
            case value:
                label = f"`${name}` is given as {show(value)}"
                self.complain(node.span, "a whole number is needed here", label, f"{name}: 3")
                return node
