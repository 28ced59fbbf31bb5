"""Golden files: what a stage printed when somebody last read it and found it right."""

import difflib
import os
from pathlib import Path

import pytest

from tests.shared import ROOT


def check_golden(path: Path, actual: str) -> None:
    """Compare `actual` with the text of the golden file at `path`.

    With `UPDATE=1` in the environment the file is rewritten instead, and made if it is missing. Without it
    a difference fails the test with a unified diff, a missing file with the command that makes it.
    """
    __tracebackhide__ = True  # the failure points at the test, not in here
    if os.environ.get("UPDATE") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, actual)
        return
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()
    if not path.exists():
        pytest.fail(f"{name} is missing; `make golden` writes it from what the code does now", pytrace=False)
    expected = _read(path)
    if expected != actual:
        diff = difflib.unified_diff(_lines(expected), _lines(actual), name, "what the code does now")
        hint = f"{name} differs; if the new text is right, `make golden` takes it over"
        pytest.fail("".join([hint, "\n", *diff]), pytrace=False)


def _lines(text: str) -> list[str]:
    """Cut at line ends only, and show where the last one is missing, which a diff would hide."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()
    return lines if last == "\n" else [*lines, last, "\\ no line end at the end of the text\n"]


# Bytes, not text mode: a golden file keeps the line ends that the code wrote.
def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
