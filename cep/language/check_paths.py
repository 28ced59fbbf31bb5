"""Names in conditions: fields, variables, keys and tables, each resolved or refused with what was meant."""

from __future__ import annotations

from cep.errors import Span
from cep.language.check_names import not_bound
from cep.language.expressions import CallExpr, Expr, FieldExpr, IndexExpr, LiteralExpr, NameExpr, NegExpr
from cep.language.kinds import NUMBERS, TIMESTAMP, UNKNOWN, Type, of_field
from cep.language.kinds import said as kind_said
from cep.language.scope import ONLY, Scope, moved_to_where, said
from cep.language.sites import Variable
from cep.language.suggest import listed, nearest
from cep.schema import FieldType
from cep.values import replaced


def path_type(expr: NameExpr | FieldExpr, scope: Scope) -> Type:
    """The type of a name and of what is read behind it."""
    names: list[tuple[str, FieldExpr]] = []
    base: Expr = expr
    while isinstance(base, FieldExpr):
        names.insert(0, (base.name, base))
        base = base.base
    if not isinstance(base, NameExpr):
        if isinstance(base, CallExpr) and base.name.lower() == "prev":
            inner = said(base.args[0]) if base.args and base.args[0] != NameExpr("this") else ""
            path = ".".join([*([inner] if inner else []), *(name for name, _ in names)])
            scope.error(
                "E202", expr, "prev gives a value, not an event", "the field goes inside", f"prev({path})"
            )
            return UNKNOWN
        owner = scope.typed(base, scope)
    else:
        owner, names = _named(base, names, expr, scope)
    for name, at in names:
        owner = _member(owner, name, at, scope)
    return owner


def index_type(expr: IndexExpr, scope: Scope) -> Type:
    """`f[0]` is one event of a loop; tables and lists cannot be looked into yet."""
    base = expr.base
    if expr.at is not None:
        scope.error("E501", expr, "looking up a table AT a time is not supported yet", "a table lookup")
        return UNKNOWN
    variable = scope.variable(base.name) if isinstance(base, NameExpr) else None
    if variable is None:
        what = f"`{said(base)}`"
        label = "this looks up a table, or a place in a list"
        scope.error(
            "E501", expr, f"looking into {what} is not supported yet", label, "write the values into the rule"
        )
        return UNKNOWN
    if not _is_whole_number(expr.index):
        message = f"the place in `{variable.name}` must be a whole number"
        scope.error("E202", expr.index, message, "0 is the first event, -1 the last", f"{variable.name}[0]")
    if variable.types is None:
        scope.error(
            "E202", expr, f"`{variable.name}` is a group of events", "only the events of a step are numbered"
        )
        return UNKNOWN
    if not scope.is_many(variable.name) and scope.element != variable.name and not variable.quantified:
        scope.error(
            "E205", expr, f"`{variable.name}` is one event", "it has no places", f"write `{variable.name}`"
        )
    if not variable.negated and any(loop in scope.site.loops for loop in variable.loops):
        # A round before may have taken it, in whatever branch: the place is counted as in last(f), or null.
        return Type("event", types=variable.types)
    return _checked(variable, expr, scope, whole=True)


def variable_type(expr: NameExpr, scope: Scope) -> Type | None:
    """A variable named as a whole, as in `e IS NULL`; None if it is no variable."""
    variable = scope.variable(expr.name)
    return None if variable is None else _checked(variable, expr, scope, whole=True)


def _is_whole_number(expr: Expr) -> bool:
    match expr:
        case LiteralExpr("int") | NegExpr(LiteralExpr("int")):
            return True
        case _:
            return False


def _named(
    base: NameExpr, names: list[tuple[str, FieldExpr]], whole: NameExpr | FieldExpr, scope: Scope
) -> tuple[Type, list[tuple[str, FieldExpr]]]:
    """What a bare name is, and the names behind it that are still to be read."""
    variable = scope.variable(base.name)
    if variable is not None and variable.types is None:
        return _group(variable, base, names, scope)
    if variable is not None:
        return _checked(variable, base, scope, plain_text=said(whole)), names
    if base.name == "this":
        return _this(base, scope), names
    if scope.in_filter:
        event = scope.site.event
        assert event is not None
        return _field(tuple(str(path) for path in event.types), base.name, base, scope), names
    dotted = [base.name]
    for i in range(len(names) + 1):
        if ".".join(dotted) in scope.keys:
            return scope.keys[".".join(dotted)], names[i:]
        dotted += [names[i][0]] if i < len(names) else []
    if scope.only is not None:
        var = scope.only.var or ONLY
        _mark(var, base, scope, f"{var}.{said(whole)}")
        return _field(tuple(str(path) for path in scope.only.event.types), base.name, base, scope), names
    _unknown_name(base, scope, as_field=not names)
    return UNKNOWN, []


