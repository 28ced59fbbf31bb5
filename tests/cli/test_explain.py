"""`cep explain`: a rule as text, as Graphviz, as JSON."""

import json
from pathlib import Path

import pytest

from tests.cli.shop import cep, transcript
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "explain"
pytestmark = pytest.mark.usefixtures("shop")

CLAUSES = """\
rule: everything
pattern: |
  SEQ(NOT Login x FOR 30d, LoginFailed a+, NEXT LoginFailed b WITHIN 5m OF a) BY user_id
  UNLESS Login PICK LAST AFTER MATCH SKIP TO LAST a LIMIT 2 PER 1h WITHIN 1d
---
rule: counted
pattern: LoginFailed f{2} WITHIN 10 EVENTS LIMIT 1
---
rule: session
pattern: LoginFailed f+ BY user_id WITHIN 10m ON CLOSE EMIT (n = count(f))
"""


@pytest.mark.parametrize("output", ["text", "dot", "json"])
@pytest.mark.parametrize("rule", ["brute_force", "unpaid_order"])
def test_rule_is_explained(rule: str, output: str) -> None:
    check_golden(GOLDEN / f"{rule}.{output}", transcript(cep("explain", rule, "--format", output)))


def test_every_rule_of_a_file_is_explained() -> None:
    Path("more.yaml").write_text(CLAUSES)
    check_golden(GOLDEN / "clauses.text", transcript(cep("explain", "more.yaml")))
    lines = cep("explain", "more.yaml", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["rule"] for line in lines] == ["everything", "counted", "session"]


def test_parameters_may_be_set() -> None:
    assert "f{7,}" in cep("explain", "brute_force", "--set", "n=7").stdout
    assert "f{3,}" in cep("explain", "brute_force").stdout


def test_rules_of_other_folders() -> None:
    Path("more.yaml").write_text(CLAUSES)
    assert cep("explain", "session", "--rules", "more.yaml").stdout.startswith("session v1, medium\n")


def test_a_key_that_steps_call_by_names_of_their_own() -> None:
    Path("own.yaml").write_text(
        "rule: own\npattern: AND(Order a BY order_id, Login b BY user_id) WITHIN 1h\n"
    )
    assert "\n  key: order_id of a; user_id of b\n" in cep("explain", "own.yaml").stdout


def test_fields_that_are_looked_up_among_constants() -> None:
    Path("large.yaml").write_text(
        "rule: large\npattern: Order[amount > 100 AND lower(order_id) = 'x'] o BY order_id\n"
    )
    line = "\n  looked up, once for all rules, among the constants they name: amount\n"
    assert line in cep("explain", "large.yaml").stdout
    assert json.loads(cep("explain", "large.yaml", "--format", "json").stdout)["indexed"] == ["amount"]


def test_unknown_rule() -> None:
    result = cep("explain", "brute_forse")
    assert result.exit_code == 2
    assert "did you mean brute_force?" in result.stderr
    assert "the rules are brute_force, unpaid_order" in cep("explain", "xyz").stderr


def test_broken_rule() -> None:
    Path("rules/x.yaml").write_text("rule: x\npattern: Logn l BY user_id\n")
    for name in ("x", "rules/x.yaml"):
        result = cep("explain", name)
        assert result.exit_code == 1
        assert "rules/x.yaml:2:10: error[E201]" in result.stderr
    assert cep("explain", "unpaid_order").exit_code == 0
