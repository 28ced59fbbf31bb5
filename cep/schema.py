"""Declared event types: which fields an event type has and of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, get_args

from cep.values import value

Kind = Literal[
    "int",
    "float",
    "decimal",
    "string",
    "bool",
    "timestamp",
    "duration",
    "ip",
    "enum",
    "list",
    "record",
    "any",
]

KINDS: tuple[Kind, ...] = get_args(Kind)


@value
class FieldType:
    """The kind of a field, whether it may be null, and the values of an enum.

    >>> FieldType.parse("enum(debit|credit)?")
    FieldType(kind='enum', nullable=True, values=('debit', 'credit'))
    """

    kind: Kind
    nullable: bool = False
    values: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> FieldType:
        """Read `kind`, `kind?` or `enum(a|b)`; ValueError says what is wrong."""
        body, nullable = text.strip(), False
        if body.endswith("?"):
            body, nullable = body[:-1].strip(), True
        if body.startswith("enum(") and body.endswith(")"):
            values = tuple(part.strip() for part in body[5:-1].split("|") if part.strip())
            if not values:
                raise ValueError("enum needs at least one value: enum(a|b)")
            return FieldType("enum", nullable, values)
        for kind in KINDS:
            if body == kind and kind != "enum":
                return FieldType(kind, nullable)
        raise ValueError(f"unknown field type {body!r}; one of: {', '.join(KINDS)}")


ANY = FieldType("any", nullable=True)


@value
class TopicKey:
    """What the topics of an input are keyed by, and which event types are in them (None: any)."""

    source: str
    fields: tuple[str, ...]
    types: frozenset[str] | None = None


@value
class Schema:
    """Event type name → its declared fields. A type that is not named here is open: any field, any kind.

    `keep_ms`: how long events and state are kept, and how that was written; None: as long as a rule asks for.
    `topic_keys`: what is known of how topics are divided into partitions.
    """

    types: Mapping[str, Mapping[str, FieldType]] = field(default_factory=dict)
    keep_ms: int | None = None
    keep_text: str = ""
    topic_keys: tuple[TopicKey, ...] = ()

    def declares(self, event_type: str) -> bool:
        """Whether the fields of this event type are declared."""
        return event_type in self.types

    def field(self, event_type: str, name: str) -> FieldType | None:
        """The type of a field; None if the event type is declared and has no such field."""
        if event_type not in self.types:
            return ANY
        return self.types[event_type].get(name)
