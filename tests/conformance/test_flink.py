"""What Flink's patterns become: the text, construct by construct."""

from __future__ import annotations

from typing import Any

import pytest

from cep.errors import Source
from cep.language.parser import parse_pattern
from tests.conformance.cases import read_case
from tests.conformance.flink import rule_text
from tests.conformance.text import Names, UnsayableError, expression_text

A: dict[str, Any] = {"event": "a", "type": None, "where": ["==", ["field", "n"], "a"]}
B: dict[str, Any] = A | {"event": "b", "where": ["==", ["field", "n"], "b"]}
C: dict[str, Any] = A | {"event": "c", "where": ["==", ["field", "n"], "c"]}
LOOP: dict[str, Any] = {"min": 1, "max": None, "inner": "relaxed"}


def lines(pattern: dict[str, Any], **members: object) -> list[str]:
    """The rule of a pattern: its steps with `a` for EVENT[n = 'a'] a, and its clauses."""
    raw = {"id": "x", "semantics": "all", "expect": [], "pattern": pattern} | members
    text = rule_text(read_case(raw)).text
    tree, diagnostics = parse_pattern(Source.whole("case", text))
    assert tree is not None, diagnostics
    for name in "abc":
        text = text.replace(f"EVENT[n = '{name}'] ", "")
    return text.split("\n")


def steps(*nodes: dict[str, Any]) -> str:
    return lines({"seq": list(nodes)})[0]


def clauses(pattern: dict[str, Any], **members: object) -> str:
    return lines(pattern, **members)[1]


def none(node: dict[str, Any], **members: object) -> dict[str, Any]:
    return {"not": node, "for": None} | members


SUM: list[object] = [">", ["sum", "b", "x"], 3]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"follow": "relaxed"}, "b"),
        ({"follow": "strict"}, "NEXT b"),
        ({"follow": "any"}, "ANY b"),
        ({"optional": True}, "b?"),
        (LOOP, "b+"),
        (LOOP | {"optional": True}, "b*"),
        (LOOP | {"inner": "strict"}, "b+ CONSECUTIVE"),
        (LOOP | {"inner": "any"}, "b+ COMBINATIONS"),
        ({"min": 2, "max": 2, "inner": "relaxed"}, "b{2}"),
        ({"min": 1, "max": 3, "optional": True}, "b{0,3}"),
        ({"min": 2, "max": None, "optional": True, "inner": "strict"}, "SEQ(b{2,} CONSECUTIVE)?"),
        (LOOP | {"follow": "strict", "until": SUM}, "NEXT b+ UNTIL EVENT[coalesce(sum(b.x), 0) > 3]"),
        ({"gap": 9}, "b GAP 8ms"),
        ({"within": 9, "min": 2, "max": 2}, "b{2} WITHIN 8ms"),
    ],
)
def test_a_step(node: dict[str, Any], expected: str) -> None:
    assert steps(A, B | node) == f"SEQ(a, {expected})"


def test_a_loop_with_an_end_never_takes_it_and_may_not_wait_beyond_it() -> None:
    end = "coalesce(sum(b.x), 0) > 3"
    loop = f"EVENT[(n = 'b') AND (NOT coalesce({end}, FALSE))] b+ UNTIL EVENT[{end}]"
    lost = f"NOT EVENT[(n = 'b') AND ({end})] no_b"
    assert steps(A, B | LOOP | {"until": SUM}) == f"SEQ(a, SEQ({lost}, {loop}))"
    assert steps(A, B | LOOP | {"until": SUM, "optional": True}) == f"SEQ(a, SEQ({lost}, {loop})?)"
    assert steps(A, B | LOOP | {"until": SUM, "follow": "any"}) == f"SEQ(a, ANY {loop})"


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ({}, "b++"),
        ({"optional": True}, "b*+"),
        # Here an event that fits may come when the loop cannot take it any more.
        ({"min": 2, "max": 3}, "b{2,3}+, NOT no_b"),
        ({"inner": "strict"}, "b++ CONSECUTIVE, NOT no_b"),
        # A fixed number of turns leaves nothing to be greedy about.
        ({"min": 2, "max": 2}, "b{2}"),
    ],
)
def test_a_greedy_loop(loop: dict[str, Any], expected: str) -> None:
    greedy = B | LOOP | {"greedy": True} | loop
    assert steps(A, greedy, C) == f"SEQ(a, {expected}, c)"


