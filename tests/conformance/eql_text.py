"""Steps of EQL as text of our language: conditions, wildcards, keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias

from cep.language.functions import FUNCTIONS
from tests.conformance.cases import Json
from tests.conformance.row_fold import condition, fold
from tests.conformance.text import Names, UnsayableError, condition_text, expression_text, name_text

NO_NAMES: Final = Names()
Bound: TypeAlias = tuple[Callable[[Any, Any], Any], Json]

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a sequence or join: `by` is its key, `runs` how often it comes."""

    var: str
    type: str | None
    where: Json
    by: tuple[Json, ...] = ()
    runs: int = 1

    @property
    def condition(self) -> str | None:
        """Its condition as text; None if every event of the type fits."""
        return where_text(self.where)

    @property
    def width(self) -> int:
        """How many parts its key has."""
        return len(self.by)

    def attribute(self, column: int) -> str | None:
        """The attribute that is a part of the key; None if it is something else, or may be null."""
        match self.by[column]:
            case ["field", str(name)]:
                return name
            case _:
                return None

    def same_key_as(self, other: Step) -> bool:
        """Whether both read their keys in the same way."""
        return self.by == other.by


def read_step(node: Json) -> Step:
    """A node of one event; UnsayableError for anything else, and for a step that no event fits."""
    if "event" not in node:
        raise UnsayableError("a step of more than one event")
    low, high = node.get("min", 1), node.get("max", 1)
    if low != high or node.get("optional") or not low:
        raise UnsayableError("a step that may come more or fewer times: EQL counts runs exactly")
    where = condition(fold(_plain(node.get("where"))))
    if where is False:
        raise UnsayableError("a step whose condition is never true: such a rule is refused when it is loaded")
    return Step(
        node["event"], node.get("type"), where, tuple(_plain(each) for each in node.get("by") or ()), low
    )


def where_text(where: Json) -> str | None:
    """A condition as text; None if it lets every event pass."""
    return None if where is True else condition_text(where, NO_NAMES)


def all_of(tests: Sequence[str]) -> str:
    """Conditions that must all hold; empty ones say nothing.

    >>> all_of(["a = 1", "", "b OR c"]), all_of(["", "x"])
    ('(a = 1) AND (b OR c)', 'x')
    """
    kept = [test for test in tests if test]
    return " AND ".join(f"({test})" for test in kept) if len(kept) > 1 else "".join(kept)


def _plain(expr: Json) -> Json:
    """An expression in words that our language has."""
    match expr:
        case None:
            return True
        case ["call", "wildcard", subject, *patterns]:
            return ["or", *(_wildcard(_value(subject), each) for each in patterns)]
        case _:
            return _value(expr)


def _value(expr: Json) -> Json:
    match expr:
        case ["call", "wildcard", *_]:
            return _plain(expr)
        case ["call", str(name), *arguments]:
            if name not in FUNCTIONS:
                raise UnsayableError(f"the function {name}")
            return ["call", name, *(_value(each) for each in arguments)]
        case ["in", left, list(items)]:
            return ["in", _value(left), [_value(each) for each in items]]
        case ["field" | "type" | "ts", *_]:
            return expr
        case [str(op), *operands]:
            return [op, *(_value(each) for each in operands)]
        case _:
            return expr


def _wildcard(subject: Json, pattern: str) -> Json:
    """`*` and `?` over the whole text, letter case ignored."""
    if not set("%_") & set(pattern):
        like = pattern.lower().replace("*", "%").replace("?", "_")
        return ["like", ["call", "lower", subject], like]
    parts = [{"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern]
    literal = "re'(?is)^" + "".join(parts).replace("'", "''") + "$'"
    return ["text", f"({expression_text(subject, NO_NAMES)} MATCHES {literal})"]


# --- keys -------------------------------------------------------------------------------------------------


def key_text(step: Step, column: int, first: tuple[Step, str] | None) -> str:
    """That a part of the key is the one of the first step; of the first step itself, that it has one."""
    part = step.by[column]
    if first is None:
        return "" if _optional(part) else f"{_key(part)} IS NOT NULL"
    head, name = first
    mine, its = _key(part), _key(head.by[column], name)
    both = _optional(part) and _optional(head.by[column])
    return f"{mine} = {its} OR ({mine} IS NULL AND {its} IS NULL)" if both else f"{mine} = {its}"


def same_key(one: Step, other: Step, column: int) -> str:
    """That an event has the same part of the key as an event of either step; nothing if that is certain."""
    if one.by[column] == other.by[column]:
        return ""
    mine, its = _key(one.by[column]), _key(other.by[column])
    both = _optional(one.by[column]) and _optional(other.by[column])
    return f"{mine} = {its} OR ({mine} IS NULL AND {its} IS NULL)" if both else f"{mine} = {its}"


def _optional(part: Json) -> bool:
    return isinstance(part, list) and part[0] == "optional"


def _key(part: Json, variable: str | None = None) -> str:
    """A part of a key, read of the event under test or of a variable."""
    if _optional(part):
        part = part[1]
    return expression_text(part if variable is None else _of(part, variable), NO_NAMES)


def _of(part: Json, variable: str) -> Json:
    match part:
        case ["field", str(name)]:
            return ["text", f"{name_text(variable)}.{name_text(name)}"]
        case [str(op), *operands]:
            return [op, *(_of(each, variable) for each in operands)]
        case _:
            return part


# --- overlap ----------------------------------------------------------------------------------------------


def disjoint(one: Step, other: Step) -> bool:
    """Whether no event fits both steps, as far as types and comparisons with constants tell.

    >>> a = Step("a", "file", ["==", ["field", "op"], 0])
    >>> disjoint(a, Step("b", "file", ["in", ["field", "op"], [1, 2]])), disjoint(a, Step("c", "file", True))
    (True, False)
    """
    if one.type is not None and other.type is not None and one.type != other.type:
        return True
    bounds: dict[str, list[Bound]] = {}
    for step in (one, other):
        for name, bound in _bounds(step.where):
            bounds.setdefault(name, []).append(bound)
    return any(not _satisfiable(each) for each in bounds.values())


def _bounds(where: Json) -> Iterator[tuple[str, Bound]]:
    match where:
        case ["and", *operands]:
            for each in operands:
                yield from _bounds(each)
        case [str(op), ["field", str(name)], (bool() | int() | float() | str()) as value] if op in _COMPARE:
            yield name, (_COMPARE[op], value)
        case ["in", ["field", str(name)], list(items)]:
            yield name, (lambda value, among: value in among, items)
        case _:
            return


def _satisfiable(bounds: list[Bound]) -> bool:
    constants = [each for _, bound in bounds for each in (bound if isinstance(bound, list) else [bound])]
    tried: list[Json] = list(constants)
    for each in constants:
        tried += [each - 0.5, each + 0.5] if isinstance(each, (int, float)) else [f"{each} ", ""]
    return any(_fits(value, bounds) for value in tried)


def _fits(value: Json, bounds: list[Bound]) -> bool:
    try:
        return all(test(value, bound) for test, bound in bounds)
    except TypeError:
        return False
