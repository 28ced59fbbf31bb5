"""Every pattern of up to three steps over every stream of up to five events: engines = oracle.

Every shape of up to three steps (SEQ with each way to follow, AND, OR, ATLEAST, one inside another); every
loop, in or around every shape of up to two steps, the usual ones with every mark; every place of a NOT,
with FOR and with NEXT, among two steps and beside loops; a few patterns with every clause.

Of three steps with a loop among them there are 18,300 patterns. 1,464 are here: every shape with a loop at
every place twice, types and loops in turn, over streams of up to four events. All of them over those streams
take four minutes of processor time and agree; for any length there is `make exhaustive`, or a part of it:
`python -m tests.exhaustive --family "loops among three" --events 5 --part 1/99`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.exhaustive.agree import disagreements, part
from tests.exhaustive.worlds import (
    LOOP_MARKS,
    LOOPS,
    MARKED,
    QUANTS,
    absences,
    clauses,
    loops,
    loops_in_turn,
    modes,
    plain,
    typings,
)

EVENTS = 5
EVENTS_AMONG_THREE = 4
TURNS = 2

FAMILIES: dict[str, Callable[[], Iterator[str]]] = {
    "plain": lambda: modes(text for steps in (1, 2, 3) for text in plain(steps)),
    "loops": lambda: modes(text for steps in (1, 2) for text in loops(steps, QUANTS)),
    "marked loops": lambda: modes(
        text
        for steps in (1, 2)
        for text in loops(steps, tuple(loop + mark for loop in MARKED for mark in LOOP_MARKS))
    ),
    "loops among three": lambda: modes(loops_in_turn(3, LOOPS, TURNS)),
    "absences": lambda: modes(
        (text for n in (2, 3) for types in typings(n) for text in absences(types)), "2ms"
    ),
    "clauses": clauses,
}
PARTS = {
    "plain": 5,
    "loops": 3,
    "marked loops": 1,
    "loops among three": 5,
    "absences": 5,
    "clauses": 5,
}
"""How many tests a family is cut into, so that they take about as long. Odd, as shapes come in turns."""


@pytest.mark.slow
@pytest.mark.parametrize(("family", "number"), [(f, i) for f, of in PARTS.items() for i in range(of)])
def test_engines_find_what_the_definition_says(family: str, number: int) -> None:
    texts = list(part(FAMILIES[family](), number, PARTS[family]))
    assert texts
    events = EVENTS_AMONG_THREE if family == "loops among three" else EVENTS
    assert "\n".join(disagreements(texts, events)) == ""
