"""ATLEAST: over in two ways at once, which are one way on and not two; over while a branch is unfinished."""

from __future__ import annotations

import pytest

from tests.exhaustive.agree import disagreements
from tests.exhaustive.worlds import modes

EVENTS = 4
BRANCHES = ("A v1{2}, B v2", "A v1{2,}, B v2", "A v1{2}, A v2{2}", "A v1{2}, B v2{2}")


@pytest.mark.parametrize("branches", BRANCHES)
@pytest.mark.parametrize("then", ["B v3", "NEXT B v3", "ANY B v3"])
def test_two_ways_out_are_one_way_on(branches: str, then: str) -> None:
    texts = modes(iter([f"SEQ(ATLEAST(1, {branches}), {then})"]))
    assert "\n".join(disagreements(texts, EVENTS)) == ""


UNFINISHED = (
    "AND(OR(B v2, C v3), C v4)",
    "AND(B v2, OR(B v3, C v4))",
    "AND(B v2, C v3)",
    "AND(B v2++, C v3)",
)


@pytest.mark.parametrize("branch", UNFINISHED)
@pytest.mark.parametrize("whole", ["ATLEAST(1, A v1, {})", "SEQ(ATLEAST(1, A v1, {}), B v5)"])
def test_an_unfinished_branch_reads_as_by_itself(branch: str, whole: str) -> None:
    texts = modes(iter([whole.format(branch)]))
    assert "\n".join(disagreements(texts, EVENTS)) == ""
