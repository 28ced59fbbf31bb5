"""A declared field takes values of its kind, in the one spelling there is, and refuses all others."""

import json
import math
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.event import Timestamp
from cep.ports.convert import canonical, converter, guessed
from cep.ports.json_values import JsonNumber, inexact, parse, parse_exact
from cep.schema import KINDS, FieldType


def convert(kind: str, raw: object, *, textual: bool = False) -> object:
    return converter(FieldType.parse(kind), UTC, textual=textual)(raw)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("int", 7, 7),
        ("int", 7.0, 7),
        ("int", JsonNumber("12345678901234567890.0"), 12345678901234567890),
        ("int", 10**30, 10**30),
        ("float", 7, 7.0),
        ("float", 7.5, 7.5),
        ("float", JsonNumber("0.12345678901234567890"), 0.12345678901234568),
        ("decimal", 7, Decimal(7)),
        ("decimal", 66.3, Decimal("66.3")),
        ("decimal", 1e22, Decimal(10**22)),
        ("decimal", "66.30", Decimal("66.3")),
        ("decimal", JsonNumber("0.12345678901234567890"), Decimal("0.1234567890123456789")),
        ("string", "x", "x"),
        ("bool", True, True),
        ("timestamp", 1769844600125, Timestamp(1769844600125)),
        ("timestamp", "2026-01-31T07:30:00.125Z", Timestamp(1769844600125)),
        ("duration", 1500, timedelta(seconds=1.5)),
        ("duration", "1h30m", timedelta(hours=1.5)),
        ("duration", timedelta(1), timedelta(1)),
        ("ip", "203.0.113.9", "203.0.113.9"),
        ("ip", "2001:DB8:0::1", "2001:db8::1"),
        ("enum(debit|credit)", "debit", "debit"),
        ("list", [1, 2.5], [1, 2.5]),
        ("record", {"a": {"b": 1}}, {"a": {"b": 1}}),
        ("any", [True, "x"], [True, "x"]),
        ("any", JsonNumber("0.5"), 0.5),
        ("any", {"a": [JsonNumber("0.5")]}, {"a": [0.5]}),
        ("any", Decimal("0.50"), Decimal("0.5")),
        ("any", -0.0, 0.0),
    ],
)
def test_typed_values(kind: str, raw: object, value: object) -> None:
    found = convert(kind, raw)
    assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("int", " 0012 ", 12),
        ("float", "1e3", 1000.0),
        ("float", "7", 7.0),
        ("decimal", "-66.30", Decimal("-66.3")),
        ("decimal", " .5", Decimal("0.5")),
        ("string", "0012", "0012"),
        ("string", " x ", " x "),
        ("bool", "TRUE", True),
        ("timestamp", "1769844600125", Timestamp(1769844600125)),
        ("timestamp", "2026-01-31 07:30:00.125", Timestamp(1769844600125)),
        ("duration", "1500", timedelta(seconds=1.5)),
        ("duration", "90s", timedelta(seconds=90)),
        ("ip", " 203.0.113.9", "203.0.113.9"),
        ("enum(debit|credit)", "credit", "credit"),
        ("list", "[1, 2]", [1, 2]),
        ("record", '{"a": 1}', {"a": 1}),
        ("any", "12", 12),
    ],
)
def test_textual_values(kind: str, raw: str, value: object) -> None:
    found = convert(kind, raw, textual=True)
    assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("int", "7", 'is "7", not a whole number'),
        ("int", True, "is true, not a whole number"),
        ("int", 7.5, "is 7.5, not a whole number"),
        ("int", math.inf, "not a whole number"),
        ("float", "7.5", 'is "7.5", not a number'),
        ("float", True, "is true, not a number"),
        ("float", math.nan, "is NaN, not a number"),
        ("float", 10**400, "not a number"),
        ("decimal", "1,5", 'is "1,5", not a decimal'),
        ("decimal", "NaN", 'is "NaN", not a decimal'),
        ("decimal", math.nan, "not a number one can count with"),
        ("decimal", "1e999", "not a number one can count with"),
        ("decimal", JsonNumber("1." + "1" * 900), "not a number one can count with"),
        ("decimal", True, "is true, not a decimal"),
        ("decimal", [1], r"is \[1\], not a decimal"),
        ("string", 7, "is 7, not a string"),
        ("bool", 1, "is 1, not true or false"),
        ("timestamp", "soon", "is 'soon', not iso8601"),
        ("timestamp", True, "is True, not iso8601"),
        ("timestamp", 10**18, "outside the years 1 to 9999"),
        ("timestamp", 1.5, "is 1.5, not iso8601"),
        ("duration", "10 minutes", 'is "10 minutes", not a duration'),
        ("duration", True, "is true, not a duration"),
        ("duration", 10**20, "not a duration"),
        ("duration", "999999999999999w", "not a duration"),
        ("ip", "256.1.1.1", 'is "256.1.1.1", not an ip address'),
        ("ip", 7, "is 7, not an ip address"),
        ("enum(a|b)", "c", 'is "c", not one of a, b'),
        ("enum(a|b)", ["a"], "not one of a, b"),
        ("list", {"a": 1}, 'is {"a": 1}, not a list'),
        ("record", [1], r"is \[1\], not a record"),
        ("record", "x" * 100, 'is "' + "x" * 59 + "…, not a record"),
        ("any", math.nan, "is NaN, not a number"),
        ("any", {"a": [math.inf]}, "is Infinity, not a number"),
    ],
)
def test_typed_values_of_another_kind(kind: str, raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        convert(kind, raw)


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("int", "1.0", 'is "1.0", not a whole number'),
        ("int", "1_0", "not a whole number"),
        ("float", "nan", 'is "nan", not a number'),
        ("float", "1e999", "not a number"),
        ("bool", "yes", 'is "yes", not true or false'),
        ("list", "1", "is 1, not a list"),
        ("list", "[1", r'is "\[1", not a list'),
        ("record", "[" * 5000, "not a record"),
    ],
)
def test_textual_values_of_another_kind(kind: str, raw: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        convert(kind, raw, textual=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-12", -12),
        ("0", 0),
        ("1.50", 1.5),
        ("-0.0", 0.0),
        ("1.5e3", 1500.0),
        ("true", True),
        ("False", False),
        ("0012", "0012"),
        ("1e5", "1e5"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        (" 1", " 1"),
        ("nan", "nan"),
        ("1.0e999", "1.0e999"),
        ("9" * 500, "9" * 500),
        ("\u0661", "\u0661"),
        ("203.0.113.9", "203.0.113.9"),
    ],
)
def test_guess(text: str, value: object) -> None:
    assert repr(guessed(text)) == repr(value)


@given(st.sampled_from(KINDS), st.text(max_size=20), st.booleans())
def test_any_text_becomes_a_value_or_a_reason(kind: str, raw: str, textual: bool) -> None:
    reason = "is "
    try:
        found = convert("enum(a|b)" if kind == "enum" else kind, raw, textual=textual)
        # A column tells values apart by type and value.
        hash(found) if not isinstance(found, list | dict) else json.dumps(found)
    except ValueError as error:
        reason = str(error)
    assert reason.startswith("is ")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_canonical_changes_the_spelling_only(number: Decimal) -> None:
    if abs(number.adjusted()) < 300:
        short = canonical(number)
        assert short == number
        assert "E+" not in str(short)
        assert (
            repr(canonical(short)) == repr(short) == repr(canonical(number * 100 / 100))
            or number != number * 100 / 100
        )


# ----------------------------------------------------------------------------------- numbers of JSON


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18))
def test_a_decimal_of_json_is_exact(number: Decimal) -> None:
    for text in (str(number), f"{number:f}"):
        line = b'{"n": %b}' % text.encode()
        record = parse_exact(line) if inexact(line) else parse(line)
        assert convert("decimal", record["n"]) == number


