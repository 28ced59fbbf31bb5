"""GAP and WITHIN OF in branches of AND and ATLEAST: events of other branches set the time anew."""

from __future__ import annotations

import pytest

from tests.exhaustive.agree import disagreements
from tests.exhaustive.worlds import modes

EVENTS = 4
PATTERNS = (
    "AND(SEQ(A v1, B v2* GAP 1ms), C v3)",
    "AND(SEQ(A v1, NOT C, B v2 GAP 1ms), A v3)",
    "AND(A v1, SEQ(B v2, C v3 WITHIN 1ms OF v1))",
    "ATLEAST(1, A v1, AND(OR(B v2, C v3 GAP 1ms), C v4))",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_branch_waits_as_the_definition_says(pattern: str) -> None:
    assert "\n".join(disagreements(modes(iter([pattern])), EVENTS)) == ""


def test_an_optional_loop_that_was_left_out_is_not_begun_later() -> None:
    texts = modes(iter(["SEQ(A v1, AND(B v2* UNTIL X GAP 1h, C v3), A v4)"]))
    assert "\n".join(disagreements(texts, 5)) == ""
