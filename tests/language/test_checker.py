"""The checker: broken rules and all that is said about each, and sound rules about which nothing is."""

from pathlib import Path

import pytest
from hypothesis import given

from cep.errors import Source, render_all
from cep.language.checker import check
from cep.language.codes import CODES
from cep.language.definitions import predicates
from cep.language.expand import expand
from cep.language.syntax import PatternSyntax
from cep.schema import Schema
from tests.golden import check_golden
from tests.language.checking import LIBRARY, SCHEMA, problems
from tests.language.strategies import RELAXED, patterns
from tests.language.test_syntax_goldens import PROMPT, texts
from tests.shared import ROOT

FILES = sorted((ROOT / "tests" / "golden" / "errors").glob("*.txt"))

# Found by the parser, and on the automaton: their goldens stand with those.
ELSEWHERE = {"E101", "E301", "E302", "W401", "W405"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_errors(path: Path) -> None:
    cases = []
    for text in texts(path):
        shown = "\n".join(f"{PROMPT}{line}".rstrip() for line in text.split("\n"))
        cases.append(f"{shown}\n{render_all(problems(text))}\n")
    check_golden(path, "\n".join(cases))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_case_shows_the_code_of_its_file(path: Path) -> None:
    for text in texts(path):
        assert path.stem in {problem.code for problem in problems(text)}, text


def test_every_code_has_a_case() -> None:
    shown = {path.stem for path in FILES}
    assert shown <= set(CODES)
    assert shown | ELSEWHERE == set(CODES)


def test_nothing_is_said_with_a_code_that_is_not_explained() -> None:
    found = {problem.code for path in FILES for text in texts(path) for problem in problems(text)}
    assert found <= set(CODES)
