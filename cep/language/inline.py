"""Puts the bodies of predicates in the place of their calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final, TypeAlias, TypeVar

from cep.language.check_calls import arity
from cep.language.expressions import CallExpr, Expr, IndexExpr, InExpr, NameExpr, Node, ParamExpr
from cep.language.report import Report
from cep.language.suggest import listed
from cep.language.syntax import PredicateDefinition
from cep.language.tree import moved, rebuild, walk
from cep.values import replaced

Predicates: TypeAlias = Mapping[str, PredicateDefinition]
N = TypeVar("N", bound=Node)
Stack: TypeAlias = tuple[tuple[str, PredicateDefinition], ...]

CALLS_MAX: Final = 500
"""Calls in one expression, those inside predicates counted each time they are put in."""


def inline(tree: N, predicates: Predicates, report: Report) -> N:
    """The tree with every call of a predicate replaced by its body, which then stands at the call.

    A call with the wrong number of arguments stays; what comes back to itself fits everywhere. Both are
    errors.
    """
    if not predicates or not any(
        isinstance(node, CallExpr) and node.name in predicates for node in walk(tree)
    ):
        return tree
    calls = count(1)
    return rebuild(tree, lambda node: _replaced(node, predicates, report, (), calls))


def foreign_names(definition: PredicateDefinition) -> list[NameExpr]:
    """Names in the body of a predicate that are no parameters of it: it sees nothing else."""
    known = {param.name for param in definition.params if not param.dollar}
    return [node for node in walk(definition.body) if isinstance(node, NameExpr) and node.name not in known]


def table_names(definition: PredicateDefinition) -> set[str]:
    """Names in the body that stand where only a table can stand."""
    found = set()
    for node in walk(definition.body):
        match node:
            case InExpr(_, NameExpr(name)) | IndexExpr(NameExpr(name)):
                found.add(name)
            case _:
                pass
    return found


def _replaced(node: Node, predicates: Predicates, report: Report, stack: Stack, calls: Iterator[int]) -> Node:
    if not isinstance(node, CallExpr) or node.name not in predicates:
        return node
    definition = predicates[node.name]
    if any(definition is each for _, each in stack):
        names = [name for name, _ in stack]
        circle = " → ".join((*names, node.name))
        report.error("E207", node.span, f"the predicate `{node.name}` calls itself", circle)
        return ParamExpr(node.name, span=node.span)
    if next(calls) > CALLS_MAX:
        message = f"this makes more than {CALLS_MAX} calls of predicates"
        report.error(
            "E207", node.span, message, "calls in calls multiply", "fewer predicates that each call others"
        )
        return ParamExpr(node.name, span=node.span)
    given = _arguments(node, definition, report)
    if given is None:
        return node
    _only_parameters(node, definition, report)

    def fill(each: Node) -> Node:
        match each:
            case NameExpr(name) | ParamExpr(name):
                # What is no parameter has been reported; as a parameter without a value it fits everywhere.
                return given.get(name, ParamExpr(name, span=node.span))
            case CallExpr():
                return _replaced(each, predicates, report, (*stack, (node.name, definition)), calls)
            case _:
                return each

    return rebuild(moved(definition.body, node.span), fill)


def _arguments(call: CallExpr, definition: PredicateDefinition, report: Report) -> dict[str, Expr] | None:
    params = definition.params
    least = sum(param.default is None for param in params)
    if not least <= len(call.args) <= len(params):
        names = ", ".join(f"${param.name}" if param.dollar else param.name for param in params)
        message = f"{call.name} takes {arity(least, len(params))}, not {len(call.args)}"
        report.error("E202", call.span, message, "", f"{call.name}({names})")
        return None
    given: dict[str, Expr] = dict(zip((param.name for param in params), call.args, strict=False))
    for param in params:
        if param.default is not None:
            given.setdefault(param.name, replaced(param.default, span=call.span))
    return given


def _only_parameters(call: CallExpr, definition: PredicateDefinition, report: Report) -> None:
    tables = table_names(definition)
    for name in dict.fromkeys(each.name for each in foreign_names(definition)):
        if name in tables:
            message = f"`{call.name}` reads the table `{name}`, which is not supported yet"
            report.error("E501", call.span, message, "a table lookup", "write the values into the predicate")
        else:
            params = listed(param.name for param in definition.params)
            message = f"`{call.name}` reads `{name}`, which is no parameter of it"
            report.error("E201", call.span, message, f"a predicate sees only {params}", "pass it in")
