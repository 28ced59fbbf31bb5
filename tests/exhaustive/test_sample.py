"""A part of the small patterns over the smallest streams, for use while writing; see `test_small.py`."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.exhaustive.agree import disagreements
from tests.exhaustive.test_small import FAMILIES

EVENTS = 3
TEXTS = 40


@pytest.mark.parametrize("family", FAMILIES)
def test_engines_find_what_the_definition_says(family: str) -> None:
    count = sum(1 for _ in FAMILIES[family]())
    # A step that divides no count of types or picks, so that each has its turn.
    texts = list(islice(FAMILIES[family](), 0, None, max(1, count // TEXTS) | 1))
    assert "\n".join(disagreements(texts, EVENTS)) == ""
