"""Values: frozen dataclasses with slots that are quicker to make.

`@dataclass` writes and compiles six functions for a class, and a start waits for some hundred classes. Here
equality, hash and text are one function for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

V = TypeVar("V")


@dataclass_transform(frozen_default=True)
def value(cls: type[V]) -> type[V]:
    """As `@dataclass(frozen=True, slots=True)`, for a class that says nothing else of equality and text.

    >>> @value
    ... class Point:
    ...     "A place."
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, 0), len({Point(1), Point(1)}), Point(1) == Point(2)
    (Point(x=1, y=0), True, 1, False)
    """
    own = set(vars(cls))
    made = dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)
    shown = tuple(field.name for field in fields(made) if field.repr)  # type: ignore[arg-type]
    compared = _reader([field.name for field in fields(made) if field.compare])  # type: ignore[arg-type]

    def same(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def number(self: object) -> int:
        return hash(compared(self))

    def text(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    for name, function in (("__eq__", same), ("__hash__", number), ("__repr__", text)):
        if name not in own:
            setattr(made, name, function)
    return made


def _reader(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """All these attributes of an object at once."""
    match names:
        case []:
            return lambda _: ()
        case [name]:
            # In a tuple, as in a dataclass: there a value that is not itself, such as NaN, is.
            return lambda one: (getattr(one, name),)
        case _:
            return attrgetter(*names)
