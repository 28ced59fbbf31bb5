"""Expressions over many rows at once: the same meaning as `evaluate`, an array operation for each operator.

    number   int64 or float64, finite         compared and computed as arrays
    text     codes into one dictionary        = and != as arrays
    truth    true and null masks              three-valued AND, OR, NOT
    any      Python objects, None is null     element by element, by the functions of `operators`

What does not fit the quick kinds (decimals, durations, large ints, mixed types) is `any`: slower, the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools
from cep.engines.functions import FUNCTIONS
from cep.engines.operators import ARITHMETIC, COMPARISONS, between, contains, like, matches, negate
from cep.event import Value
from cep.plan.expr import (
    Aggregate,
    Arith,
    Between,
    Call,
    Compare,
    Const,
    Every,
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
from cep.values import value

EXACT_INT_MAX = 1 << 40
"""Ints up to this stay exact as floats even when a thousand of them are added."""

Kind = Literal["number", "text", "truth", "any"]
Dictionary: TypeAlias = dict[str, int]


@value
class Arr:
    """Values of many rows, or one value for all. Where `null` is true, alone or for all, they mean nothing.

    kind `text` has the dictionary that its codes belong to; `truth` has bools.
    """

    kind: Kind
    values: NDArray[Any]
    null: Bools
    words: Dictionary | None = None

    def at(self, rows: NDArray[np.intp]) -> Arr:
        """Some of the rows; one value for all of them stays that."""
        if self.values.ndim == 0:
            return self
        return Arr(self.kind, self.values[rows], self.null[rows] if self.null.ndim else self.null, self.words)


NO = np.zeros((), dtype=np.bool_)
YES = np.ones((), dtype=np.bool_)


class Asked(Protocol):
    """Where an expression is asked: what it reads of each row."""

    def field(self, path: tuple[str, ...]) -> Arr:
        """A field of the events under test."""
        ...

    def ref(self, var: str, path: tuple[str, ...], index: int) -> Arr:
        """A field of events bound before."""
        ...

    def aggregate(self, expr: Aggregate | Every) -> Arr:
        """A function over what a variable has taken."""
        ...

    def behind(self, expr: Prev) -> Asked:
        """Where the operand of `prev()` is asked."""
        ...

    def key(self, index: int) -> Arr:
        """A part of the key."""
        ...


def constant(value: Value) -> Arr:
    """One value for every row."""
    if value is None:
        return Arr("any", boxed([None])[0:1].reshape(()), YES)
    if type(value) in (int, float) and abs(value) <= EXACT_INT_MAX:
        return Arr("number", np.asarray(value), NO)
    if type(value) is bool:
        return Arr("truth", np.asarray(value), NO)
    return Arr("any", boxed([value]).reshape(()), NO)


def boxed(values: Sequence[Value]) -> NDArray[np.object_]:
    """Python objects as an array of them, whatever they are."""
    out = np.empty(len(values), dtype=object)
    if any(isinstance(value, (list, tuple)) for value in values):
        for i, value in enumerate(values):
            out[i] = value
    else:
        out[:] = values
    return out


def objects(arr: Arr) -> NDArray[np.object_]:
    """The values as Python objects, None for null."""
    if arr.kind == "any":
        return nulled(arr.values, arr.null)
    if arr.kind == "text":
        assert arr.words is not None
        words = boxed([*arr.words, None])
        return words[np.where(arr.null, -1, arr.values)]
    return nulled(np.asarray(arr.values, dtype=object), arr.null)


def nulled(values: NDArray[np.object_], null: Bools) -> NDArray[np.object_]:
    """Objects with None where there is null."""
    if not null.any():
        return values
    found = np.broadcast_to(values, np.broadcast_shapes(values.shape, null.shape)).copy()
    found[null] = None
    return found


def evaluate(expr: Expr, asked: Asked) -> Arr:
    """The value of an expression for every row; NotImplementedError for what only a run itself can tell."""
    match expr:
        case Const(value):
            return constant(list(value) if isinstance(value, tuple) else value)
        case Field(path):
            return asked.field(path)
        case Ref(var, path, index):
            return asked.ref(var, path, index)
        case KeyPart(index):
            return asked.key(index)
        case Aggregate() | Every():
            return asked.aggregate(expr)
        case Prev(_, operand, _):
            return evaluate(operand, asked.behind(expr))
        case UnlessFirst(var, operand, value):
            unbound = asked.ref(var, (), -1).null
            return _choose(unbound, constant(value), evaluate(operand, asked))
        case Compare(op, left, right):
            return _compare(op, evaluate(left, asked), evaluate(right, asked))
        case Arith(op, left, right):
            return _arith(op, evaluate(left, asked), evaluate(right, asked))
        case Logic(op, operands):
            return reduce(both if op == "AND" else either, (truth(evaluate(o, asked)) for o in operands))
        case Not(operand):
            known = truth(evaluate(operand, asked))
            return Arr("truth", ~known.values & ~known.null, known.null)
        case IsNull(operand):
            return Arr("truth", evaluate(operand, asked).null, NO)
        case Negate(operand):
            arr = evaluate(operand, asked)
            return Arr("number", -arr.values, arr.null) if arr.kind == "number" else each(negate, arr)
        case Between(operand, low, high):
            return _between(*(evaluate(part, asked) for part in (operand, low, high)))
        case In(left, right):
            return _in(evaluate(left, asked), right, asked)
        case Like(op, left, right):
            return each(like if op == "LIKE" else matches, evaluate(left, asked), evaluate(right, asked))
        case ListOf(items):
            return each(lambda *values: list(values), *(evaluate(item, asked) for item in items))
        case Call(name, args):
            return _call(name, [evaluate(arg, asked) for arg in args])
        case _:
            raise NotImplementedError(type(expr).__name__)


def true_where(arr: Arr, length: int) -> Bools:
    """The rows whose value is true: null is not."""
    known = truth(arr)
    return np.broadcast_to(known.values & ~known.null, (length,))


def truth(arr: Arr) -> Arr:
    """A value as true, false or null: what is no bool is null."""
    if arr.kind == "truth":
        return arr
    if arr.kind != "any":
        return Arr("truth", np.zeros(arr.values.shape, np.bool_), np.ones(arr.values.shape, np.bool_))
    flat = objects(arr)
    true = np.array([value is True for value in flat.ravel()], dtype=np.bool_).reshape(flat.shape)
    false = np.array([value is False for value in flat.ravel()], dtype=np.bool_).reshape(flat.shape)
    return Arr("truth", true, ~true & ~false)


def both(one: Arr, other: Arr) -> Arr:
    """Three-valued AND."""
    false = (~one.values & ~one.null) | (~other.values & ~other.null)
    true = one.values & ~one.null & other.values & ~other.null
    return Arr("truth", true, ~true & ~false)


def either(one: Arr, other: Arr) -> Arr:
    """Three-valued OR."""
    true = (one.values & ~one.null) | (other.values & ~other.null)
    false = ~one.values & ~one.null & ~other.values & ~other.null
    return Arr("truth", true, ~true & ~false)


_UFUNCS: dict[str, Callable[..., NDArray[Any]]] = {
    "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal,
}  # fmt: skip


def _compare(op: str, left: Arr, right: Arr) -> Arr:
    null = left.null | right.null
    if left.kind == right.kind == "number":
        return Arr("truth", _UFUNCS[op](left.values, right.values), null)
    if op in ("=", "!="):
        one, other = _same_codes(left, right)
        if one is not None and other is not None:
            return Arr("truth", _UFUNCS[op](one, other), null)
    return each(COMPARISONS[op], left, right)


def _same_codes(left: Arr, right: Arr) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Codes of both sides in one dictionary, if both are texts."""
    if left.kind == right.kind == "text" and left.words is right.words:
        return left.values, right.values
    for one, other, swapped in ((left, right, False), (right, left, True)):
        if one.kind == "text" and other.kind == "any" and other.values.ndim == 0:
            word = other.values.item()
            if type(word) is str and one.words is not None:
                code = np.asarray(one.words.get(word, -2))
                return (code, one.values) if swapped else (one.values, code)
    return None, None


