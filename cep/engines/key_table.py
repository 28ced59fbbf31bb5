"""Keys as small ints that stay the same from batch to batch, so that a key is looked up once for all rules.

A key keeps its number as long as some engine holds state of it. When the table has doubled, the numbers that
nobody holds are taken back and given to new keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes
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
        for number in ids[~held].tolist():
            key = self.keys[number]
            del self._ids[key[0] if len(self._paths) == 1 else key]
            self.keys[number] = ()
            self._free.append(number)
        self._sweep_at = max(SMALL, 2 * len(self._ids))


class Words:
    """Numbers of texts, the same from batch to batch for those that an engine keeps.

    A text that nobody keeps has a number below zero, for one batch only: most texts are seen and forgotten.
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
        found = self._kept.id_of((text,))
        return self._fresh.get(text, -1) if found is None else found

    def numbers(self, texts: Sequence[Value]) -> NDArray[np.float64]:
        """Numbers for distinct texts of a batch."""
        found = self._kept.known(texts)
        missing = [text for text, number in zip(texts, found, strict=True) if number is None]
        begin = -2 - len(self._fresh)
        if self._fresh.keys().isdisjoint(missing):
            self._fresh.update(zip(missing, range(begin, begin - len(missing), -1), strict=True))
        for text in missing:
            self._fresh.setdefault(text, -2 - len(self._fresh))
        fresh = iter(map(self._fresh.get, missing))
        return np.array([next(fresh) if number is None else number for number in found], dtype=np.float64)

    def kept(self, texts: Sequence[Value]) -> NDArray[np.float64]:
        """Numbers for texts that are kept from now on; None has none."""
        there = [text for text in texts if text is not None]
        numbers = np.full(len(texts), np.nan)
        numbers[[text is not None for text in texts]] = self._kept.ids(there)
        return numbers
