"""Ways in which a part of an `every_once` pattern may match, as text; the next part follows the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.conformance.cases import Json
from tests.conformance.eql_text import Step, disjoint
from tests.conformance.row_fold import condition, fold
from tests.conformance.text import Names, UnsayableError, condition_text, duration_text, event_text

_FUNCTIONS: Final[Mapping[str, str]] = {"ifThenElse": "if"}

STARTED: Final = "started"
"""The variable of the event that says: the query starts here."""


@dataclass(frozen=True, slots=True)
class Way:
    """Parts of a chain, and the moment at which they are done: `off_ms` after the time that `mark` reads.

    `held`: the last part waits until then by itself. `limits` are times at which what is being built is given
    up, each as (mark, ms). `ahead` stands before the next part, `behind` at the end, if nothing follows.
    """

    parts: tuple[str, ...] = ()
    mark: str | None = None
    off_ms: int = 0
    held: bool = True
    open: bool = False
    """Whether the last part is a counted step that may still take more."""
    late: bool = False
    """Whether `mark` may be later than the last event taken, since the last part took none."""
    anchored: bool = True
    """Whether something stands before the next part, so that a NOT may."""
    fresh: bool = True
    """Whether no event has been taken yet, but for the start of the query."""
    first: int | None = None
    """Where the part with the first event stands."""
    limits: tuple[tuple[str, int], ...] = ()
    spoilers: tuple[Single, ...] = ()
    """What no event that is taken may be as well."""
    guards: tuple[Single, ...] = ()
    """What must not come before the next event that is taken, nor before those behind it."""
    ahead: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    both: Mapping[str, str] | None = None
    """Variables of the case that share the event of another one: how they are written here."""

    def add(self, *parts: str) -> Way:
        """With parts that take nothing that counts."""
        return replace(self, parts=(*self.parts, *parts))

    def take(self, part: str, mark: str | None) -> Way:
        """With a part that takes an event of the case; `mark` reads the time of the last one."""
        before = (*self.parts, *self.ahead)
        return replace(
            self,
            parts=(*before, part),
            mark=mark,
            off_ms=0,
            held=True,
            open=False,
            late=False,
            anchored=True,
            fresh=False,
            first=len(before) if self.first is None else self.first,
            ahead=(),
            behind=(),
        )


@dataclass(frozen=True, slots=True)
class Single:
    """One event of the pattern, in the shape of its node."""

    var: str
    type: str | None
    where: Json
    low: int = 1
    high: int | None = 1
    strict: bool = False
    inner_strict: bool = False
    within_ms: int | None = None
    """How long after the moment it is waited for it must come; Esper only."""

    @property
    def once(self) -> bool:
        """Whether it is exactly one event."""
        return (self.low, self.high) == (1, 1)


def single(node: Json) -> Single:
    """A node of one event, or of several of one kind."""
    where = True if node.get("where") is None else condition(fold(_plain(node["where"])))
    low, high = node.get("min", 1), node.get("max", 1)
    if node.get("optional"):
        low = 0
    return Single(
        node["event"],
        node.get("type"),
        where,
        low or 0,
        high,
        node.get("follow") == "strict",
        node.get("inner") == "strict",
        node.get("within"),
    )


def _plain(expr: Json) -> Json:
    """An expression in words that our language has."""
    match expr:
        case ["call", str(name), *arguments]:
            return ["call", _FUNCTIONS.get(name, name), *(_plain(each) for each in arguments)]
        case ["field" | "ref", *_]:
            return expr
        case ["in", left, list(items)]:
            return ["in", _plain(left), items]
        case [str(op), *operands]:
            return [op, *(_plain(each) for each in operands)]
        case _:
            return expr


def overlap(one: Single, other: Single) -> bool:
    """Whether one event may fit both, as far as types and constants tell."""
    if False in (one.where, other.where):
        return False
    return not disjoint(Step(one.var, one.type, one.where), Step(other.var, other.type, other.where))


def covers(one: Single, other: Single) -> bool:
    """Whether every event that is the other one is certainly this one too."""
    same_time = one.within_ms == other.within_ms or one.within_ms is None
    return one.type in (None, other.type) and (one.where is True or one.where == other.where) and same_time


def all_of(*tests: str | None) -> str | None:
    """Conditions that must all hold, as one; None if there is none."""
    kept = [test for test in tests if test]
    return (
        " AND ".join(f"({test})" if " " in test else test for test in kept)
        if len(kept) > 1
        else next(iter(kept), None)
    )


def where_text(event: Single, names: Names) -> str | None:
    """The condition of an event as text, None if it lets every event pass."""
    return condition_text(event.where, replace(names, own=event.var))


def fits_text(event: Single, names: Names, by_type: str | None) -> str | None:
    """That an event of a type (None: any) is this one; None if every such event is."""
    of_type = None if event.type is None or event.type == by_type else f"type(this) = '{event.type}'"
    return all_of(of_type, where_text(event, names))


def unless_text(event: Single, names: Names, by_type: str | None) -> str:
    """That an event of a type is not this one; null counts as not."""
    fits = fits_text(event, names, by_type)
    return "FALSE" if fits is None else f"NOT coalesce({fits}, FALSE)"


def moment_text(mark: str, off_ms: int) -> str:
    """A moment as an expression."""
    return mark if not off_ms else f"{mark} + {duration_text(off_ms)}"


def never_text(off_ms: int) -> str:
    """How long a wait lasts with us: what happens at its very end is behind it there."""
    if off_ms < 2:
        raise UnsayableError("a wait of 1 ms, which excludes its end")
    return duration_text(off_ms - 1)


def kind_text(event: Single, condition: str | None) -> str:
    """An event of this type under a condition."""
    return event_text(event.type, condition)


def counted(node: Json) -> bool:
    """Whether a node is repeated."""
    return (node.get("min", 1), node.get("max", 1)) != (1, 1)


def is_chain(node: Json) -> bool:
    """Whether a node is parts one after the other, once, that nothing but a window is said of."""
    return "seq" in node and not counted(node) and not {"every", "until", "while"} & set(node)


def sequence_text(parts: Sequence[str]) -> str:
    """Parts of a chain, or the only one."""
    return parts[0] if len(parts) == 1 else f"SEQ({', '.join(parts)})"


def either(ways: Sequence[Way]) -> str:
    """Ways of a group, as a group."""
    bodies = [sequence_text((*way.parts, *way.behind)) for way in ways]
    if len(bodies) > 1:
        return f"OR({', '.join(bodies)})"
    return bodies[0] if bodies[0].startswith("SEQ(") else f"SEQ({bodies[0]})"