def _arith(op: str, left: Arr, right: Arr) -> Arr:
    if left.kind != "number" or right.kind != "number":
        return each(ARITHMETIC[op], left, right)
    null = left.null | right.null
    if op in ("+", "-"):
        compute = np.add if op == "+" else np.subtract
        return _exact(compute(left.values, right.values), null, left, right, op)
    if op == "*":
        return _exact(np.multiply(left.values, right.values), null, left, right, op)
    zero = right.values == 0
    with np.errstate(over="ignore"):
        found = np.true_divide(left.values, np.where(zero, 1, right.values))
    return Arr("number", found, null | zero | ~np.isfinite(found))


def _exact(found: NDArray[Any], null: Bools, left: Arr, right: Arr, op: str) -> Arr:
    """The result, unless numbers are so large that ints and floats would no longer agree."""
    size = np.abs(found[~null] if found.ndim and null.ndim else found)
    if size.size and not float(size.max()) <= EXACT_INT_MAX:
        return each(ARITHMETIC[op], left, right)
    return Arr("number", found, null)


def _between(value: Arr, low: Arr, high: Arr) -> Arr:
    if value.kind == low.kind == high.kind == "number":
        return both(_compare("<=", low, value), _compare("<=", value, high))
    return each(between, value, low, high)


def _in(value: Arr, right: Expr, asked: Asked) -> Arr:
    """A list of constants without networks is a row of comparisons."""
    items = right.value if isinstance(right, Const) and isinstance(right.value, (tuple, list)) else None
    plain = items is not None and all(
        type(i) in (int, float, bool) or (type(i) is str and "/" not in i) for i in items
    )
    if items and plain and value.kind in ("number", "text"):
        return reduce(either, (truth(_compare("=", constant(item), value)) for item in items))
    return each(lambda one, group: contains(group, one), value, evaluate(right, asked))


