"""What the checks look at: the files of the repository and the modules among them.

A check is a function over modules, or over files, that returns findings. It never reads the disk itself,
so that a test can hand it a snippet that breaks the rule.
"""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import pytest

from tests.shared import ROOT


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that breaks a house rule, and what to do about it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: `path` from the root of the repository, `name` as it is imported."""

    path: str
    name: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether this is an `__init__.py`."""
        return self.path.endswith("/__init__.py")


def snippet(text: str, path: str = "cep/snippet.py") -> Module:
    """Make a module from text, as a test of a check does.

    >>> snippet("x = 1", "cep/plan/__init__.py").name
    'cep.plan'
    """
    return Module(path, module_name(path), text, ast.parse(text, filename=path))


def module_name(path: str) -> str:
    """The dotted name of the file at `path`; a package is named by its `__init__.py`."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file of the repository under `folders`, in the order of their paths."""
    return tuple(
        snippet((ROOT / path).read_text(encoding="utf-8"), path)
        for path in tracked_files()
        if path.endswith(".py") and path.split("/")[0] in folders
    )


@cache
def tracked_files() -> tuple[str, ...]:
    """Every file that is in the repository or would be after `git add`, as paths from its root."""
    # safe.directory: a build may run as another user than the one who owns the checkout.
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    # A file that is deleted but not yet committed is still listed.
    return tuple(sorted(path for path in set(listed.split("\0")) if path and (ROOT / path).is_file()))


def texts(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Path and text of those files that are text; the others are left out."""
    for path in paths:
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            yield path, content.decode("utf-8", errors="replace")


def require_none(findings: Iterable[Finding]) -> None:
    """Fail the test with all findings, sorted by place, if there are any."""
    __tracebackhide__ = True
    ordered = sorted(findings, key=lambda f: (f.path, f.line, f.text))
    if ordered:
        pytest.fail("\n".join(map(str, ordered)), pytrace=False)
