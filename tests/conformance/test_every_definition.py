"""Siddhi's patterns as rules of ours, against what their conventions say, on random patterns and streams."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.conformance.cases import Json, read_case, read_file
from tests.conformance.every_definition import every_once_matches
from tests.conformance.run import WAYS, Way, counted, run_case
from tests.conformance.text import nodes_below
from tests.shared import shared_path

WAIT_MS: Final = 1000
COUNTS: Final = ((2, 2), (1, 2), (2, 3), (2, None), (0, 2), (1, None), (0, 1))
V: Final = ["field", "v"]

NOT_SAID: Final = {
    "siddhi/SequenceTestCase/testQuery4",
    "siddhi/SequenceTestCase/testQuery6",
    "siddhi/SequenceTestCase/testQuery20_2",
    "siddhi/AbsentWithEverySequenceTestCase/testQuery1",
    "siddhi/EveryAbsentSequenceTestCase/testQueryAbsent1",
}
"""Sequences in which new starts are held up or take the place of others: left out of the definition."""


class Maker:
    """Makes a pattern part by part; what was taken before may be referred to."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.known, self.count = chance, list[str](), 0

    def event(self, *, counts: bool = True, absent: bool = False) -> dict[str, Any]:
        """One event, or so many."""
        self.count += 1
        node: dict[str, Any] = {"event": f"{'n' if absent else 'e'}{self.count}"}
        node |= {"type": self.chance.choice("ABC"), "where": self.condition()}
        if counts and self.chance.random() < 0.25:
            node["min"], node["max"] = self.chance.choice(COUNTS)
        return node

    def condition(self) -> Json:
        """A comparison with a number, or with an event taken before."""
        kind = self.chance.random()
        if kind < 0.3:
            return None
        if kind < 0.6 or not self.known:
            return [self.chance.choice([">", "<="]), V, self.chance.choice([1, 2])]
        return [self.chance.choice([">", "<=", "!="]), V, ["ref", self.chance.choice(self.known), "v"]]

    def wait(self) -> dict[str, Any]:
        """None of some event for a second."""
        return {"not": self.event(counts=False, absent=True), "for": WAIT_MS}

    def node(self, kind: str) -> dict[str, Any]:
        """A part of a kind."""
        one = {"counts": False}
        match kind:
            case "event":
                return self.event()
            case "or" | "and":
                return {kind: [self.event(**one), self.event(**one)]}
            case "wait":
                return self.wait()
            case "not and":
                return {"and": [{"not": self.event(absent=True, **one)}, self.event(**one)]}
            case "wait and":
                return {"and": [self.wait(), self.event(**one)]}
            case "wait or":
                return {"or": [self.wait(), self.event(**one)]}
            case "group":
                first = self.event(**one)
                self.known.append(first["event"])
                more = [self.event(counts=i == 0) for i in range(self.chance.choice([1, 1, 2]))]
                return {"seq": [first, *more]}
            case _:
                raise AssertionError(kind)

    def every(self) -> dict[str, Any]:
        """A part that comes again and again; one that may take nothing would never end."""
        inner = self.node(self.chance.choice(["event", "event", "group", "group", "or", "and", "wait"]))
        if inner.get("min") == 0:
            inner["min"] = 1
        return {"every": inner}


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    chance = draw(st.randoms(use_true_random=False))
    maker, parts = Maker(chance), list[dict[str, Any]]()
    kinds = ["event"] * 4 + ["or", "and", "wait", "not and", "wait and", "wait or"]
    for i in range(chance.randint(1, 3)):
        again = not any("every" in part for part in parts) and chance.random() < (0.5 if i == 0 else 0.3)
        parts.append(maker.every() if again else maker.node(chance.choice(kinds)))
        taken = [node["event"] for node in nodes_below(parts[-1]) if "event" in node]
        if not any("or" in node for node in nodes_below(parts[-1])):
            maker.known += [name for name in taken if name.startswith("e")]
    if len(parts) == 1 and parts[0].get("min") == 0:
        parts[0]["min"] = 1
    pattern: dict[str, Any] = {"seq": parts} if len(parts) > 1 else parts[0]
    if chance.random() < 0.35 and not any("for" in node for node in nodes_below(pattern)):
        pattern["within"] = chance.choice([1000, 1500, 2500])
    return {"id": "made", "semantics": "every_once", "pattern": pattern, **stream(chance)}


def stream(chance: Random) -> dict[str, Any]:
    """Events and the end of them; times that stand on the edges of windows are among them."""
    key = "k" if chance.random() < 0.2 else None
    events, ms = [], 0
    for _ in range(chance.randint(3, 9)):
        ms += chance.choice([1, 100, 400, 600, 999, 1000, 1001, 1500])
        event = {"_type": chance.choice("ABC"), "_ts": ms, "v": chance.randint(0, 3)}
        events.append(event | ({"k": chance.choice("xy")} if key else {}))
    events.append({"_watermark": ms + chance.choice([2500, 4000])})
    return {"key": key, "skip": "none", "flush": False, "events": events}


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(), st.sampled_from(WAYS))
def test_a_pattern_means_what_its_definition_says(case: dict[str, Any], way: Way) -> None:
    case["expect"] = every_once_matches(case)
    outcome = run_case(read_case(case, "Siddhi"), way=way)
    assume(outcome.status != "skipped")
    assert outcome.status == "passed", (outcome.reason, outcome.text, outcome.expected, outcome.got)


def test_the_definition_gives_what_siddhi_gave() -> None:
    for case in read_file(shared_path("conformance", "siddhi.json")).cases:
        if case.id in NOT_SAID:
            continue
        found = [{var: tuple(each) for var, each in match.items()} for match in every_once_matches(case.raw)]
        assert counted(found) == counted(case.expect or ()), case.id
