"""Constructs inside each other: the answers follow from the meaning of the parts, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.story import alerts
from tests.engines.told_cases import Case, cases_of, ids

CASES = cases_of(Path(__file__).parent / "cases" / "nesting.txt")


@pytest.mark.parametrize("engine", ["reference", "vector", "arrays"])
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_nesting(case: Case, engine: str) -> None:
    found = alerts(case.pattern, case.stream, flush=case.flush, shared=case.shared, engine=engine)
    assert tuple(found) == case.expected
