"""Fields of kept events: whatever form they are kept in, they come back as they were."""

from __future__ import annotations

import random
from typing import Final

import numpy as np
import pytest

from cep.columns import Coded, Column, Numbers, Vocabulary
from cep.engines.vector_fields import KeptField, counted
from cep.event import Value

WORDS, OTHERS = Vocabulary(), Vocabulary()
WORDS.add(["p", "q"])
OTHERS.add(["q", "r"])

COLUMNS: Final[dict[str, Column | None]] = {
    "floats": Numbers(np.array([1.5, 0.0, 2.0]), np.array([False, True, False])),
    "ints": Numbers(np.array([1, 0, 1 << 60]), np.array([False, True, False])),
    "the least int": Numbers(np.array([-(1 << 63), 0, 5]), np.array([False, True, False])),
    "codes": WORDS.column(np.array([1, -1, 0], dtype=np.int32)),
    "codes of others": OTHERS.column(np.array([1, -1, 0], dtype=np.int32)),
    "texts": Coded.of(["p", None, "s"]),
    "mixed": Coded.of([1, None, "p"]),
    "lists": Coded.of([[1], None, {"a": 1}]),
    "nothing": None,
}


def values_of(column: Column | None) -> list[Value]:
    return [None] * 3 if column is None else [column.at(row) for row in range(3)]


@pytest.mark.parametrize("first", COLUMNS)
@pytest.mark.parametrize("then", COLUMNS)
def test_what_is_kept_comes_back(first: str, then: str) -> None:
    rng = random.Random(f"{first} {then}")
    kept, told = KeptField(), dict[int, Value]()
    for count, name in enumerate((first, then, first)):
        kept.grow(3 * count + 3)
        slots = np.array(rng.sample(range(3 * count + 3), 3), dtype=np.int32)
        kept.put(slots, COLUMNS[name], np.array([2, 0, 1]), empty=not told)
        values = values_of(COLUMNS[name])
        told |= dict(zip(slots.tolist(), [values[2], values[0], values[1]], strict=True))
        there = np.array(sorted(told), dtype=np.int32)
        wanted = [told[slot] for slot in there.tolist()]
        found = kept.objects(there).tolist()
        assert found == wanted
        assert list(map(type, found)) == list(map(type, wanted))
        floats = kept.floats(there)
        if floats is not None:
            assert [None if value != value else value for value in floats.tolist()] == wanted  # noqa: PLR0124


def test_a_vocabulary_that_grows_stays_the_form() -> None:
    words, kept = Vocabulary(), KeptField()
    words.add(["p"])
    kept.grow(2)
    kept.put(np.array([0]), words.column(np.array([0], dtype=np.int32)), np.array([0]), empty=True)
    words.add(["q"])
    kept.put(np.array([1]), words.column(np.array([1], dtype=np.int32)), np.array([0]), empty=False)
    assert kept.objects(np.array([0, 1])).tolist() == ["p", "q"]


def test_objects_are_let_go_of_and_the_form_is_free_again_when_nothing_is_kept() -> None:
    kept = KeptField()
    kept.grow(3)
    slots, rows = np.arange(3, dtype=np.int32), np.arange(3)
    kept.put(slots, COLUMNS["mixed"], rows, empty=True)
    kept.clear(slots)
    assert kept.objects(slots).tolist() == [None, None, None]
    kept.put(slots, COLUMNS["floats"], rows, empty=True)
    assert kept.floats(slots) is not None


def test_slots_are_counted() -> None:
    each, times = counted(np.array([3, 1, 3], dtype=np.int32))
    assert (each.tolist(), times.tolist()) == ([1, 3], [1, 2])
    assert [len(part) for part in counted(np.zeros(0, dtype=np.int32))] == [0, 0]
