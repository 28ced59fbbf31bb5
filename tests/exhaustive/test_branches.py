"""Branches of AND and ATLEAST: what events of other branches set anew, what stands between first and last."""

from __future__ import annotations

import pytest

from tests.exhaustive.agree import disagreements
from tests.exhaustive.worlds import modes

EVENTS = 4
TIMED = (
    "AND(SEQ(A v1, B v2* GAP 1ms), C v3)",
    "AND(SEQ(A v1, NOT C, B v2 GAP 1ms), A v3)",
    "AND(A v1, SEQ(B v2, C v3 WITHIN 1ms OF v1))",
    "ATLEAST(1, A v1, AND(OR(B v2, C v3 GAP 1ms), C v4))",
)


BETWEEN = (
    "AND(A v1+, B v2, NOT A)",
    "AND(SEQ(A v1, B v2), C v3, NOT A)",
    "AND(A v1+, B v2, NOT A FOR 1ms)",
    "AND(AND(A v1, C v2, NOT A), B v3)",
    "SEQ(A v1, NOT C, AND(B v2*, C v3))",
    "ATLEAST(1, AND(B v1+, A v2, NOT B), A v3)",
    "ATLEAST(1, SEQ(B v1+, NOT B, A v2), A v3)",
)


@pytest.mark.parametrize("pattern", [*TIMED, *BETWEEN])
def test_a_branch_waits_as_the_definition_says(pattern: str) -> None:
    assert "\n".join(disagreements(modes(iter([pattern])), EVENTS)) == ""


def test_an_optional_loop_that_was_left_out_is_not_begun_later() -> None:
    texts = modes(iter(["SEQ(A v1, AND(B v2* UNTIL X GAP 1h, C v3), A v4)"]))
    assert "\n".join(disagreements(texts, 5)) == ""
