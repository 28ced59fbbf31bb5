"""The repository as a whole: no path of one machine, no big file, decisions numbered, packages told of."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Final

from tests.tidy.sources import Finding

SIZE_MAX: Final = 1_000_000
SAMPLE_SIZE_MAX: Final = 3_000_000  # samples must be large enough to show something

# The roots that checkouts and homes have on build machines; `…/homework/x` and links are none of them.
MACHINE_PATH: Final = re.compile(r"(?<![\w.})])/(?:work|root)/")


def machine_paths(path: str, text: str) -> Iterator[Finding]:
    """Paths that exist on one machine only."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := MACHINE_PATH.search(line):
            yield Finding(
                path, number, f"{found.group()} is a path of one machine: write it from the root here"
            )


def big_files(sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Files, given with their size in bytes, too big to carry in every clone."""
    for path, size in sizes.items():
        size_max = SAMPLE_SIZE_MAX if path.startswith("samples/") else SIZE_MAX
        if size > size_max:
            yield Finding(
                path, 1, f"{size:,} bytes, {size_max:,} are allowed: generate it, or keep it elsewhere"
            )


def decision_numbers(paths: Iterable[str]) -> Iterator[Finding]:
    """Decisions that are not named `docs/decisions/NNNN-words.md`, or leave a gap, or share a number."""
    decisions = sorted(
        path for path in paths if path.startswith("docs/decisions/") and not path.endswith("/README.md")
    )
    due = count(1)
    for path in decisions:
        if not re.fullmatch(r"docs/decisions/\d{4}-[a-z0-9-]+\.md", path):
            yield Finding(path, 1, "a decision is named docs/decisions/NNNN-words-of-the-title.md")
        elif (number := int(path.split("/")[-1][:4])) != (expected := next(due)):
            yield Finding(path, 1, f"number {number:04d} where {expected:04d} is due: no gaps, none twice")


def untold_packages(paths: Iterable[str], document: str, text: str) -> Iterator[Finding]:
    """Packages directly in cep/ that the document, given as name and text, does not mention."""
    packages = {found.group() for path in paths if (found := re.match(r"cep/\w+(?=/)", path))}
    for package in sorted(packages):
        if not re.search(rf"{package}\b", text):
            yield Finding(document, 1, f"says nothing about {package}: tell in a sentence what is in there")
