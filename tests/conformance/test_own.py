"""Cases of our own, for what the shared ones leave open; their answers are those of the engine they name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from cep.engines.engines import ENGINES
from tests.conformance.__main__ import failure
from tests.conformance.cases import Case, read_files
from tests.conformance.run import WAYS, run_case

OWN: Final = Path(__file__).parent / "own"
CASES: Final = [case for file in read_files([OWN]) for case in file.cases]


@pytest.mark.parametrize("engine", sorted(ENGINES.keys() - {"auto"}))
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_a_case_passes_on_every_engine_in_every_way(case: Case, engine: str) -> None:
    for way in WAYS:
        outcome = run_case(case, engine, way)
        assert outcome.status == "passed", (way, failure(outcome))