def test_a_greedy_loop_at_the_head_that_may_be_missing() -> None:
    greedy = B | {"min": 2, "max": 3, "greedy": True, "optional": True}
    assert steps(greedy, C) == "SEQ(SEQ(b{2,3}+, NOT no_b)?+, c)"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([A, none(B), C], "a, NOT b, c"),
        ([A, none(B, negated_follow="strict"), C], "a, NEXT NOT b, c"),
        ([A, none(B, **{"for": 5})], "a, NOT b FOR 4ms"),
        # Behind a loop: after every turn.
        ([A | LOOP, none(B), C], "SEQ(a, NOT b)+, c"),
        ([A | LOOP, none(B, negated_follow="strict"), C], "SEQ(a, NEXT NOT b)+, c"),
        ([A | {"min": 2, "max": 3, "inner": "any"}, none(B), C], "SEQ(a, NOT b){2,3} COMBINATIONS, c"),
        ([A, none(B), C | {"optional": True}], "a, NOT b, c?"),
        # The very next event is another one, and is no part of the match.
        ([A, none(B, negated_follow="strict")], "a, NEXT EVENT[(NOT coalesce(n = 'b', FALSE))] b"),
    ],
)  # fmt: skip
def test_an_absence(nodes: list[dict[str, Any]], expected: str) -> None:
    assert steps(*nodes) == f"SEQ({expected})"


def test_the_event_behind_a_match_is_left_out() -> None:
    raw = {
        "id": "x",
        "semantics": "all",
        "expect": [],
        "skip": "past_last",
        "pattern": {"seq": [A, none(B, negated_follow="strict")]},
    }
    rule = rule_text(read_case(raw))
    assert rule.variables == {"a": "a", "b": None}
    assert "AFTER MATCH SKIP TO LAST b" in rule.text


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"seq": [A, B]}, "WITHIN 36500d"),
        ({"seq": [A, B], "within": 10}, "WITHIN 9ms"),
        ({"seq": [A, none(B)], "within": 10}, "WITHIN 9ms"),
        ({"seq": [A, none(B, **{"for": 3})]}, "WITHIN 36500d"),
        # Nothing decides this absence, and the checker must say so.
        ({"seq": [A, none(B)]}, ""),
        # This one must be refused for its quantifier alone.
        ({"seq": [A, none(B, min=1, max=None)]}, "WITHIN 36500d"),
    ],
)
def test_the_window(pattern: dict[str, Any], expected: str) -> None:
    assert clauses(pattern) == f"{expected} PICK ALL AFTER MATCH NO SKIP LIMIT 1000000".strip()


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("none", "NO SKIP"),
        ("past_last", "SKIP PAST LAST"),
        ("to_next", "SKIP TO NEXT"),
        ("to_first:b", "SKIP TO FIRST b"),
        ("to_last:zz", "SKIP TO LAST zz"),
    ],
)
def test_the_skip_policy(skip: str, expected: str) -> None:
    assert f" AFTER MATCH {expected} LIMIT" in clauses({"seq": [A, B]}, skip=skip)


def test_other_clauses() -> None:
    pattern = {"seq": [A | {"type": "X"}, B | {"type": "Y", "follow": "strict"}]}
    events = [{"_ts": 1, "_type": "Z", "k": 1}]
    found = clauses(pattern, events=events, key="k", expect_timeout=[])
    assert found.startswith("FROM X, Y, Z BY k WITHIN 36500d PICK ALL")
    assert found.endswith("ON TIMEOUT EMIT (timed_out = TRUE)")


