"""What a rule may take from libraries: finding definitions by name, and giving their parameters values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeVar

from cep.errors import Span
from cep.language.expressions import (
    CallExpr,
    Expr,
    ListExpr,
    LiteralExpr,
    NegExpr,
    Node,
    ParamExpr,
    PathSyntax,
)
from cep.language.params import Filling
from cep.language.printer import show
from cep.language.report import Report
from cep.language.suggest import listed, nearest
from cep.language.syntax import (
    Definition,
    PatternDefinition,
    PatternSyntax,
    PredicateDefinition,
    UseSyntax,
)
from cep.language.tree import moved, rebuild
from cep.values import replaced

N = TypeVar("N", bound=Node)

Library: TypeAlias = Mapping[str, Definition]
"""`file.name` → definition, for every file that a rule imports."""


def find_pattern(library: Library, path: PathSyntax, home: str = "") -> tuple[str, PatternDefinition] | None:
    """A pattern by its name as written in the file `home` (empty: in a rule), with its full name."""
    for name in _candidates(str(path), home):
        found = library.get(name)
        if isinstance(found, PatternDefinition):
            return name, found
    return None


def home_of(name: str) -> str:
    """The file that a full name begins with.

    >>> home_of("auth.burst")
    'auth'
    """
    return name.rpartition(".")[0]


def predicates(library: Library) -> dict[str, PredicateDefinition]:
    """The predicates by every name that a rule may call them.

    That is `file.name`, and `name` alone if no other file has it.
    """
    found: dict[str, PredicateDefinition] = {}
    for name, definition in library.items():
        if isinstance(definition, PredicateDefinition):
            found[name] = replaced(definition, body=with_whole_calls(definition.body, library, home_of(name)))
    return found | {word: found[name] for word, name in _short_names(library).items()}


def with_whole_calls(node: N, library: Library, home: str) -> N:
    """The tree with calls of predicates as they can be told apart anywhere.

    Inside the file `home` its own predicates get their full name; arguments left out become their defaults.
    """
    short = _short_names(library)

    def change(each: Node) -> Node:
        if not isinstance(each, CallExpr):
            return each
        name = f"{home}.{each.name}" if f"{home}.{each.name}" in library else short.get(each.name, each.name)
        definition = library.get(name)
        if not isinstance(definition, PredicateDefinition):
            return each
        left_out = [param.default for param in definition.params[len(each.args) :]]
        defaults = tuple(moved(default, each.span) for default in left_out if default is not None)
        args = each.args + defaults if len(defaults) == len(left_out) else each.args
        return replaced(each, name=name if home else each.name, args=args)

    return rebuild(node, change) if library else node


def _short_names(library: Library) -> dict[str, str]:
    """The last word of each predicate's name, where it says which is meant."""
    found: dict[str, list[str]] = {}
    for name, definition in library.items():
        if isinstance(definition, PredicateDefinition):
            found.setdefault(name.rpartition(".")[2], []).append(name)
    return {word: names[0] for word, names in found.items() if len(names) == 1}


def bound_body(
    use: UseSyntax, name: str, definition: PatternDefinition, library: Library, report: Report
) -> PatternSyntax:
    """The body of a definition with its parameters filled in from a USE, or from their defaults."""
    values: dict[str, Expr] = {}
    known = {param.name for param in definition.params}
    for bind in use.binds:
        if bind.name not in known:
            _refuse_bind(name, bind.name, known, bind.span, report)
        elif bind.name in values:
            report.error(
                "E207", bind.span, f"`{bind.name}` is given twice", "the second one", "keep one of them"
            )
        elif not _is_constant(bind.value):
            label = "a parameter takes a constant or a $parameter"
            report.error(
                "E207", bind.value.span, f"`{show(bind.value)}` is not a constant", label, f"{bind.name} = 3"
            )
            values[bind.name] = ParamExpr(bind.name)
        else:
            values[bind.name] = bind.value
    for param in definition.params:
        if param.default is not None:
            values.setdefault(param.name, param.default)
        elif param.name not in values:
            repair = f"USE {use.name}({param.name} = …)"
            message = f"`{name}` needs a value for `{param.name}`"
            report.error("E207", use.span, message, "the parameter has no default", repair)
            values[param.name] = ParamExpr(param.name)
    filling = Filling(
        values, lambda _, message, label, repair: _unfit(name, use, message, label, repair, report)
    )
    body = filling.fill(definition.body)
    for missing in filling.unknown:
        message = f"`{name}` uses `${missing}`, which is no parameter of it"
        report.error(
            "E207", use.span, message, "", f"DEFINE PATTERN {name.rpartition('.')[2]}(${missing} = …)"
        )
    return with_whole_calls(body, library, home_of(name))


def refuse_unknown(library: Library, use: UseSyntax, home: str, report: Report) -> None:
    """Tell that a USE names nothing, and what it may have meant."""
    patterns = [name for name, each in library.items() if isinstance(each, PatternDefinition)]
    span, written = use.name.span, str(use.name)
    other = next((library[name] for name in _candidates(written, home) if name in library), None)
    if isinstance(other, PredicateDefinition):
        message, repair = (
            f"`{written}` is a predicate, not a pattern",
            f"call it in a filter: {written}(this)",
        )
        report.error("E207", span, message, "USE takes patterns", repair)
        return
    close = nearest(written, patterns) or [name for name in patterns if name.rpartition(".")[2] == written]
    label = f"did you mean `{close[0]}`?" if close else ""
    repair = (
        f"the patterns are {listed(patterns, most=5)}"
        if patterns
        else "import a file of definitions: use: [lib/auth.cep]"
    )
    report.error("E207", span, f"there is no pattern `{written}` to use", label, repair)


def _candidates(name: str, home: str) -> Iterator[str]:
    """Inside a file its own definitions need no prefix."""
    if home:
        yield f"{home}.{name}"
    yield name


def _is_constant(expr: Expr) -> bool:
    match expr:
        case LiteralExpr() | ParamExpr():
            return True
        case NegExpr(operand):
            return _is_constant(operand)
        case ListExpr(items):
            return all(_is_constant(item) for item in items)
        case _:
            return False


def _refuse_bind(name: str, written: str, known: set[str], span: Span, report: Report) -> None:
    close = nearest(written, known)
    label = f"did you mean `{close[0]}`?" if close else ""
    repair = f"its parameters are {listed(sorted(known))}" if known else "it takes no parameters"
    report.error("E207", span, f"`{name}` has no parameter `{written}`", label, repair)


def _unfit(name: str, use: UseSyntax, message: str, label: str, repair: str, report: Report) -> None:
    """A value of the wrong kind, told at the USE: the place that needs it is in another file."""
    report.error("E207", use.span, f"inside `{name}`: {message.replace(' here', '')}", label, repair)
