"""Tables of expressions and what they give."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from cep.event import Timestamp, Value
from tests.expressions.asking import asked

THREE: dict[str, list[dict[str, Value]]] = {"f": [{"x": 2}, {"x": 4}, {"x": None}]}

TRUTH = [(None, None), (None, True), (None, False), (True, True), (True, False), (False, False)]


@pytest.mark.parametrize(("left", "right"), [*TRUTH, *((b, a) for a, b in TRUTH)])
def test_logic_is_three_valued(left: Value, right: Value) -> None:
    values = (left, right)
    both = False if False in values else None if None in values else True
    either = True if True in values else None if None in values else False
    assert asked("p AND q", p=left, q=right) is both
    assert asked("p OR q", p=left, q=right) is either
    assert asked("NOT p", p=left) is (None if left is None else not left)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 / 3", 4 / 3),
        ("4 / 0", None),
        ("1 + NULL", None),
        ("7 - 2 * 3", 1),
        ("-(2 + 3)", -5),
        ("dec'0.1' + dec'0.2' = dec'0.3'", True),
        ("0.1 + dec'0.2' = dec'0.3'", True),
        ("30% * 10", Decimal("3.0")),
        ("'a' + 1", None),
        ("TRUE + 1", None),
        ("1h / 2 = 30m", True),
        ("90m / 1h", 1.5),
        ("ts'1970-01-01T00:00:01Z' + 2s", Timestamp(3000)),
        ("ts - ts'1970-01-01T00:00:01Z'", timedelta(seconds=4)),
        ("ts = ts'1970-01-01T00:00:05Z'", True),
        ("1 = 1.0", True),
        ("1 = TRUE", None),
        ("'a' < 'b'", True),
        ("'1' = 1", None),
        ("NULL = NULL", None),
        ("NULL IS NULL", True),
        ("1 IS NOT NULL", True),
        ("2 BETWEEN 1 AND 2", True),
        ("2 NOT BETWEEN 1 AND 2", False),
        ("2 BETWEEN NULL AND 1", False),
        ("2 BETWEEN NULL AND 3", None),
        ("2 IN (1, 2)", True),
        ("3 IN (1, NULL)", None),
        ("3 NOT IN (1, 2)", True),
        ("'10.1.2.3' IN ip'10.0.0.0/8'", True),
        ("'11.1.2.3' IN (ip'10.0.0.0/8', '11.1.2.3')", True),
        ("'not an address' IN ip'10.0.0.0/8'", None),
        ("'foobar' LIKE 'foo%'", True),
        ("'foobar' LIKE 'foo_'", False),
        ("'a.c' LIKE 'a.c'", True),
        ("'abc' LIKE 'a.c'", False),
        ("'Gift Card' MATCHES re'(?i)gift ?card'", True),
        ("'x' NOT MATCHES re'y'", True),
        ("5 LIKE '5'", None),
    ],
)
def test_operators(text: str, expected: Value) -> None:
    found = asked(text)
    assert found == expected
    assert (found is None) == (expected is None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if(x > 1, 'big', 'small')", "small"),
        ("if(NULL, 1, 2)", 2),
        ("coalesce(missing, NULL, 3)", 3),
        ("least(3, NULL, 2)", 2),
        ("greatest(3, 2.5)", 3),
        ("greatest('a', 1)", None),
        ("hour(ts'2026-01-05T23:30:00Z')", 23),
        ("hour(local(ts'2026-01-05T23:30:00Z', 'Europe/Stockholm'))", 0),
        ("weekday(ts'2026-01-05T23:30:00Z')", 1),
        ("local(ts, 'Nowhere/Land')", None),
        ("lower('ABC')", "abc"),
        ("upper('abc')", "ABC"),
        ("trim('  a ')", "a"),
        ("length('abc')", 3),
        ("starts_with('abc', 'ab')", True),
        ("ends_with('abc', 'ab')", False),
        ("contains('abc', 'b')", True),
        ("levenshtein('kitten', 'sitting')", 3),
        ("abs(-3)", 3),
        ("round(2.567, 1)", 2.6),
        ("round(dec'2.5')", Decimal(2)),
        ("floor(2.7)", 2),
        ("ceil(dec'2.1')", 3),
        ("lower(5)", None),
        ("type(this)", "E"),
        ("hash('a') = hash('a')", True),
        ("hash('a') = hash('b')", False),
    ],
)
def test_functions(text: str, expected: Value) -> None:
    assert asked(text, x=1) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count(f)", 3),
        ("count(f.x)", 2),
        ("sum(f.x)", 6),
        ("avg(f.x)", 3),
        ("min(f.x)", 2),
        ("max(f.x)", 4),
        ("stddev(f.x)", 1.0),
        ("percentile(f.x, 50)", 2),
        ("percentile(f.x, 95)", 4),
        ("any(f.x > 3)", True),
        ("all(f.x > 1)", None),
        ("all(f.x > 3)", False),
        ("collect(f.x) = [2, 4]", None),
        ("first(f).x", 2),
        ("f[1].x", 4),
        ("f[-1].x", None),
        ("f[7].x", None),
        ("last(f).x IS NULL", True),
        ("prev(x) IS NULL", True),
        ("prev(x, 2)", 4),
        ("x > prev(x, 2)", True),
        ("duration(f)", timedelta(seconds=2)),
        ("gap(f)", timedelta(seconds=1)),
        ("sum(f.x * 2)", 12),
        ("count(DISTINCT f.x)", 2),
        ("sum(f.x) + x", 11),
    ],
)
def test_loops(text: str, expected: Value) -> None:
    assert asked(text, THREE, x=5) == expected


@pytest.mark.parametrize("name", ["sum", "avg", "min", "max", "stddev", "percentile", "duration", "gap"])
def test_an_aggregate_over_nothing_is_null(name: str) -> None:
    argument = "f" if name in ("duration", "gap") else "f.x"
    assert asked(f"{name}({argument})") is None


def test_counting_nothing_is_zero() -> None:
    assert asked("count(f)") == 0
    assert asked("count(f.x)") == 0
    assert asked("any(f.x > 1)") is False
    assert asked("all(f.x > 1)") is True


def test_sums_of_money_are_exact() -> None:
    cents = {"f": [{"x": Decimal("0.10")}] * 3}
    assert asked("sum(f.x) = 0.3", cents) is True


def test_a_comparison_with_prev_is_not_asked_of_the_first_event() -> None:
    assert asked("x > prev(x)", x=1) is True
    assert asked("NOT x > prev(x)", x=1) is True
    assert asked("x NOT BETWEEN prev(x) AND 9", x=1) is True
    assert asked("x > prev(x)", {"f": [{"x": 3}]}, x=1) is False


def test_nested_fields_and_missing_ones() -> None:
    assert asked("device.ip = '1.1.1.1'", device={"ip": "1.1.1.1"}) is True
    assert asked("device.ip.deeper IS NULL", device={"ip": "1.1.1.1"}) is True
    assert asked("nothing.at.all IS NULL") is True
    assert asked("a.x", {"a": [{"x": 1}, {"x": 2}]}) == 2
