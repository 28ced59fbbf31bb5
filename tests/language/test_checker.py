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
from tests.language.examples import PATTERNS
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


SOUND = Path(__file__).with_name("sound.txt").read_text(encoding="utf-8").rstrip("\n").split("\n---\n")


@pytest.mark.parametrize("text", SOUND)
def test_nothing_is_said_against_a_sound_pattern(text: str) -> None:
    assert render_all(problems(text)) == ""


# A field that no schema declares is of any kind, so the example patterns stand without one. What they use
# and cannot run yet is told, and nothing else.
@pytest.mark.parametrize("text", PATTERNS, ids=lambda text: text.split("\n")[0])
def test_the_example_patterns(text: str) -> None:
    head = "" if "$" not in text else "-- params: users = 5, delay = 10m\n"
    found = [problem for problem in problems(head + text, Schema()) if problem.severity == "error"]
    assert {problem.code for problem in found} <= {"E501"}, render_all(found)


@RELAXED
@given(patterns)
def test_no_tree_brings_the_checker_down(tree: PatternSyntax) -> None:
    text = "x" * 80
    source = Source.whole("rule.cep", text)
    expanded, found = expand(tree, LIBRARY, source)
    for schema in (SCHEMA, Schema()):
        found += check(expanded, source, schema, predicates(LIBRARY))
    assert render_all(found) is not None
    assert {problem.code for problem in found} <= set(CODES)


def test_problems_come_in_the_order_of_the_text() -> None:
    found = problems("SEQ(Logn a, Transfer[amout > 5] b, Payment[c.x = 1] d) BY user_id WITHIN 0s")
    assert [problem.span.start for problem in found] == sorted(problem.span.start for problem in found)
    assert len(found) == 4
