"""All local predicates of all plans over a batch: each distinct one is asked once.

one field, constants       by the place of its value among all constants of all tests: see `constant_index`
one field of few values    once for each distinct value of the column, then spread by codes
numbers, several fields    as arrays, over the rows that the conjuncts before it left
`this`                     row by row, over those rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Coded, Numbers
from cep.engines.arrays import Arr, Asked, evaluate, true_where
from cep.engines.constant_index import ConstantIndex, Places, indexes
from cep.engines.evaluate import Scope, true_of
from cep.engines.field_values import values_at, values_of
from cep.event import Event
from cep.plan.expr import Aggregate, Every, Expr, Field, Prev, conjuncts, root_fields, walk
from cep.values import value


class PredicateTable:
    """Local predicates, compiled once; `masks` answers for a batch."""

    def __init__(self, predicates: Sequence[Expr]) -> None:
        """Number each distinct conjunct, and index those that compare a field with constants."""
        numbers: dict[Expr, int] = {}
        split = [conjuncts(predicate) for predicate in predicates]
        self._predicates = [[numbers.setdefault(part, len(numbers)) for part in parts] for parts in split]
        self._parts = list(map(_Part, numbers))
        self._indexes = indexes([part.expr for part in self._parts])
        self._indexed = {i: (index, places) for index in self._indexes for i, places in index.tests.items()}

    def masks(
        self, batch: Batch, within: Sequence[Bools], values: Callable[[str], Arr] | None = None
    ) -> list[Bools]:
        """For each predicate the rows of its `within` mask on which it is true; `values` reads a field."""
        asked = _Asked(batch, {}, values or partial(values_of, batch), self._placed(batch, within))
        return [
            self._mask(asked, predicate, rows)
            for predicate, rows in zip(self._predicates, within, strict=True)
        ]

    def _placed(self, batch: Batch, within: Sequence[Bools]) -> dict[ConstantIndex, Places]:
        """By index, the place of each row that some of its tests are asked of."""
        wanted: dict[ConstantIndex, dict[int, Bools]] = {index: {} for index in self._indexes}
        for predicate, rows in zip(self._predicates, within, strict=True):
            for part in predicate:
                if part in self._indexed:
                    wanted[self._indexed[part][0]][id(rows)] = rows
        found = {
            index: index.places(batch.column(index.field), list(masks.values()))
            for index, masks in wanted.items()
        }
        return {index: places for index, places in found.items() if places is not None}

    def _mask(self, asked: _Asked, predicate: Sequence[int], rows: Bools) -> Bools:
        mask = rows
        rest = []
        for number in predicate:
            index, ranges = self._indexed.get(number, (None, ()))
            if index is not None and index in asked.places:
                mask = index.where(asked.places[index], ranges, mask)
            elif self._parts[number].by_value:
                mask = mask & self._whole(asked, number) if mask.any() else mask
            else:
                rest.append(self._parts[number])
        for part in rest:
            mask = self._narrow(asked, part, mask) if mask.any() else mask
        return mask

    def _whole(self, asked: _Asked, number: int) -> Bools:
        """Ask of all rows, once: as arrays if the field is of numbers, else of each distinct value."""
        if number in asked.known:
            return asked.known[number]
        part = self._parts[number]
        (name,) = part.reads
        column = asked.batch.column(name)
        if isinstance(column, Numbers):
            everywhere = _Everywhere(asked.batch, asked.values, None)
            found = true_where(evaluate(part.expr, everywhere), len(asked.batch))
        else:
            table = np.zeros(len(column.values) + 1, dtype=np.bool_)
            for code, scope in asked.each_value(name, column):
                table[code] = part.ask(scope)
            found = table[column.codes]
        asked.known[number] = found
        return found

    @staticmethod
    def _narrow(asked: _Asked, part: _Part, mask: Bools) -> Bools:
        """Ask only of the rows of a mask."""
        rows = np.flatnonzero(mask)
        found = np.zeros(len(asked.batch), dtype=np.bool_)
        try:
            found[rows] = true_where(
                evaluate(part.expr, _Everywhere(asked.batch, asked.values, rows)), len(rows)
            )
        except NotImplementedError:
            for row in rows.tolist():
                found[row] = part.ask(Scope(asked.batch.event(row, part.reads), {}, ()))
        return found


class _Part:
    """A conjunct, and what is needed to ask it where no index answers."""

    def __init__(self, expr: Expr) -> None:
        self.expr = expr

    @cached_property
    def ask(self) -> Callable[[Scope], bool]:
        return true_of(self.expr)

    @cached_property
    def reads(self) -> list[str]:
        return sorted(name for _, name in root_fields(self.expr))

    @cached_property
    def by_value(self) -> bool:
        """Whether the value of one field decides: nothing else of the event is read, such as its time."""
        reads_event = any(isinstance(node, Field) and node.path in ((), ("ts",)) for node in walk(self.expr))
        return len(self.reads) == 1 and not reads_event


@value
class _Asked:
    """A batch, and the answers that hold for all of its rows; `places` of indexes that know them."""

    batch: Batch
    known: dict[int, Bools]
    values: Callable[[str], Arr]
    places: dict[ConstantIndex, Places]
    _scopes: dict[str, list[tuple[int, Scope]]] = field(default_factory=dict)

    def each_value(self, name: str, column: Coded) -> list[tuple[int, Scope]]:
        """The codes of the values that occur, -1 for none, each with an event that has it."""
        found = self._scopes.get(name)
        if found is None:
            codes = np.flatnonzero(np.bincount(column.codes + 1, minlength=len(column.values) + 1)) - 1
            found = [
                (code, Scope(Event("", 0, 0, {name: column.values[code]} if code >= 0 else {}), {}, ()))
                for code in codes.tolist()
            ]
            self._scopes[name] = found
        return found


@value
class _Everywhere:
    """Some rows of a batch, None for all, with nothing bound: see `arrays.Asked`."""

    batch: Batch
    values: Callable[[str], Arr]
    rows: NDArray[np.intp] | None

    def field(self, path: tuple[str, ...]) -> Arr:
        if self.rows is None:
            assert len(path) == 1, "records and times are asked of some rows only"
            return self.values(path[0])
        return values_at(self.batch, path, self.values, self.rows)

    def ref(self, var: str, path: tuple[str, ...], index: int) -> Arr:
        raise NotImplementedError

    def aggregate(self, expr: Aggregate | Every) -> Arr:
        raise NotImplementedError

    def behind(self, expr: Prev) -> Asked:
        raise NotImplementedError

    def key(self, index: int) -> Arr:
        raise NotImplementedError
