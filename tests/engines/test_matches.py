"""Matches as rows of sheets: one order for those of all rules, and each made once."""

from collections.abc import Sequence
from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cep.engines.match import Match, Whole
from cep.engines.matches import Index, Matches, Places, Sheet, in_order
from cep.event import Event, Position

POSITIONS = st.builds(Position, st.integers(0, 2), st.integers(0, 2))
PLACES = st.tuples(POSITIONS, POSITIONS, POSITIONS)
RULES = st.lists(st.tuples(st.integers(0, 2), st.lists(PLACES, max_size=6)), min_size=1, max_size=4)


def match(detected: Position, start: Position, last: Position) -> Match:
    taken = Whole({"a": [Event("A", *start, {}), Event("A", *last, {})]})
    return Match(("u",), taken, start, last, detected.ts_ms, detected)


@given(RULES)
def test_order_is_that_of_tuples(rules: list[tuple[int, list[tuple[Position, Position, Position]]]]) -> None:
    numbers = count()
    ranked, found = [], []
    for whose, (rank, places) in enumerate(rules):
        matches = [match(*each) for each in places]
        found.append((rank, Matches.of(matches)))
        ranked += [
            (each.detected, rank, each.start, each.last, next(numbers), whose, each) for each in matches
        ]
    whose_of, ordered = in_order(found)
    expected = sorted(ranked, key=lambda each: each[:5])
    assert whose_of == [each[5] for each in expected]
    assert all(one is each[6] for one, each in zip(ordered, expected, strict=True))


def test_rules_share_what_is_made_of_a_sheet() -> None:
    matches = [match(Position(i, 0), Position(i, 0), Position(i, 0)) for i in range(4)]
    asked: list[int] = []

    def make(rows: Index) -> Sequence[Match]:
        asked.extend(rows.tolist())
        return [matches[i] for i in rows.tolist()]

    sheet = Sheet(Places.of(matches), make)
    wide, narrow = Matches(sheet, np.array([0, 1, 3])), Matches(sheet, np.array([1, 3]))
    assert asked == []
    whose, ordered = in_order([(1, wide), (0, narrow)])
    assert whose == [0, 1, 0, 1, 0]
    assert [one.detected.ts_ms for one in ordered] == [0, 1, 1, 3, 3]
    assert sorted(asked) == [0, 1, 3]
    assert narrow[-1] is matches[3]
    assert list(wide[1:]) == [matches[1], matches[3]]
    assert list(wide.where([False, True, False])) == [matches[1]]
    assert sorted(asked) == [0, 1, 3]


def test_engines_that_give_lists_are_taken_as_they_are() -> None:
    matches = [match(Position(5, 1), Position(1, 0), Position(5, 1))]
    assert list(Matches.of(matches)) == matches
    given_before = Matches.of(matches)
    assert Matches.of(given_before) is given_before
    assert in_order([(0, Matches.of([]))]) == ([], [])
