"""Texts and what is made of them: canonical text, or the errors as the user reads them.

A file of `tests/golden/syntax` holds cases. The lines of a case that begin with `> ` are the text; below it
stands the answer, which `make golden` writes. So a new case is a new text with nothing below it.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from cep.errors import Source, render_all
from cep.language.parser import parse_library, parse_pattern
from cep.language.printer import show
from tests.golden import check_golden
from tests.shared import ROOT

FILES = sorted((ROOT / "tests" / "golden" / "syntax").glob("*.txt"))
PROMPT = "> "


def texts(path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    for is_text, group in groupby(lines, key=lambda line: line.startswith(PROMPT.rstrip())):
        if is_text:
            yield "\n".join(line[len(PROMPT) :] for line in group)


def answer(text: str) -> str:
    # A file of definitions is read as one, and so is what only looks like one.
    is_library = text.lstrip().upper().startswith(("DEFINE", "# LIBRARY"))
    source = Source.whole("p.cep", text)
    tree, diagnostics = parse_library(source) if is_library else parse_pattern(source)
    return render_all(diagnostics) if tree is None else show(tree)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_syntax(path: Path) -> None:
    cases = []
    for text in texts(path):
        shown = "\n".join(f"{PROMPT}{line}".rstrip() for line in text.split("\n"))
        cases.append(f"{shown}\n{answer(text)}\n")
    check_golden(path, "\n".join(cases))


def test_errors_are_many_and_differ() -> None:
    found = [answer(text) for path in FILES for text in texts(path)]
    errors = [text for text in found if "error[E101]" in text]
    assert len(set(errors)) >= 100
