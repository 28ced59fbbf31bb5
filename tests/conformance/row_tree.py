"""The tree of a row pattern in a form that our language can say: what takes no row is gone from it.

PERMUTE(A, B)     → (A B) | (B A)
(A | () | B)      → A | (B)??           what is empty gives way where it stands in the order of preference
(A? B?)+          → (A B? | B)*         a round of a loop takes a row
D? where D never  → nothing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, TypeAlias, assert_never

from tests.conformance.cases import Json
from tests.conformance.text import UnsayableError


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row for `var`; `where` None takes any row of the type."""

    var: str
    type: str | None = None
    where: Json = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The start or the end of a partition: takes no row."""

    at: str


@dataclass(frozen=True, slots=True)
class Row:
    """Parts one after the other; none of them: takes no row."""

    parts: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """One of the branches, the first that fits."""

    branches: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`low` to `high` rounds, as many as possible, or (not greedy) as few as possible."""

    body: Tree
    low: int
    high: int | None
    greedy: bool = True


Tree: TypeAlias = Leaf | Anchor | Row | Either | Loop

EMPTY = Row()

Preference: TypeAlias = Literal["never", "only", "first", "last", "between"]
"""When a part takes no row: never, always, as its first choice, as its last one, or somewhere between."""


def read_tree(node: Json) -> Tree | None:
    """A pattern node of a case; None if nothing can ever match it. UnsayableError for what we cannot say."""
    low, high = node.get("min", 1), node.get("max", 1)
    if "min" not in node and node.get("optional"):
        low = 0
    return loop(_once(node), 1 if low is None else low, high, greedy=node.get("greedy") is not False)


def _once(node: Json) -> Tree | None:
    """The node without its quantifier."""
    match node:
        case {"event": str(var)}:
            return (
                None
                if node.get("where") is False
                else Leaf(var, node.get("type"), _frozen(node.get("where")))
            )
        case {"anchor": "start" | "end" as at}:
            return Anchor(at)
        case {"seq": [*parts]}:
            return row([read_tree(part) for part in parts])
        case {"or": [*branches]}:
            return either([read_tree(branch) for branch in branches])
        case {"permute": [*parts]}:
            read = [read_tree(part) for part in parts]
            return either([row(order) for order in permutations(read)])
        case _:
            raise UnsayableError(f"a pattern node with {', '.join(sorted(node)) or 'nothing'} in it")


def _frozen(where: Json) -> Json:
    """A condition as tuples, so that a leaf can be compared; True lets every row pass."""
    if where is True:
        return None
    return tuple(_frozen(part) for part in where) if isinstance(where, list) else where


def unanchored(tree: Tree) -> tuple[Tree, frozenset[str]]:
    """A pattern without the anchors around it, and where it is held by them."""
    parts = list(tree.parts) if isinstance(tree, Row) else [tree]
    held: set[str] = set()
    while parts and parts[0] == Anchor("start"):
        held.add("start")
        del parts[0]
    while parts and parts[-1] == Anchor("end"):
        held.add("end")
        del parts[-1]
    return parts[0] if len(parts) == 1 else Row(tuple(parts)), frozenset(held)


# --- making trees -----------------------------------------------------------------------------------------


def row(parts: Sequence[Tree | None]) -> Tree | None:
    """Parts one after the other; None if one of them can never match."""
    flat: list[Tree] = []
    for part in parts:
        if part is None:
            return None
        flat += part.parts if isinstance(part, Row) else (part,)
    return flat[0] if len(flat) == 1 else Row(tuple(flat))


def either(branches: Sequence[Tree | None]) -> Tree | None:
    """The branches that can match; an empty one makes those behind it a reluctant option."""
    found = [branch for branch in branches if branch is not None]
    if EMPTY in found:
        place = found.index(EMPTY)
        before = either(found[:place])
        behind = either([branch for branch in found[place + 1 :] if branch != EMPTY])
        if behind is None:
            return EMPTY if before is None else loop(before, 0, 1)
        option = loop(behind, 0, 1, greedy=False)
        return option if before is None else either([before, option])
    flat = [
        each for branch in found for each in (branch.branches if isinstance(branch, Either) else (branch,))
    ]
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def loop(body: Tree | None, low: int, high: int | None, *, greedy: bool = True) -> Tree | None:
    """A loop whose every round takes a row."""
    if body is None or high == 0:
        return EMPTY if low == 0 else None
    if (low, high) == (1, 1):
        return body
    if high is not None and high < low:
        return Loop(body, low, high, greedy)
    match empty(body):
        case "never":
            if low == 0 and isinstance(body, Anchor):
                return EMPTY
            return body if isinstance(body, Anchor) else Loop(body, low, high, greedy)
        case "only":
            return EMPTY
        case "last":
            return _rounds_or_nothing(some(body), low, high, greedy=greedy)
        case "first" if high is None or high == 1 or isinstance(some(body), Leaf):
            return Loop(some(body), 0, high, greedy=False)
        case _:
            raise UnsayableError("a loop with rounds that prefer to take no row before they take some")


