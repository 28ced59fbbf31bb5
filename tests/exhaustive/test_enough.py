"""ATLEAST with counted loops: it may be over in two ways at once, which are one way on and not two."""

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
