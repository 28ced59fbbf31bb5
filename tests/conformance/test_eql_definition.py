"""EQL's sequences as rules of ours, against what their conventions say, on random sequences and streams."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.conformance.cases import read_case
from tests.conformance.eql_definition import eql_matches
from tests.conformance.run import WAYS, Way, run_case

CONDITIONS: Final = (
    [">", ["field", "v"], 1],
    ["==", ["field", "v"], 2],
    ["!=", ["field", "s"], "x"],
    ["or", ["==", ["field", "s"], "x"], [">=", ["field", "v"], 2]],
)
KEYS: Final = ((), ("k",), ("k",), ("k", "l"))


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    chance = draw(st.randoms(use_true_random=False))
    keys, optional = chance.choice(KEYS), chance.random() < 0.2
    nodes: list[dict[str, Any]] = []
    for i in range(chance.randint(1, 4)):
        if chance.random() < 0.15:
            nodes.append({"not": step(chance, f"n{i}", keys, optional=optional)})
        node = step(chance, f"e{i}", keys, optional=optional)
        nodes.append(node | ({"min": 2, "max": 2} if chance.random() < 0.1 else {}))
    if chance.random() < 0.1:
        nodes.append({"not": step(chance, "n9", keys, optional=optional)})
    pattern: dict[str, Any] = {"seq": nodes}
    if chance.random() < 0.5 or any("not" in each for each in (nodes[0], nodes[-1])):
        pattern["within"] = chance.choice([3, 5, 10])
    if chance.random() < 0.3:
        pattern["until"] = step(chance, "u", keys, optional=optional)
    return {"id": "made", "semantics": "eql", "pattern": pattern, "events": stream(chance)}


def step(chance: Random, name: str, keys: tuple[str, ...], *, optional: bool) -> dict[str, Any]:
    """One event; its key is an attribute, one of several, or one that may be null."""
    node: dict[str, Any] = {"event": name, "type": chance.choice(["A", "B", "C", "A", "B", None])}
    if chance.random() < 0.5:
        node["where"] = chance.choice(CONDITIONS)
    if keys:
        field = ["field", chance.choice(keys)]
        node["by"] = [["optional", field] if optional else field]
    return node


def stream(chance: Random) -> list[dict[str, Any]]:
    """Events in order, some of the same time, some without a key."""
    events, ms = [], 0
    for _ in range(chance.randint(4, 12)):
        ms += chance.choice([0, 1, 1, 2, 3, 5])
        event = {
            "_type": chance.choice("ABC"),
            "_ts": ms,
            "v": chance.randint(0, 3),
            "s": chance.choice("xy"),
        }
        events.append(event | {name: chance.choice("pq") for name in "kl" if chance.random() < 0.9})
    return events


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(), st.sampled_from(WAYS))
def test_a_sequence_means_what_its_definition_says(case: dict[str, Any], way: Way) -> None:
    case["expect"] = eql_matches(case)
    outcome = run_case(read_case(case, "EQL"), way=way)
    assume(outcome.status != "skipped")
    assert outcome.status == "passed", (outcome.reason, outcome.text, outcome.expected, outcome.got)
