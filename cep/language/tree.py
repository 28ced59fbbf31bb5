"""Walking and rebuilding trees of any syntax: every child of a node is found by its field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final, TypeVar, cast, get_args

from cep.errors import Span
from cep.language.expressions import CountSyntax, DurationSyntax, Expr, LogicExpr, Node, PathSyntax
from cep.values import replaced

N = TypeVar("N", bound=Node)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first, in the order of the fields.

    >>> from cep.language.expressions import NameExpr, NotExpr
    >>> [type(node).__name__ for node in walk(NotExpr(NameExpr("x")))]
    ['NotExpr', 'NameExpr']
    """
    return _below(node, _NONE)


def outline(node: Node) -> Iterator[Node]:
    """As `walk`, without conditions and other small parts: steps, units, events, and whatever holds them.

    >>> from cep.language.expressions import NameExpr, PathSyntax
    >>> from cep.language.syntax import EventSyntax, UnitSyntax
    >>> unit = UnitSyntax(EventSyntax((PathSyntax(("A",)),), NameExpr("x")))
    >>> [type(node).__name__ for node in outline(unit)]
    ['UnitSyntax', 'EventSyntax']
    """
    return _below(node, _SMALL)


def _below(node: Node, without: frozenset[type]) -> Iterator[Node]:
    """The node and everything below it but nodes of these types and what is under them."""
    left = [node]
    while left:
        one = left.pop()
        yield one
        for name in _places(type(one))[::-1]:
            child = getattr(one, name)
            if isinstance(child, Node):
                if type(child) not in without:
                    left.append(child)
            elif child.__class__ is tuple and child:
                left += [
                    item for item in reversed(child) if isinstance(item, Node) and type(item) not in without
                ]


_NONE: Final[frozenset[type]] = frozenset()
_SMALL: Final[frozenset[type]] = frozenset({*get_args(Expr), PathSyntax, DurationSyntax, CountSyntax})
"""Nodes that hold no step and no event."""


def rebuild(node: N, change: Callable[[Node], Node]) -> N:
    """The tree with every node given to `change`, children first; untouched parts are shared, not copied."""
    changed: dict[str, Any] = {}
    for name in _places(type(node)):
        child = getattr(node, name)
        new: object = child
        if isinstance(child, Node):
            new = rebuild(child, change)
        elif isinstance(child, tuple) and any(isinstance(item, Node) for item in child):
            items = tuple(rebuild(item, change) if isinstance(item, Node) else item for item in child)
            new = child if all(a is b for a, b in zip(items, child, strict=True)) else items
        if new is not child:
            changed[name] = new
    whole = replaced(node, **changed) if changed else node
    return cast("N", change(whole))


def moved(node: N, span: Span) -> N:
    """The tree with every span set to `span`."""
    return rebuild(node, lambda each: replaced(each, span=span))


def conjuncts(expr: Expr | None) -> Iterator[Expr]:
    """The operands of nested `AND`s from left to right; none for None."""
    if isinstance(expr, LogicExpr) and expr.op == "AND":
        yield from conjuncts(expr.left)
        yield from conjuncts(expr.right)
    elif expr is not None:
        yield expr


def joined(left: Expr | None, right: Expr | None) -> Expr | None:
    """Both under one `AND`, or the one there is."""
    if left is None or right is None:
        return left if right is None else right
    for part in conjuncts(right):
        left = LogicExpr("AND", left, part, span=left.span)
    return left


def _places(kind: type) -> tuple[str, ...]:
    """The fields that may hold nodes."""
    found = _PLACES.get(kind)
    if found is None:
        found = tuple(field.name for field in fields(kind) if field.name not in {"span", "name_span"})
        _PLACES[kind] = found
    return found


_PLACES: Final[dict[type, tuple[str, ...]]] = {}
