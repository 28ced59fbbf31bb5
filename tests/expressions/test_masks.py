"""Predicates over columns answer as they do row by row, and nothing raises whatever the values are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.columns import Batch
from cep.engines.evaluate import Scope, true_of
from cep.engines.predicates import PredicateTable
from cep.event import Event, Timestamp, Value
from cep.plan.expr import is_local
from tests.expressions.asking import asked, lowered

VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.decimals(-3, 3, places=1),
    st.sampled_from(["", "a", "ab", "10.0.0.1", "US"]),
    st.builds(Timestamp, st.integers(0, 9)),
    st.builds(timedelta, seconds=st.integers(0, 2)),
    st.lists(st.integers(0, 2), max_size=2),
    st.just({"y": 1}),
)
PREDICATES = [
    "x > 1",
    "x = y",
    "x != 'US' AND y IS NOT NULL",
    "x IN (1, 'a', dec'2.0')",
    "x LIKE 'a%' OR y > 0",
    "NOT x < y",
    "x / y > 0.5",
    "x + y BETWEEN 0 AND 3",
    "ts > ts'1970-01-01T00:00:00.003Z' AND x > 0",
    "coalesce(x, y) = 1",
    "lower(x) = 'a'",
    "x IN ip'10.0.0.0/8'",
    "x.y = 1",
    "length(x) > 1",
    "least(x, y) < greatest(x, y)",
    "abs(x) = 1 AND abs(x) = 1",
]
EXPRESSIONS = [lowered(text) for text in PREDICATES]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), max_size=12))
def test_masks_are_what_each_row_says(rows: list[tuple[Value, Value, bool]]) -> None:
    events = [Event("A", i, i, {"x": x, "y": y}) for i, (x, y, _) in enumerate(rows)]
    batch = Batch.of(events)
    within = np.array([inside for *_, inside in rows], dtype=np.bool_)
    assert all(is_local(expr) for expr in EXPRESSIONS)
    masks = PredicateTable(EXPRESSIONS).masks(batch, [within] * len(EXPRESSIONS))
    for text, expr, mask in zip(PREDICATES, EXPRESSIONS, masks, strict=True):
        expected = [
            bool(inside) and true_of(expr)(Scope(event, {}, ()))
            for event, inside in zip(events, within, strict=True)
        ]
        assert mask.tolist() == expected, text


OPERATIONS = (
    [f"x {op} y" for op in ("+", "-", "*", "/", "=", "!=", "<", "<=", ">", ">=", "IN", "LIKE", "MATCHES")]
    + ["-x", "NOT x", "x AND y", "x OR y", "x BETWEEN y AND x", "x IS NULL", "round(x, y)", "local(x, y)"]
    + [
        f"{name}(x)"
        for name in ("abs", "floor", "ceil", "hour", "weekday", "lower", "trim", "length", "type")
    ]
    + [f"{name}(x, y)" for name in ("contains", "starts_with", "levenshtein", "least", "hash", "coalesce")]
    + [f"{name}(f.x)" for name in ("sum", "avg", "min", "max", "stddev", "count", "collect", "any", "all")]
    + ["percentile(f.x, 40)", "count(DISTINCT f.x)", "if(x, y, x)"]
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(OPERATIONS), VALUES, VALUES)
def test_nothing_raises(text: str, x: Value, y: Value) -> None:
    asked(text, {"f": [{"x": x}, {"x": y}]}, x=x, y=y)


def test_a_decimal_stays_a_decimal_through_columns() -> None:
    batch = Batch.of([Event("A", 1, 1, {"x": Decimal("0.30")})])
    (mask,) = PredicateTable([lowered("x = 0.3")]).masks(batch, [np.ones(1, dtype=np.bool_)])
    assert mask.tolist() == [True]
