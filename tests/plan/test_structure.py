"""What is wrong with how a pattern is built, in each way in which it can be, as the user reads it.

A file of `tests/golden/structure` is named for a code and holds the texts that show it; below each stands the
answer, as in `tests/golden/syntax`.
"""

from pathlib import Path

import pytest

from cep.errors import Source, render_all
from cep.rulebook.pipeline import compile_text
from tests.golden import check_golden
from tests.language.checking import SCHEMA
from tests.language.test_syntax_goldens import PROMPT, texts
from tests.shared import ROOT

FILES = sorted((ROOT / "tests" / "golden" / "structure").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_structure(path: Path) -> None:
    cases = []
    for text in texts(path):
        _, found = compile_text(Source.whole("rule.cep", text), SCHEMA)
        assert path.stem in {problem.code for problem in found}, text
        cases.append(f"{PROMPT}{text}\n{render_all(found)}\n")
    check_golden(path, "\n".join(cases))
