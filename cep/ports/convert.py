"""One raw value of a record turned into the value that a declared field holds, or refused with a reason.

Two kinds of input differ in what they know of types. JSON and Parquet values have a type, and a value of
another one than declared is refused, never bent. CSV cells and groups of a regular expression are text, which
is read as the declared type; without a declaration as a whole number, a number with a point, `true` or
`false` if it is written like one, else as it stands (`0012` and `1e5` are codes, not numbers).

A decimal has one spelling: 12, 12.0 and 12.00 are all `Decimal("12")`, so that neither the format nor the
neighbours of a value show in an alert.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import sys
from collections.abc import Callable
from datetime import timedelta, tzinfo
from decimal import Context, Decimal
from typing import Final, assert_never

from cep.event import Timestamp, Value, parse_duration_ms
from cep.ports.json_values import JsonNumber
from cep.ports.times import checked_ms, iso_ms
from cep.schema import FieldType

Convert = Callable[[Value], Value]
"""Raises ValueError with the reason, to be read after the name of the field: "is …, not …"."""

_DIGITS_MAX: Final = 400
_EXACT: Final = Context(prec=2 * _DIGITS_MAX)
_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,399})")
_POINT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,99})\.[0-9]{1,100}(?:[eE][-+]?[0-9]{1,3})?")
_NUMBER: Final = re.compile(
    r"[-+]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,3})?"
)
_FLOAT_MAX: Final = sys.float_info.max
_BOOLS: Final = {"true": True, "false": False}


def converter(declared: FieldType, zone: tzinfo, *, textual: bool) -> Convert:
    """How to read a field of this type; `textual` if all values of the input are text. Null is not asked.

    >>> from datetime import UTC
    >>> converter(FieldType.parse("decimal"), UTC, textual=True)("66.30")
    Decimal('66.3')
    """
    match declared.kind:
        case "int":
            return _int_of_text if textual else _int
        case "float":
            return _float_of_text if textual else _float
        case "decimal":
            return _decimal
        case "string":
            return _string
        case "bool":
            return _bool_of_text if textual else _bool
        case "timestamp":
            return lambda raw: _timestamp(raw, zone)
        case "duration":
            return _duration
        case "ip":
            return _ip
        case "enum":
            values = {value: value for value in declared.values}
            return lambda raw: _enum(raw, values)
        case "list":
            return _list_of_text if textual else _list
        case "record":
            return _record_of_text if textual else _record
        case "any":
            return guessed if textual else _any
        case _:
            assert_never(declared.kind)


def guessed(raw: str) -> Value:
    """What a text without a declared type most likely is.

    >>> [guessed(text) for text in ("12", "-1.50", "True", "0012", "1e5", "-")]
    [12, -1.5, True, '0012', '1e5', '-']
    """
    if _INT.fullmatch(raw):
        return int(raw)
    if _POINT.fullmatch(raw) and math.isfinite(number := float(raw)):
        return number or 0.0
    return _BOOLS.get(raw.lower(), raw)


def canonical(number: Decimal) -> Decimal:
    """The same number in its one spelling; ValueError if it is not finite or beyond all reason.

    >>> canonical(Decimal("12.00")), canonical(Decimal("1.2E+3")), canonical(Decimal("-0"))
    (Decimal('12'), Decimal('1200'), Decimal('0'))
    """
    if not number:
        return Decimal(0)
    digits = len(number.as_tuple().digits)
    if not number.is_finite() or abs(number.adjusted()) >= _DIGITS_MAX or digits > _EXACT.prec:
        raise ValueError(f"is {number!s:.60}, not a number one can count with")
    short = number.normalize(_EXACT)
    # Zeros at the end of a whole number are written out, not put into an exponent.
    whole = short.adjusted() >= len(short.as_tuple().digits)
    return short.quantize(Decimal(1), context=_EXACT) if whole else short


def _refusal(raw: Value, kind: str) -> ValueError:
    shown = json.dumps(raw, default=str, ensure_ascii=False) if not isinstance(raw, JsonNumber) else str(raw)
    if len(shown) > 60:
        shown = shown[:60] + "…"
    return ValueError(f"is {shown}, not {kind}")


def _int(raw: Value) -> Value:
    if type(raw) is int:
        return raw
    if isinstance(raw, float | Decimal) and math.isfinite(raw) and raw == int(raw):
        return int(raw)
    raise _refusal(raw, "a whole number")


def _int_of_text(raw: Value) -> Value:
    text = raw.strip()
    if re.fullmatch(r"[-+]?[0-9]{1,400}", text):
        return int(text)
    raise _refusal(raw, "a whole number")


def _float(raw: Value) -> Value:
    if (
        isinstance(raw, int | float | Decimal)
        and not isinstance(raw, bool)
        and -_FLOAT_MAX <= raw <= _FLOAT_MAX
    ):
        return float(raw) or 0.0
    raise _refusal(raw, "a number")


def _float_of_text(raw: Value) -> Value:
    if _NUMBER.fullmatch(raw.strip()) and math.isfinite(number := float(raw)):
        return number or 0.0
    raise _refusal(raw, "a number")


def _decimal(raw: Value) -> Value:
    match raw:
        case bool():
            raise _refusal(raw, "a decimal")
        case int() | Decimal():
            return canonical(Decimal(raw))
        case float():
            # Exact: a float with more digits than it can hold comes here as a JsonNumber.
            return canonical(Decimal(repr(raw)))
        case str() if _NUMBER.fullmatch(raw.strip()):
            return canonical(Decimal(raw.strip()))
        case _:
            raise _refusal(raw, "a decimal")


def _string(raw: Value) -> Value:
    if type(raw) is str:
        return raw
    raise _refusal(raw, "a string")


def _bool(raw: Value) -> Value:
    if type(raw) is bool:
        return raw
    raise _refusal(raw, "true or false")


def _bool_of_text(raw: Value) -> Value:
    found = _BOOLS.get(raw.strip().lower())
    if found is None:
        raise _refusal(raw, "true or false")
    return found


def _timestamp(raw: Value, zone: tzinfo) -> Value:
    """Milliseconds since 1970, or ISO 8601."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Timestamp(checked_ms(raw))
    text = raw.strip() if isinstance(raw, str) else raw
    if isinstance(text, str) and re.fullmatch(r"-?[0-9]{1,15}", text):
        return Timestamp(checked_ms(int(text)))
    return Timestamp(iso_ms(text, zone))


