"""Keys as small ints that stay the same from batch to batch, so that a key is looked up once for all rules.

A key keeps its number as long as some engine holds state of it. When the table has doubled, the numbers that
nobody holds are taken back and given to new keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from cep.columns import Bools, Codes
from cep.event import Key

Holds: TypeAlias = Callable[[Codes], Bools]
"""Which of some key numbers an engine has state of."""

SMALL = 4096
"""Tables up to this size are never swept."""


class KeyTable:
    """Numbers of keys. Equal keys have one number, as they have one state."""

    def __init__(self) -> None:
        """No keys."""
        self.keys: list[Key] = []
        self.holders: list[Holds] = []
        self._ids: dict[Key, int] = {}
        self._free: list[int] = []
        self._sweep_at = SMALL

    def __len__(self) -> int:
        """How many keys have a number."""
        return len(self._ids)

    def id_of(self, key: Key) -> int | None:
        """The number of a key that has one."""
        return self._ids.get(key)

    def ids(self, keys: Sequence[Key]) -> Codes:
        """Numbers for keys, new ones where they are needed; those given before may be taken back by this."""
        if len(self._ids) > self._sweep_at:
            self._sweep()
        return np.fromiter((self._number(key) for key in keys), dtype=np.int32, count=len(keys))

    def _number(self, key: Key) -> int:
        found = self._ids.get(key)
        if found is None:
            if self._free:
                found = self._free.pop()
                self.keys[found] = key
            else:
                found = len(self.keys)
                self.keys.append(key)
            self._ids[key] = found
        return found

    def _sweep(self) -> None:
        ids = np.fromiter(self._ids.values(), dtype=np.int32, count=len(self._ids))
        held = np.zeros(len(ids), dtype=np.bool_)
        for holds in self.holders:
            held |= holds(ids)
        for number in ids[~held].tolist():
            del self._ids[self.keys[number]]
            self.keys[number] = ()
            self._free.append(number)
        self._sweep_at = max(SMALL, 2 * len(self._ids))