def _rounds_or_nothing(body: Tree, low: int, high: int | None, *, greedy: bool) -> Tree:
    """A loop over rounds that may be empty when nothing else fits; `body` is a round that is not."""
    if greedy or low in (0, high):
        return Loop(body, 0, high, greedy or low == high)
    if low == 1:
        return Loop(Loop(body, 1, high, greedy=False), 0, 1)
    raise UnsayableError("a reluctant loop of several rounds, each of which may take no row")


# --- parts that take no row -------------------------------------------------------------------------------


def empty(tree: Tree) -> Preference:
    """When a tree takes no row."""
    match tree:
        case Leaf() | Anchor():
            return "never"
        case Loop(_, low, _, greedy):
            return "never" if low else "last" if greedy else "first"
        case Row(parts):
            kinds = {empty(part) for part in parts} - {"only"}
            if "never" in kinds:
                return "never"
            return "only" if not kinds else kinds.pop() if len(kinds) == 1 else "between"
        case Either(branches):
            found = [empty(branch) for branch in branches]
            if set(found) == {"never"}:
                return "never"
            if found[0] == "first":
                return "first"
            return "last" if found[-1] == "last" and set(found[:-1]) == {"never"} else "between"
        case _:
            assert_never(tree)


def some(tree: Tree) -> Tree:
    """A tree that takes what this one takes when it takes a row, in the same order of preference."""
    match tree:
        case Leaf() | Anchor():
            return tree
        case Loop(body, low, high, greedy):
            made = loop(body, max(low, 1), high, greedy=greedy)
        case Row(parts):
            kind = empty(tree)
            if kind == "never":
                return tree
            if kind == "between":
                raise UnsayableError(
                    "parts that may be empty, some as their first choice, some as their last"
                )
            starts = [
                row([some(part), *parts[i + 1 :]]) for i, part in enumerate(parts) if empty(part) != "only"
            ]
            made = either(starts if kind == "last" else starts[::-1])
        case Either(branches):
            if empty(tree) == "between":
                raise UnsayableError("a choice that may be empty before its last branch")
            made = either([some(branch) for branch in branches])
        case _:
            assert_never(tree)
    assert made is not None, "what can match can match with a row"
    return made


def hasty(tree: Tree) -> Tree:
    """A tree that is over as soon as it may be: loops at its end take no more than they must."""
    match tree:
        case Leaf() | Anchor():
            return tree
        case Loop(body, low, high, _):
            return Loop(hasty(body), low, high, greedy=low == high)
        case Either(branches):
            return Either(tuple(hasty(branch) for branch in branches))
        case Row(parts):
            done: list[Tree] = []
            for i, part in enumerate(reversed(parts)):
                done.insert(0, hasty(part))
                if empty(part) == "never":
                    return Row((*parts[: len(parts) - i - 1], *done))
            return Row(tuple(done))
        case _:
            assert_never(tree)


# --- looking at trees -------------------------------------------------------------------------------------


def leaves(tree: Tree) -> Iterator[Leaf | Anchor]:
    """The leaves and anchors from left to right; one that stands in several places comes several times."""
    match tree:
        case Leaf() | Anchor():
            yield tree
        case Row(parts) | Either(parts):
            for part in parts:
                yield from leaves(part)
        case Loop(body):
            yield from leaves(body)
        case _:
            assert_never(tree)


def rebuilt(tree: Tree, kept: Callable[[int], bool]) -> Tree | None:
    """The tree without the leaves (numbered from left to right) that are not kept; None if none can match."""
    count = iter(range(1_000_000))

    def walk(part: Tree) -> Tree | None:
        match part:
            case Leaf() | Anchor():
                return part if kept(next(count)) else None
            case Row(parts):
                return row([walk(each) for each in parts])
            case Either(branches):
                return either([walk(branch) for branch in branches])
            case Loop(body, low, high, greedy):
                return loop(walk(body), low, high, greedy=greedy)
            case _:
                assert_never(part)

    return walk(tree)
