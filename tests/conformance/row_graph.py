"""Which row may stand before which in a row pattern, and the variable of ours that takes it.

A variable of a case may stand in several places. Each place has a variable of its own with us: A, A_2, A_3.
Only where a rule must name them all, as in SKIP TO LAST A, do places in branches of one choice share one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from tests.conformance.row_tree import Anchor, Either, Leaf, Loop, Row, Tree

Way: TypeAlias = tuple[tuple[tuple[int, ...], int], ...]
"""The choices around a leaf: which one, by its path from the root, and which branch of it."""

START = ""
"""Stands for the variable before the first row of a match."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable of ours: the variable of the case that it stands for, and whether it may take many rows."""

    name: str
    var: str
    many: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """The slots of a pattern, the slot of each leaf, and the order in which they may take rows.

    `before[s]` are the slots that may take the row just before one of `s` (`START`: none does), `before_leaf`
    the same for a leaf, `ends` those that may take the last row, `reach[s]` all that may take a row at any
    time after `s`.
    """

    slots: Mapping[str, Slot]
    of_leaf: Sequence[str]
    before: Mapping[str, frozenset[str]]
    before_leaf: Sequence[frozenset[str]]
    ends: frozenset[str]
    reach: Mapping[str, frozenset[str]]
    always: frozenset[str]
    """Slots that take a row in every match."""

    def of(self, variables: Sequence[str]) -> list[str]:
        """The slots that stand for these variables of the case."""
        return [name for name, slot in self.slots.items() if slot.var in variables]

    def after(self, name: str) -> frozenset[str]:
        """The slots that may take the row just after one of a slot; after `START` the first one."""
        return frozenset(each for each, before in self.before.items() if name in before)


def graph_of(tree: Tree, taken: frozenset[str], shared: frozenset[str] = frozenset()) -> Graph:
    """The graph of a tree; its slots are called like none of the names `taken`.

    Places of a variable in `shared` have one slot where they can: in different branches of one choice.
    """
    found = list(_places(tree))
    of_leaf = _named(found, taken, shared)
    slots = {name: Slot(name, leaf.var, many) for name, (leaf, _, many) in zip(of_leaf, found, strict=True)}
    numbered = _Follow()
    first, last, nullable = numbered.walk(tree)
    assert not nullable, "a match has a row"
    before_leaf = [{START} if leaf in first else set[str]() for leaf in range(len(found))]
    for one, other in numbered.pairs:
        before_leaf[other].add(of_leaf[one])
    before: dict[str, set[str]] = {name: set() for name in slots}
    for leaf, name in enumerate(of_leaf):
        before[name] |= before_leaf[leaf]
    return Graph(
        slots,
        of_leaf,
        {name: frozenset(each) for name, each in before.items()},
        [frozenset(each) for each in before_leaf],
        frozenset(of_leaf[leaf] for leaf in last),
        _closure(before),
        _always(tree, iter(of_leaf)),
    )


def _places(
    tree: Tree, path: tuple[int, ...] = (), way: Way = (), *, many: bool = False
) -> Iterator[tuple[Leaf, Way, bool]]:
    """Every leaf with the choices around it and whether there is a loop around it."""
    match tree:
        case Leaf():
            yield tree, way, many
        case Row(parts):
            for i, part in enumerate(parts):
                yield from _places(part, (*path, i), way, many=many)
        case Either(branches):
            for i, branch in enumerate(branches):
                yield from _places(branch, (*path, i), (*way, (path, i)), many=many)
        case Loop(body, _, high):
            yield from _places(body, (*path, 0), way, many=many or high != 1)
        case Anchor():
            raise AssertionError("anchors are refused before")
        case _:
            assert_never(tree)


def _named(
    found: Sequence[tuple[Leaf, Way, bool]], taken: frozenset[str], shared: frozenset[str]
) -> list[str]:
    """The slot of each leaf."""
    holders: dict[str, list[tuple[Leaf, Way, bool]]] = {}
    names: list[str] = []
    for leaf, way, many in found:
        name = next((each for each, others in holders.items() if _joins(leaf, way, others, many=many)), None)
        if name is None or leaf.var not in shared:
            name = _fresh(leaf.var, taken | holders.keys())
        holders.setdefault(name, []).append((leaf, way, many))
        names.append(name)
    return names


def _joins(leaf: Leaf, way: Way, others: Sequence[tuple[Leaf, Way, bool]], *, many: bool) -> bool:
    """Whether a leaf may share the slot of others."""
    return all(its.var == leaf.var and m == many and _apart(way, w) for its, w, m in others)


def _apart(one: Way, other: Way) -> bool:
    """Whether two places stand in different branches of one choice."""
    for mine, its in zip(one, other, strict=False):
        if mine != its:
            return mine[0] == its[0]
    return False


def _fresh(name: str, taken: frozenset[str]) -> str:
    number, fresh = 1, name
    while fresh in taken:
        number += 1
        fresh = f"{name}_{number}"
    return fresh


class _Follow:
    """Numbers the leaves from left to right and notes which may follow which."""

    def __init__(self) -> None:
        self.pairs: set[tuple[int, int]] = set()
        self._count = 0

    def walk(self, tree: Tree) -> tuple[frozenset[int], frozenset[int], bool]:
        """The leaves that a part may begin and end with, and whether it may take no row."""
        match tree:
            case Leaf() | Anchor():
                self._count += 1
                only = frozenset({self._count - 1})
                return only, only, False
            case Row(parts):
                first, last, nullable = frozenset[int](), frozenset[int](), True
                for part in parts:
                    its_first, its_last, may_lack = self.walk(part)
                    self.pairs |= {(one, other) for one in last for other in its_first}
                    first |= its_first if nullable else frozenset()
                    last = last | its_last if may_lack else its_last
                    nullable = nullable and may_lack
                return first, last, nullable
            case Either(branches):
                found = [self.walk(branch) for branch in branches]
                return (
                    frozenset().union(*(each[0] for each in found)),
                    frozenset().union(*(each[1] for each in found)),
                    any(each[2] for each in found),
                )
            case Loop(body, low, high):
                first, last, nullable = self.walk(body)
                if high != 1:
                    self.pairs |= {(one, other) for one in last for other in first}
                return first, last, nullable or low == 0
            case _:
                assert_never(tree)


def _closure(before: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    """For each slot all that may come after it, at any distance."""
    after = {name: {each for each, its in before.items() if name in its} for name in before}
    changed = True
    while changed:
        changed = False
        for reached in after.values():
            more = {further for each in reached for further in after[each]} - reached
            reached.update(more)
            changed = changed or bool(more)
    return {name: frozenset(reached) for name, reached in after.items()}


def _always(tree: Tree, slots: Iterator[str]) -> frozenset[str]:
    """The slots that take a row in every match of a part; `slots` are those of its leaves."""
    match tree:
        case Leaf() | Anchor():
            return frozenset({next(slots)})
        case Row(parts):
            return frozenset().union(*[_always(part, slots) for part in parts])
        case Either(branches):
            found = [_always(branch, slots) for branch in branches]
            return found[0].intersection(*found[1:])
        case Loop(body, low):
            inside = _always(body, slots)
            return inside if low else frozenset()
        case _:
            assert_never(tree)
