"""UNTIL beside what may be left out: which loop an event closes, and for how long."""

from __future__ import annotations

import pytest

from tests.exhaustive.agree import disagreements
from tests.exhaustive.worlds import modes

PATTERNS = (
    "SEQ(A v1, B v2* UNTIL X, C v3* UNTIL Y, A v4)",
    "SEQ(SEQ(A v1, B v2* UNTIL X) g{2}, C v3)",
    "SEQ(A v1, SEQ(B v2* UNTIL X, C v3) g{2})",
    "SEQ(A v1, AND(B v2* UNTIL X, C v3) g{2})",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_engines_close_the_loops_that_the_definition_closes(pattern: str) -> None:
    assert "\n".join(disagreements(modes(iter([pattern])), 5)) == ""
