"""Every example of the documents gives the answer that stands beside it."""

import re
from typing import Final

import pytest

from cep.engines.engines import ENGINES
from tests.docs.blocks import Block, blocks, rows
from tests.docs.stories import story_of, told

STORIES: Final = blocks(word="cep")
PAYMENTS: Final = "0s Payment amount=3 shop=x   10s Payment amount=9 shop=y   30s Payment amount=5 shop=x"
CALLS: Final = rows("docs/language.md", "| write | gives |")


@pytest.mark.parametrize("block", STORIES, ids=lambda block: block.place)
def test_the_answer_is_what_comes_of_it(block: Block) -> None:
    story = story_of(block.text)
    for engine in ENGINES:
        for apart in (False, True):
            way = f"{block.place} on {engine}, events {'one by one' if apart else 'at once'}"
            assert told(story, engine, apart=apart) == list(story.answers), way


@pytest.mark.parametrize(("line", "cells"), CALLS, ids=lambda value: str(value)[:40])
def test_a_call_gives_what_its_row_says(line: int, cells: list[str]) -> None:
    assert given(cells[0].strip("`")) == cells[1].strip("`"), f"docs/language.md:{line}"


def given(expression: str) -> str:
    """The value of an expression over the three payments of the page, as an alert shows it."""
    text = f"Payment p{{3}} WITHIN 1h EMIT (x = {expression})\n{PAYMENTS}\n=> ?"
    (answer,) = told(story_of(text))
    return re.sub(r".*\(x=(.*)\)$", r"\1", answer)


def test_the_payments_are_those_of_the_page() -> None:
    assert PAYMENTS in [block.text.strip() for block in blocks("docs/language.md", word="")]


def test_a_wrong_answer_is_found() -> None:
    text = "SEQ(A a, NOT B b FOR 1h)\n0s A x='a b' y.z=[1, 2]  1h B  3h A  4h watermark\n=> 4h a=3h"
    story = story_of(text)
    assert story.events[0].fields == {"x": "a b", "y": {"z": [1, 2]}}
    assert told(story) == list(story.answers)
    assert told(story_of(text.replace("1h B", "2h B"))) == ["1h a=0s", "4h a=3h"]
    assert told(story_of(text.replace("4h watermark", "1h watermark"))) == ["nothing"]
    assert told(story_of("SEQ(A a, NOT B b)\n=> ?")) == ["error E302"]
    assert given("1 + 1") == "2"
