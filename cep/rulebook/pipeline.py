"""From the text of a pattern to its plan: every stage of the language and the compiler, in one place."""

from __future__ import annotations

from collections.abc import Mapping

from cep.errors import Diagnostic, Source, Span, has_errors
from cep.language.checker import check
from cep.language.definitions import Library, predicates
from cep.language.expand import expand
from cep.language.expressions import LiteralExpr
from cep.language.params import substitute
from cep.language.parser import parse_pattern
from cep.language.syntax import PatternSyntax
from cep.plan.analyse import analyse
from cep.plan.compile import Plan, TooManyStatesError, compile_pattern
from cep.plan.lower import lower
from cep.plan.pattern import Pattern
from cep.schema import Schema
from cep.values import value

Places = Mapping[str, tuple[Source, Span]]
"""Where each parameter is named in the rule's file."""


@value
class Stages:
    """What each stage made of a pattern, as far as it came; `expanded` is the tree without sugar names."""

    syntax: PatternSyntax | None = None
    expanded: PatternSyntax | None = None
    plan: Plan | None = None


def compile_text(
    source: Source,
    schema: Schema,
    library: Library | None = None,
    params: Mapping[str, LiteralExpr] | None = None,
    places: Places | None = None,
) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of one pattern, or None and why; advice comes in either case.

    >>> plan, problems = compile_text(Source.whole("p", "SEQ(A a, B b) BY u WITHIN 5m"), Schema())
    >>> plan.types, problems
    (('A', 'B'), [])
    """
    stages, found = compile_stages(source, schema, library, params, places)
    return stages.plan, found


def compile_stages(
    source: Source,
    schema: Schema,
    library: Library | None = None,
    params: Mapping[str, LiteralExpr] | None = None,
    places: Places | None = None,
) -> tuple[Stages, list[Diagnostic]]:
    """As `compile_text`, with what the stages before the plan made."""
    library = library or {}
    syntax, found = parse_pattern(source)
    if syntax is None:
        return Stages(), found
    filled, more = substitute(syntax, params or {}, source, places)
    found += more
    expanded, more = expand(filled, library, source)
    found += more
    callable_ = predicates(library)
    found += check(expanded, source, schema, callable_)
    if has_errors(found):
        return Stages(syntax, expanded), _sorted(found)
    pattern, more = lower(expanded, source, callable_)
    found += more
    if pattern is None:
        return Stages(syntax, expanded), _sorted(found)
    plan, more = _compile(pattern, source, expanded.span)
    found += more
    plan = None if has_errors(found) else plan
    return Stages(syntax, expanded, plan), _sorted(found)


def _compile(pattern: Pattern, source: Source, span: Span) -> tuple[Plan | None, list[Diagnostic]]:
    try:
        plan = compile_pattern(pattern)
    except TooManyStatesError as error:
        message = f"this pattern is too large: it needs {error}"
        help_ = "fewer branches in any order, fewer parts that may be left out, or several rules"
        return None, [Diagnostic("E307", "error", message, source, span, "its parts multiply", help_)]
    return plan, analyse(plan, source)


def _sorted(found: list[Diagnostic]) -> list[Diagnostic]:
    """By place, each problem once."""
    unique = {(d.code, d.source.name, d.span, d.message): d for d in found}
    return sorted(unique.values(), key=lambda d: d.sort_key)
