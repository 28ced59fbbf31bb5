"""Values of events and alerts as they are written in the tests of a rule."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from cep.event import Timestamp, Value, parse_duration_ms, parse_iso_ms
from cep.rulebook.yaml_text import ListNode, MappingNode, Node, Scalar
from cep.schema import FieldType

_DIGITS_MAX: Final = 25


def plain_value(node: Node) -> Value:
    """What the YAML says, without a type to go by; a number with a point is a float, as in an event."""
    match node:
        case Scalar():
            return node.value
        case ListNode(items=items):
            return [plain_value(item) for item in items]
        case MappingNode(entries=entries):
            return {entry.key.text: plain_value(entry.value) for entry in entries}


def typed_value(node: Node, declared: FieldType) -> Value:
    """The value as a field of this type holds it; ValueError says why it cannot."""
    if isinstance(node, Scalar) and node.value is None:
        return None
    match declared.kind:
        case "any":
            return plain_value(node)
        case "list":
            return _of(node, ListNode, "a list: [a, b]")
        case "record":
            return _of(node, MappingNode, "a record: {name: value}")
        case _:
            return _single_value(node, declared)


def _single_value(node: Node, declared: FieldType) -> Value:
    if not isinstance(node, Scalar):
        raise ValueError(f"it is a single value of type {declared.kind}")  # noqa: TRY004 - told to the user
    value, text = node.value, node.text
    match declared.kind:
        case "int" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "float" if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        case "decimal":
            return _decimal(text)
        case "bool" if isinstance(value, bool):
            return value
        case "string":
            return text
        case "enum":
            if text not in declared.values:
                raise ValueError(f"it is one of {', '.join(declared.values)}")
            return text
        case "ip":
            return _ip(text)
        case "duration":
            return _duration(text)
        case "timestamp":
            return _timestamp(text)
        case _:
            raise ValueError(f"it is of type {declared.kind}")


def _ip(text: str) -> str:
    """In its usual spelling, as in events."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("it is of type ip, such as 192.0.2.7") from None


def _duration(text: str) -> timedelta:
    try:
        return timedelta(milliseconds=parse_duration_ms(text))
    except OverflowError:
        raise ValueError("it is too long a duration") from None


def _of(node: Node, kind: type[ListNode | MappingNode], words: str) -> Value:
    if not isinstance(node, kind):
        raise ValueError(f"it is {words}")  # noqa: TRY004 - as above
    return plain_value(node)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > _DIGITS_MAX:
        raise ValueError("it is of type decimal, such as 9.99")
    short = value.normalize() if value else Decimal(0)
    # One spelling for one number, as in events: 12, not 12.00 and not 1.2E+1.
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


def _timestamp(text: str) -> Timestamp:
    """A duration since the start of the test, milliseconds, or ISO 8601."""
    if text.isdecimal():
        return Timestamp(int(text))
    try:
        return Timestamp(parse_duration_ms(text))
    except ValueError:
        pass
    try:
        return Timestamp(parse_iso_ms(text))
    except ValueError as error:
        raise ValueError(
            "it is of type timestamp, such as 2026-03-30T16:00:00Z, or 5m from the start"
        ) from error
