"""`SEQ STRICT … PICK LEFTMOST` and its adapter against row patterns by definition, on random cases."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.conformance.cases import read_case
from tests.conformance.row_definition import NoTargetError, TooLongError, row_matches
from tests.conformance.run import run_case
from tests.conformance.text import nodes_below

VARIABLES: Final = "ABC"
QUANTIFIERS: Final = ((0, 1), (0, None), (1, None), (2, 2), (1, 2), (2, None), (0, 2))
DEPTH_MAX: Final = 2
X: Final = ["field", "x"]

variables = st.sampled_from([*VARIABLES, "U", None])
numbers = st.one_of(
    st.just(X),
    st.integers(0, 2),
    st.just(["prev_row", X, 1]),
    st.tuples(st.just("last"), variables, st.just("x"), st.integers(0, 2)).map(list),
    st.tuples(st.just("first"), variables, st.just("x"), st.integers(0, 1)).map(list),
    st.tuples(st.sampled_from(["sum", "avg", "min", "max", "count"]), variables, st.just("x")).map(list),
    st.tuples(st.just("count"), variables, st.none()).map(list),
)
comparisons = st.tuples(st.sampled_from(["<", "<=", "==", ">", ">=", "!="]), st.just(X), numbers).map(list)
labels = st.tuples(
    st.just("=="),
    st.sampled_from([["prev_row", ["classifier"], 1], ["classifier", "U"]]),
    st.sampled_from(VARIABLES),
).map(list)
conditions = st.one_of(
    st.none(),
    comparisons,
    comparisons,
    labels,
    st.tuples(st.sampled_from(["and", "or"]), comparisons, labels).map(list),
    st.just(["isnull", X]),
)


@st.composite
def patterns(draw: st.DrawFn, where: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    inner = ["seq", "seq", "or", "permute"] if depth < DEPTH_MAX else []
    kind = draw(st.sampled_from(["event"] * (1 + 2 * depth) + inner))
    node: dict[str, Any]
    if kind == "event":
        var = draw(st.sampled_from(VARIABLES))
        node = {"event": var, "type": None, "where": where[var]}
    else:
        parts = st.lists(patterns(where, depth + 1), min_size=2, max_size=2)
        node = {kind: draw(parts)}
    if draw(st.booleans()):
        node["min"], node["max"] = draw(st.sampled_from(QUANTIFIERS))
        node["greedy"] = draw(st.sampled_from([True, True, False]))
    return node


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    where = {var: draw(conditions) for var in VARIABLES}
    values = draw(st.lists(st.sampled_from([0, 1, 2, None]), min_size=2, max_size=7))
    pattern: dict[str, Any] = {"seq": [draw(patterns(where)), draw(patterns(where, 1))]}
    anchors = draw(st.sampled_from(["", "", "", "^", "$", "^$"]))
    pattern["seq"] = [
        *([{"anchor": "start"}] if "^" in anchors else []),
        *pattern["seq"],
        *([{"anchor": "end"}] if "$" in anchors else []),
    ]
    if draw(st.booleans()):
        pattern["within"] = draw(st.integers(1, 4)) * 10
    skips = ["past_last", "to_next"]
    used = {node.get("event") for node in nodes_below(pattern)}
    skips += ["to_first:B", "to_last:B"] if "B" in used else []
    skips += ["to_last:U"] if used & {"A", "B"} else []
    return {
        "id": "made",
        "semantics": "row_pattern",
        "pattern": pattern,
        "skip": draw(st.sampled_from(skips)),
        "subset": {"U": ["A", "B"]},
        "key": "k",
        "events": [
            {"_ts": 10 * i, "_type": "R", "x": value, "k": draw(st.sampled_from("pq"))}
            for i, value in enumerate(values)
        ],
        "flush": True,
        "rows": "one",
        "columns": [],
        "measures": {"m": draw(numbers.filter(lambda expr: expr != X and "prev_row" not in str(expr)))},
    }


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(), st.sampled_from(["single", "whole"]))
def test_a_row_pattern_means_what_its_definition_says(case: dict[str, Any], way: str) -> None:
    held_to_its_definition(case, way)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(), st.sampled_from([1, 2, None]), st.sampled_from(["past_last", "to_next"]))
def test_empty_matches_are_at_the_rows_where_nothing_else_fits(
    case: dict[str, Any], rounds: int | None, skip: str
) -> None:
    case["pattern"] |= {"min": 0, "max": rounds}
    held_to_its_definition(case | {"skip": skip}, "whole")


def held_to_its_definition(case: dict[str, Any], way: str) -> None:
    try:
        case["expect"], case["expect_rows"] = row_matches(case)
    except (TooLongError, NoTargetError):
        assume(False)
    outcome = run_case(read_case(case), way="single" if way == "single" else "whole")
    assume(outcome.status != "skipped")
    # Conditions that say nothing are refused.
    assume(outcome.reason != "refused" or not outcome.got.startswith(("E208", "E209")))
    assert outcome.status == "passed", (outcome.reason, outcome.text, outcome.expected, outcome.got)