@given(st.integers(-(10**40), 10**40))
def test_an_integer_of_json_is_exact(number: int) -> None:
    line = b'{"n": [%d]}' % number
    record = parse_exact(line) if inexact(line) else parse(line)
    assert record == {"n": [number]}


def test_a_long_number_in_a_string_is_no_long_number() -> None:
    assert not inexact(b'{"card": "4111111111111111", "ip": "255.255.255.255", "id": "a3e1234"}')
    assert inexact(b'{"n":-0.1234567890123456}')
    assert inexact(b'{"n":[1,1e-320]}')


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_both_readings_of_a_float_agree(number: float) -> None:
    line = b'{"n": %b}' % repr(number).encode()
    assert convert("any", parse(line)["n"]) == convert("any", parse_exact(line)["n"]) == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON: "),
        (b'{"n": NaN}', "not JSON: "),
        (b'{"n": 1e999}', "number is infinity"),
        (b'{"n": 01}', "not JSON: "),
        (b'"\xff"', "not JSON: .*UTF-8"),
        (b'"\\ud800"', "not JSON: "),
        (b"[" * 3000, "not JSON: depth limit exceeded"),
        (b'{"n": 1} x', "not JSON: .* at column 10"),
    ],
)
def test_what_is_no_json(text: bytes, reason: str) -> None:
    for reading in (parse, parse_exact):
        with pytest.raises(ValueError, match=reason):
            reading(text)


def test_a_number_too_small_for_any_reading() -> None:
    with pytest.raises(ValueError, match="a number too small"):
        parse_exact(b"1e-99999999999999999999")
