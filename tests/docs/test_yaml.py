"""The YAML of the documents is sound: rules pass their own tests, project files have no fault."""

from pathlib import Path
from typing import Final, get_args

import pytest

from cep.errors import render_all
from cep.ports.rejects import ReasonCode
from cep.rulebook.loader import Settings, load
from cep.rulebook.project import read_project
from cep.runtimes.rule_tests import run_rule_test
from tests.docs.blocks import Block, blocks, read
from tests.docs.test_complete import RULES, in_code
from tests.shared import ROOT

# The rules of the first steps are wrong on purpose; test_first_rule runs them.
YAML: Final = [block for block in blocks(word="yaml") if block.page != "docs/first-rule.md"]
RULE_BLOCKS: Final = [block for block in YAML if block.text.startswith("rule:")]
PROJECTS: Final = [block for block in YAML if block not in RULE_BLOCKS]


def test_both_kinds_were_found() -> None:
    assert len(RULE_BLOCKS) > 3
    assert len(PROJECTS) > 3


@pytest.mark.parametrize("block", RULE_BLOCKS, ids=lambda block: block.place)
def test_a_rule_loads_and_passes_its_tests(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text(block.text, encoding="utf-8")
    book = load([file], Settings(libraries=(ROOT / "patterns",)))
    assert not book.diagnostics, render_all(book.diagnostics)
    (one,) = book.rules
    assert one.tests or block.page == "README.md"
    for test in one.tests:
        assert run_rule_test(one.rule, test.events, test.expect).passed, test.name


@pytest.mark.parametrize("block", PROJECTS, ids=lambda block: block.place)
def test_a_project_file_has_no_problem(block: Block) -> None:
    _, problems = read_project("cep.yaml", block.text, Path())
    assert not problems, render_all(problems)


def test_the_rule_of_the_first_page_is_the_one_in_the_folder() -> None:
    (shown,) = [block for block in RULE_BLOCKS if block.page == "README.md"]
    file = (ROOT / "rules" / "brute_force.yaml").read_text(encoding="utf-8")
    assert [line for line in shown.text.splitlines() if line not in file.splitlines()] == []


def test_every_reason_of_a_reject_is_told() -> None:
    assert sorted(set(get_args(ReasonCode)) - in_code(read(RULES))) == []