def _group(
    group: Variable, base: NameExpr, names: list[tuple[str, FieldExpr]], scope: Scope
) -> tuple[Type, list[tuple[str, FieldExpr]]]:
    if not names:
        return _checked(group, base, scope, whole=True), []
    name, at = names[0]
    member = scope.variable(name) if name in group.members else None
    if member is None:
        close = nearest(name, sorted(group.members))
        label = (
            f"did you mean `{close[0]}`?" if close else f"its variables are {listed(sorted(group.members))}"
        )
        scope.report.error("E201", _last_name(at, scope), f"`{group.name}` has no variable `{name}`", label)
        return UNKNOWN, []
    if member.types is None:
        return _group(member, NameExpr(name, span=at.span), names[1:], scope)
    text = ".".join(each for each, _ in names)
    return _checked(member, at, scope, plain_text=text), names[1:]


def _checked(
    variable: Variable, at: Expr, scope: Scope, *, whole: bool = False, plain_text: str = ""
) -> Type:
    """The type of a variable, after the place has been asked whether it knows it."""
    name, site = variable.name, scope.site
    type_ = Type("group") if variable.types is None else Type("event", types=variable.types)
    if scope.element == name:
        return type_
    if name == site.var and site.role != "where":
        _own(variable, at, scope, plain_text, whole=whole)
    elif variable.negated and site.role == "where":
        scope.plain.setdefault(name, at.span)
    elif name not in site.known:
        message, label = not_bound(name, variable, site.forks, "step")
        repair = "" if variable.negated else moved_to_where(scope, at)
        if site.role == "filter" and _bound_elsewhere(variable, scope):
            repair = ""
        scope.error("E203", at, message, label, repair)
    elif scope.is_many(name) and not whole and variable.types is not None:
        _mark(name, at, scope, plain_text)
    return type_


def _bound_elsewhere(variable: Variable, scope: Scope) -> bool:
    """Whether the variable belongs to another branch of an OR, so that no place knows both."""
    label = not_bound(variable.name, variable, scope.site.forks, "")[1]
    return "another branch" in label


def _own(variable: Variable, at: Expr, scope: Scope, text: str, *, whole: bool) -> None:
    """A step's own variable in its filter: the events that its loop took before this one."""
    name = variable.name
    path = text.removeprefix(name)
    if scope.is_many(name):
        if not whole:
            repair = f"last({name}){path} for the one before" + (
                f", {path[1:]} for this event" if path else ""
            )
            message = f"`{name}` is all events that the loop took before this one"
            scope.error("E205", at, message, "one value is needed here", repair)
        return
    repair = f"write the field alone: {path[1:]}" if path else "write `this`"
    scope.error(
        "E203", at, f"`{name}` is this event itself", "it is not bound before its filter is true", repair
    )


def _mark(name: str, at: Expr, scope: Scope, plain_text: str = "") -> None:
    """A variable of many events named plainly: each of them in WHERE, an error where one value is needed."""
    if not scope.is_many(name):
        return
    if scope.site.role == "where":
        scope.plain.setdefault(name, at.span)
        return
    if name == ONLY:
        text, field = "this field", f".{said(at)}"
        hint = "give the loop a variable f, and say last(f)" + field
    else:
        text = f"`{name}`"
        field = plain_text.removeprefix(name) if plain_text.startswith(name) else ""
        hint = f"say which: last({name}){field}, first({name}){field}, or all of them: collect({name}{field})"
    scope.error("E205", at, f"{text} has a value for every event of a loop", "one value is needed here", hint)


def _this(base: NameExpr, scope: Scope) -> Type:
    event = scope.site.event
    if event is None and scope.only is not None:
        _mark(scope.only.var or ONLY, base, scope)
        event = scope.only.event
    if event is None:
        scope.error(
            "E203",
            base,
            "`this` is the event that a filter looks at",
            "here is no such event",
            "name a variable",
        )
        return UNKNOWN
    return Type("event", types=tuple(str(path) for path in event.types))


