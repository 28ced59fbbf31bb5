"""Texts are read as Lark reads them, right ones and wrong ones, to the last position."""

import random
import re

import pytest

from cep.language.failure import Failure, Start
from cep.language.problem import Problem
from cep.language.reader import read
from tests.language.by_lark import Answer, by_lark
from tests.language.examples import LIBRARIES, PATTERNS
from tests.language.test_syntax_goldens import FILES, texts

SIGNS = "()[]{}+*?,.;|'$`=<>!-#/%_ \n059msx\"@é"


def by_us(text: str, start: Start) -> Answer:
    problems: list[Problem] = []
    found = read(text, start, problems)
    if isinstance(found, Failure):
        return found.at, found.words, found.expected
    return found, problems


def same(text: str, start: Start) -> None:
    ours, larks = by_us(text, start), by_lark(text, start)
    assert ours == larks, text
    # Spans do not count in equality.
    assert len(larks) == 3 or repr(ours) == repr(larks), text


def changed(text: str, words: list[str], choice: random.Random) -> str:
    """The text with a few characters or words more, less or others."""
    for _ in range(choice.randrange(1, 4)):
        at = choice.randrange(len(text) + 1)
        parts = re.split(r"(\W+)", text)
        parts[choice.randrange(len(parts))] = choice.choice(words)
        text = choice.choice(
            [
                text[:at] + text[at + choice.randrange(1, 6) :],
                f"{text[:at]} {choice.choice(words)} {text[at:]}",
                text[:at] + choice.choice(SIGNS) + text[at:],
                "".join(parts),
            ]
        )
    return text


def test_examples_are_read_as_lark_reads_them() -> None:
    for text in PATTERNS:
        same(text, "pattern")
    for text in LIBRARIES:
        same(text, "library")


def test_goldens_are_read_as_lark_reads_them() -> None:
    for path in FILES:
        for text in texts(path):
            same(text, "pattern")
            same(text, "library")


def test_changed_examples_are_read_as_lark_reads_them() -> None:
    choice = random.Random(1)
    words = re.findall(r"\w+|'[^']*'|\S", " ".join([*PATTERNS, *LIBRARIES]))
    for _ in range(500):
        same(changed(choice.choice(PATTERNS), words, choice), "pattern")
    for _ in range(100):
        same(changed(choice.choice(LIBRARIES), words, choice), "library")


@pytest.mark.parametrize(
    "text",
    [
        "A[MATCH = 1 AND match.limit > 2] limit WITHIN 5m",  # keywords only where they can be
        "A[x = ts'2026-01-01' AND ts = 'ts']",
        "A[(((x))) = (y + 1) * 2 AND (NOT (z))]",
        "event e+? BY u",
        "Event e{2,}",
        "EVENT",
        "\u017fEQ(A a, B b)",  # the long s is an s when case is ignored
        "A W\u0130TH\u0131N 5m",
        "größe[ß > 1]",
        "A -- a comment\n# another\n a",
        "A[x --1]",
        "A[x > 1.5h OR y < 10% OR z = 1_000 OR w = 10m5]",
        "",
        " ",
        "# nothing",
        "'",
        "A[f()]",
        "A[count(*) > 1 AND sum(x OVER 5m) > 2]",
        "`a b`[`x` = 1] `c`",
    ],
)
def test_what_is_easily_read_otherwise_is_not(text: str) -> None:
    same(text, "pattern")
    same(text, "library")
