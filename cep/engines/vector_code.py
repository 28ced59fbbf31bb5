"""Conditions as code for the compiled stepper: three ints for each operation of a machine with a stack.

    b.amount > 2 * a.amount      FIELD amount · CONSTANT 2 · REF a amount · MULTIPLY · GREATER

A number is a float and a text the number of its word, so what an expression means hangs on the kinds of the
fields it reads. `Kinds` says which they must be; a batch where they are others is asked as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from cep.engines.answers import Kind
from cep.engines.arrays import EXACT_INT_MAX
from cep.engines.vector_asks import Folded
from cep.event import Value
from cep.plan.expr import (
    Aggregate,
    Arith,
    Between,
    Compare,
    Const,
    Elem,
    Every,
    Expr,
    Field,
    In,
    IsNull,
    Logic,
    Negate,
    Not,
    Prev,
    Ref,
    UnlessFirst,
)
from cep.values import value

COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")

OPS: Final = (
    *("END", "CONSTANT", "FIELD", "REF", "FOLD", "UNBOUND", "UNLESS", *COMPARISONS),
    *("AND", "OR", "NOT", "IS NULL", "+", "-", "*", "/", "NEGATE"),
)
"""As the enum of step.h."""

STACK_MAX: Final = 32
REGISTERS_MAX: Final = 16
"""As in step.h."""

Operand: TypeAlias = str
"""What an expression gives: truth, number, text or null; `.name` stands for the kind of a field."""

_NUMBERS: Final = (int, float)


class UncodedError(Exception):
    """An expression that the machine does not know."""


@dataclass
class Kinds:
    """Which kinds of values some fields must hold for code to mean what the expression does."""

    numbers: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    alike: set[tuple[str, str]] = field(default_factory=set)

    def allow(self, kinds: Mapping[str, Kind]) -> bool:
        """Whether columns of these kinds may be asked."""
        known = all(kind != "any" for kind in kinds.values())
        return (
            known
            and all(kinds[name] in ("number", "none") for name in self.numbers)
            and all(kinds[name] in ("text", "none") for name in self.texts)
            and all("none" in (kinds[a], kinds[b]) or kinds[a] == kinds[b] for a, b in self.alike)
        )


@value
class Places:
    """Where registers stand: the last and first event of variables, and the folds, in order of variables."""

    last: Mapping[str, int]
    first: Mapping[str, int]
    folds: Mapping[Folded, int]


class Coder:
    """Collects the code of all expressions of a track, with the fields and constants it names."""

    def __init__(self, places: Places) -> None:
        """No code yet."""
        self.places = places
        self.code: list[tuple[int, int, int]] = []
        self.constants: list[float] = []
        self.words: dict[str, int] = {}
        """The place of each text among the constants: its number is known batch by batch."""
        self.fields: dict[str, int] = {}
        self.kept: set[str] = set()
        """Fields that are read of events taken earlier."""
        self.kinds = Kinds()
        self._depth = 0

    def expression(self, expr: Expr | None) -> int:
        """Where the code of a condition begins, -1 if there is none."""
        if expr is None:
            return -1
        begin = len(self.code) * 3
        self._need_truth(self._value(expr, None))
        self._put("END", pops=1)
        return begin

    def operand(self, fold: Folded) -> int:
        """Where the code of what is folded begins, -1 if it is the event itself."""
        if fold.operand is None:
            return -1
        begin = len(self.code) * 3
        kind = self._value(fold.operand, None)
        if of_truths(fold):
            self._need_truth(kind)
        elif isinstance(fold, Aggregate) and fold.name != "count":
            self._need("number", kind)
        self._put("END", pops=1)
        return begin

    def all_of(self, exprs: Sequence[Expr]) -> int:
        """Where the code of several conditions begins, all of which must be true; -1 if there are none."""
        return self.expression(Logic("AND", tuple(exprs)) if len(exprs) > 1 else exprs[0] if exprs else None)

    # --- expressions -------------------------------------------------------------------------------------

    def _value(self, expr: Expr, behind: int | None) -> Operand:
        """Code that puts the value on the stack; `behind` is the register of the event that `prev` is at."""
        match expr:
            case Const(value):
                return self._constant(value)
            case Field((name,)) | Elem((name,)) if name != "ts":
                return self._field(name, behind)
            case Ref(var, (name,), index) if name != "ts":
                return self._field(name, self._register(var, index))
            case Aggregate() | Every():
                self._put("FOLD", self.places.folds[expr], pushes=1)
                return "truth" if of_truths(expr) else "number"
            case Prev(var, operand, 1):
                return self._value(operand, self._register(var, -1))
            case UnlessFirst(var, operand, value):
                self._need_truth(self._value(operand, behind))
                self._put("UNLESS", self._register(var, -1), self._constant_at(float(value)))
                return "truth"
            case IsNull(Ref(var, (), index)):
                self._put("UNBOUND", self._register(var, index), pushes=1)
                return "truth"
            case IsNull(operand):
                self._value(operand, behind)
                self._put("IS NULL")
                return "truth"
            case Not(operand):
                return self._logic("NOT", (operand,), behind)
            case Logic(op, operands):
                return self._logic(op, operands, behind)
            case _:
                return self._computed(expr, behind)

    def _computed(self, expr: Expr, behind: int | None) -> Operand:
        match expr:
            case Compare(op, left, right):
                return self._compared(op, left, right, behind)
            case Between(operand, low, high):
                bounds = (Compare("<=", low, operand), Compare("<=", operand, high))
                return self._logic("AND", bounds, behind)
            case In(left, Const(tuple() as items)) if items:
                if any(type(item) is str and "/" in item for item in items):
                    raise UncodedError("a network")
                return self._logic("OR", [Compare("=", left, Const(item)) for item in items], behind)
            case Arith(op, left, right):
                self._need("number", self._value(left, behind))
                self._need("number", self._value(right, behind))
                self._put(op, pops=1)
                return "number"
            case Negate(operand):
                self._need("number", self._value(operand, behind))
                self._put("NEGATE")
                return "number"
            case _:
                raise UncodedError(type(expr).__name__)

    def _logic(self, op: str, operands: Sequence[Expr], behind: int | None) -> Operand:
        for number, operand in enumerate(operands):
            self._need_truth(self._value(operand, behind))
            if number or op == "NOT":
                self._put(op, pops=0 if op == "NOT" else 1)
        return "truth"

    def _compared(self, op: str, left: Expr, right: Expr, behind: int | None) -> Operand:
        one, other = self._value(left, behind), self._value(right, behind)
        if op not in ("=", "!="):
            self._need("number", one)
            self._need("number", other)
        elif "null" not in (one, other):
            self._need_alike(one, other)
        self._put(op, pops=1)
        return "truth"

    def _constant(self, value: Value) -> Operand:
        if value is None:
            self._put("CONSTANT", self._constant_at(float("nan")), pushes=1)
            return "null"
        if type(value) is bool:
            self._put("CONSTANT", self._constant_at(float(value)), pushes=1)
            return "truth"
        if type(value) is str:
            if value not in self.words:
                self.words[value] = self._constant_at(float("nan"))
            self._put("CONSTANT", self.words[value], pushes=1)
            return "text"
        if type(value) not in _NUMBERS or abs(value) > EXACT_INT_MAX:
            raise UncodedError(f"a constant like {value}")
        self._put("CONSTANT", self._constant_at(float(value)), pushes=1)
        return "number"

    def _constant_at(self, value: float) -> int:
        self.constants.append(value)
        return len(self.constants) - 1

    def _field(self, name: str, register: int | None) -> Operand:
        place = self.fields.setdefault(name, len(self.fields))
        if register is None:
            self._put("FIELD", place, pushes=1)
        else:
            self.kept.add(name)
            self._put("REF", register, place, pushes=1)
        return f".{name}"

    def _register(self, var: str, index: int) -> int:
        return (self.places.last if index == -1 else self.places.first)[var]

    @staticmethod
    def _need_truth(operand: Operand) -> None:
        if operand != "truth":
            raise UncodedError("a value where a condition is wanted")

    def _need(self, kind: Literal["number", "text"], operand: Operand) -> None:
        if operand.startswith("."):
            (self.kinds.numbers if kind == "number" else self.kinds.texts).add(operand[1:])
        elif operand not in (kind, "null"):
            raise UncodedError(f"{operand} as a {kind}")

    def _need_alike(self, one: Operand, other: Operand) -> None:
        if one.startswith(".") and other.startswith("."):
            self.kinds.alike.add((one[1:], other[1:]))
        elif "number" in (one, other):
            self._need("number", one)
            self._need("number", other)
        else:
            self._need("text", one)
            self._need("text", other)

    def _put(self, op: str, one: int = 0, two: int = 0, *, pushes: int = 0, pops: int = 0) -> None:
        self._depth += pushes - pops
        if self._depth > STACK_MAX:
            raise UncodedError("an expression that is too deep")
        self.code.append((OPS.index(op), one, two))


def of_truths(fold: Folded) -> bool:
    """Whether a fold is true or false."""
    return isinstance(fold, Every) or fold.name in ("any", "all")
