"""Calls: functions that exist, with the arguments they take, over events where they need events."""

from __future__ import annotations

from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cep.language.check_paths import variable_type
from cep.language.expressions import CallExpr, Expr, FieldExpr, LiteralExpr, NameExpr, StarExpr
from cep.language.functions import FUNCTIONS, Function
from cep.language.functions import Kind as Wanted
from cep.language.kinds import (
    BOOL,
    DURATION,
    FLOAT,
    INT,
    NUMBERS,
    STRING,
    TEXTS,
    TIMESTAMP,
    UNKNOWN,
    Type,
    comparable,
    is_open,
    mix_inexactly,
)
from cep.language.kinds import said as kind_said
from cep.language.scope import ONLY, Scope, said
from cep.language.suggest import nearest
from cep.language.tree import walk
from cep.values import replaced

_WANTED: Final[dict[Wanted, tuple[frozenset[str], str]]] = {
    "number": (NUMBERS, "a number"),
    "text": (TEXTS, "a text"),
    "bool": (frozenset({"bool"}), "a condition"),
    "time": (frozenset({"timestamp"}), "a time"),
    "duration": (frozenset({"duration"}), "a duration"),
    "event": (frozenset({"event"}), "an event"),
    "int": (frozenset({"int"}), "a whole number"),
    "list": (frozenset({"list"}), "a list"),
}
"""The kinds that an argument may have, and how to say it. `any` and `same` take every value."""

_RESULTS: Final[dict[Wanted, Type]] = {
    "number": FLOAT,
    "text": STRING,
    "bool": BOOL,
    "time": TIMESTAMP,
    "duration": DURATION,
    "int": INT,
    "list": Type("list"),
}

_MERGING: Final = frozenset({"if", "coalesce", "least", "greatest"})
"""Functions that give one of their arguments, which must therefore be of one kind."""

_OF_ANY_VALUE: Final = frozenset({"count", "first", "last"})
"""Functions over a loop that also take a whole event or a group."""

_DISTINCT: Final = frozenset({"count", "collect", "sum", "avg"})

Rounds: TypeAlias = list[str]
"""Loop variables that an expression reads."""


def call_type(call: CallExpr, scope: Scope) -> Type:
    """The type of what a function gives."""
    name = call.name.lower()
    function = FUNCTIONS.get(name)
    if call.over is not None:
        history = function is None or function.group != "loop"
        example = "count(f)" if name == "count" else f"{name}(f.amount)"
        repair = "" if history else f"{example}, of a loop variable f"
        message = "aggregates over history (OVER) are not supported yet"
        scope.error("E501", call.over, message, "a rule reads what its own pattern took", repair)
        return UNKNOWN
    if function is None:
        if call.name not in scope.functions:
            _unknown(call, scope)
        return UNKNOWN
    if function.group == "later":
        scope.error("E501", call, f"{name}() is not supported yet", "this version cannot compute it yet")
        return UNKNOWN
    if not _fits_arity(call, function, scope):
        return UNKNOWN
    if call.distinct and name not in _DISTINCT:
        scope.error("E202", call, f"{name} takes no DISTINCT", "", f"count(DISTINCT {said(call.args[0])})")
    if function.group == "loop":
        return _over_loop(call, function, scope)
    types = [UNKNOWN if isinstance(arg, StarExpr) else scope.typed(arg, scope) for arg in call.args]
    for i, (arg, type_) in enumerate(zip(call.args, types, strict=True)):
        _fits_argument(function, i, arg, type_, scope)
    if name == "local":
        _zone(call.args[1], scope)
    if name in _MERGING:
        skip = 1 if name == "if" else 0
        return _merged(call, call.args[skip:], types[skip:], scope)
    nullable = any(type_.nullable for type_ in types)
    if function.result == "same":
        return types[0]
    return replaced(_RESULTS.get(function.result, UNKNOWN), nullable=nullable)


def arity(least: int, most: int | None) -> str:
    """How many arguments a function takes, in words.

    >>> arity(1, 1), arity(1, 2), arity(2, None)
    ('1 argument', '1 or 2 arguments', 'at least 2 arguments')
    """
    if most is None:
        return f"at least {least} argument" + ("" if least == 1 else "s")
    if least == most:
        return f"{least} argument" + ("" if least == 1 else "s")
    return f"{least} {'or' if most == least + 1 else 'to'} {most} arguments"


def _unknown(call: CallExpr, scope: Scope) -> None:
    close = nearest(call.name, [*FUNCTIONS, *scope.functions])
    label = f"did you mean `{close[0]}`?" if close else ""
    if "." in call.name:
        library, _, word = call.name.partition(".")
        message = f"there is no predicate `{word}` in `{library}`"
        scope.error(
            "E201", call, message, label, f"import the file that defines it: use: [lib/{library}.cep]"
        )
    else:
        scope.error("E201", call, f"there is no function `{call.name}`", label)


