"""Numbers of texts and keys: equal in a batch whoever asks when, and given back when nobody has them."""

from __future__ import annotations

import numpy as np
import pytest

from cep.columns import Batch, Coded, Vocabulary
from cep.engines import feed, key_table
from cep.engines.key_table import KeyTable, Words
from cep.engines.matcher import Limits
from cep.engines.reference import ReferenceMatcher
from cep.event import Event, Value
from tests.engines.engines import ALL, FAST
from tests.engines.story import plan_of
from tests.engines.vocabularies import Vocabularies


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("shared", [(), ("s",), ("t",), ("s", "t"), ("u", "s", "t")])
def test_a_text_that_one_rule_keeps_equals_itself_for_the_next_rule(
    engine: str, shared: tuple[str, ...]
) -> None:
    conditions = ("s != a.s", "t = a.s", "t != a.s")
    plans = [plan_of(f"SEQ(A a, B[{condition}] b) BY u WITHIN 100ms") for condition in conditions]
    rows: list[tuple[str, dict[str, Value]]] = [
        ("A", {"u": "one", "s": "p"}),  # the first rule keeps it
        ("A", {"u": "two", "s": "p"}),
        ("B", {"u": "two", "t": "p"}),
        ("B", {"u": "one", "t": "p", "s": "q"}),
        ("A", {"u": "one", "s": "q"}),
        ("B", {"u": "one", "t": "q", "s": "q"}),
    ]
    events = [Event(kind, i, i, fields) for i, (kind, fields) in enumerate(rows)]
    fast = ALL[engine]([(plan, Limits()) for plan in plans])
    stepped = [ReferenceMatcher(plan, Limits()) for plan in plans]
    tests, words = feed.Tests(plans), Vocabularies(shared)
    for low in (0, 3):
        batch = words.batch(Batch.of(events[low : low + 3]))
        answers = tests.masks(batch)
        for plan, one, other in zip(plans, fast, stepped, strict=True):
            found, expected = (
                [(match.start, match.last) for match in each.process(feed.make_feed(plan, batch, answers, 0))]
                for each in (one, other)
            )
            assert found == expected, plan.pattern


def test_columns_of_one_batch_agree_on_a_text_in_whatever_order_they_are_asked() -> None:
    words, vocabulary = Words(), Vocabulary()
    words.begin()
    alone = words.numbers(Coded.of(["x", "y"]))
    vocabulary.add(["y", "z"])
    shared = words.numbers(vocabulary.column(np.array([0, 1])))
    again = words.numbers(Coded.of(["z", "y", "x"]))
    assert alone.tolist()[:2] == [words.number("x"), words.number("y")]
    assert shared.tolist()[:2] == [words.number("y"), words.number("z")]
    assert again.tolist()[:3] == [words.number("z"), words.number("y"), words.number("x")]
    assert len({words.number(text) for text in "xyz"}) == 3
    words.begin()
    assert (words.number("x"), words.number("y") >= 0, words.number("z") >= 0) == (-1, True, True)


def test_numbers_of_a_vocabulary_stay_while_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_table, "SMALL", 4)
    table, vocabulary = KeyTable((("u",),)), Vocabulary()
    vocabulary.add(["a", "b"])
    kept = table.ids_of_texts(["a", "b"], vocabulary).tolist()
    table.ids(list("cdefgh"))
    table.tidy()
    assert (len(table), table.known(["a", "b", "c"])) == (2, [*kept, None])
    vocabulary.add(["c"])
    assert table.ids_of_texts(["a", "b", "c"], vocabulary).tolist() == [*kept, table.id_of(("c",))]
    del vocabulary
    table.ids(list("defghijk"))
    table.tidy()
    assert len(table) == 0
