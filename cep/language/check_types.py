"""Types of expressions: what is compared, added or joined must fit, and a condition must be true or false."""

from __future__ import annotations

from typing import assert_never

from cep.errors import Span
from cep.language.check_calls import call_type
from cep.language.check_paths import index_type, path_type, variable_type
from cep.language.expressions import (
    ArithExpr,
    BetweenExpr,
    CallExpr,
    CompareExpr,
    Expr,
    FieldExpr,
    IndexExpr,
    InExpr,
    IsNullExpr,
    LikeExpr,
    ListExpr,
    LiteralExpr,
    LogicExpr,
    NameExpr,
    NegExpr,
    NotExpr,
    ParamExpr,
    StarExpr,
)
from cep.language.kinds import (
    BOOL,
    NUMBERS,
    TEXTS,
    UNKNOWN,
    Type,
    arithmetic,
    comparable,
    has_order,
    is_open,
    mix_inexactly,
)
from cep.language.kinds import said as kind_said
from cep.language.scope import Scope, said
from cep.language.tree import conjuncts


def check_condition(expr: Expr, scope: Scope) -> None:
    """A filter or a `WHERE`: each of its parts is a condition."""
    for part in conjuncts(expr):
        scope.plain.clear()
        _condition(part, scope)
        if len(scope.plain) > 1:
            _two_loops(scope)


def type_of(expr: Expr, scope: Scope) -> Type:
    """The type of an expression; everything that does not fit is noted in the scope's report."""
    type_ = _type(expr, scope)
    scope.found[id(expr)] = type_
    return type_


def _type(expr: Expr, scope: Scope) -> Type:
    match expr:
        case LiteralExpr():
            return _literal(expr, scope)
        case ParamExpr():
            return UNKNOWN
        case NameExpr() | FieldExpr():
            return path_type(expr, scope)
        case IndexExpr():
            return index_type(expr, scope)
        case NotExpr(operand):
            _condition(operand, scope)
            return BOOL
        case NegExpr(operand):
            return _negative(expr, type_of(operand, scope), scope)
        case LogicExpr(_, left, right):
            _condition(left, scope)
            _condition(right, scope)
            return BOOL
        case CompareExpr():
            return _compare(expr, scope)
        case ArithExpr():
            return _arithmetic(expr, scope)
        case InExpr():
            return _membership(expr, scope)
        case BetweenExpr():
            return _between(expr, scope)
        case LikeExpr():
            return _like(expr, scope)
        case IsNullExpr(operand):
            if not isinstance(operand, NameExpr) or variable_type(operand, scope) is None:
                type_of(operand, scope)
            return BOOL
        case ListExpr(items):
            for item in items:
                type_of(item, scope)
            return Type("list")
        case StarExpr():
            scope.error("E202", expr, "`*` is no value", "it stands only in count(* OVER …)")
            return UNKNOWN
        case CallExpr():
            return call_type(expr, scope)
        case _:
            assert_never(expr)


def _literal(expr: LiteralExpr, scope: Scope) -> Type:
    match expr.kind:
        case "percent":
            return Type("decimal", constant=True)
        case "regex":
            scope.error(
                "E202",
                expr,
                "a regular expression is no value",
                "it stands behind MATCHES",
                f"x MATCHES re'{expr.text}'",
            )
            return UNKNOWN
        case "int" | "float" | "decimal" | "duration" | "string" | "timestamp" | "ip" | "bool" | "null":
            return Type(expr.kind, constant=True)


def _condition(expr: Expr, scope: Scope) -> None:
    """An expression that must be true or false."""
    type_ = type_of(expr, scope)
    if type_.kind in {"bool", "any"}:
        return
    text = said(expr)
    repair = {
        "event": f"name a field of it, or {text} IS NOT NULL",
        "string": f"{text} = '…'",
        "enum": f"{text} = '{type_.values[0]}'" if type_.values else "",
        "null": "x IS NULL",
    }.get(type_.kind, f"{text} > 0" if type_.kind in NUMBERS else f"{text} IS NOT NULL")
    scope.error("E202", expr, "a condition must be true or false", f"`{text}` is {kind_said(type_)}", repair)


