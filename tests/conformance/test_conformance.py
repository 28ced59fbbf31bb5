"""The shared cases on every engine, fed in every way: none fails, no more are declined than is written."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from cep.engines.engines import ENGINES
from tests.conformance.__main__ import failure
from tests.conformance.cases import Case, CaseFile, read_file
from tests.conformance.run import WAYS, run_case, write
from tests.conformance.text import UnsayableError
from tests.shared import ROOT, SHARED, shared_path

DECLINED_MAX: Final = {"flink-cep": 0, "siddhi": 1, "eql": 5, "esper": 9, "row-pattern": 15}
"""How many cases of a file may be skipped; `docs/conformance.md` has them by reason."""


def files() -> list[CaseFile]:
    # Missing data is told by the tests below, once for each file: a skip here would hide the module.
    paths = [SHARED / "conformance" / f"{name}.json" for name in DECLINED_MAX]
    return [read_file(path) for path in paths if path.exists()]


def cases() -> list[Case]:
    return [case for file in files() for case in file.cases]


@pytest.mark.parametrize("name", sorted(DECLINED_MAX))
def test_few_cases_are_declined_and_each_for_a_reason_that_the_documents_tell(name: str) -> None:
    file = read_file(shared_path("conformance", f"{name}.json"))
    assert file.cases
    reasons: Counter[str] = Counter()
    for case in file.cases:
        try:
            write(case)
        except UnsayableError as reason:
            reasons[str(reason)] += 1
    assert reasons.total() <= DECLINED_MAX[name], reasons
    document = " ".join((ROOT / "docs" / "conformance.md").read_text("utf-8").split())
    assert not [reason for reason in reasons if reason not in document]
    row = (
        f"| `{name}.json` | {len(file.cases)} | {len(file.cases) - reasons.total()} | 0 | {reasons.total()} |"
    )
    assert row in document


@pytest.mark.parametrize("engine", sorted(ENGINES.keys() - {"auto"}))
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_case(case: Case, engine: str) -> None:
    # `auto` is one of the others for each rule.
    for way in WAYS:
        outcome = run_case(case, engine, way)
        if outcome.status == "skipped":
            pytest.skip(f"declined: {outcome.reason}")
        assert outcome.status == "passed", (way, failure(outcome))
