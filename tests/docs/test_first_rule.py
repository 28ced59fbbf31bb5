"""`docs/first-rule.md` happens: its files are written and its commands run, in the order of the page."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shop import cep, masked
from tests.docs.blocks import Block, blocks, read

PAGE: Final = "docs/first-rule.md"


def test_every_step_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(PAGE):
        match block.word:
            case "console":
                for command, output in commands(block.text):
                    result = cep(*command.split())
                    assert masked(result.output).strip() == output.strip(), f"{block.place}: cep {command}"
            case "text":
                assert block.text in cep("explain", "card_testing").output, block.place
            case _:
                path = tmp_path / file_of(block)
                path.parent.mkdir(exist_ok=True)
                path.write_text(block.text, encoding="utf-8")


def test_the_end_of_the_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    last = [block for block in blocks(PAGE) if block.word == "yaml"][-1]
    Path("rule.yaml").write_text(last.text.replace("at: 60m}", "at: 61m}"), encoding="utf-8")
    assert "2 tests, 2 passed, 0 failed" in cep("test", "rule.yaml").output


def commands(text: str) -> list[tuple[str, str]]:
    r"""The commands of a console block without `cep`, each with what it prints.

    >>> commands("$ cep check\nfine\n$ cep test -q\n")
    [('check', 'fine\n'), ('test -q', '')]
    """
    parts = re.split(r"^\$ cep (.*)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def file_of(block: Block) -> str:
    """The name of the file that stands above a block."""
    above = read(block.page).splitlines()[: block.line - 2]
    name = next(line for line in reversed(above) if line.strip())
    assert re.fullmatch(r"`[\w./]+`", name), f"{block.place}: no file is named above it"
    return name.strip("`")
