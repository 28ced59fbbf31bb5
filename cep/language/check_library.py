"""Definitions where they stand: each must make sense before anybody uses it."""

from __future__ import annotations

from cep.errors import Diagnostic, Source
from cep.language.check_types import check_condition, type_of
from cep.language.checker import check
from cep.language.definitions import Library, predicates, with_whole_calls
from cep.language.expand import expand
from cep.language.expressions import NameExpr, Node, ParamExpr
from cep.language.inline import foreign_names, inline, table_names
from cep.language.params import params_in
from cep.language.report import Report
from cep.language.scope import Scope
from cep.language.sites import Site, Survey
from cep.language.suggest import listed, nearest
from cep.language.syntax import (
    Definition,
    EventSyntax,
    LibrarySyntax,
    PatternDefinition,
    PredicateDefinition,
)
from cep.language.tree import rebuild, walk
from cep.schema import Schema


def check_library(
    syntax: LibrarySyntax, source: Source, schema: Schema, library: Library, home: str
) -> list[Diagnostic]:
    """All that is wrong in a file of definitions, by position.

    `library` holds this file's definitions under `home.name`, and those of the files it may use. Parameters
    fit everywhere; what their values do is told where a rule gives them.
    """
    report = Report(source)
    for definition in syntax.definitions:
        _params(definition, report)
        match definition:
            case PatternDefinition(body=body):
                expanded, found = expand(body, library, source, home)
                found += check(expanded, source, schema, predicates(library))
                # Whoever uses the pattern gives it a key.
                report.found += [each for each in found if each.code != "W402"]
            case PredicateDefinition():
                _predicate(definition, schema, library, home, report)
    return report.sorted()


def _params(definition: Definition, report: Report) -> None:
    """Parameters are declared once, spelt as they are used, and used."""
    names = [param.name for param in definition.params]
    used = params_in(definition.body)
    if isinstance(definition, PredicateDefinition):
        used |= {node.name: node.span for node in walk(definition.body) if isinstance(node, NameExpr)}
    for i, param in enumerate(definition.params):
        if param.name in names[:i]:
            message = f"the parameter `{param.name}` is declared twice"
            report.error("E207", param.span, message, "the second one", "give it another name")
        elif isinstance(definition, PatternDefinition) and not param.dollar:
            message = "a parameter of a pattern begins with $"
            report.error("E207", param.span, message, "only a predicate takes events", f"${param.name}")
        elif param.name not in used:
            message = f"the parameter `{param.name}` is not used"
            report.warning(
                "E207", param.span, message, "the definition never reads it", "use it or remove it"
            )
    for name, span in params_in(definition.body).items():
        if name not in names:
            close = nearest(name, names)
            label = f"did you mean `${close[0]}`?" if close else ""
            repair = "" if close else f"declare it: {definition.name}(${name} = …)"
            report.error("E207", span, f"`${name}` is no parameter of `{definition.name}`", label, repair)


def _predicate(
    definition: PredicateDefinition, schema: Schema, library: Library, home: str, report: Report
) -> None:
    known = predicates(library)
    tables = table_names(definition)
    for node in foreign_names(definition):
        if node.name in tables:
            message = f"the table `{node.name}` is not supported yet"
            report.error("E501", node.span, message, "a table lookup", "write the values: IN ('a', 'b')")
        else:
            params = listed(param.name for param in definition.params)
            message = f"`{node.name}` is no parameter of `{definition.name}`"
            report.error("E201", node.span, message, f"a predicate sees only {params}", "pass it in")

    def unnamed(node: Node) -> Node:
        return ParamExpr(node.name, span=node.span) if isinstance(node, NameExpr) else node

    body = rebuild(with_whole_calls(definition.body, library, home), unnamed)
    body = inline(body, known, report)
    scope = Scope(
        site=Site("filter", body, EventSyntax(())),
        survey=Survey(),
        schema=schema,
        report=report,
        keys={},
        only=None,
        typed=type_of,
        functions=frozenset(known),
    )
    check_condition(body, scope)
