"""The commands of the documents run, and print what is shown beside them."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shop import cep
from tests.docs.blocks import blocks
from tests.shared import ROOT

# Verbs that need no services. Replays of the samples with many rules are what `make run` does, and tests/e2e.
QUICK: Final = re.compile(r"cep (check|explain|test|replay .*--select rule:)")
COMMANDS: Final = sorted(
    {
        re.split(" +#", line)[0]
        for block in blocks(word="sh")
        for line in block.text.splitlines()
        if QUICK.match(line) and "|" not in line
    }
)
# What the first page shows of an alert, and a rule that is wrong as its message tells.
ALERT: Final = "brute_force  HIGH"
WRONG: Final = """\
rule: mine
severity: low
pattern: SEQ(LoginFailed[ip != l.ip] f{3,}, Login l) BY user_id WITHIN 10m
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a clone, in which commands may write."""
    for name in ("cep.yaml", "rules", "patterns", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command: str, clone: Path) -> None:
    result = cep(*shlex.split(command)[1:])
    assert result.exit_code == 0, f"{result.output}\nin {clone}"
    assert result.output


def test_commands_were_found() -> None:
    assert len(COMMANDS) > 8


def test_the_alert_of_the_first_page_is_a_real_one(clone: Path) -> None:
    (shown,) = [block.text for block in blocks("README.md") if block.text.startswith(ALERT)]
    result = cep("replay", "samples", "--select", "rule:brute_force", "--format", "table")
    assert shown in result.stdout, f"in {clone}"


def test_the_error_of_the_first_page_is_a_real_one(clone: Path) -> None:
    (shown,) = [block.text for block in blocks("README.md") if block.text.startswith("$ cep check")]
    (clone / "mine.yaml").write_text(WRONG, encoding="utf-8")
    command, _, output = shown.partition("\n")
    result = cep(*command.split()[2:])
    assert result.stdout.startswith(output)
