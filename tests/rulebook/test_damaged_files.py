"""Whatever stands in a rule file, reading it ends with words for the user, at a place, and soon."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cep.errors import LINE_MAX, CepError, Diagnostic, Source, Span, render, render_all
from cep.rulebook.loader import Settings, load
from tests.rulebook.settings import schema
from tests.shared import ROOT

TEXTS = [
    path.read_text(encoding="utf-8")
    for folder, ending in (("tests/golden/broken", "yaml"), ("rules", "yaml"), ("patterns", "cep"))
    for path in sorted((ROOT / folder).glob(f"*.{ending}"))
]

WORDS = (
    "- |&a |*a|<<: |SEQ(|NOT |AND(|OR |WITHIN |1e999|{0,}|{999999999}|{5,3}|FOR 0s|99999999999d|USE x|$n|"
    "re'('|ip'300.1.1.1/99'|ts'zzz'|dec'x'|0%|LIMIT 0|PER|ON CLOSE |EMIT (|count(*)|prev(prev(x))|{,}|"
    "last(f)[0]|this|null|0x1F|2026-01-01|!= |OVER 3d|WHERE |BY a,b|STRICT|++|??|!!python/object:x |---"
)
PIECES = (
    *WORDS.split("|"),
    *"\t\0\ufeff\r\u202e\u2028\ud7ff😀é{}[]()'\":`$#~|>",
    *("\n\n", "---\n", "|\n", ">\n", "\x1b[31m", "9" * 30),
    *("x" * 5000, "(" * 300, "[x > " * 200, "SEQ(" * 150),
)


def damaged(dice: random.Random) -> str:
    """A file of rules with one to four things wrong."""
    text = dice.choice(TEXTS)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.randint(1, 12))
        match dice.randrange(4):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + text[start:end] * dice.randint(2, 6) + text[end:]
            case _:
                text = text[:start] + dice.choice(PIECES) + text[start:]
    return text


@pytest.mark.parametrize("seed", range(5))
def test_damage_is_told_and_never_a_crash(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    path = tmp_path / "x.yaml"
    for _ in range(30):
        path.write_bytes(damaged(dice).encode("utf-8", "surrogatepass"))
        try:
            found = load([path], Settings(schema())).diagnostics
        except CepError:
            continue
        for diagnostic in found:
            assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(diagnostic.source.text) + 1
            assert diagnostic.message
        render_all(found)


def deep(loops: int) -> str:
    """A pattern of loops inside each other."""
    text = "A a"
    for i in range(loops):
        text = f"SEQ({text}, B b{i}?){{1,3}}"
    return f"{text} BY u WITHIN 1h"


TOO_LARGE = {
    "a thousand steps": (
        "SEQ(" + ", ".join(f"A a{i}" for i in range(1000)) + ") BY u WITHIN 1h",
        "256 steps",
    ),
    "many optional steps": (
        "SEQ(" + ", ".join(f"A a{i}?" for i in range(130)) + ", B b) BY u WITHIN 1h",
        "ways from state to state",
    ),
    "loops in loops": (deep(13), "12 loops inside each other"),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_would_take_for_ever_is_refused(name: str, tmp_path: Path) -> None:
    pattern, words = TOO_LARGE[name]
    path = tmp_path / "x.yaml"
    path.write_text(f"rule: x\npattern: {pattern}\n", encoding="utf-8")
    errors = [each for each in load([path], Settings()).diagnostics if each.severity == "error"]
    assert [error.code for error in errors] == ["E307"]
    assert words in errors[0].message


@pytest.mark.parametrize(
    "text",
    [
        "SEQ(" * 3000 + "A a" + ")" * 3000,
        "A[" + "NOT " * 5000 + "x] a",
        "A[" + " AND ".join(f"x{i} = {i}" for i in range(3000)) + "] a",
        "A a{" + "9" * 40 + "}",
        "[" * 20_000,
    ],
    ids=["groups", "nots", "ands", "number", "yaml"],
)
def test_what_is_nested_too_deep_or_too_large_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"rule: x\npattern: {text}\n", encoding="utf-8")
    found = load([path], Settings()).diagnostics
    assert any(each.severity == "error" for each in found)
    assert all(len(line) < 2 * LINE_MAX for line in render_all(found).split("\n"))


@pytest.mark.parametrize("at", [0, 5, 150, 250, 970, 995])
def test_a_very_long_line_is_shown_around_the_caret(at: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    shown = render(Diagnostic("E101", "error", "m", Source.whole("p", text), Span(at, at + 5))).split("\n")
    line, caret = shown[1][8:], shown[2][8:]
    start = len(caret) - len(caret.lstrip())
    assert line[start : start + 5] == text[at : at + 5]
    assert len(line) <= LINE_MAX + 2
    assert caret.strip() == "^^^^^"
