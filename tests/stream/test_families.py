"""Which rules can be held apart by key, and that equal keys are never held apart."""

from decimal import Decimal

import numpy as np
import pytest

from cep.columns import Batch, Coded, Numbers, Vocabulary
from cep.engines.key_shares import key_shares
from cep.engines.matcher import Limits
from cep.errors import Source
from cep.event import Event, Timestamp, Value
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from cep.stream.alert import Rule
from cep.stream.families import families, keys_of
from cep.values import replaced

U, V = (("u",),), (("v",),)


def rule(pattern: str, limits: Limits | None = None) -> Rule:
    plan, problems = compile_text(Source.whole("p", pattern), Schema())
    assert plan is not None, problems
    return Rule(pattern, 1, plan, limits=limits or Limits())


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("SEQ(A a, B b) BY u WITHIN 5s", {"A": U, "B": U}),
        ("SEQ(A a, EVENT e) BY u WITHIN 5s", {None: U}),
        ("SEQ STRICT(A a, B b) FROM A, B, C BY u WITHIN 5s", {"A": U, "B": U, "C": U}),
        ("SEQ(A a, NOT C c, B b) BY u, v WITHIN 5s", dict.fromkeys("ABC", (("u",), ("v",)))),
        ("AND(A a BY u, B b BY v) WITHIN 5s", {"A": U, "B": V}),
        ("SEQ(A a BY u, A|B b BY v) WITHIN 5s", None),
        ("SEQ(A a BY u, EVENT b BY v) WITHIN 5s", None),
        ("SEQ STRICT(A a BY u, B b BY v) WITHIN 5s", None),
        ("SEQ(A a, B b) WITHIN 5s", None),
    ],
)
def test_the_key_of_each_type_or_none(pattern: str, keys: object) -> None:
    assert keys_of(rule(pattern)) == keys


def test_a_rule_that_one_key_stops_for_all_is_held_together() -> None:
    limits = Limits(overflow="stop_rule")
    assert keys_of(rule("SEQ(A a, B b) BY u WITHIN 5s", limits)) is None


def test_rules_are_of_one_family_as_long_as_no_event_has_two_keys() -> None:
    one, two = rule("SEQ(A a, B b) BY u WITHIN 5s"), rule("SEQ(C a, D b) BY v WITHIN 5s")
    other, every = rule("SEQ(B a, C b) BY w WITHIN 5s"), rule("SEQ(EVENT a, A b) BY u WITHIN 5s")
    none = rule("SEQ(A a, B b) WITHIN 5s")
    keyed, whole = families([one, two, other, every, none])
    assert [family.rules for family in keyed] == [(one, two), (other,), (every,)]
    assert whole == [none]


def batch(*values: Value) -> Batch:
    return Batch.of([Event("AB"[i % 2], i, i, {"u": u, "x": i}) for i, u in enumerate(values)])


EQUAL = (
    (1, 1.0, Decimal("1.00"), True, Timestamp(1)),
    (-1, -1.0, Decimal(-1)),
    (2.5, Decimal("2.5")),
    (2**53, float(2**53)),
    (2**70, float(2**70), Decimal(2**70)),
    ([1, 2], [1, 2], "[1, 2]"),
)


@pytest.mark.parametrize("values", EQUAL)
def test_equal_keys_are_in_one_share(values: tuple[Value, ...]) -> None:
    assert len(set(key_shares(batch(*values), U, 1 << 30).tolist())) == 1
    assert len({key_shares(batch(value), U, 1 << 30)[0] for value in values}) == 1


@pytest.mark.parametrize("numbers", [[0, 1, -1, 7, -8, 2**60], [2**62, -(2**63), -1], [0.0, 1.0, -2.5]])
def test_numbers_as_an_array_are_in_the_share_of_numbers_as_values(numbers: list[int]) -> None:
    coded = batch(*numbers)
    null = np.zeros(len(numbers), dtype=np.bool_)
    array = replaced(coded, columns={"u": Numbers(np.array(numbers), null)})
    assert key_shares(array, U, 1 << 30).tolist() == key_shares(coded, U, 1 << 30).tolist()


def test_texts_of_a_vocabulary_are_in_the_share_of_texts() -> None:
    words = Vocabulary()
    for texts, codes in ((["a", "b"], [0, -1, 1]), (["c", "d"], [3, 1, -1, 2])):
        words.add(texts)
        column = words.column(np.array(codes, dtype=np.int32))
        plain = batch(*(column.at(row) for row in range(len(column))))
        kept = replaced(plain, columns={"u": column})
        assert key_shares(kept, U, 1 << 30).tolist() == key_shares(plain, U, 1 << 30).tolist()


def test_keys_of_several_parts_and_nulls() -> None:
    events = [
        Event("A", i, i, {"u": u, "v": v}) for i, (u, v) in enumerate([(1, 2), (2, 1), (1.0, 2), (None, 2)])
    ]
    shares = key_shares(Batch.of(events), (*U, *V), 1 << 30)
    assert shares[0] == shares[2] != shares[1]
    assert shares[3] == 0


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shares_are_of_one_size_whatever_the_keys_are_made_of(count: int) -> None:
    for values in (
        range(8000),
        [f"u{i}" for i in range(8000)],
        [i / 4 for i in range(8000)],
        range(0, 8000 * 64, 64),
    ):
        sizes = np.bincount(key_shares(batch(*values), U, count), minlength=count)
        assert len(sizes) == count
        assert sizes.min() > 0.85 * 8000 / count


def test_a_part_has_the_columns_that_are_read_and_only_their_values() -> None:
    keyed, _ = families([rule("SEQ(A a, A b) BY u WITHIN 5s")])
    whole = batch("x", "y", "z", "y", None)
    assert keyed[0].shares(whole, 1).tolist() == [0, -1, 0, -1, 0]
    part = keyed[0].part(whole, np.array([0, 2, 4]))
    assert set(part.columns) == {"u"}
    column = part.column("u")
    assert isinstance(column, Coded)
    assert list(column.values) == ["x", "z"]
    names = ("u",)
    assert [part.event(i, names).fields for i in range(3)] == [{"u": "x"}, {"u": "z"}, {}]
    assert [part.event(i, ()).position for i in range(3)] == [whole.event(i, ()).position for i in (0, 2, 4)]
