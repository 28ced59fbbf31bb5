"""Values are what `@dataclass` would make of them, whoever asks: copies, pickles, patterns, `replace`."""

import pickle
from copy import copy, deepcopy
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from cep.errors import Span
from cep.event import Event
from cep.values import mutable, replaced, value


@value
class Part:
    """Has a field by name only, one that does not count, a factory and something to do at the start."""

    name: str
    sizes: tuple[float, ...] = ()
    seen: list[int] = field(default_factory=list, compare=False, repr=False)
    at: int = field(default=0, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what is no name."""
        if not self.name:
            raise ValueError("a part has a name")


@value
class Longer(Part):
    """A field more than the class it is made from."""

    last: str = "z"


@dataclass(frozen=True, slots=True)
class Plain:
    """What `Part` would be."""

    name: str
    sizes: tuple[float, ...] = ()
    seen: list[int] = field(default_factory=list, compare=False, repr=False)
    at: int = field(default=0, compare=False, kw_only=True)


@mutable
class Tally:
    """Changes."""

    counts: dict[str, int] = field(default_factory=dict)


def test_is_equal_by_what_counts() -> None:
    assert Part("a", at=3) == Part("a", at=4)
    assert hash(Part("a", at=3)) == hash(Part("a", at=4))
    assert Part("a") != Part("b")
    assert Part("a") != Longer("a")
    nan = float("nan")
    assert Part("a", (nan,)) == Part("a", (nan,))


def test_reads_and_matches_as_a_dataclass() -> None:
    assert repr(Longer("a", (1.5,), at=3)) == "Longer(name='a', sizes=(1.5,), at=3, last='z')"
    assert repr(Part("a")) == repr(Plain("a")).replace("Plain", "Part")
    assert [each.name for each in fields(Longer)] == ["name", "sizes", "seen", "at", "last"]
    match Longer("a", last="y"):
        case Longer(name, _, _, last):
            assert (name, last) == ("a", "y")
        case _:
            pytest.fail("a pattern by place did not match")


def test_a_default_is_made_anew_for_each() -> None:
    assert Part("a").seen is not Part("a").seen
    assert Part("a", (), [1]).seen == [1]
    assert Tally().counts is not Tally().counts


def test_nobody_changes_a_value() -> None:
    part = Part("a")
    with pytest.raises(FrozenInstanceError, match=r"Part\.name"):
        part.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del part.name
    with pytest.raises(AttributeError):
        object.__setattr__(part, "other", 1)
    assert part.name == "a"


@pytest.mark.parametrize("one", [Longer("a", (1.0,), [2], "y", at=3), Tally({"a": 1})])
def test_copies_and_pickles_are_equal(one: object) -> None:
    for made in (copy(one), deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301 - our own
        assert made == one
        assert repr(made) == repr(one)


def test_replace_keeps_the_rest_and_asks_again() -> None:
    changed = replace(Longer("a", at=3), last="x")
    assert (changed.name, changed.at, changed.last) == ("a", 3, "x")
    with pytest.raises(ValueError, match="a part has a name"):
        replace(Part("a"), name="")


def test_a_copy_with_other_fields_is_as_dataclasses_make_it() -> None:
    state = Tally({"a": 1})
    copied = replaced(state, counts={})
    assert (state.counts, copied.counts, type(copied)) == ({"a": 1}, {}, Tally)
    span = Span(3, 5)
    assert replaced(span, end=9) == replace(span, end=9)
    assert replaced(span) == span
    assert span == Span(3, 5)
    with pytest.raises(KeyError):
        replaced(span, stop=9)
    with pytest.raises(AssertionError, match="worked out"):
        replaced(Part("a"), name="b")


def test_arguments_are_counted_and_named() -> None:
    for _ in range(2):  # the first call is not another
        with pytest.raises(TypeError, match=r"Part.__init__\(\) missing 1 required .*: 'name'"):
            Part()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="positional"):
            Part("a", (), [], 4)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="unexpected"):
            Part("a", colour=1)  # type: ignore[call-arg]


def test_what_changes_has_no_hash() -> None:
    tally = Tally()
    tally.counts = {"a": 2}
    assert tally == Tally({"a": 2})
    with pytest.raises(TypeError, match="unhashable"):
        hash(tally)


def test_a_class_may_say_that_only_the_same_object_is_equal() -> None:
    event = Event("A", 1, 0, {})
    assert event == event  # noqa: PLR0124 - that is what is asked
    assert event != Event("A", 1, 0, {})
    assert len({event, Event("A", 1, 0, {})}) == 2
