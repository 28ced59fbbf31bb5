"""All local predicates of all plans over a batch: each distinct one is asked once.

one field is read        once for each distinct value of the column, then spread by codes
several, or the time     row by row, on the rows that the conjuncts before it left
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cep.columns import Batch, Bools
from cep.engines.evaluate import Scope, true_of
from cep.event import Event
from cep.plan.expr import Expr, Field, conjuncts, root_fields, walk


class PredicateTable:
    """Local predicates, compiled once; `masks` answers for a batch."""

    def __init__(self, predicates: Sequence[Expr]) -> None:
        """Compile each distinct conjunct."""
        self._predicates = [conjuncts(predicate) for predicate in predicates]
        parts = {part for predicate in self._predicates for part in predicate}
        self._asked = {part: true_of(part) for part in parts}
        self._reads = {part: sorted(name for _, name in root_fields(part)) for part in parts}
        self._by_value = {part for part in parts if len(self._reads[part]) == 1 and not _reads_event(part)}

    def masks(self, batch: Batch, within: Sequence[Bools]) -> list[Bools]:
        """For each predicate the rows of its `within` mask on which it is true."""
        values: dict[Expr, Bools] = {}
        return [
            self._mask(batch, predicate, rows, values)
            for predicate, rows in zip(self._predicates, within, strict=True)
        ]

    def _mask(
        self, batch: Batch, predicate: tuple[Expr, ...], rows: Bools, values: dict[Expr, Bools]
    ) -> Bools:
        mask = rows
        ordered = sorted(predicate, key=lambda part: part not in self._by_value)
        for part in ordered:
            if not mask.any():
                return mask
            if part in self._by_value:
                if part not in values:
                    values[part] = self._spread(batch, part)
                mask = mask & values[part]
            else:
                mask = self._row_by_row(batch, part, mask)
        return mask

    def _spread(self, batch: Batch, part: Expr) -> Bools:
        """Ask once for each distinct value that occurs, and once for null."""
        (name,) = self._reads[part]
        column, asked = batch.column(name), self._asked[part]
        table = np.zeros(len(column.values) + 1, dtype=np.bool_)
        for code in np.unique(column.codes):
            fields = {name: column.values[code]} if code >= 0 else {}
            table[code] = asked(Scope(Event("", 0, 0, fields), {}, ()))
        return table[column.codes]

    def _row_by_row(self, batch: Batch, part: Expr, mask: Bools) -> Bools:
        found = np.zeros(len(batch), dtype=np.bool_)
        names, asked = self._reads[part], self._asked[part]
        for row in np.flatnonzero(mask).tolist():
            found[row] = asked(Scope(batch.event(row, names), {}, ()))
        return found


def _reads_event(part: Expr) -> bool:
    """Whether more of the event than its fields decides: its time, or (by `this`) its type."""
    return any(isinstance(node, Field) and node.path in ((), ("ts",)) for node in walk(part))
