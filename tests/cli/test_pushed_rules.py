"""`cep rules`: what each verb says and writes, over a topic in memory."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import Result

from cep.cli import pushed_rules
from cep.cli.terminal import make_terminal
from cep.errors import CepError
from cep.ports.rule_records import RuleVersion
from cep.rulebook.packed import PackedRule, unpack
from cep.schema import Schema
from tests.cli.shop import cep
from tests.golden import check_golden
from tests.ports.made_rules import MadeTopic
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "rules"
pytestmark = pytest.mark.usefixtures("shop")


class Pushing:
    """The commands on one topic, and what they have said so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.topic = MadeTopic()
        self.said: list[str] = []
        self.opened: list[tuple[str, bool]] = []
        self._capsys = capsys

    def __call__(self, *words: str, **options: str) -> int:
        environment = {f"CEP_{name.upper()}": value for name, value in options.items()}
        terminal = make_terminal()
        try:
            code = pushed_rules.run(words[0], words[1:], environment, terminal, self._open)
        except CepError as error:
            terminal.error(f"error: {error}")
            code = 2
        out, err = self._capsys.readouterr()
        given = " ".join([*words, *(f"{name}={value}" for name, value in options.items())])
        self.said.append(f"$ cep rules {given}\n{out}{err}exit {code}\n")
        self.out = out
        return code

    def versions(self, name: str) -> list[RuleVersion]:
        return [placed.version for placed in self.topic.history().versions(name)]

    def _open(self, settings: object, write: bool) -> MadeTopic:
        self.opened.append((getattr(settings, "rules_topic", ""), write))
        return self.topic


@pytest.fixture
def rules(capsys: pytest.CaptureFixture[str]) -> Pushing:
    return Pushing(capsys)


SMALL = """\
rule: brute_force
use: [auth.cep]
params: {n: 3}
pattern: SEQ(LoginFailed f{$n,}, Login[outside(this)] l) BY user_id WITHIN 10m
"""


def story(rules: Pushing, **options: str) -> None:
    Path("rules/brute_force.yaml").write_text(SMALL)
    rules("list", **options)
    rules("push", "rules", **options)
    rules("push", "rules", **options)
    Path("rules/brute_force.yaml").write_text(SMALL.replace("n: 3", "n: 4"))
    rules(
        "push",
        "rules/brute_force.yaml",
        as_shadow="1",
        changed_by="eve",
        changed_when="2026-03-30",
        **options,
    )
    rules("push", "rules/brute_force.yaml", **options)
    rules("disable", "unpaid_order", changed_by="bob", **options)
    rules("disable", "unpaid_order", **options)
    rules("list", **options)
    rules("enable", "unpaid_order", **options)
    rules("rollback", "brute_force", **options)
    rules("rollback", "brute_force", to_version="2", **options)
    rules("rollback", "brute_force", to_version="9", **options)
    rules("rollback", "unpaid_order", **options)
    rules("history", "brute_force", **options)
    rules("history", "brute_forse", **options)
    rules("disable", "nobody", **options)


@pytest.mark.parametrize("output", ["text", "json"])
def test_story(rules: Pushing, output: str) -> None:
    story(rules, format=output)
    check_golden(GOLDEN / f"story.{output}.txt", "".join(rules.said))
    assert rules.opened[:2] == [("cep.rules", False), ("cep.rules", True)]


@pytest.mark.parametrize("output", ["text", "json"])
def test_broken_rules_are_told_as_by_check_and_nothing_is_written(rules: Pushing, output: str) -> None:
    Path("rules/a.yaml").write_text("rule: broken\nseverty: high\npattern: SEQ(Login l\n")
    assert rules("push", "rules", format=output) == 1
    checked = cep("check", "rules", "--format", output).stdout
    assert rules.out == (checked.rpartition("Checked ")[0] if output == "text" else checked)
    assert rules.topic.end == 0
    assert rules.opened == []
    assert "nothing was pushed: 2 errors" in rules.said[-1]


def test_what_was_pushed_compiles_without_files(rules: Pushing) -> None:
    rules("push", "rules")
    version = rules.versions("brute_force")[0]
    Path("patterns/auth.cep").unlink()
    rule, problems = unpack(PackedRule(version.name, version.text, version.libraries), Schema())
    assert rule is not None, problems
    assert version.types["Login"] == {"user_id": "string", "ip": "ip"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("push", "nowhere"), "nowhere does not exist"),
        (("push", "patterns"), "patterns holds no files *.yaml or *.yml"),
        (("push", "bare.cep"), "a bare pattern is no rule"),
    ],
)
def test_wrong_use(rules: Pushing, words: tuple[str, ...], reason: str) -> None:
    Path("bare.cep").write_text("Login l")
    assert rules(*words) == 2
    assert reason in rules.said[-1]


def test_a_rule_that_is_too_large_is_not_sent(rules: Pushing) -> None:
    Path("rules/large.yaml").write_text("rule: large\npattern: Login l\ndescription: " + 999_999 * "x" + "\n")
    assert rules("push", "rules/large.yaml") == 2
    assert "900,000 may be sent" in rules.said[-1]
    assert rules.topic.end == 0


def test_refused_records_are_named(rules: Pushing) -> None:
    rules("push", "rules")
    rules.topic.write([(b"odd@7", b"{}")])
    assert rules("list") == 0
    assert "odd@7 at 5 is refused: not a rule as this version writes it" in rules.said[-1]


@pytest.mark.parametrize(
    ("words", "given", "environment"),
    [
        ("push a b --shadow --by eve", ["push", "a", "b"], {"AS_SHADOW": "1", "CHANGED_BY": "eve"}),
        ("rollback r --to 3 --when now", ["rollback", "r"], {"TO_VERSION": "3", "CHANGED_WHEN": "now"}),
        ("disable r --topic t", ["disable", "r"], {"RULES_TOPIC": "t"}),
        ("enable r --brokers h:1", ["enable", "r"], {"BROKERS": "h:1"}),
        ("history r", ["history", "r"], {}),
        ("list --format json --config cep.yaml", ["list"], {"FORMAT": "json", "CONFIG": "cep.yaml"}),
    ],
)
def test_options_reach_the_other_process(
    monkeypatch: pytest.MonkeyPatch, words: str, given: list[str], environment: dict[str, str]
) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def execve(_path: str, command: list[str], variables: dict[str, str]) -> None:
        calls.append((command[3:], {k[4:]: v for k, v in variables.items() if k.startswith("CEP_")}))

    monkeypatch.setattr(os, "execve", execve)
    # As after an import of Faust, whose module has no spec.
    monkeypatch.setitem(sys.modules, "faust", ModuleType("faust"))
    result: Result = cep("rules", *words.split())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert calls == [(given, {"FORMAT": "text"} | environment)]


def test_a_broker_that_is_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CEP_BROKERS", "127.0.0.1:9")
    monkeypatch.setattr(sys, "argv", ["rules", "list"])
    assert pushed_rules.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: no broker answers at 127.0.0.1:9\n  is it running")


def test_json_is_a_line_a_rule(rules: Pushing) -> None:
    rules("push", "rules", format="json")
    records = [json.loads(line) for line in rules.out.splitlines()]
    assert [(r["rule"], r["version"], r["changed"], r["was"]) for r in records] == [
        ("brute_force", 1, True, None),
        ("unpaid_order", 1, True, None),
    ]
