"""Which members of a case an adapter reads: one that it does not know may change what the pattern means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance.cases import Case
from tests.conformance.text import UnsayableError, nodes_below

_EVENT: Final = frozenset({"event", "type", "where", "min", "max", "seq"})

NODES: Final[Mapping[str, frozenset[str]]] = {
    "all": _EVENT
    | {"and", "or", "not", "for", "follow", "negated_follow"}
    | {"greedy", "optional", "inner", "until", "within", "gap"},
    "eql": _EVENT | {"and", "not", "by", "until", "within", "fork", "optional"},
    "every_once": _EVENT
    | {"and", "or", "not", "for", "every", "follow", "inner", "until", "while", "timer", "optional"}
    | {"within", "within_max", "distinct", "distinct_for", "max_pending"},
    "row_pattern": _EVENT | {"or", "permute", "greedy", "optional", "exclude", "anchor", "within"},
}
"""Semantics → what a node of a pattern may have."""

CASES: Final = frozenset(
    {"id", "features", "note", "native", "native_fields", "agree", "disagree", "semantics", "pattern"}
    | {"key", "skip", "events", "flush", "expect", "expect_rows", "expect_timeout", "expect_error"}
    | {"pipes", "rows", "columns", "measures", "subset", "unused_define"}
    | {"interval", "or_terminated", "all_matches"}
)


PLAIN: Final = {("eql", "follow"): "relaxed", ("row_pattern", "follow"): "strict"}
"""What may be said although it holds anyway."""


def refuse_unknown(case: Case) -> None:
    """UnsayableError if the case says something of which no adapter knows what it means."""
    known = NODES[case.semantics]
    unknown = {
        name
        for node in nodes_below(case.pattern)
        for name, value in node.items()
        if name not in known and value not in (None, False, PLAIN.get((case.semantics, name)))
    }
    unknown |= {name for name, value in (case.raw or {}).items() if value is not None} - CASES
    if case.semantics == "eql" and case.skip != "none":
        unknown.add(f"skip {case.skip}")
    if unknown:
        raise UnsayableError(f"`{min(unknown)}`: nobody here knows what it means")
