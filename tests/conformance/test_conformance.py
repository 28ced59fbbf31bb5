"""The shared cases, on every engine and fed in every way."""

from __future__ import annotations

from typing import Final

import pytest

from tests.conformance.__main__ import failure
from tests.conformance.cases import Case, read_file
from tests.conformance.run import Way, run_case
from tests.shared import SHARED, shared_path

FLINK: Final = ("conformance", "flink-cep.json")


def cases() -> list[Case]:
    # Missing data is told by the test below, once: a skip here would hide the module.
    path = SHARED.joinpath(*FLINK)
    return list(read_file(path).cases) if path.exists() else []


def test_the_cases_are_there() -> None:
    assert len(read_file(shared_path(*FLINK)).cases) > 0


@pytest.mark.parametrize("way", ["single", "whole"])
@pytest.mark.parametrize("engine", ["reference", "vector"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_case(case: Case, engine: str, way: Way) -> None:
    outcome = run_case(case, engine, way)
    # A skip is a failure too: our language says every one of these patterns.
    assert outcome.status == "passed", failure(outcome)
