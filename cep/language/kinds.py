"""Types of expressions, and what may be compared, added and multiplied with what."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from cep.schema import FieldType, Kind
from cep.values import replaced, value

Sort: TypeAlias = Kind | Literal["event", "group", "null", "regex"]


@value
class Type:
    """What an expression gives. `any` fits everything: it is what an undeclared field has.

    `nullable` is set only if a schema says so. A `constant` takes the number type of what it meets, so that
    0.9 may be multiplied with a decimal. `types` are the event types of an event; empty is every type.
    """

    kind: Sort
    nullable: bool = False
    values: tuple[str, ...] = ()
    constant: bool = False
    types: tuple[str, ...] = ()


UNKNOWN: Final = Type("any")
BOOL: Final = Type("bool")
INT: Final = Type("int")
FLOAT: Final = Type("float")
STRING: Final = Type("string")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")

NUMBERS: Final = frozenset({"int", "float", "decimal"})
TEXTS: Final = frozenset({"string", "enum", "ip"})
ORDERED: Final = NUMBERS | {"string", "timestamp", "duration"}

_ARTICLES: Final = {
    "int": "a whole number",
    "float": "a float",
    "decimal": "a decimal",
    "string": "a text",
    "bool": "true or false",
    "timestamp": "a time",
    "duration": "a duration",
    "ip": "an IP address",
    "enum": "one of a few texts",
    "list": "a list",
    "record": "a record",
    "event": "an event",
    "group": "a group of events",
    "null": "null",
    "regex": "a regular expression",
    "any": "anything",
}


def of_field(declared: FieldType) -> Type:
    """The type of a declared field."""
    return Type(declared.kind, declared.nullable and declared.kind != "any", declared.values)


def said(type_: Type) -> str:
    """A type in words, with its article.

    >>> said(Type("decimal")), said(Type("enum", values=("debit", "credit")))
    ('a decimal', 'one of debit, credit')
    """
    if type_.kind == "enum" and type_.values:
        return f"one of {', '.join(type_.values)}"
    return _ARTICLES[type_.kind]


def is_open(*types: Type) -> bool:
    """Whether one of them fits everything, so that nothing can be said."""
    return any(each.kind in {"any", "null"} for each in types)


def mix_inexactly(left: Type, right: Type) -> bool:
    """Whether a decimal meets a float that is no constant."""
    kinds = {left.kind, right.kind}
    return kinds == {"decimal", "float"} and not left.constant and not right.constant


def comparable(left: Type, right: Type) -> bool:
    """Whether `=` can ever be true of the two."""
    if is_open(left, right) or left.kind == right.kind:
        return True
    kinds = {left.kind, right.kind}
    return kinds <= NUMBERS or kinds <= TEXTS


def has_order(type_: Type) -> bool:
    """Whether `<` has a meaning."""
    return type_.kind in ORDERED or is_open(type_)


def arithmetic(op: str, left: Type, right: Type) -> Type | None:
    """The type of `left op right`; None if the two do not fit.

    >>> arithmetic("-", TIMESTAMP, TIMESTAMP).kind, arithmetic("+", STRING, INT)
    ('duration', None)
    """
    nullable = left.nullable or right.nullable
    if is_open(left, right):
        return replaced(UNKNOWN, nullable=nullable)
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return replaced(_number(op, left, right), nullable=nullable)
    kind = _TIMES.get((left.kind, op, right.kind))
    return None if kind is None else Type(kind, nullable)


def _number(op: str, left: Type, right: Type) -> Type:
    constant = left.constant and right.constant
    if left.constant != right.constant:
        fixed, free = (left, right) if left.constant else (right, left)
        kind = fixed.kind if free.kind == "int" else free.kind
    else:
        kind = next(each for each in ("decimal", "float", "int") if each in {left.kind, right.kind})
    if op == "/" and kind == "int":
        kind = "float"
    return Type(kind, constant=constant)


_TIMES: Final[dict[tuple[Sort, str, Sort], Sort]] = {
    ("timestamp", "+", "duration"): "timestamp",
    ("duration", "+", "timestamp"): "timestamp",
    ("duration", "+", "duration"): "duration",
    ("timestamp", "-", "timestamp"): "duration",
    ("timestamp", "-", "duration"): "timestamp",
    ("duration", "-", "duration"): "duration",
    ("duration", "/", "duration"): "float",
    **{(number, "*", "duration"): "duration" for number in ("int", "float", "decimal")},
    **{("duration", op, number): "duration" for op in "*/" for number in ("int", "float", "decimal")},
}
