"""An index on the constants that a field is compared with: a value is placed once for all tests of the field.

    constants       100     250     900        sorted, each once
    places        1  2   3   4   5   6   7     a value is at a constant or beside one; 0: of another kind
    amount > 250             ───────────▶      a test holds on ranges of places

Comparisons, `IN`, `BETWEEN` and what AND, OR and NOT make of them; numbers and texts apart. A value of the
other kind, or null, makes each comparison null, and so whatever is made of them: it is never true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property, reduce
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Column, Numbers, used_codes
from cep.engines.arrays import EXACT_INT_MAX
from cep.event import Value
from cep.plan.expr import Between, Compare, Const, Expr, Field, In, Logic, Not
from cep.values import value

Kind = Literal["number", "text"]
Places: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Places from the first up to the last of each pair; ascending, with a gap between two of them."""

SEARCH_COST: Final = 8
"""How often a number can be compared in the time in which its place is sought."""

_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@value
class Leaf:
    """A field, and constants of one kind that it is compared with by `op`."""

    field: str
    kind: Kind
    op: str
    constants: tuple[Value, ...]


@value
class Subject:
    """What the comparisons of an expression are about, if an index can answer it."""

    field: str
    kind: Kind
    leaves: tuple[Leaf, ...]


def subject_of(expr: Expr) -> Subject | None:
    """The field and kind of an expression that only compares one field with constants of one kind.

    >>> subject_of(Compare(">", Field(("amount",)), Const(250))).kind
    'number'
    """
    leaves = _leaves(expr)
    if not leaves or len({(leaf.field, leaf.kind) for leaf in leaves}) > 1:
        return None
    return Subject(leaves[0].field, leaves[0].kind, tuple(leaves))


def _leaves(expr: Expr) -> list[Leaf] | None:
    """The comparisons in an expression; None if there is anything else in it."""
    match expr:
        case Logic(_, operands):
            found = [_leaves(operand) for operand in operands]
            return None if None in found else [leaf for part in found for leaf in part or ()]
        case Not(operand):
            return _leaves(operand)
        case _:
            leaf = _leaf(expr)
            return None if leaf is None else [leaf]


def _leaf(expr: Expr) -> Leaf | None:
    match expr:
        case Compare(op, Field((name,)), Const(constant)) if name != "ts":
            return _made(name, op, (constant,))
        case Compare(op, Const(constant), Field((name,))) if name != "ts":
            return _made(name, _FLIPPED.get(op, op), (constant,))
        case Between(Field((name,)), Const(low), Const(high)) if name != "ts":
            return _made(name, "BETWEEN", (low, high))
        case In(Field((name,)), Const(tuple() as items)) if name != "ts" and not any(map(_is_network, items)):
            return _made(name, "IN", items)
        case _:
            return None


def _made(name: str, op: str, constants: tuple[Value, ...]) -> Leaf | None:
    kinds = set(map(_kind, constants))
    kind = kinds.pop() if len(kinds) == 1 else None
    return None if kind is None else Leaf(name, kind, op, constants)


def _kind(constant: Value) -> Kind | None:
    """Numbers as far as ints and floats agree; a decimal is compared with a float as it is written."""
    if type(constant) is str:
        return "text"
    return "number" if type(constant) in (int, float) and abs(constant) <= EXACT_INT_MAX else None


def _is_network(item: Value) -> bool:
    return type(item) is str and "/" in item


def indexes(exprs: Sequence[Expr]) -> list[ConstantIndex]:
    """The indexes that answer those of some expressions that one can answer, by their numbers."""
    groups: dict[tuple[str, Kind], dict[int, tuple[Expr, Subject]]] = {}
    for number, expr in enumerate(exprs):
        subject = subject_of(expr)
        if subject is not None:
            groups.setdefault((subject.field, subject.kind), {})[number] = expr, subject
    return [ConstantIndex(field, tests) for (field, _), tests in groups.items()]


def indexed_fields(exprs: Iterable[Expr]) -> list[str]:
    """The fields that some expressions compare with constants in a way that an index answers."""
    subjects = map(subject_of, exprs)
    return sorted({subject.field for subject in subjects if subject is not None})


