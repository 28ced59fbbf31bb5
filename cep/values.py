"""Values: dataclasses with slots that are quick to make.

`@dataclass` writes and compiles up to eight functions for a class, and a start waits for some two hundred
classes. Here equality, hash and text are one function for all, and `__init__` is written when the first
object is made: a run needs half of the classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, TypeVar, dataclass_transform

V = TypeVar("V")

_COPIERS: Final[dict[type, tuple[Callable[[Any], Any], dict[str, Callable[[object, object], None]]]]] = {}
"""For a class, what copies a value of it, and what sets each of the fields of the copy."""

_ABSENT: Final = object()
"""Stands for an argument that was not given, where a factory makes one."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[V]) -> type[V]:
    """As `@dataclass(frozen=True, slots=True)`; what the class itself says of equality and text is kept.

    >>> @value
    ... class Point:
    ...     "A place."
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, 0), len({Point(1), Point(1)}), Point(1) == Point(2)
    (Point(x=1, y=0), True, 1, False)
    """
    own = set(vars(cls))
    made = _with_slots(cls)
    compared = _reader([each.name for each in fields(made) if each.compare])  # type: ignore[arg-type]
    names = [each.name for each in fields(made)]  # type: ignore[arg-type]

    def number(self: object) -> int:
        return hash(compared(self))

    def state(self: object) -> list[object]:
        return [getattr(self, name) for name in names]

    def take_state(self: object, found: list[object]) -> None:
        for name, one in zip(names, found, strict=True):
            object.__setattr__(self, name, one)

    _give(made, own, __eq__=_equality(compared), __hash__=number)
    # Copies and pickles set what nobody else may set.
    _give(made, own, __setattr__=_keep, __delattr__=_keep, __getstate__=state, __setstate__=take_state)
    return made


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[V]) -> type[V]:
    """As `@dataclass(slots=True)`, for what has parts that change.

    >>> @mutable
    ... class Tally:
    ...     "How often."
    ...     count: int = 0
    >>> tally = Tally()
    >>> tally.count += 1
    >>> tally, tally == Tally(1)
    (Tally(count=1), True)
    """
    own = set(vars(cls))
    made = _with_slots(cls)
    compared = _reader([each.name for each in fields(made) if each.compare])  # type: ignore[arg-type]
    _give(made, own, __eq__=_equality(compared), __hash__=None)
    return made


def replaced(one: V, /, **changes: object) -> V:
    """As `dataclasses.replace`, three times as quick: what is copied by the hundred is copied by this.

    >>> @value
    ... class Point:
    ...     "A place."
    ...     x: int
    ...     y: int = 0
    >>> replaced(Point(1, 2), y=3)
    Point(x=1, y=3)
    """
    kind = type(one)
    if kind not in _COPIERS:
        _COPIERS[kind] = _copier(kind)
    copied, setters = _COPIERS[kind]
    made: V = copied(one)
    for name, one_value in changes.items():
        setters[name](made, one_value)
    return made


def _with_slots(cls: type[V]) -> type[V]:
    """The class with fields, slots, text and construction."""
    own = set(vars(cls))
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    shown = [each.name for each in fields(made) if each.repr]  # type: ignore[arg-type]

    def text(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def first(self: object, *args: object, **named: object) -> None:
        start = _start(made)
        setattr(made, "__init__", start)  # noqa: B010 - it is a method of this class only from now on
        start(self, *args, **named)

    _give(made, own, __repr__=text, __init__=first)
    return made


def _give(made: type, own: set[str], **functions: object) -> None:
    """Add to the class what it does not say itself."""
    for name, function in functions.items():
        if name not in own:
            setattr(made, name, function)


def _equality(compared: Callable[[object], tuple[Any, ...]]) -> Callable[[object, object], bool]:
    def same(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    return same


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


def _keep(self: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"{type(self).__qualname__}.{name} is not to be replaced")


def _start(made: type) -> Callable[..., None]:
    """The `__init__` that the fields of a class ask for."""
    known: dict[str, object] = {"ABSENT": _ABSENT}
    body: list[str] = []
    found = fields(made)
    for each in found:
        # Straight into the slot: quicker than `object.__setattr__`, and no `__setattr__` in the way.
        known[f"set_{each.name}"] = getattr(made, each.name).__set__
        given = each.name
        if each.default_factory is not MISSING:
            known[f"make_{each.name}"] = each.default_factory
            given = f"make_{each.name}() if {each.name} is ABSENT else {each.name}"
        body.append(f"    set_{each.name}(self, {given})")
    if hasattr(made, "__post_init__"):
        body.append("    self.__post_init__()")
    by_place = [_parameter(each, known) for each in found if not each.kw_only]
    by_name = [_parameter(each, known) for each in found if each.kw_only]
    head = ", ".join(["self", *by_place, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({head}):\n" + "\n".join(body or ["    pass"]), known)  # noqa: S102 - as a dataclass
    start: Callable[..., None] = known["__init__"]  # type: ignore[assignment]
    start.__qualname__ = f"{made.__qualname__}.__init__"
    return start


def _parameter(each: Field[Any], known: dict[str, object]) -> str:
    """A field as a parameter, with its default among the known values."""
    if each.default is not MISSING:
        known[f"default_{each.name}"] = each.default
        return f"{each.name}=default_{each.name}"
    return f"{each.name}=ABSENT" if each.default_factory is not MISSING else each.name


def _copier(made: type) -> tuple[Callable[[Any], Any], dict[str, Callable[[object, object], None]]]:
    """What copies a value of the class, and what sets its fields."""
    assert not hasattr(made, "__post_init__"), "what is worked out at the start would not be worked out again"
    names = [each.name for each in fields(made)]
    setters = {name: getattr(made, name).__set__ for name in names}
    known: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    body = [f"    set_{name}(new, one.{name})" for name in names]
    text = "\n".join(["def copied(one):", "    new = make(kind)", *body, "    return new"])
    exec(text, known)  # noqa: S102 - as in `_start`
    known |= {"make": object.__new__, "kind": made}
    return known["copied"], setters