def _unknown_name(base: NameExpr, scope: Scope, *, as_field: bool) -> None:
    name = base.name
    owners = [
        each
        for each, variable in scope.survey.variables.items()
        if variable.types and not variable.negated and _has_field(variable.types, name, scope)
    ]
    known = [*scope.survey.variables, *scope.keys]
    close = nearest(name, known)
    if owners:
        label, repair = "of which event?", " or ".join(f"{each}.{name}" for each in owners[:3])
    else:
        label = f"did you mean `{close[0]}`?" if close else "no variable, and no part of the key"
        repair = f"name the step that has it: v.{name}" if as_field and not close else ""
    scope.error("E201", base, f"`{name}` means nothing here", label, repair)


def _has_field(types: tuple[str, ...], name: str, scope: Scope) -> bool:
    return name == "ts" or all(scope.schema.declares(t) and name in scope.schema.types[t] for t in types)


def _member(owner: Type, name: str, at: FieldExpr, scope: Scope) -> Type:
    """`owner.name`."""
    match owner.kind:
        case "any" | "record" | "null":
            return UNKNOWN
        case "event":
            return _field(owner.types, name, at, scope)
        case _:
            message = f"`{said(at.base)}` is {kind_said(owner)} and has no fields"
            scope.report.error("E202", _last_name(at, scope), message, "only events and records have fields")
            return UNKNOWN


def _field(types: tuple[str, ...], name: str, at: NameExpr | FieldExpr, scope: Scope) -> Type:
    """A field of an event that has one of the types."""
    if name == "ts":
        return TIMESTAMP
    schema = scope.schema
    if not types:
        return _field_of_any(name, at, scope)
    lacking = [each for each in types if schema.declares(each) and name not in schema.types[each]]
    if lacking:
        _no_field(types, lacking, name, at, scope)
        return UNKNOWN
    if not all(schema.declares(each) for each in types):
        return UNKNOWN
    found = [of_field(schema.types[each][name]) for each in types]
    return found[0] if len(found) == 1 else _common(found)


def _field_of_any(name: str, at: NameExpr | FieldExpr, scope: Scope) -> Type:
    """A field of `EVENT`: some type must have it, if types are declared at all."""
    every = {field for fields in scope.schema.types.values() for field in fields}
    if every and name not in every:
        close = nearest(name, sorted(every))
        label = f"did you mean `{close[0]}`?" if close else ""
        scope.report.error("E201", _last_name(at, scope), f"no event type has a field `{name}`", label)
    return UNKNOWN


def _common(found: list[Type]) -> Type:
    """What a field is that several event types have."""
    kinds = {each.kind for each in found}
    nullable = any(each.nullable for each in found)
    if len(kinds) == 1:
        values = tuple(dict.fromkeys(value for each in found for value in each.values))
        return replaced(found[0], nullable=nullable, values=values)
    if kinds <= NUMBERS:
        return Type(next(kind for kind in ("decimal", "float", "int") if kind in kinds), nullable)
    return replaced(UNKNOWN, nullable=nullable)


def _no_field(
    types: tuple[str, ...], lacking: list[str], name: str, at: NameExpr | FieldExpr, scope: Scope
) -> None:
    fields: dict[str, FieldType] = dict(scope.schema.types[lacking[0]])
    for each in types:
        if scope.schema.declares(each):
            fields = {field: kind for field, kind in fields.items() if field in scope.schema.types[each]}
    having = [each for each in types if each not in lacking]
    close = nearest(name, fields)
    if having:
        label = f"only {' and '.join(having)} has it"
    elif isinstance(at, NameExpr) and scope.in_filter and (owner := _owner(name, scope)):
        label = f"did you mean `{owner}.{name}`?"
    elif close:
        label = f"did you mean `{close[0]}` ({fields[close[0]].kind})?"
    elif name == "type":
        label = "the type of an event is type(this)"
    else:
        label = f"the fields are {listed(sorted(fields))}" if fields else "no fields are declared"
    scope.report.error("E201", _last_name(at, scope), f"{' and '.join(lacking)} has no field `{name}`", label)


def _owner(name: str, scope: Scope) -> str | None:
    """A variable known here whose event has the field."""
    for each in scope.known():
        variable = scope.survey.variables[each]
        if variable.types and name != "ts" and _has_field(variable.types, name, scope):
            return each
    return None


def _last_name(at: NameExpr | FieldExpr, scope: Scope) -> Span:
    """The place of the last name of a path, if it stands at its end as written."""
    text = scope.report.source.text[at.span.start : at.span.end]
    return Span(at.span.end - len(at.name), at.span.end) if text.endswith(at.name) else at.span