def _fits_arity(call: CallExpr, function: Function, scope: Scope) -> bool:
    count = len(call.args)
    if function.least <= count and (function.most is None or count <= function.most):
        return True
    message = f"{function.name} takes {arity(function.least, function.most)}, not {count}"
    example = ", ".join("…" for _ in range(function.least))
    scope.error("E202", call, message, "", f"{function.name}({example})")
    return False


def _fits_argument(function: Function, index: int, arg: Expr, type_: Type, scope: Scope) -> bool:
    """Whether an argument is of the kind that the function takes; if not, that is told."""
    wanted = function.argument(index)
    if isinstance(arg, StarExpr):
        scope.error("E202", arg, f"{function.name} takes no `*`", "only count(* OVER …) does")
        return False
    if wanted not in _WANTED:
        if type_.kind in {"event", "group"} and wanted == "any" and function.group == "scalar":
            message = f"{function.name} takes a value, and `{said(arg)}` is {kind_said(type_)}"
            scope.error("E202", arg, message, "", f"name a field of it: {said(arg)}.…")
            return False
        return True
    kinds, words = _WANTED[wanted]
    fits = type_.kind in kinds or is_open(type_)
    if not fits:
        label = f"`{said(arg)}` is {kind_said(type_)}"
        scope.error("E202", arg, f"{function.name} needs {words} here", label)
    return fits