def _duration(raw: Value) -> Value:
    """Milliseconds, or `1h30m`."""
    text = raw.strip() if isinstance(raw, str) else raw
    match text:
        case timedelta():
            return text
        case bool():
            pass
        case int() if abs(text) < 10**14:
            return timedelta(milliseconds=text)
        case str() if re.fullmatch(r"-?[0-9]{1,13}", text):
            return timedelta(milliseconds=int(text))
        case str():
            try:
                return timedelta(milliseconds=parse_duration_ms(text))
            except (ValueError, OverflowError):
                pass
        case _:
            pass
    raise _refusal(raw, "a duration")


def _ip(raw: Value) -> Value:
    """The address in its usual spelling, so that two spellings of one address are equal."""
    if isinstance(raw, str):
        try:
            return str(ipaddress.ip_address(raw.strip()))
        except ValueError:
            pass
    raise _refusal(raw, "an ip address")


def _enum(raw: Value, values: dict[str, str]) -> Value:
    found = values.get(raw) if isinstance(raw, str) else None
    if found is None:
        raise _refusal(raw, f"one of {', '.join(values)}")
    return found


def _list(raw: Value) -> Value:
    if isinstance(raw, list):
        return _any(raw)
    raise _refusal(raw, "a list")


def _record(raw: Value) -> Value:
    if isinstance(raw, dict):
        return _any(raw)
    raise _refusal(raw, "a record")


def _list_of_text(raw: Value) -> Value:
    return _list(_json(raw, "a list"))


def _record_of_text(raw: Value) -> Value:
    return _record(_json(raw, "a record"))


def _json(raw: str, kind: str) -> Value:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise _refusal(raw, kind) from None


def _any(raw: Value) -> Value:
    """As it is; a number of the exact reading becomes the float it is in the quick one."""
    match raw:
        case str():
            return raw
        case float() | JsonNumber():
            number = float(raw)
            if not math.isfinite(number):
                raise _refusal(raw, "a number")
            return number or 0.0
        case Decimal():
            return canonical(raw)
        case list():
            return [_any(item) for item in raw]
        case dict():
            return {key: _any(value) for key, value in raw.items()}
        case _:
            return raw
