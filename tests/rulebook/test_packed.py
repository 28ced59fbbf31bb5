"""A rule cut out of its file and compiled without files is the rule that it was."""

from pathlib import Path

import pytest

from cep.errors import InputError
from cep.plan.fingerprint import fingerprint
from cep.rulebook.loader import Settings, load, rule_files
from cep.rulebook.packed import pack, unpack
from cep.schema import FieldType, Schema
from tests.shared import ROOT

SCHEMA = Schema({"A": {"k": FieldType("string"), "v": FieldType("int", nullable=True)}})

RULES = """\
# said of both
rule: first
use: [lib/steps.cep]
params: {n: 3}
pattern: |
  SEQ(USE steps.low, A[v > $n] a) BY k WITHIN 10s
---
  rule: second
  status: shadow
  pattern: >
    SEQ(A a,
        A b) BY k WITHIN 10s
--- {rule: third, pattern: 'A[v = 3] a BY k'}
"""


def write(folder: Path) -> list[Path]:
    (folder / "lib").mkdir()
    (folder / "lib" / "steps.cep").write_text("DEFINE PATTERN low = A[v < 2] x;\n")
    (folder / "rules.yaml").write_text(RULES)
    return [folder / "rules.yaml"]


def test_the_same_rule(tmp_path: Path) -> None:
    settings = Settings(SCHEMA)
    book = load(write(tmp_path), settings)
    assert not book.diagnostics
    packed = [pack(one, settings) for one in book.rules]
    (tmp_path / "lib" / "steps.cep").unlink()
    for one, loaded in zip(packed, book.rules, strict=True):
        rule, problems = unpack(one, SCHEMA)
        assert problems == []
        assert rule is not None
        assert fingerprint(rule.plan) == fingerprint(loaded.rule.plan)
        assert (rule.name, rule.status) == (loaded.rule.name, loaded.rule.status)
    assert packed[0].libraries == {"lib/steps.cep": "DEFINE PATTERN low = A[v < 2] x;\n"}
    assert packed[0].types == {"A": {"k": "string", "v": "int?"}}
    assert packed[1].text.startswith("  rule: second\n")
    assert packed[2].text == "{rule: third, pattern: 'A[v = 3] a BY k'}\n"


def test_all_rules_of_the_project_survive() -> None:
    settings = Settings(libraries=(ROOT / "patterns",))
    book = load(rule_files([ROOT / "rules"]), settings)
    assert len(book.rules) > 20
    for loaded in book.rules:
        rule, problems = unpack(pack(loaded, settings), settings.schema)
        assert rule is not None, problems
        assert fingerprint(rule.plan) == fingerprint(loaded.rule.plan)


def test_what_cannot_be_compiled_here_is_told(tmp_path: Path) -> None:
    settings = Settings(SCHEMA)
    packed = pack(load(write(tmp_path), settings).rules[0], settings)
    other = Schema({"A": {"k": FieldType("string")}})
    rule, problems = unpack(packed, other)
    assert rule is None
    assert {problem.source.name for problem in problems} <= {"lib/steps.cep", "first.yaml"}
    assert any(problem.severity == "error" for problem in problems)


def test_a_bare_pattern_is_no_rule(tmp_path: Path) -> None:
    (tmp_path / "bare.cep").write_text("A a")
    settings = Settings()
    with pytest.raises(InputError, match="a bare pattern is no rule"):
        pack(load([tmp_path / "bare.cep"], settings).rules[0], settings)
