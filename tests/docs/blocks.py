"""Markdown as tests read it: fenced blocks, headings and rows of tables, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.shared import ROOT

PAGES: Final = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")))
"""The documents for users; decisions are for those who change the code."""

_FENCE: Final = re.compile(r"^```(\w*)\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the word behind its fence, its text, its first line, the headings above it."""

    page: str
    line: int
    word: str
    text: str
    headings: tuple[str, ...]

    @property
    def place(self) -> str:
        """Page and line, as an editor opens them."""
        return f"{self.page}:{self.line}"


def read(page: str) -> str:
    """The text of a document."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str, text: str) -> Iterator[Block]:
    r"""Every fenced block of a page, in order.

    >>> [(b.line, b.word, b.text, b.headings) for b in blocks_of("p", "# A\n## B\n```sh\nls\n```\n")]
    [(4, 'sh', 'ls\n', ('A', 'B'))]
    """
    headings: list[tuple[int, str]] = []
    word, begun, lines = "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        fence = _FENCE.match(line)
        if begun:
            if fence and not fence[1]:
                names = tuple(name for _, name in headings)
                yield Block(page, begun + 1, word, "".join(f"{each}\n" for each in lines), names)
                begun = 0
            else:
                lines.append(line)
        elif fence:
            word, begun, lines = fence[1], number, []
        elif heading := re.match(r"(#+) +(.*)", line):
            level = len(heading[1])
            headings = [each for each in headings if each[0] < level] + [(level, heading[2])]
    assert not begun, f"{page}:{begun}: this block does not end"


def blocks(*pages: str, word: str | None = None) -> list[Block]:
    """The blocks of these pages, or of all; with a word only those with it behind their fence."""
    found = [block for page in pages or PAGES for block in blocks_of(page, read(page))]
    return [block for block in found if word is None or block.word == word]


def rows(page: str, head: str) -> list[tuple[int, list[str]]]:
    r"""The rows, with line and cells, of every table of a page whose head line begins so.

    `\|` stands for a bar inside a cell.
    """
    found: list[tuple[int, list[str]]] = []
    inside = False
    for number, line in enumerate(read(page).splitlines(), start=1):
        if not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            found.append((number, [cell.strip().replace(r"\|", "|") for cell in cells]))
        inside = inside or line.startswith(head)
    return found
