"""Keys as small ints that stay the same from batch to batch, so that a key is looked up once for all rules.

A key keeps its number as long as some engine holds state of it, or columns come whose vocabulary has it. When
the table has doubled, the numbers of other keys are taken back and given to new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Coded, Codes, OfTexts, Vocabulary
from cep.event import Key, Value
from cep.plan.pattern import Path

Holds: TypeAlias = Callable[[Codes], Bools]
"""Which of some key numbers an engine has state of."""

SMALL = 1 << 16
"""Tables up to this size are never swept."""


class KeyTable:
    """Numbers of keys. Equal keys have one number, as they have one state."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        """No keys; `paths` are their parts."""
        self.keys: list[Key] = []
        self.holders: list[Holds] = []
        self._paths = paths
        self._ids: dict[Value, int] = {}
        self._free: list[int] = []
        self._of_texts = OfTexts()
        self._sweep_at = SMALL

    def __len__(self) -> int:
        """How many keys have a number."""
        return len(self._ids)

    def id_of(self, key: Key) -> int | None:
        """The number of a key that has one."""
        return self._ids.get(key[0] if len(self._paths) == 1 else key)

    def known(self, values: Sequence[Value]) -> list[int | None]:
        """The numbers of keys as `key_codes` tells them, of those that have one."""
        return list(map(self._ids.get, values))

    def ids(self, keys: Sequence[Value]) -> Codes:
        """Numbers for keys as `key_codes` tells them, new ones where needed."""
        known = self.known(keys)
        if None in known:
            places = [i for i, number in enumerate(known) if number is None]
            fresh = [keys[i] for i in places]
            self._add(list(dict.fromkeys(fresh)))
            for i, number in zip(places, map(self._ids.get, fresh), strict=True):
                known[i] = number
        return np.array(known, dtype=np.int32)

    def ids_of_texts(self, values: Sequence[Value], vocabulary: Vocabulary) -> Codes:
        """Numbers for these keys, all that a vocabulary had at some time."""
        return self._of_texts.of(values, vocabulary, self.ids)

    def _add(self, values: list[Value]) -> None:
        whole = [(value,) for value in values] if len(self._paths) == 1 else values
        again = [self._free.pop() for _ in range(min(len(self._free), len(values)))]
        for number, key in zip(again, whole, strict=False):
            self.keys[number] = key
        numbers = range(len(self.keys), len(self.keys) + len(values) - len(again))
        self.keys.extend(whole[len(again) :])
        self._ids.update(zip(values, [*again, *numbers], strict=True))

    def tidy(self) -> None:
        """Between batches: take numbers back that nobody holds, once there may be many."""
        if len(self._ids) > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        ids = np.fromiter(self._ids.values(), dtype=np.int32, count=len(self._ids))
        held = np.zeros(len(ids), dtype=np.bool_)
        for holds in self.holders:
            held |= holds(ids)
        for numbers in self._of_texts.all():
            held |= np.isin(ids, numbers)
        for number in ids[~held].tolist():
            key = self.keys[number]
            del self._ids[key[0] if len(self._paths) == 1 else key]
            self.keys[number] = ()
            self._free.append(number)
        self._sweep_at = max(SMALL, 2 * len(self._ids))


class Words:
    """Numbers of texts, the same from batch to batch for those of a vocabulary or that an engine keeps.

    Any other text has a number below zero, for one batch only: most of them are seen and forgotten.
    """

    def __init__(self) -> None:
        """No text has a number."""
        self._kept = KeyTable((("word",),))
        self._fresh: dict[Value, int] = {}

    @property
    def holders(self) -> list[Holds]:
        """Who keeps texts."""
        return self._kept.holders

    def begin(self) -> None:
        """A batch begins: what has a number below zero is forgotten, and what nobody keeps any more."""
        self._fresh = {}
        self._kept.tidy()

    def number(self, text: str) -> int:
        """The number of one text, -1 (which none has) if it has none."""
        found = self._fresh.get(text)
        if found is None:
            found = self._kept.id_of((text,))
        return -1 if found is None else found

    def numbers(self, column: Coded) -> NDArray[np.float64]:
        """Numbers for the texts of a column by code, those of other columns of the batch; NaN for null."""
        if column.vocabulary is None:
            return np.append(self._numbers(column.values), np.nan)
        numbers = self._kept.ids_of_texts(column.values, column.vocabulary)
        found = np.append(numbers, np.nan)
        # A text that had none when another column was asked keeps the number of then for this batch.
        known = zip(self._kept.known(list(self._fresh)), self._fresh.values(), strict=True)
        twice = {kept: fresh for kept, fresh in known if kept is not None}
        if twice:
            found[:-1] = [twice.get(number, number) for number in numbers.tolist()]
        return found

    def _numbers(self, texts: Sequence[Value]) -> NDArray[np.float64]:
        found = self._kept.known(texts)
        missing = [text for text, number in zip(texts, found, strict=True) if number is None]
        begin = -2 - len(self._fresh)
        if self._fresh.keys().isdisjoint(missing):
            self._fresh.update(zip(missing, range(begin, begin - len(missing), -1), strict=True))
        for text in missing:
            self._fresh.setdefault(text, -2 - len(self._fresh))
        fresh = self._fresh.get
        return np.array(
            [fresh(text, number) for text, number in zip(texts, found, strict=True)], dtype=np.float64
        )

    def kept(self, texts: Sequence[Value]) -> NDArray[np.float64]:
        """Numbers for texts that are kept from now on; None has none."""
        there = [text for text in texts if text is not None]
        numbers = np.full(len(texts), np.nan)
        numbers[[text is not None for text in texts]] = self._kept.ids(there)
        return numbers
