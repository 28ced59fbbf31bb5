"""Keys as small ints that stay the same from batch to batch, so that a key is looked up once for all rules.

A key keeps its number as long as some engine holds state of it. When the table has doubled, the numbers that
nobody holds are taken back and given to new keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from cep.columns import Bools, Codes
from cep.event import Key, Value
from cep.plan.pattern import Path

Holds: TypeAlias = Callable[[Codes], Bools]
"""Which of some key numbers an engine has state of."""

SMALL = 4096
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

    def ids(self, keys: Sequence[Value]) -> Codes:
        """Numbers for keys as `key_codes` tells them, new ones where needed; unused ones may go."""
        if len(self._ids) > self._sweep_at:
            self._sweep()
        known = list(map(self._ids.get, keys))
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