class ConstantIndex:
    """All constants of one kind that a field is compared with."""

    def __init__(self, field: str, tests: Mapping[int, tuple[Expr, Subject]]) -> None:
        """Of numbered expressions with the same field and kind."""
        self.field = field
        leaves = [leaf for _, subject in tests.values() for leaf in subject.leaves]
        self._constants: list[Value] = sorted({constant for leaf in leaves for constant in leaf.constants})
        self._at = {constant: 2 * i + 2 for i, constant in enumerate(self._constants)}
        self._kind = leaves[0].kind
        self._ordered = any(leaf.op not in ("=", "!=", "IN") for leaf in leaves)
        self._top = 2 * len(self._constants) + 1
        self._dtype = np.min_scalar_type(self._top)
        self.tests = {number: self._ranges(expr) for number, (expr, _) in tests.items()}
        """For each expression the places at which it is true."""

    # --- tests -------------------------------------------------------------------------------------------

    def _ranges(self, expr: Expr) -> Ranges:
        match expr:
            case Logic("OR", operands):
                return _union(self._ranges(operand) for operand in operands)
            case Logic(_, operands):
                return self._others(_union(self._others(self._ranges(operand)) for operand in operands))
            case Not(operand):
                return self._others(self._ranges(operand))
            case _:
                leaf = _leaf(expr)
                assert leaf is not None, "an index is asked what it was made for"
                return self._of_leaf(leaf)

    def _of_leaf(self, leaf: Leaf) -> Ranges:
        places = [self._at[constant] for constant in leaf.constants]
        at = places[0] if places else 0
        match leaf.op:
            case "<":
                return ((1, at - 1),)
            case "<=":
                return ((1, at),)
            case ">":
                return ((at + 1, self._top),)
            case ">=":
                return ((at, self._top),)
            case "BETWEEN":
                return ((at, places[1]),) if at <= places[1] else ()
            case "!=":
                return self._others(((at, at),))
            case _:
                return _union(((place, place),) for place in places)

    def _others(self, ranges: Ranges) -> Ranges:
        """The places of values that are not in the ranges."""
        ends = [0, *(end for pair in ranges for end in pair), self._top + 1]
        gaps = ((ends[i] + 1, ends[i + 1] - 1) for i in range(0, len(ends), 2))
        return tuple((low, high) for low, high in gaps if low <= high)

    def where(self, places: Places, ranges: Ranges, mask: Bools) -> Bools:
        """The rows of a mask that are at a place of the ranges."""
        if len(ranges) == 1:
            found = self._within(places, *ranges[0])
        else:
            table = np.zeros(self._top + 1, dtype=np.bool_)
            for low, high in ranges:
                table[low : high + 1] = True
            found = table[places]
        found &= mask
        return found

    def _within(self, places: Places, low: int, high: int) -> Bools:
        found: Bools
        if high == self._top:
            found = places >= low
        elif low == high:
            found = places == low
        else:
            # What is below wraps around and is far above.
            found = places - places.dtype.type(low) <= high - low
        return found

    # --- values ------------------------------------------------------------------------------------------

    def places(self, column: Column, wanted: Sequence[Bools]) -> Places | None:
        """The place of each row of the wanted masks, 0 elsewhere; None if it is better not to ask for it.

        So it is if few tests are asked of many numbers, and if a value is neither less nor more than another.
        """
        rows = reduce(np.logical_or, wanted)
        if isinstance(column, Numbers) and self._kind == "number" and _is_exact(column):
            there = np.flatnonzero(rows & ~column.null)
            if len(there) * SEARCH_COST > len(self.tests) * len(column):
                return None
            places = np.zeros(len(column), dtype=self._dtype)
            places[there] = self._of_numbers(column.array[there])
            return places
        table = self._table(column, rows)
        return None if table is None else table[column.codes]

    def _table(self, column: Column, rows: Bools) -> Places | None:
        """The place of each distinct value, and last of all that of null."""
        there = np.flatnonzero(used_codes(column.codes[rows], len(column.values)))
        found = self._of_values([column.values[code] for code in there.tolist()])
        if None in found:
            return None
        table = np.zeros(len(column.values) + 1, dtype=self._dtype)
        table[there] = found
        return table

    def _of_numbers(self, values: NDArray[Any]) -> Places:
        least = self._floats[:-1].searchsorted(values.astype(np.float64, copy=False))
        found: Places = (2 * least + 1 + (self._floats[least] == values)).astype(self._dtype)
        return found

    @cached_property
    def _floats(self) -> NDArray[np.float64]:
        """The constants, and behind the last of them one that no value is equal to."""
        return np.array([*self._constants, np.nan])

    def _of_values(self, values: Sequence[Value]) -> Sequence[int | None]:
        if self._ordered or not {str}.issuperset(map(type, values)):
            return list(map(self._place, values))
        return [self._at.get(one, 1) for one in values] if self._kind == "text" else [0] * len(values)

    def _place(self, one: Value) -> int | None:
        if type(one) is str:
            return _place_among(self._constants, one) if self._kind == "text" else 0
        if self._kind == "text" or type(one) not in (int, float, Decimal):
            return 0
        if type(one) is Decimal:
            return _place_among(self._decimals, one) if one.is_finite() else None
        return None if one != one else _place_among(self._constants, one)  # noqa: PLR0124 - NaN

    @cached_property
    def _decimals(self) -> list[Decimal]:
        """The constants as they are written, which is how a decimal is compared with them."""
        return [Decimal(repr(constant)) for constant in self._constants]


def _place_among(constants: Sequence[Any], one: Value) -> int:
    i = bisect_left(constants, one)
    return 2 * i + 1 + (i < len(constants) and constants[i] == one)


def _is_exact(column: Numbers) -> bool:
    """Whether all numbers are the same as floats."""
    array = column.array
    return not len(array) or max(-float(array.min()), float(array.max())) <= EXACT_INT_MAX


def _union(parts: Iterable[Ranges]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in parts for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)
