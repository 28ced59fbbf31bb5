"""Batches as a reader gives them who keeps the codes of texts from one batch to the next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from cep.columns import Batch, Coded, Column, Vocabulary


class Vocabularies:
    """One vocabulary for each of some columns."""

    def __init__(self, names: Collection[str]) -> None:
        self._codes: dict[str, dict[object, int]] = {name: {} for name in names}
        self._words = {name: Vocabulary() for name in names}

    def batch(self, batch: Batch) -> Batch:
        """The same batch; a column that holds other values than texts stays as it is."""
        columns = {name: self._column(name, column) for name, column in batch.columns.items()}
        return replace(batch, columns=columns)

    def _column(self, name: str, column: Column) -> Column:
        if name not in self._codes or not isinstance(column, Coded) or not column.of_texts:
            return column
        codes = self._codes[name]
        fresh = [str(word) for word in column.values if word not in codes]
        # The next batch needs nothing of these, as if their rows had been refused.
        fresh += [f"{word} too" for word in fresh]
        codes |= {word: len(codes) + i for i, word in enumerate(fresh)}
        self._words[name].add(fresh)
        table = np.array([*(codes[word] for word in column.values), -1], dtype=np.int32)
        return self._words[name].column(table[column.codes])
