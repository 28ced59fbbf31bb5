"""Broken rule files: every problem of each is told, at its place, and nothing is ever a traceback."""

from pathlib import Path

import pytest

from cep.errors import render_all
from cep.language.codes import CODES as PATTERN_CODES
from cep.rulebook.codes import CODES as RULE_CODES
from cep.rulebook.loader import Rulebook, Settings, load
from tests.golden import check_golden
from tests.rulebook.settings import schema
from tests.shared import ROOT

BROKEN = ROOT / "tests" / "golden" / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    # Problems name files as they were given: so the same wherever the checkout is.
    monkeypatch.chdir(BROKEN)


def read(path: Path) -> Rulebook:
    return load([Path(path.name)], Settings(schema()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_problems_are_told(path: Path) -> None:
    check_golden(path.with_suffix(".txt"), render_all(read(path).diagnostics) + "\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_code_in_the_name_is_among_them(path: Path) -> None:
    code = path.stem.split("_")[0].upper()
    codes = [diagnostic.code for diagnostic in read(path).diagnostics]
    assert code in codes or (path.stem == "many_at_once" and len(codes) > 5)


def test_there_are_many_and_each_error_is_told_with_a_caret_and_a_way_out() -> None:
    assert len(FILES) >= 40
    errors = [each for path in FILES for each in read(path).diagnostics if each.severity == "error"]
    for error in errors:
        assert "^" in render_all([error])
        assert error.help or error.label or "expected" in error.message, error.message


def test_every_code_has_a_file() -> None:
    shown = {diagnostic.code for path in FILES for diagnostic in read(path).diagnostics}
    assert {*PATTERN_CODES, *RULE_CODES} - shown == set()


def test_goldens_are_all_used() -> None:
    assert {path.stem for path in BROKEN.glob("*.txt")} == {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_half_a_file_is_no_crash(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for end in range(0, len(text), 7):
        half = tmp_path / "half.yaml"
        half.write_text(text[:end], encoding="utf-8")
        render_all(load([half], Settings(schema())).diagnostics)