def _two_loops(scope: Scope) -> None:
    """WHERE says "every event" of one loop; of two at once it would not say which belong together."""
    absent = [name for name in scope.plain if name and scope.survey.variables[name].negated]
    names = absent if len(absent) > 1 else list(scope.plain)
    if absent and len(absent) == 1:
        return
    both = " and ".join(f"`{name}`" for name in names)
    first = scope.plain[names[-1]]
    scope.report.error(
        "E205", Span(first.start, first.end), f"one condition speaks of every event of {both}",
        "one of them at a time" if not absent else "a NOT is asked alone",
        f"say which event is meant: last({names[0]}), first({names[0]}), any(…)",
    )  # fmt: skip


def _negative(expr: NegExpr, type_: Type, scope: Scope) -> Type:
    if type_.kind in NUMBERS | {"duration"} or is_open(type_):
        return type_
    scope.error(
        "E202", expr, "only a number can be negative", f"`{said(expr.operand)}` is {kind_said(type_)}"
    )
    return UNKNOWN


def _compare(expr: CompareExpr, scope: Scope) -> Type:
    left, right = type_of(expr.left, scope), type_of(expr.right, scope)
    ordered = expr.op not in {"=", "!="}
    _fit(expr, (expr.left, left), (expr.right, right), scope, ordered=ordered)
    return BOOL


def _fit(
    expr: Expr, one: tuple[Expr, Type], other: tuple[Expr, Type], scope: Scope, *, ordered: bool
) -> None:
    """Whether two values may be compared."""
    (left, left_type), (right, right_type) = one, other
    if is_open(left_type, right_type):
        return
    label = f"`{said(left)}` is {kind_said(left_type)}, `{said(right)}` is {kind_said(right_type)}"
    if "event" in {left_type.kind, right_type.kind} or "group" in {left_type.kind, right_type.kind}:
        scope.error(
            "E202", expr, "events are not compared as a whole", label, _field_repair(left, left_type, right)
        )
    elif not comparable(left_type, right_type):
        scope.error(
            "E202", expr, "these two cannot be compared", label, _repair(left, left_type, right, right_type)
        )
    elif mix_inexactly(left_type, right_type):
        repair = "declare both fields as decimal"
        scope.error("E202", expr, "a decimal is compared with a float, which is not exact", label, repair)
    elif ordered and not (has_order(left_type) and has_order(right_type)):
        which, type_ = (left, left_type) if not has_order(left_type) else (right, right_type)
        label = f"`{said(which)}` is {kind_said(type_)}"
        scope.error("E202", expr, "these two have no order", label, "compare with = or !=")
    elif _network(right) and left_type.kind == "ip":
        repair = f"{said(left)} IN {said(right)}"
        scope.error(
            "E202",
            right,
            "an address is never equal to a network",
            f"`{said(right)}` is many addresses",
            repair,
        )


def _field_repair(left: Expr, left_type: Type, right: Expr) -> str:
    event = left if left_type.kind == "event" else right
    return f"name a field: {said(event)}.…"


def _repair(left: Expr, left_type: Type, right: Expr, right_type: Type) -> str:
    """How the constant side would be written for the other side."""
    for constant, free, type_ in ((right, left, left_type), (left, right, right_type)):
        if not isinstance(constant, LiteralExpr):
            continue
        text = constant.text
        match type_.kind, constant.kind:
            case "timestamp", "string":
                return f"write a time: ts'{text}'"
            case "duration", "int":
                return f"write a duration: {text}s or {text}m"
            case "int" | "float" | "decimal", "string" if text.replace(".", "", 1).isdigit():
                return f"{said(free)} is a number: write {text} without quotes"
            case "string" | "enum" | "ip", "int" | "float" | "decimal":
                return f"write it as a text: '{text}'"
            case "bool", _:
                return f"write {said(free)} or NOT {said(free)}"
            case _:
                continue
    return ""


