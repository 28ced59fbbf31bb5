"""All local predicates of all plans over a batch: each distinct one is asked once.

one field of few values    once for each distinct value of the column, then spread by codes
numbers, several fields    as arrays, over the rows that the conjuncts before it left
`this`                     row by row, over those rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, Coded, Numbers
from cep.engines.arrays import Arr, Asked, evaluate, true_where
from cep.engines.evaluate import Scope, true_of
from cep.engines.field_values import values_at, values_of
from cep.event import Event
from cep.plan.expr import Aggregate, Every, Expr, Field, Prev, conjuncts, root_fields, walk
from cep.values import value


class PredicateTable:
    """Local predicates, compiled once; `masks` answers for a batch."""

    def __init__(self, predicates: Sequence[Expr]) -> None:
        """Compile each distinct conjunct."""
        self._predicates = [conjuncts(predicate) for predicate in predicates]
        parts = {part for predicate in self._predicates for part in predicate}
        self._asked = {part: true_of(part) for part in parts}
        self._reads = {part: sorted(name for _, name in root_fields(part)) for part in parts}
        self._by_value = {part: len(self._reads[part]) == 1 and not _reads_event(part) for part in parts}

    def masks(
        self, batch: Batch, within: Sequence[Bools], values: Callable[[str], Arr] | None = None
    ) -> list[Bools]:
        """For each predicate the rows of its `within` mask on which it is true; `values` reads a field."""
        asked = _Asked(batch, {}, values or partial(values_of, batch))
        return [
            self._mask(asked, predicate, rows)
            for predicate, rows in zip(self._predicates, within, strict=True)
        ]

    def _mask(self, asked: _Asked, predicate: tuple[Expr, ...], rows: Bools) -> Bools:
        mask = rows
        whole = [part for part in predicate if self._by_value.get(part)]
        for part in whole:
            if not mask.any():
                return mask
            if part not in asked.known:
                asked.known[part] = self._whole(asked, part)
            mask = mask & asked.known[part]
        for part in predicate:
            if part not in whole and mask.any():
                mask = self._narrow(asked, part, mask)
        return mask

    def _whole(self, asked: _Asked, part: Expr) -> Bools:
        """Ask of all rows: as arrays if the field is of numbers, else once for each distinct value."""
        (name,) = self._reads[part]
        column = asked.batch.column(name)
        if isinstance(column, Numbers):
            everywhere = _Everywhere(asked.batch, asked.values, None)
            return true_where(evaluate(part, everywhere), len(asked.batch))
        table = np.zeros(len(column.values) + 1, dtype=np.bool_)
        ask = self._asked[part]
        for code, scope in asked.each_value(name, column):
            table[code] = ask(scope)
        return table[column.codes]

    def _narrow(self, asked: _Asked, part: Expr, mask: Bools) -> Bools:
        """Ask only of the rows of a mask."""
        rows = np.flatnonzero(mask)
        found = np.zeros(len(asked.batch), dtype=np.bool_)
        try:
            found[rows] = true_where(evaluate(part, _Everywhere(asked.batch, asked.values, rows)), len(rows))
        except NotImplementedError:
            names = self._reads[part]
            for row in rows.tolist():
                found[row] = self._asked[part](Scope(asked.batch.event(row, names), {}, ()))
        return found


@value
class _Asked:
    """A batch, and the answers that hold for all of its rows."""

    batch: Batch
    known: dict[Expr, Bools]
    values: Callable[[str], Arr]
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


def _reads_event(part: Expr) -> bool:
    """Whether more of the event than its fields decides: its time, or (by `this`) its type."""
    return any(isinstance(node, Field) and node.path in ((), ("ts",)) for node in walk(part))
