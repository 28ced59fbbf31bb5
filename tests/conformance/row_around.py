"""What stands around a row pattern as text of ours: marks of its ends, windows, types that matter."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from tests.conformance.cases import Case, Json
from tests.conformance.row_tree import Leaf, Tree, leaves
from tests.conformance.text import UnsayableError, duration_text, name_text, nodes_below

MARKS: Final = {"start": "Started", "end": "Ended"}
"""Types of the events that mark where a partition starts and ends."""


def marked(body: str, within: int | None, names: Mapping[str, str]) -> str:
    """A pattern between the marks that it is held by; its window is that of the rows."""
    span = f" WITHIN {duration_text(within)}" if within else ""
    marks = {at: f"{MARKS[at]} {name_text(name)}" for at, name in names.items()}
    parts = (marks.get("start"), f"SEQ STRICT({body}){span}", marks.get("end"))
    return f"SEQ STRICT({', '.join(part for part in parts if part)})"


def held_back(case: Case, body: str, within: int | None, interval: int, lead: str | None) -> str:
    """The body of a match that is given when an interval has passed since its first row."""
    if lead is not None or (within is not None and within < interval):
        raise UnsayableError("an interval beside a window, or with a look at the row before the match")
    if (case.raw or {}).get("or_terminated"):
        return body
    taken = {name for event in case.events for name in event.fields} | {*case.key}
    never = next(name for name in ("never", "never_", "never__") if name not in taken)
    return f"{body[:-1]}, NOT Never {never})"


def types_that_matter(case: Case, tree: Tree) -> list[str]:
    """Every type, if the pattern names types: rows of others break it too."""
    named = {leaf.type for leaf in leaves(tree) if isinstance(leaf, Leaf)}
    if None in named:
        return []
    return sorted({event.type for event in case.events} | {each for each in named if each is not None})


def refuse_what_has_no_words(case: Case, raw: Mapping[str, Json]) -> None:
    """UnsayableError for what a case declares and our language has no place for."""
    if raw.get("unused_define"):
        raise UnsayableError("a condition of a variable that the pattern has not: ours stand in the pattern")
    variables = {node.get("event") for node in nodes_below(case.pattern)}
    unions = raw.get("subset") or {}
    if variables & unions.keys() or not variables.issuperset(chain.from_iterable(unions.values())):
        raise UnsayableError(
            "a wrong SUBSET: unions of variables are not declared with us, so none can be wrong"
        )