def _zone(arg: Expr, scope: Scope) -> None:
    """A time zone written as a text must be one."""
    if not isinstance(arg, LiteralExpr) or not isinstance(arg.value, str):
        return
    try:
        ZoneInfo(arg.value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if known:
            close = nearest(arg.value, known)
            label = f"did you mean '{close[0]}'?" if close else "zones are named like 'Europe/Stockholm'"
            scope.error("E201", arg, f"there is no time zone '{arg.value}'", label)


def _merged(call: CallExpr, args: tuple[Expr, ...], types: list[Type], scope: Scope) -> Type:
    """The one type of several arguments of which any may come out."""
    telling = [(arg, type_) for arg, type_ in zip(args, types, strict=True) if not is_open(type_)]
    if not telling:
        return UNKNOWN
    (first, merged), *others = telling
    for arg, type_ in others:
        if not comparable(merged, type_) or mix_inexactly(merged, type_):
            label = f"`{said(first)}` is {kind_said(merged)}, `{said(arg)}` is {kind_said(type_)}"
            scope.error("E202", arg, f"{call.name.lower()} gives one of two things that do not fit", label)
            return UNKNOWN
        if merged.constant and not type_.constant:
            merged = type_
    if len(telling) < len(types):
        merged = replaced(merged, constant=False)
    nullable = all(type_.nullable for type_ in types) if call.name.lower() == "coalesce" else False
    nullable = nullable or (call.name.lower() != "coalesce" and any(type_.nullable for type_ in types))
    return replaced(merged, nullable=nullable)


# --------------------------------------------------------------------------- functions over a loop


def _over_loop(call: CallExpr, function: Function, scope: Scope) -> Type:
    arg, name = call.args[0], function.name
    if isinstance(arg, StarExpr):
        example = next((each for each in scope.known() if scope.is_many(each)), "f")
        scope.error("E205", call, "count(*) of what?", "`*` counts over history only", f"count({example})")
        return INT
    if name == "prev":
        return _previous(call, scope)
    if name in {"first", "last"} and not isinstance(arg, NameExpr | FieldExpr):
        scope.error("E205", arg, f"{name} takes a variable or a field of it", "", f"{name}(f.amount)")
        return UNKNOWN
    over = _read(arg, scope)
    if len(over) > 1:
        both = " and ".join(f"`{each}`" for each in over)
        scope.error(
            "E205", call, f"{name} looks at {both} at once", "one loop at a time", f"{name}({over[0]}.…)"
        )
        return UNKNOWN
    if not over:
        _no_loop(call, scope)
        return UNKNOWN
    inner = replaced(scope, element=over[0])
    type_ = inner.typed(arg, inner) if not isinstance(arg, NameExpr) else _whole(arg, inner)
    for i, more in enumerate(call.args[1:], start=1):
        _fits_argument(function, i, more, scope.typed(more, scope), scope)
    if type_.kind in {"event", "group"} and name not in _OF_ANY_VALUE and function.argument(0) != "event":
        message = f"{name} needs a value of each event of `{over[0]}`"
        label = f"`{said(arg)}` is {kind_said(type_)}"
        scope.error("E202", arg, message, label, f"{name}({said(arg)}.amount)")
        return UNKNOWN
    if not (type_.kind in {"event", "group"} or _fits_argument(function, 0, arg, type_, scope)):
        return UNKNOWN
    if function.result == "same":
        return replaced(
            type_, constant=False, nullable=type_.nullable if name in {"first", "last"} else False
        )
    return _RESULTS.get(function.result, UNKNOWN)


def _whole(arg: NameExpr, scope: Scope) -> Type:
    """A bare name as the argument: a variable, or a field of a pattern of one step."""
    found = variable_type(arg, scope)
    return scope.typed(arg, scope) if found is None else found


def _read(arg: Expr, scope: Scope) -> Rounds:
    """The variables of many events that an argument reads plainly; one with a quantifier counts as many."""
    found: Rounds = []
    heads = {id(node.base) for node in walk(arg) if isinstance(node, FieldExpr)}
    inner = _inside_calls(arg)
    for node in walk(arg):
        if id(node) in inner:
            continue
        if isinstance(node, FieldExpr) and isinstance(node.base, NameExpr):
            group = scope.variable(node.base.name)
            if group is not None and group.types is None and node.name in group.members:
                found += _many(node.name, scope)
        elif isinstance(node, NameExpr):
            variable = scope.variable(node.name)
            if (
                variable is None
                and scope.only is not None
                and not scope.in_filter
                and node.name not in scope.keys
            ):
                found += _many(scope.only.var or ONLY, scope)
            elif variable is not None and (variable.types is not None or id(node) not in heads):
                found += _many(node.name, scope)
    return list(dict.fromkeys(found))


def _many(name: str, scope: Scope) -> Rounds:
    variable = scope.variable(name)
    quantified = variable is not None and variable.quantified and name != scope.site.var
    return [name] if quantified or scope.is_many(name) else []


def _inside_calls(arg: Expr) -> set[int]:
    """Nodes inside `first`, `last` and an index: they speak of one event already."""
    picked = [
        node for node in walk(arg) if isinstance(node, CallExpr) and node.name.lower() in {"first", "last"}
    ]
    return {id(node) for call in picked for node in walk(call)}


def _no_loop(call: CallExpr, scope: Scope) -> None:
    """Say why there is nothing to go over, and what would be."""
    arg, name = call.args[0], call.name.lower()
    variables = [node.name for node in walk(arg) if isinstance(node, NameExpr) and scope.variable(node.name)]
    own = scope.site.var if scope.site.var is not None and scope.is_many(scope.site.var) else None
    loops = [each for each in scope.known() if scope.is_many(each)]
    if variables:
        before = len(scope.report.found)
        scope.typed(arg, scope)
        if len(scope.report.found) > before:
            return
        what = said(arg)
        label = f"`{variables[0]}` is one event"
        if name == "count":
            repair = f"{what} IS NOT NULL"
        elif name in {"min", "max"}:
            repair = f"for the {name} of two values write {'least' if name == 'min' else 'greatest'}(…)"
        else:
            repair = f"write {what} alone, or give its step a quantifier"
        scope.error("E205", call, f"{name} needs a variable of many events", label, repair)
        return
    text = said(arg)
    example = own or (loops[0] if loops else "f")
    label = f"`{text}` is a field of this event only" if scope.in_filter else f"`{text}` is one value"
    scope.error("E205", call, f"{name} over which events?", label, f"{name}({example}.{text})")


def _previous(call: CallExpr, scope: Scope) -> Type:
    """`prev(x)`: x of the event that the same loop took before."""
    site, arg = scope.site, call.args[0]
    for more in call.args[1:]:
        if not (isinstance(more, LiteralExpr) and more.kind == "int" and more.value >= 1):
            scope.error(
                "E202", more, "prev goes back a whole number of events", "1 is the one before", "prev(x, 2)"
            )
    if site.role in {"where", "emit"}:
        over = _read(arg, scope)
        if len(over) == 1 and site.role == "where":
            return scope.typed(arg, scope)
        scope.error("E205", call, "prev looks back inside a loop", "", "use it in the filter of the loop")
        return UNKNOWN
    var = site.var if site.var is not None else ONLY
    looped = bool(site.loops)
    if site.role != "filter" or not looped:
        known = [each for each in scope.known() if scope.survey.variables[each].types is not None]
        repair = (
            f"name the step before: {known[-1]}.{said(arg)}" if known and isinstance(arg, NameExpr) else ""
        )
        scope.error("E205", call, "prev needs a loop", "this step takes one event", repair)
        return UNKNOWN
    if any(isinstance(node, NameExpr) and node.name == site.var for node in walk(arg)):
        repair = f"prev({said(arg).removeprefix(f'{var}.')})"
        scope.error("E205", arg, f"prev looks at the event before, not at `{var}`", "", repair)
        return UNKNOWN
    inner = replaced(scope, element=var)
    type_ = inner.typed(arg, inner)
    if type_.kind == "event":
        scope.error("E202", arg, "prev needs a value", f"`{said(arg)}` is an event", "prev(amount)")
        return UNKNOWN
    return replaced(type_, constant=False, nullable=False)
