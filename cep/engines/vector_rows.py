"""Events that open runs have bound, as columns with a count of users: what of a batch outlives it.

A slot is one event. `add` gives slots to rows of a batch, `drop` takes them back when no run uses them, and
the next batch fills them again. Fields are kept as `vector_fields` says, so any value can be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Coder, Codes, Ints
from cep.engines.answers import Answers, Kind
from cep.engines.arrays import EXACT_INT_MAX, Arr, boxed
from cep.engines.field_values import dig
from cep.engines.vector_events import Part, named
from cep.engines.vector_fields import KeptField, Slots, counted, grown
from cep.event import Timestamp


class FreeList:
    """Slots of growing arrays: which are free, and how many there are in all."""

    def __init__(self) -> None:
        """No slots."""
        self.size = 0
        self._free = np.zeros(0, dtype=np.int32)
        self._left = 0

    @property
    def used(self) -> int:
        """How many slots are in use."""
        return self.size - self._left

    def take(self, count: int) -> Slots:
        """Slots for so many; the arrays must be as long as `size` afterwards."""
        if count > self._left:
            more = max(count - self._left, self.size // 8, 64)
            fresh = np.arange(self.size + more - 1, self.size - 1, -1, dtype=np.int32)
            self._free = np.concatenate([fresh, self._free[: self._left]])
            self._left += more
            self.size += more
        self._left -= count
        return self._free[self._left : self._left + count].copy()

    def give(self, slots: Slots) -> None:
        """Slots that are free again."""
        if self._left + len(slots) > len(self._free):
            grown = np.zeros(max(self.size, self._left + len(slots)), dtype=np.int32)
            grown[: self._left] = self._free[: self._left]
            self._free = grown
        self._free[self._left : self._left + len(slots)] = slots
        self._left += len(slots)


class RowStore:
    """Events by slot, with the fields that a rule reads: floats as such while a field holds nothing else."""

    def __init__(self, names: Iterable[str], asked: Iterable[str] = ()) -> None:
        """No events yet; `names` are the root fields kept, `asked` those kept as floats as well."""
        self._slots = FreeList()
        self._users = np.zeros(0, dtype=np.int32)
        self._numbers = {name: np.zeros(0, dtype=np.int64) for name in ("ts_ms", "seq", "line")}
        self._words = {name: _Words() for name in ("type", "source")}
        self._fields = {name: KeptField() for name in sorted(names)}
        self.floats: dict[str, NDArray[np.float64]] = {name: np.zeros(0) for name in asked}
        """Fields as `Answers.floats` tells them, while what is kept of each is of one of its kinds."""
        self.kinds: dict[str, Kind] = dict.fromkeys(self.floats, "none")

    @property
    def names(self) -> Sequence[str]:
        """The fields kept, ascending."""
        return tuple(self._fields)

    def __len__(self) -> int:
        """How many events are kept."""
        return self._slots.used

    def add(self, answers: Answers, rows: NDArray[np.intp], users: NDArray[np.intp]) -> Slots:
        """Keep rows of a batch, each with so many users."""
        batch, empty = answers.batch, not len(self)
        if empty:
            self.kinds = dict.fromkeys(self.floats, "none")
        slots = self._slots.take(len(rows))
        if self._slots.size > len(self._users):
            self._grow(self._slots.size)
        self._users[slots] = users
        self._numbers["ts_ms"][slots] = batch.ts_ms[rows]
        self._numbers["seq"][slots] = batch.seq[rows]
        self._numbers["line"][slots] = batch.line[rows]
        self._words["type"].put(slots, batch.type_names, batch.types[rows])
        self._words["source"].put(slots, batch.sources, batch.source[rows])
        for name, kept in self._fields.items():
            kept.put(slots, batch.columns.get(name), rows, empty=empty)
        for name in self.floats:
            self._set_floats(name, slots, answers, rows)
        return slots

    def _grow(self, size: int) -> None:
        self._users = grown(self._users, size)
        for columns in (self._numbers, self.floats):
            for name in columns:
                columns[name] = grown(columns[name], size)
        for words in self._words.values():
            words.grow(size)
        for kept in self._fields.values():
            kept.grow(size)

    def holds_words(self, words: Codes) -> Bools:
        """Which of some numbers of words are those of texts kept here."""
        live = self._users > 0
        mine = [column[live] for name, column in self.floats.items() if self.kinds[name] == "text"]
        return np.isin(words, np.concatenate(mine)) if mine else np.zeros(len(words), dtype=np.bool_)

    def drop(self, slots: Slots) -> None:
        """One user less for each slot; a slot may stand here several times."""
        each, times = counted(slots)
        left = self._users[each] - times
        self._users[each] = left
        over = each[left == 0]
        for kept in self._fields.values():
            kept.clear(over)
        self._slots.give(over)

    def times_ms(self, slots: Slots) -> Ints:
        """When the events were."""
        times: Ints = self._numbers["ts_ms"][slots]
        return times

    def read(self, path: tuple[str, ...], slots: Slots) -> Arr:
        """A field of the events; a slot below 0 is none."""
        none = slots < 0
        if path == ("ts",):
            found = boxed([Timestamp(ms) for ms in self._numbers["ts_ms"][slots].tolist()])
            return Arr("any", found, none)
        if path[0] not in self._fields or not len(self._users):
            return Arr("any", np.full(len(slots), None, dtype=object), np.ones(len(slots), dtype=np.bool_))
        kept = self._fields[path[0]].floats(slots) if len(path) == 1 else None
        if kept is not None:
            null = none | np.isnan(kept)
            if not len(kept) or float(np.abs(np.where(null, 0, kept)).max()) <= EXACT_INT_MAX:
                return Arr("number", kept, null)
        found = self._fields[path[0]].objects(slots)
        found[none] = None
        if len(path) > 1:
            found = boxed([dig(value, path[1:]) for value in found.tolist()])
        return Arr("any", found, np.array([value is None for value in found.tolist()], dtype=np.bool_))

    def events(self, slots: Slots) -> Part:
        """The events themselves."""
        return Part(
            self._words["type"].told(slots),
            self._numbers["ts_ms"][slots],
            self._numbers["seq"][slots],
            self._numbers["line"][slots],
            self._words["source"].told(slots),
            {name: kept.copied(slots) for name, kept in self._fields.items()},
        )

    def _set_floats(self, name: str, slots: Slots, answers: Answers, rows: NDArray[np.intp]) -> None:
        kept, found = self.kinds[name], answers.floats(name)
        if found.kind == "any" or ("none" not in (kept, found.kind) and kept != found.kind):
            self.kinds[name] = "any"
        elif found.kind != "none":
            self.kinds[name] = found.kind
        if self.kinds[name] == "any":
            return
        values = found.values[rows]
        if found.kind == "text" and (values < 0).any():
            values = answers.words.kept(answers.batch.column(name).objects(rows).tolist())
        self.floats[name][slots] = values


class _Words:
    """Names of types or sources by slot: there are few, so they are never forgotten."""

    def __init__(self) -> None:
        """No names."""
        self._codes = np.zeros(0, dtype=np.int32)
        self._coder = Coder()
        self._names: Sequence[str] = ()
        self._code_of = np.zeros(0, dtype=np.int32)

    def grow(self, size: int) -> None:
        """Have so many slots."""
        self._codes = grown(self._codes, size)

    def put(self, slots: Slots, names: Sequence[str], codes: Codes) -> None:
        """Keep names, each by its place among those of a batch: mostly the same as of the batch before."""
        if self._names != names:
            self._names = names
            self._code_of = np.array([self._coder.code(name) for name in names], dtype=np.int32)
        self._codes[slots] = self._code_of[codes]

    def told(self, slots: Slots) -> NDArray[np.object_]:
        """The names of some slots."""
        return named(self._codes[slots], self._coder.values)
