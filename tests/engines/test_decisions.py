"""The decisions of the language, under their numbers: where systems disagree, what we say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.story import alerts
from tests.engines.told_cases import Case, cases_of, ids

CASES = cases_of(Path(__file__).parent / "cases" / "decisions.txt")
ELSEWHERE = {17: "tests/runtimes/test_absence_in_time.py"}


@pytest.mark.parametrize("engine", ["reference", "vector", "arrays"])
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_decision(case: Case, engine: str) -> None:
    found = alerts(case.pattern, case.stream, flush=case.flush, shared=case.shared, engine=engine)
    assert tuple(found) == case.expected


def test_every_decision_is_told() -> None:
    assert {int(case.title.split()[0]) for case in CASES} | set(ELSEWHERE) == set(range(1, 24))
