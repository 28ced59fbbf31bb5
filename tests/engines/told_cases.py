"""Cases in text: a pattern, then streams and what they give, for people to check by eye.

    = 1 which match                          a title; its first word names the case
    SEQ(A a, B b) WITHIN 1h                  the pattern, over as many lines as it needs
    with u=1                                 (or not) fields that every event has
    A1 A2 B3 -> a=1 b=3                      a stream, and its matches apart by ";"; "nothing" for none
    A1 A2 W9 .. -> nothing                   ".." at the end: time stops there, instead of going on for ever

Times are as in `story`, on both sides; 0s..9s is every second of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.engines.story import to_ms

TIME = re.compile(r"(?<=[=,])\d+(?:ms|[smhd])\b")
RANGE = re.compile(r"([A-Za-z]*)(\d+)s\.\.(\d+)s")


@dataclass(frozen=True, slots=True)
class Case:
    """One stream of one pattern, with what it must give."""

    title: str
    pattern: str
    shared: str
    stream: str
    flush: bool
    expected: tuple[str, ...]


def cases_of(path: Path) -> list[Case]:
    """Every case of a file; AssertionError for a block that says nothing."""
    found: list[Case] = []
    text = "\n".join(line for line in path.read_text(encoding="utf-8").split("\n") if line[:1] != "#")
    for block in re.split(r"^= ", text, flags=re.MULTILINE)[1:]:
        title, *lines = block.strip().split("\n")
        told = [line for line in lines if " -> " in line]
        shared = [line.removeprefix("with ").replace(" ", "") for line in lines if line[:5] == "with "]
        pattern = "\n".join(line for line in lines if " -> " not in line and line[:5] != "with ")
        assert told, f"{path.name}: nothing is told of {title}"
        for line in told:
            stream, _, answer = line.partition(" -> ")
            stays = stream.rstrip().endswith(" ..")
            answer = RANGE.sub(partial(_seconds, between=","), answer)
            expected = () if answer.strip() == "nothing" else tuple(answer.split(";"))
            stream = RANGE.sub(partial(_seconds, between=" "), stream.strip().removesuffix(" .."))
            told_ms = tuple(TIME.sub(lambda m: str(to_ms(m[0])), match.strip()) for match in expected)
            found.append(Case(title, pattern, ",".join(shared), stream, not stays, told_ms))
    return found


def _seconds(match: re.Match[str], *, between: str) -> str:
    word, first, last = match.groups()
    return between.join(f"{word}{second}s" for second in range(int(first), int(last) + 1))


def ids(cases: list[Case]) -> list[str]:
    """The first words of the titles, each with the number of its stream."""
    return [
        f"{case.title} {sum(other.title == case.title for other in cases[: i + 1])}"
        for i, case in enumerate(cases)
    ]
