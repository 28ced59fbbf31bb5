"""`cep test`: the tests of rules, those that pass and those that do not."""

from pathlib import Path

import pytest

from tests.cli.shop import BRUTE_FORCE, cep, transcript
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "rule_tests"
pytestmark = pytest.mark.usefixtures("shop")

FAILING = """\
rule: failing
pattern: LoginFailed f{2} BY user_id WITHIN 10m EMIT Twice(user_id, n = count(f), first = f[0].ts)
tests:
  - name: passes
    events:
      - {LoginFailed: {user_id: u}, at: 1s}
      - {LoginFailed: {user_id: u}, at: 2s}
    expect: [{type: Twice, n: 2, first: 1s, at: 2s, outcome: match}]
  - name: an alert that nothing expects
    events:
      - {LoginFailed: {user_id: u}, at: 0s}
      - {LoginFailed: {user_id: u}, at: 1m30s}
    expect: []
  - name: an alert that does not come
    events: [{LoginFailed: {user_id: u}, at: 0s}]
    expect: [{user_id: u, at: 1h}]
  - name: an alert that says something else
    events:
      - {LoginFailed: {user_id: u}, at: 5s}
      - {LoginFailed: {user_id: u}, at: 6s}
    expect: [{type: Thrice, n: 3, at: 5s, first: 5s}]
  - name: the right one once, not twice
    events:
      - {LoginFailed: {user_id: u}, at: 5s}
      - {LoginFailed: {user_id: u}, at: 6s}
    expect: [{n: 2, count: 2}]
---
rule: untested
pattern: Login l BY user_id
"""


def test_all_pass() -> None:
    check_golden(GOLDEN / "pass.txt", transcript(cep("test")))


def test_failures_are_told() -> None:
    Path("failing.yaml").write_text(FAILING)
    check_golden(GOLDEN / "fail.txt", transcript(cep("test", "failing.yaml", "rules")))


def test_quiet_shows_only_what_failed() -> None:
    Path("failing.yaml").write_text(FAILING)
    result = cep("test", "failing.yaml", "rules", "-q")
    assert "✓" not in result.stdout
    assert result.stdout.count("✗") == 4
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("word", "summary"),
    [("BRUTE", "1 test, 1 passed, 0 failed"), ("paid", "1 test, 1 passed, 0 failed")],
)
def test_word_chooses_by_rule_or_name(word: str, summary: str) -> None:
    assert cep("test", "-k", word).stdout.splitlines()[-1] == summary


def test_word_that_chooses_nothing() -> None:
    result = cep("test", "-k", "nonsense")
    assert result.exit_code == 2
    assert "no test has `nonsense` in its name" in result.stderr


def test_broken_rule_fails_and_the_others_are_tested() -> None:
    Path("rules/x.yaml").write_text(BRUTE_FORCE.replace("brute_force", "x").replace("last(f)", "last(g)"))
    result = cep("test")
    assert result.exit_code == 1
    assert "rules/x.yaml:" in result.stderr
    assert "2 tests, 2 passed, 0 failed" in result.stdout
