"""Everything that can be seen to be wrong with a pattern before it is compiled; nothing here raises.

    names ─▶ shape ─▶ clauses ─▶ keys ─▶ each condition: inline ─▶ types ─▶ truth ─▶ nulls ─▶ regexes

What only the automaton can tell (waits without an end, ambiguous loops, cost) is found after compiling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cep.errors import Diagnostic, Source
from cep.language.check_clauses import check_clauses
from cep.language.check_keep import check_keep
from cep.language.check_keys import check_keys
from cep.language.check_names import check_names
from cep.language.check_nulls import check_nulls
from cep.language.check_regex import check_regexes
from cep.language.check_shape import check_shape
from cep.language.check_truth import check_truth
from cep.language.check_types import check_condition, type_of
from cep.language.expressions import Expr
from cep.language.inline import Predicates, inline
from cep.language.kinds import Type
from cep.language.kinds import said as kind_said
from cep.language.report import Report, used_at
from cep.language.scope import Scope, said
from cep.language.sites import Site, Survey, survey
from cep.language.syntax import PatternSyntax
from cep.schema import Schema
from cep.values import replaced


def check(
    pattern: PatternSyntax, source: Source, schema: Schema, predicates: Predicates | None = None
) -> list[Diagnostic]:
    """All that is wrong with an expanded pattern, by position; empty when it may be lowered.

    `predicates` maps names as they are called to definitions. Parameters and uses that could not be
    replaced fit everywhere, so that one mistake is told once.
    """
    report = Report(source)
    found = survey(pattern)
    check_names(pattern, found, schema, report)
    check_shape(pattern, report)
    check_clauses(pattern, found, schema, report)
    check_keep(pattern, schema, report)
    keys = check_keys(pattern, found, schema, report)
    for site in found.sites:
        _check_site(site, found, keys, schema, report, predicates or {})
    return _inside_uses(report.sorted(), source)


def _check_site(
    site: Site,
    found: Survey,
    keys: Mapping[str, Type],
    schema: Schema,
    report: Report,
    predicates: Predicates,
) -> None:
    expr = inline(site.expr, predicates, report)
    scope = Scope(
        site=replaced(site, expr=expr),
        survey=found,
        schema=schema,
        report=report,
        keys=keys,
        only=found.only,
        typed=type_of,
        functions=frozenset(predicates),
    )
    if site.role == "emit":
        _check_output(expr, scope)
    else:
        check_condition(expr, scope)
        check_truth(expr, scope)
        check_nulls(expr, scope)
    check_regexes(expr, report)


def _check_output(expr: Expr, scope: Scope) -> None:
    """An output is a value that can be written down, not an event with all its fields."""
    type_ = type_of(expr, scope)
    if type_.kind in {"event", "group"}:
        text = said(expr)
        repair = (
            f"name a field of it: {text}.ts" if type_.kind == "event" else f"say what of it: count({text})"
        )
        scope.error("E202", expr, "an output is a value", f"`{text}` is {kind_said(type_)}", repair)


def _inside_uses(diagnostics: Iterable[Diagnostic], source: Source) -> list[Diagnostic]:
    """Say of a problem at a USE that it is inside the definition: the caret cannot point there."""
    told = []
    for found in diagnostics:
        used = used_at(found.span, source)
        if used and f"`{used}`" not in found.message:
            # A repair with names that only expanding has made cannot be pasted anywhere.
            repair = "" if re.search(r"`\w+(\.\w+)+`", found.help) else found.help
            told.append(replaced(found, message=f"inside `{used}`: {found.message}", help=repair))
        else:
            told.append(found)
    return told
