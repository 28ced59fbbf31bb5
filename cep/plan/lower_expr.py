"""Expressions: every name resolved, every literal a value, `prev` and loops made explicit."""

from __future__ import annotations

from typing import assert_never

from cep.event import Value
from cep.language.expressions import (
    ArithExpr,
    BetweenExpr,
    CallExpr,
    CompareExpr,
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
from cep.language.expressions import Expr as ExprSyntax
from cep.language.functions import AGGREGATES, FUNCTIONS
from cep.language.report import Report
from cep.language.suggest import nearest
from cep.plan.expr import (
    Aggregate,
    Arith,
    Between,
    Call,
    Compare,
    Const,
    Elem,
    Expr,
    Field,
    In,
    IsNull,
    KeyPart,
    Like,
    ListOf,
    Logic,
    Negate,
    Not,
    Prev,
    Ref,
    UnlessFirst,
)
from cep.plan.expr import walk as walk_plan
from cep.plan.lower_names import Names
from cep.values import replaced, value

MISSING = Const(None)
"""What stands for an expression that has an error; the pattern is refused anyway."""


@value
class ExprLowering:
    """Lowers expressions of one pattern, where `names` says what a name means; problems go to `report`."""

    names: Names
    report: Report

    def lower(self, expr: ExprSyntax, *, negated: bool = False) -> Expr:
        """One expression; `negated` says that an odd number of NOTs stands around it."""
        match expr:
            case LiteralExpr():
                return Const(expr.value)
            case ParamExpr(name):
                return self._wrong(
                    "E207", expr, f"the parameter ${name} has no value", "give it in `params:`"
                )
            case NameExpr() | FieldExpr() | IndexExpr():
                return self._path(expr)
            case NotExpr(operand):
                return Not(self.lower(operand, negated=not negated))
            case NegExpr(operand):
                return _folded(Negate(self.lower(operand)))
            case LogicExpr(op, left, right):
                parts = (self.lower(left, negated=negated), self.lower(right, negated=negated))
                flat = [
                    q for p in parts for q in (p.operands if isinstance(p, Logic) and p.op == op else (p,))
                ]
                return Logic(op, tuple(flat))
            case CompareExpr(op, left, right):
                return self._unless_first(Compare(op, self.lower(left), self.lower(right)), negated=negated)
            case ArithExpr(op, left, right):
                return Arith(op, self.lower(left), self.lower(right))
            case InExpr() | BetweenExpr() | LikeExpr():
                return self._maybe_not(expr, negated=negated)
            case IsNullExpr(operand, opposite):
                test = IsNull(self.lower(operand))
                return Not(test) if opposite else test
            case ListExpr(items):
                parts_ = tuple(self.lower(item) for item in items)
                constants = [part.value for part in parts_ if isinstance(part, Const)]
                return Const(tuple(constants)) if len(constants) == len(parts_) else ListOf(parts_)
            case StarExpr():
                return self._wrong(
                    "E205", expr, "`*` stands only in count(* OVER …)", "name a variable: count(f)"
                )
            case CallExpr():
                return self._call(expr)
            case _:
                assert_never(expr)

    def _maybe_not(self, expr: InExpr | BetweenExpr | LikeExpr, *, negated: bool) -> Expr:
        test: Expr
        match expr:
            case InExpr(left, right):
                if isinstance(right, NameExpr) and not self._means_something(right.name):
                    return self._wrong(
                        "E501", right, f"not supported yet: membership in the table `{right.name}`",
                        "write the values: IN ('a', 'b')",
                    )  # fmt: skip
                test = In(self.lower(left), self.lower(right))
            case BetweenExpr(operand, low, high):
                test = Between(self.lower(operand), self.lower(low), self.lower(high))
            case LikeExpr(op, left, right):
                test = Like(op, self.lower(left), self.lower(right))
            case _:
                assert_never(expr)
        test = self._unless_first(test, negated=negated != expr.negated)
        return Not(test) if expr.negated else test

    def _unless_first(self, test: Expr, *, negated: bool) -> Expr:
        """A comparison that reads `prev()` of its own loop is not asked of the loop's first event."""
        for node in walk_plan(test):
            if isinstance(node, Prev):
                return UnlessFirst(node.var, test, not negated)
        return test

    # --- names -------------------------------------------------------------------------------------------

    def _means_something(self, name: str) -> bool:
        names = self.names
        known = name in names.variables or name in names.groups or name in ("this", "ts")
        return known or names.own is not None or names.as_filter is not None or self._key(name) is not None

    def _path(self, expr: NameExpr | FieldExpr | IndexExpr) -> Expr:
        """A name with what is read behind it."""
        base: ExprSyntax = expr
        path: tuple[str, ...] = ()
        while isinstance(base, FieldExpr):
            path = (base.name, *path)
            base = base.base
        if isinstance(base, NameExpr):
            return self._named(base, base.name, path)
        if isinstance(base, IndexExpr):
            return self._indexed(base, path)
        if isinstance(base, CallExpr) and base.name.lower() in ("first", "last"):
            inner = self._call(base)
            if isinstance(inner, Ref):
                return replaced(inner, path=inner.path + path)
        return self._wrong(
            "E205", expr, "a field can be read of an event only", "name a variable before the dot"
        )

    def _named(self, at: ExprSyntax, name: str, path: tuple[str, ...]) -> Expr:
        names = self.names
        for cut in range(len(path), -1, -1):
            whole = ".".join((name, *path[:cut]))
            if whole in names.variables:
                return self._variable(whole, path[cut:])
        if name in names.groups:
            if path and path[0] in names.groups[name]:
                return self._variable(path[0], path[1:])
            inner = names.groups[name]
            return self._variable(names.markers.get(name, inner[-1] if inner else name), path)
        in_filter = names.own is not None or names.as_filter is not None
        if name == "this":
            return Field(path) if in_filter else Ref(names.only or "this", path)
        key = None if in_filter and names.own is not None else self._key(".".join((name, *path)))
        if key is not None:
            return key
        if in_filter and names.own is not None:
            return Field(("ts",)) if (name, path) == ("ts", ()) else Field((name, *path))
        if names.only is not None:
            return self._variable(names.only, (name, *path))
        close = nearest(name, [*names.variables, *names.groups, *(".".join(by) for by in names.by)])
        hint = f"did you mean `{close[0]}`?" if close else "write `variable.field`"
        return self._wrong("E201", at, f"`{name}` is neither a variable nor part of the key", hint)

    def _variable(self, var: str, path: tuple[str, ...]) -> Expr:
        if self.names.element == var:
            return Elem(path)
        if self.names.as_filter == var:
            return Field(path)
        return Ref(var, path)

    def _key(self, text: str) -> KeyPart | None:
        for index, by in enumerate(self.names.by):
            if text in (".".join(by), by[-1]):
                return KeyPart(index)
        return None

    def _indexed(self, expr: IndexExpr, path: tuple[str, ...]) -> Expr:
        base = expr.base
        index = _folded(self.lower(expr.index)) if expr.at is None else MISSING
        known = isinstance(base, NameExpr) and base.name in self.names.variables
        if known and isinstance(base, NameExpr) and isinstance(index, Const) and isinstance(index.value, int):
            return Ref(base.name, path, index.value)
        return self._wrong(
            "E501", expr, "not supported yet: looking up a table", "write the values into the rule's params"
        )

    # --- calls -------------------------------------------------------------------------------------------

    def _call(self, expr: CallExpr) -> Expr:
        name = expr.name.lower()
        function = FUNCTIONS.get(name)
        if function is None:
            close = nearest(name, FUNCTIONS)
            hint = f"did you mean `{close[0]}`?" if close else ""
            return self._wrong("E201", expr, f"there is no function `{expr.name}`", hint)
        if expr.over is not None or function.group == "later":
            what = f"{name}(… OVER …)" if expr.over is not None else f"{name}()"
            return self._wrong(
                "E501", expr, f"not supported yet: {what}", "use what the pattern itself has taken"
            )
        count = len(expr.args)
        if count < function.least or (function.most is not None and count > function.most):
            return self._wrong("E202", expr, f"{name} takes {_arity(function.least, function.most)}", "")
        if name in ("first", "last"):
            return self._end(expr, 0 if name == "first" else -1)
        if name == "prev":
            return self._previous(expr)
        if name in AGGREGATES:
            return self._aggregate(expr, name)
        return Call(name, tuple(self.lower(arg) for arg in expr.args))

    def _end(self, call: CallExpr, index: int) -> Expr:
        found = replaced(self, names=replaced(self.names, element=None, as_filter=None)).lower(call.args[0])
        if isinstance(found, Ref):
            return replaced(found, index=index)
        return self._wrong(
            "E205", call, f"{call.name} needs a variable of the pattern", f"{call.name}(f.amount)"
        )

    def _previous(self, call: CallExpr) -> Expr:
        own = self.names.own or self.names.as_filter
        if own is None:
            return self._wrong(
                "E205", call, "prev looks back inside a loop", "use it in the filter of the loop"
            )
        back = 1
        if len(call.args) == 2:
            count = _folded(self.lower(call.args[1]))
            if not isinstance(count, Const) or not isinstance(count.value, int) or count.value < 1:
                return self._wrong(
                    "E202", call.args[1], "prev takes a whole number of events from 1", "prev(x, 2)"
                )
            back = count.value
        return Prev(own, self.lower(call.args[0]), back)

    def _aggregate(self, call: CallExpr, name: str) -> Expr:
        arg = call.args[0]
        mentioned = list(dict.fromkeys(self.mentioned(arg)))
        loops = [var for var in mentioned if self.names.variables.get(var) == "loop"]
        over = loops or mentioned or ([self.names.only] if self.names.only and self.names.own is None else [])
        if len(over) != 1:
            message = (
                f"{name} needs a variable of the pattern" if not over else f"{name} reads one loop at a time"
            )
            return self._wrong(
                "E205", call, message, f"{name}(f.amount), or {name}(amount OVER 30d) for history"
            )
        var = over[0]
        extra: tuple[Value, ...] = ()
        if len(call.args) == 2:
            rank = _folded(self.lower(call.args[1]))
            extra = (rank.value,) if isinstance(rank, Const) else ()
        operand: Expr | None = None
        if not (isinstance(arg, NameExpr) and (arg.name == var or arg.name in self.names.groups)):
            only = self.names.only if self.names.only == var else None
            inner = replaced(self.names, element=var, as_filter=None, only=only)
            operand = replaced(self, names=inner).lower(arg)
        return Aggregate(name, var, operand, call.distinct, extra)  # type: ignore[arg-type]

    def mentioned(self, expr: ExprSyntax) -> list[str]:
        """Variables that an expression names; of a group the one that `count` counts."""
        path = _dotted(expr)
        if path is None:
            return [var for child in expr_children(expr) for var in self.mentioned(child)]
        for cut in range(len(path), 0, -1):
            whole = ".".join(path[:cut])
            if whole in self.names.variables:
                return [whole]
        inner = self.names.groups.get(path[0])
        if inner is None:
            return []
        if len(path) > 1 and path[1] in inner:
            return [path[1]]
        return [self.names.markers[path[0]]] if path[0] in self.names.markers else []

    def _wrong(self, code: str, at: ExprSyntax, message: str, repair: str) -> Const:
        self.report.error(code, at.span, message, "", repair)
        return MISSING


def plainly_named(expr: ExprSyntax, lowering: ExprLowering) -> list[str]:
    """Variables named outside `first`, `last`, an index and aggregates: one value each, or every element."""
    if _dotted(expr) is not None:
        return lowering.mentioned(expr)
    match expr:
        case CallExpr(name) if name.lower() in AGGREGATES or name.lower() in ("first", "last"):
            return []
        case IndexExpr():
            return []
        case IsNullExpr(NameExpr()):
            return []
        case _:
            return [var for child in expr_children(expr) for var in plainly_named(child, lowering)]


def expr_children(expr: ExprSyntax) -> list[ExprSyntax]:
    """The expressions directly below one."""
    children = [getattr(expr, name) for name in expr.__dataclass_fields__ if name != "span"]
    flat = [each for child in children for each in (child if isinstance(child, tuple) else (child,))]
    return [each for each in flat if isinstance(each, ExprSyntax)]


def _dotted(node: object) -> tuple[str, ...] | None:
    if isinstance(node, NameExpr):
        return (node.name,)
    if isinstance(node, FieldExpr):
        before = _dotted(node.base)
        return None if before is None else (*before, node.name)
    return None


def _folded(expr: Expr) -> Expr:
    """`-1` as a constant."""
    if (
        isinstance(expr, Negate)
        and isinstance(expr.operand, Const)
        and isinstance(expr.operand.value, (int, float))
    ):
        return Const(-expr.operand.value)
    return expr


def _arity(least: int, most: int | None) -> str:
    if most == least:
        return f"{least} argument" + ("" if least == 1 else "s")
    return f"at least {least} arguments" if most is None else f"{least} to {most} arguments"
