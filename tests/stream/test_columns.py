"""Columns: numbers as they are and values by code say the same, alone, cut and joined."""

import numpy as np
import pytest

from cep.columns import Batch, Coded, Column, Numbers, Vocabulary
from cep.concat import concat
from cep.event import Event, Value


def numbers(values: list[int | float | None], dtype: type) -> Numbers:
    null = np.array([value is None for value in values], dtype=np.bool_)
    return Numbers(np.array([value or 0 for value in values], dtype=dtype), null)


def listed(column: Column) -> list[tuple[type, Value]]:
    return [(type(value), value) for value in (column.at(row) for row in range(len(column)))]


def by_code(column: Column) -> list[tuple[type, Value]]:
    values = [column.values[code] if code >= 0 else None for code in column.codes.tolist()]
    return [(type(value), value) for value in values]


def batch_of(column: Column) -> Batch:
    count = len(column)
    plain = Batch.of([Event("A", t, t, {}) for t in range(count)])
    return Batch(
        plain.type_names,
        plain.types,
        plain.ts_ms,
        plain.seq,
        {"x": column},
        plain.line,
        plain.source,
        plain.sources,
    )


INTS = numbers([3, None, 3, -1], np.int64)
FLOATS = numbers([1.0, 2.5, None, 1.0], np.float64)
TEXTS = Coded.of(["a", None, 1, 1.0, True])
NOTHING = Coded.of([None, None])


@pytest.mark.parametrize("column", [INTS, FLOATS])
def test_numbers_and_their_codes_say_the_same(column: Numbers) -> None:
    assert by_code(column) == listed(column)


@pytest.mark.parametrize("column", [INTS, FLOATS, TEXTS])
@pytest.mark.parametrize("rows", [[2, 0], [], [1, 1, 3]])
def test_taking_rows_takes_their_values(column: Column, rows: list[int]) -> None:
    taken = column.take(np.array(rows, dtype=np.intp))
    assert listed(taken) == by_code(taken) == [listed(column)[row] for row in rows]


@pytest.mark.parametrize("column", [INTS, FLOATS, TEXTS])
def test_a_stretch_of_rows_is_no_copy(column: Column) -> None:
    taken = column.take(slice(1, 3))
    assert listed(taken) == listed(column)[1:3]
    assert np.shares_memory(_memory(taken), _memory(column))


def _memory(column: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return column.codes if isinstance(column, Coded) else column.array


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([INTS, INTS], Numbers),
        ([INTS, NOTHING, INTS], Numbers),
        ([NOTHING, FLOATS], Numbers),
        ([INTS, FLOATS], Coded),
        ([FLOATS, TEXTS, INTS], Coded),
        ([NOTHING, NOTHING], Coded),
    ],
)
def test_joined_columns_hold_the_values_of_their_parts(parts: list[Column], kind: type) -> None:
    joined = concat([batch_of(part) for part in parts]).column("x")
    assert isinstance(joined, kind)
    assert listed(joined) == by_code(joined) == [value for part in parts for value in listed(part)]
    distinct = [value for value in joined.values if value is not None]
    assert len({(type(value), value) for value in distinct}) == len(distinct)


def test_one_and_one_point_and_true_stay_three_values() -> None:
    joined = concat([batch_of(column) for column in (INTS.take(slice(0, 1)), FLOATS, TEXTS)]).column("x")
    assert {(type(value), value) for value in joined.values} == {
        (int, 3),
        (float, 1.0),
        (float, 2.5),
        (str, "a"),
        (int, 1),
        (bool, True),
    }


def test_an_event_of_a_row_holds_python_numbers() -> None:
    event = batch_of(FLOATS).event(1, ["x"])
    assert event.fields == {"x": 2.5}
    assert type(event.fields["x"]) is float
    assert batch_of(FLOATS).event(2, ["x"]).fields == {}


def test_joined_columns_of_a_vocabulary_stay_of_it_and_others_are_coded_anew() -> None:
    words, others = Vocabulary(), Vocabulary()
    words.add(["a", "b"])
    first = words.column(np.array([1, -1], dtype=np.int32))
    words.add(["c"])
    second = words.column(np.array([2, 0], dtype=np.int32))
    others.add(["b", "unused", "d"])
    third = others.column(np.array([2, 0], dtype=np.int32))
    joined = concat([batch_of(column) for column in (second, first, NOTHING)]).column("x")
    assert isinstance(joined, Coded)
    assert (joined.vocabulary, listed(joined)) == (words, [*listed(second), *listed(first), *listed(NOTHING)])
    mixed = concat([batch_of(column) for column in (first, second, third)]).column("x")
    assert isinstance(mixed, Coded)
    assert (mixed.vocabulary, sorted(map(str, mixed.values))) == (None, ["a", "b", "c", "d"])
    assert listed(mixed) == by_code(mixed) == [*listed(first), *listed(second), *listed(third)]
