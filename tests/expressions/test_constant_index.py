"""An index on constants answers as each test does alone, whatever the values and the constants are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.columns import Batch, Coded, numbers_of
from cep.engines import constant_index
from cep.engines.arrays import EXACT_INT_MAX
from cep.engines.evaluate import Scope, true_of
from cep.engines.predicates import PredicateTable
from cep.event import Event, Timestamp, Value
from cep.plan.expr import TRUE, Between, Compare, Const, Expr, Field, In, Logic, Not
from tests.expressions.asking import lowered

X = Field(("x",))
NUMBERS: st.SearchStrategy[Value] = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([-0.0, 0.1, 0.3, 2.0, 2.5, float(EXACT_INT_MAX), 1e300]),
    st.integers(EXACT_INT_MAX - 1, EXACT_INT_MAX + 1),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 10**400]),
)
TEXTS = st.sampled_from(["", "a", "ab", "b", "10.0.0.1", "é"])
STRANGE: st.SearchStrategy[Value] = st.sampled_from(
    [None, True, False, Decimal("0.30"), Decimal(2), Timestamp(2), timedelta(seconds=1), "10.0.0.0/8"]
)
CONSTANTS = st.one_of(NUMBERS, TEXTS, STRANGE)
OTHERS: st.SearchStrategy[Value] = st.sampled_from(
    [[1], {"y": 1}, Decimal("NaN"), float("nan"), float("inf")]
)
LEAVES: st.SearchStrategy[Expr] = st.one_of(
    st.builds(
        Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.just(X), st.builds(Const, CONSTANTS)
    ),
    st.builds(Compare, st.sampled_from(["=", "<", ">="]), st.builds(Const, CONSTANTS), st.just(X)),
    st.builds(Between, st.just(X), st.builds(Const, CONSTANTS), st.builds(Const, CONSTANTS)),
    st.builds(In, st.just(X), st.builds(Const, st.lists(CONSTANTS, max_size=3).map(tuple))),
)
TESTS = st.recursive(
    LEAVES,
    lambda part: st.one_of(
        st.builds(Not, part), st.builds(Logic, st.sampled_from(["AND", "OR"]), st.tuples(part, part))
    ),
    max_leaves=4,
)
ROWS = st.one_of(
    st.lists(st.one_of(st.none(), NUMBERS), max_size=8),
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=8),
    st.lists(st.one_of(st.none(), st.floats(-3, 3)), max_size=8),
    st.lists(st.one_of(st.none(), TEXTS), max_size=8),
    st.lists(st.one_of(CONSTANTS, OTHERS), max_size=8),
)


def batch_of(values: Sequence[Value]) -> Batch:
    """Values of `x` as a column, of numbers where they can be."""
    batch = Batch.of([Event("A", i, i, {"x": value}) for i, value in enumerate(values)])
    coded = batch.column("x")
    assert isinstance(coded, Coded)
    finite = all(np.isfinite(value) for value in coded.values if type(value) is float)
    numbers = numbers_of(coded.codes, coded.values) if finite else None
    return replace(batch, columns={"x": numbers or coded})


@pytest.mark.parametrize("search_cost", [0, constant_index.SEARCH_COST])
@settings(deadline=None, max_examples=150)
@given(st.lists(TESTS, min_size=1, max_size=4), ROWS, st.lists(st.booleans(), min_size=8, max_size=8))
def test_each_test_answers_as_it_does_alone(
    search_cost: int, tests: list[Expr], values: list[Value], inside: list[bool]
) -> None:
    within = np.array(inside[: len(values)], dtype=np.bool_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constant_index, "SEARCH_COST", search_cost)
        masks = PredicateTable(tests).masks(batch_of(values), [within] * len(tests))
    for test, mask in zip(tests, masks, strict=True):
        expected = [
            bool(wanted) and true_of(test)(Scope(Event("A", 0, 0, {"x": value}), {}, ()))
            for wanted, value in zip(within, values, strict=True)
        ]
        assert mask.tolist() == expected, test


def test_what_compares_one_field_with_constants_of_one_kind_is_indexed() -> None:
    texts = [
        "x > 1",
        "x BETWEEN 2 AND 2.5",
        "NOT (x = 'a' OR x = 'b')",
        "x IN ('a', 'c')",
        "y != 'a'",
        "3 >= x",
    ]
    found = {
        (index.field, number)
        for index in constant_index.indexes([lowered(text) for text in texts])
        for number in index.tests
    }
    assert found == {("x", 0), ("x", 1), ("x", 2), ("x", 3), ("y", 4), ("x", 5)}


@pytest.mark.parametrize(
    "text",
    [
        *("x > y", "x = 1 OR y = 1", "x = 1 OR x = 'a'", "x IN ip'10.0.0.0/8'", "x LIKE 'a'", "x.y = 1"),
        *("x = 5%", "x IS NULL", "x > 2000000000000", "ts > ts'2024-01-01'"),
    ],
)
def test_anything_else_is_asked_by_itself(text: str) -> None:
    assert not constant_index.indexes([lowered(text)])


def test_tests_of_one_field_share_their_places() -> None:
    batch = batch_of([0.5 * i for i in range(40)])
    exprs = [Compare(">", X, Const(float(i))) for i in range(20)]
    (index,) = constant_index.indexes(exprs)
    places = index.places(batch.column("x"), [np.ones(40, dtype=np.bool_)])
    assert places is not None
    assert places.dtype == np.uint8
    assert [len(set(ranges)) for ranges in index.tests.values()] == [1] * 20


def test_rows_are_asked_only_where_some_test_wants_them() -> None:
    batch = batch_of(["a", "b", "a"])
    first = np.array([True, False, False])
    is_a, is_other = Compare("=", X, Const("a")), Logic("AND", (Compare("!=", X, Const("a")), TRUE))
    masks = PredicateTable([is_a, is_other]).masks(batch, [first, ~first])
    assert [mask.tolist() for mask in masks] == [[True, False, False], [False, True, False]]
