"""`cep check`: findings in text and JSON, the last line, exit codes."""

import json
from pathlib import Path

import pytest

from cep.cli.check_cmd import CODES
from tests.cli.shop import cep, transcript
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "check"
pytestmark = pytest.mark.usefixtures("shop")

BROKEN = """\
rule: broken
severty: high
pattern: |
  SEQ(Login l, LoginFailed[ip != m.ip] f)
  BY user_id
---
rule: advice
pattern: SEQ(Login l, LoginFailed f) WITHIN 1h
"""


def broken() -> None:
    """Put a file with errors and one with advice among the rules."""
    Path("rules/a.yaml").write_text(BROKEN)
    Path("patterns/more.cep").write_text("DEFINE PATTERN p = Logn l;\n")


def test_all_that_the_project_names_is_checked() -> None:
    result = cep("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Checked 2 rules and 1 definition in 4 files: no problems\n"


@pytest.mark.parametrize(
    ("name", "arguments"), [("text", []), ("json", ["--format", "json"]), ("quiet", ["-q"])]
)
def test_findings(name: str, arguments: list[str]) -> None:
    broken()
    check_golden(GOLDEN / f"{name}.txt", transcript(cep("check", *arguments)))


def test_json_is_a_line_for_each_finding() -> None:
    broken()
    records = [json.loads(line) for line in cep("check", "--format", "json").stdout.splitlines()]
    places = [(record["file"], record["line"], record["code"]) for record in records]
    assert places == sorted(places)
    assert {record["severity"] for record in records} == {"error", "warning"}


def test_warnings_fail_only_when_strict() -> None:
    Path("advice.yaml").write_text(BROKEN.partition("---\n")[2])
    assert cep("check", "advice.yaml").exit_code == 0
    assert cep("check", "advice.yaml", "--strict").exit_code == 1
    assert cep("check", "advice.yaml", "--strict", "-q").stdout.startswith("advice.yaml:2:10: warning[W402]")
    assert cep("check", "advice.yaml", "-q").stdout == ""


def test_single_pattern_may_be_checked() -> None:
    Path("p.cep").write_text("SEQ(Login l, Logn m) BY user_id WITHIN 1h")
    result = cep("check", "p.cep")
    assert result.exit_code == 1
    assert result.stdout.startswith("p.cep:1:14: error[E201]")
    assert result.stdout.endswith("Checked 1 rule in 1 file: 1 error\n")


def test_project_file_may_be_checked() -> None:
    assert cep("check", "cep.yaml").stdout == "Checked 0 rules in 1 file: no problems\n"
    Path("cep.yaml").write_text("rule: [rules]\n")
    for arguments in ([], ["cep.yaml"]):
        result = cep("check", *arguments)
        assert result.exit_code == 1
        assert "cep.yaml:1:1: error[M102]: unknown key `rule`" in result.stdout


def test_nothing_to_check() -> None:
    Path("cep.yaml").write_text("")
    assert cep("check").exit_code == 2
    assert "there are no rules" in cep("check").stderr
    assert cep("check", "no.yaml").exit_code == 2
    assert cep("check", "data").exit_code == 2


def test_every_code_can_be_explained() -> None:
    for code in CODES:
        assert cep("check", "--explain-code", code.lower()).stdout.startswith(f"{code}: ")


def test_unknown_code() -> None:
    result = cep("check", "--explain-code", "E30I")
    assert result.exit_code == 2
    assert "there is no code E30I; did you mean E3" in result.stderr
    assert "the codes are" in cep("check", "--explain-code", "nonsense").stderr


def test_colour_marks_the_severity() -> None:
    broken()
    text = cep("check", "--color", "always").stdout
    assert "\x1b[1;31merror[" in text
    assert "\x1b[1;33mwarning[" in text


def test_rule_file_cannot_move_the_cursor() -> None:
    text = "rule: x\npattern: \"Login\\e[2J[ip = '\u202e'] l\"\n"
    Path("evil.yaml").write_text(text, encoding="utf-8")
    result = cep("check", "evil.yaml")
    assert result.exit_code == 1
    assert all(char.isprintable() or char == "\n" for char in result.output)
