"""Conditions made as simple as constants allow: one that is never true would be refused when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from tests.conformance.cases import Json

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def fold(expr: Json) -> Json:
    """The expression with everything computed that constants decide; null is None.

    >>> fold(["and", ["==", 1, 1], ["isnull", ["field", "x"]], [">", ["field", "x"], ["+", None, 1]]])
    ['and', ['isnull', ['field', 'x']], None]
    >>> fold(["case", ["==", "A", "B"], 1, ["isnull", None], ["field", "x"], 2])
    ['field', 'x']
    """
    if not isinstance(expr, (list, tuple)):
        return expr
    match expr:
        case ["field" | "text", *_]:
            return expr
        case ["call", "coalesce", *arguments]:
            return _first_there([fold(each) for each in arguments])
        case ["call", name, *arguments]:
            return ["call", name, *(fold(each) for each in arguments)]
        case ["in", left, items]:
            return _member(fold(left), [fold(each) for each in items])
        case [op, *operands]:
            return _computed(op, [fold(each) for each in operands])
        case _:
            return expr


def _computed(op: str, operands: list[Json]) -> Json:
    match op:
        case "and":
            return _logic("and", operands, neutral=True)
        case "or":
            return _logic("or", operands, neutral=False)
        case "not":
            return (
                not operands[0]
                if isinstance(operands[0], bool)
                else None
                if operands[0] is None
                else [op, *operands]
            )
        case "isnull":
            return operands[0] is None if _constant(operands[0]) else [op, *operands]
        case "case":
            return _case(operands)
        case _ if None in [each for each in operands if _constant(each)]:
            return None
        case _ if op not in _COMPARE:
            return [op, *operands]
        case _ if all(_constant(each) for each in operands):
            return _COMPARE[op](*operands) if type(operands[0]) is type(operands[1]) else None
        case _ if operands[0] == operands[1]:
            return ["case", ["isnull", operands[0]], None, op in ("==", "<=", ">=")]
        case _:
            return [op, *operands]


def condition(expr: Json) -> Json:
    """A folded condition of which only true counts: what is null there may as well be false.

    >>> condition(["or", None, ["and", ["field", "x"], ["not", ["or", None, ["field", "y"]]]]])
    ['and', ['field', 'x'], ['not', ['or', ['text', 'NULL > 0'], ['field', 'y']]]]
    """
    match expr:
        case None:
            return False
        case ["and" | "or" as op, *operands]:
            return _logic(op, [condition(each) for each in operands], neutral=op == "and")
        case _:
            return _said(expr)


def _said(expr: Json) -> Json:
    """Null between AND, OR and NOT as a comparison: there a rule wants a condition."""
    match expr:
        case ["and" | "or" | "not" as op, *operands]:
            return [op, *(["text", "NULL > 0"] if each is None else _said(each) for each in operands)]
        case _:
            return expr


def may_be_true(expr: Json) -> bool:
    """Whether a folded condition is true of some row, as far as its shape tells."""
    match expr:
        case ["and", *operands]:
            return all(may_be_true(each) for each in operands)
        case ["or", *operands]:
            return any(may_be_true(each) for each in operands)
        case list() | tuple():
            return True
        case _:
            return expr is True


def _logic(op: str, operands: list[Json], *, neutral: bool) -> Json:
    flat = [each for part in operands for each in (part[1:] if _is(op, part) else [part])]
    if (not neutral) in [each for each in flat if isinstance(each, bool)]:
        return not neutral
    kept = [each for each in flat if not isinstance(each, bool)]
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else [op, *kept]


def _is(op: str, expr: Json) -> bool:
    return isinstance(expr, (list, tuple)) and expr[0] == op


def _case(operands: list[Json]) -> Json:
    """`c1, v1, c2, v2, …, else`."""
    *pairs, otherwise = operands
    kept: list[Json] = []
    for test, value in zip(pairs[::2], pairs[1::2], strict=True):
        if test is True:
            otherwise = value
            break
        if not _constant(test):
            kept += [test, value]
    while kept and kept[-1] == otherwise:
        kept = kept[:-2]
    return ["case", *kept, otherwise] if kept else otherwise


def _first_there(arguments: list[Json]) -> Json:
    """`coalesce` without the nulls that are known."""
    kept = [each for each in arguments if each is not None]
    if not kept:
        return None
    return kept[0] if _constant(kept[0]) else ["call", "coalesce", *kept]


def _member(left: Json, items: list[Json]) -> Json:
    if left is None:
        return None
    if _constant(left) and all(_constant(each) and each is not None for each in items):
        return left in items
    return ["in", left, items]


def _constant(expr: Json) -> bool:
    return not isinstance(expr, (list, tuple))