def _call(name: str, args: list[Arr]) -> Arr:
    function = FUNCTIONS[name]
    return each(lambda *values: function([partial(_same, value) for value in values]), *args)


def _same(value: Value) -> Value:
    return value


def each(function: Callable[..., Value], *args: Arr) -> Arr:
    """A function of values, element by element."""
    columns = np.broadcast_arrays(*(objects(arg) for arg in args)) if args else [np.empty((), dtype=object)]
    flat = [function(*row) for row in zip(*(column.ravel().tolist() for column in columns), strict=True)]
    found = boxed(flat).reshape(columns[0].shape)
    null = np.array([value is None for value in flat], dtype=np.bool_).reshape(found.shape)
    return Arr("any", found, null)


def _choose(where: Bools, one: Arr, other: Arr) -> Arr:
    """`one` on the rows of a mask, `other` elsewhere."""
    if not where.any():
        return other
    if one.kind == other.kind != "text":
        return Arr(one.kind, np.where(where, one.values, other.values), np.where(where, one.null, other.null))
    left, right = objects(one), objects(other)
    found = np.where(where, left, right)
    return Arr("any", found, np.array([v is None for v in found.ravel()], np.bool_).reshape(found.shape))


def joined(one: Arr, other: Arr) -> Arr:
    """The values of some rows, and then those of others."""
    longer = np.zeros(len(one.null) + len(other.null), dtype=np.intp)
    longer[len(one.null) :] = np.arange(len(other.null))
    if not len(one.null):
        return other
    if not len(other.null):
        return one
    return with_kept(other.at(longer), np.arange(len(one.null)), one)


def with_kept(arr: Arr, rows: NDArray[np.intp], new: Arr) -> Arr:
    """The same values, but others at some rows; of kind `any` if the two do not go together."""
    null = np.broadcast_to(arr.null, arr.values.shape).copy()
    null[rows] = new.null
    same = arr.kind == new.kind
    if same and arr.kind == "number" and arr.values.dtype != new.values.dtype:
        arr = Arr("number", arr.values.astype(np.float64), arr.null)
    if same and (arr.kind != "text" or arr.words is new.words):
        values = arr.values.copy()
        values[rows] = new.values
        return Arr(arr.kind, values, null, arr.words)
    if arr.kind in ("number", "text") and new.kind == "any":
        fitted = _fitted(arr, new)
        if fitted is not None:
            return with_kept(arr, rows, fitted)
    values = objects(arr).copy()
    values[rows] = objects(new)
    return Arr("any", values, null)


def _fitted(like: Arr, new: Arr) -> Arr | None:
    """Objects as numbers or as words of the same dictionary; None if some are not."""
    there = new.values[~new.null].tolist()
    found = np.zeros(len(new.null), dtype=like.values.dtype if like.kind == "text" else np.float64)
    if like.kind == "number":
        kinds = set(map(type, there))
        if kinds - {int, float} or (there and max(map(abs, there)) > EXACT_INT_MAX):
            return None
        if like.values.dtype == np.int64 and float not in kinds:
            found = found.astype(np.int64)
        found[~new.null] = there
        return Arr("number", found, new.null)
    if like.words is None or set(map(type, there)) - {str}:
        return None
    codes = list(map(like.words.get, there))
    if None in codes:
        words = like.words
        for word in dict.fromkeys(word for word, code in zip(there, codes, strict=True) if code is None):
            words[word] = len(words)
        codes = list(map(words.get, there))
    found[~new.null] = codes
    return Arr("text", found, new.null, like.words)