def _network(expr: Expr) -> bool:
    return isinstance(expr, LiteralExpr) and expr.kind == "ip" and "/" in expr.text


def _arithmetic(expr: ArithExpr, scope: Scope) -> Type:
    left, right = type_of(expr.left, scope), type_of(expr.right, scope)
    found = arithmetic(expr.op, left, right)
    label = f"`{said(expr.left)}` is {kind_said(left)}, `{said(expr.right)}` is {kind_said(right)}"
    if found is None:
        verbs = {"+": "added", "-": "subtracted", "*": "multiplied", "/": "divided"}
        repair = "texts are not joined here; EMIT both" if left.kind == "string" and expr.op == "+" else ""
        scope.error("E202", expr, f"these two cannot be {verbs[expr.op]}", label, repair)
        return UNKNOWN
    if mix_inexactly(left, right):
        scope.error(
            "E202",
            expr,
            "a decimal meets a float, and the result is not exact",
            label,
            "declare both as decimal",
        )
    return found


def _membership(expr: InExpr, scope: Scope) -> Type:
    left = type_of(expr.left, scope)
    right = expr.right
    match right:
        case ListExpr(items):
            scope.found[id(right)] = Type("list")
            for item in items:
                if _network(item) and left.kind in TEXTS | {"any"}:
                    continue
                _fit(item, (expr.left, left), (item, type_of(item, scope)), scope, ordered=False)
        case LiteralExpr("ip"):
            if left.kind not in TEXTS and not is_open(left):
                label = f"`{said(expr.left)}` is {kind_said(left)}"
                scope.error("E202", expr.left, "only an address can be in a network", label)
        case NameExpr(name) if _is_table(name, scope):
            label = f"no event here declares a field `{name}`, so this is a table"
            repair = f"write the values: IN ('a', 'b'); a field is this.{name}"
            scope.error("E501", right, f"the table `{name}` is not supported yet", label, repair)
        case _:
            type_ = type_of(right, scope)
            if type_.kind not in {"list", "any"}:
                label = f"`{said(right)}` is {kind_said(type_)}"
                repair = f"{said(expr.left)} IN [{said(right)}]" if isinstance(right, LiteralExpr) else ""
                scope.error("E202", right, "IN needs a list or a network", label, repair)
    return BOOL


def _is_table(name: str, scope: Scope) -> bool:
    """A bare name behind IN that no declared event has as a field, and that is nothing else either."""
    if scope.variable(name) is not None or name in scope.keys or name in {"this", "ts"}:
        return False
    event = scope.site.event or (scope.only.event if scope.only is not None else None)
    if event is None:
        return True
    types = [str(path) for path in event.types]
    return not any(scope.schema.declares(each) and name in scope.schema.types[each] for each in types)


def _between(expr: BetweenExpr, scope: Scope) -> Type:
    type_ = type_of(expr.operand, scope)
    for bound in (expr.low, expr.high):
        _fit(bound, (expr.operand, type_), (bound, type_of(bound, scope)), scope, ordered=True)
    return BOOL


def _like(expr: LikeExpr, scope: Scope) -> Type:
    left = type_of(expr.left, scope)
    if left.kind not in TEXTS and not is_open(left):
        label = f"`{said(expr.left)}` is {kind_said(left)}"
        scope.error("E202", expr.left, f"{expr.op} needs a text", label)
    right = expr.right
    if isinstance(right, LiteralExpr) and right.kind == "regex":
        if expr.op == "LIKE":
            repair = f"{said(expr.left)} MATCHES {said(right)}"
            scope.error(
                "E202", right, "LIKE takes a text with % and _", "this is a regular expression", repair
            )
        return BOOL
    type_ = type_of(right, scope)
    if type_.kind not in TEXTS and not is_open(type_):
        label = f"`{said(right)}` is {kind_said(type_)}"
        scope.error(
            "E202",
            right,
            f"{expr.op} needs a text behind it",
            label,
            "'gift%'" if expr.op == "LIKE" else "re'gift'",
        )
    return BOOL
