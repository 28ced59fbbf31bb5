"""The command as a whole: help, version, and real processes with pipes and signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cep import __version__
from cep.cli.main import app
from cep.ports.json_kernel import KERNEL
from tests.cli.shop import EVENTS, cep

COMMAND = [sys.executable, "-m", "cep"]
ROOT_COMMAND = get_command(app)
assert isinstance(ROOT_COMMAND, TyperGroup)
VERBS = tuple(ROOT_COMMAND.commands)


# How help is laid out is the library's business; docs/command.md holds what it says.
@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_examples_and_exit_codes(verb: str) -> None:
    result = cep(verb, "-h")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: cep {verb} ")
    assert f"    cep {verb}" in result.stdout
    assert "Exit code: 0 good" in result.stdout


def test_help_names_every_verb() -> None:
    told = cep("--help").stdout
    assert [verb for verb in VERBS if f"\n  {verb} " not in told] == []


def test_version() -> None:
    reader = "NumPy; the compiled reader is not built" if KERNEL is None else "compiled"
    assert cep("--version").stdout == f"cep {__version__}\nreader of JSON lines: {reader}\n"


@pytest.mark.parametrize("arguments", [[], ["chek"], ["check", "--no"], ["explain"]])
def test_wrong_use(arguments: list[str]) -> None:
    assert cep(*arguments).exit_code == 2


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        timeout=60,
        check=False,
    )


def test_process_prints_json_when_piped(shop: Path) -> None:
    found = run("replay", cwd=shop)
    assert found.returncode == 0
    assert [line[:12] for line in found.stdout.splitlines()] == ['{"alert_id":'] * 2
    assert "\x1b" not in found.stdout + found.stderr


def test_same_bytes_in_every_process(shop: Path) -> None:
    # Hashes of texts differ from process to process, and with them the order of sets.
    seeds = (("1", "1"), ("2", "1"), ("3", "1"), ("1", "3"), ("2", "0"))
    runs = {run("replay", "-q", "--jobs", n, cwd=shop, PYTHONHASHSEED=seed).stdout for seed, n in seeds}
    assert len(runs) == 1


def test_text_that_the_locale_cannot_say(shop: Path) -> None:
    found = run("replay", "--format", "table", cwd=shop, PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_reader_that_has_seen_enough_is_no_error(shop: Path, jobs: str) -> None:
    many = "".join(line.replace("eve", f"u{i}") for i in range(3000) for line in EVENTS if "Login" in line)
    (shop / "data" / "day.jsonl").write_text(many)
    with subprocess.Popen(
        [*COMMAND, "replay", "--at-end", "flush", "--jobs", jobs],
        cwd=shop,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read().decode()
        code = process.wait(timeout=60)
    assert code == 0
    assert "Traceback" not in told
    assert "Error" not in told


def interrupted(process: subprocess.Popen[bytes]) -> int:
    """The exit code after an interrupt. Python may miss one that comes just before it begins to wait."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    pytest.fail("the process does not end")


def test_what_check_found_counts_although_nobody_reads_it(shop: Path) -> None:
    (shop / "rules" / "x.yaml").write_text("rule: x\npattern: SEQ(Login l, Logn m)\n")
    with subprocess.Popen([*COMMAND, "check"], cwd=shop, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 1


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupt_ends_with_130_and_a_summary(shop: Path, jobs: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "replay", "-", "--chunk", "2", "--jobs", jobs],
        cwd=shop,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        # More than one block, so that something is decided before the rest is waited for.
        process.stdin.write("".join(EVENTS).encode() + (b" " * 999 + b"\n") * 600)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b'{"alert_id"')
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)  # it waits for more
        code = interrupted(process)
        told = process.stderr.read().decode()
    assert code == 130
    assert "interrupted: this is not all" in told
    assert "Traceback" not in told