def test_groups() -> None:
    inner = {"seq": [B, C | {"follow": "any"}]}
    assert steps(A, inner | LOOP | {"follow": "strict"}) == "SEQ(a, NEXT SEQ(b, ANY c)+)"
    assert lines(inner | LOOP)[0] == "SEQ(SEQ(b, ANY c)+)"
    # A loop that heads a group is as contiguous inside as the group is.
    assert steps(A, {"seq": [B | LOOP | {"inner": "any"}, C]}) == "SEQ(a, SEQ(b+, c))"
    assert steps({"or": [A, B]}, {"and": [C, A | {"event": "d"}]}).startswith("SEQ(OR(a, b), AND(c, ")


def test_names_that_mean_something_get_quotes_or_another_name() -> None:
    pattern = {"seq": [A | {"event": "next"}, B | {"event": "n", "where": ["ref", "next", "n"]}]}
    rule = rule_text(read_case({
        "id": "x", "semantics": "all", "expect": [], "pattern": pattern, "skip": "to_first:n",
        "events": [{"_ts": 1, "n": "a"}],
    }))  # fmt: skip
    assert rule.text.startswith("SEQ(EVENT[n = 'a'] `next`, EVENT[`next`.n] n_)")
    assert rule.variables == {"next": "next", "n_": "n"}
    assert "SKIP TO FIRST n_" in rule.text


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (["ref", "one", "x"], "one.x"),
        (["ref", "one", "x", 1], "NULL"),
        (["ref", "many", "x"], "last(many).x"),
        (["ref", "many", "x", 0], "many[0].x"),
        (["ref", "many", "x", -2], "many[-2].x"),
        (["sum", "one", "x"], "coalesce(one.x, 0)"),
        (["count", "one", "x"], "if(one IS NULL, 0, 1)"),
        (["count", "many", "x"], "count(many)"),
        (["avg", "many", "x"], "avg(many.x)"),
        (["==", ["type"], "T"], "(type(this) = 'T')"),
        (["<", 1500, ["ts"]], "(ts'1970-01-01T00:00:01.500Z' < ts)"),
        (["!=", ["field", "x"], None], "(x IS NOT NULL)"),
        (["in", ["field", "x"], [1, "a"]], "(x IN [1, 'a'])"),
        (["prev", "x"], "last(many).x"),
        (["not", ["isnull", ["field", "limit"]]], "(NOT (`limit` IS NULL))"),
        (["%", ["field", "x"], 2], "(x - 2 * floor(x / 2))"),
        (["+", ["field", "x"], -1, 2.5], "(x + (-1) + 2.5)"),
        (["call", "lower", ["field", "x"]], "lower(x)"),
        (["like", ["field", "x"], "it's %"], "(x LIKE 'it''s %')"),
    ],
)
def test_an_expression(expr: list[object], expected: str) -> None:
    names = Names({"one": "one", "many": "many"}, frozenset({"many"}), own="many")
    assert expression_text(expr, names) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (["sum", "one", "x"], "0"),
        (["max", "one", "x"], "NULL"),
        (["ref", "one", "x"], "NULL"),
        (["prev", "x"], "NULL"),
    ],
)
def test_a_variable_has_nothing_of_itself_yet(expr: list[object], expected: str) -> None:
    assert expression_text(expr, Names({"one": "one"}, own="one")) == expected


@pytest.mark.parametrize(
    "expr",
    [["prev_row", ["field", "x"], 1], ["sum", "many"], [], "two\nlines", ["field", "ts"], float("inf")],
)
def test_what_cannot_be_said_is_told(expr: object) -> None:
    with pytest.raises(UnsayableError):
        expression_text(expr, Names({"many": "many"}, frozenset({"many"})))


def test_a_node_that_cannot_be_said_is_told() -> None:
    with pytest.raises(UnsayableError, match="every"):
        steps(A, {"every": B})
    with pytest.raises(UnsayableError, match="absence"):
        steps(A, none({"seq": [B]}), C)
    with pytest.raises(UnsayableError, match="1 ms"):
        steps(A, B | {"gap": 1})
