"""Which state in the store is taken: only such that what was committed has come past, in the same way."""

from __future__ import annotations

import pytest

from cep.runtimes.commit import ExactlyOnce
from cep.runtimes.commit_ports import Committed
from cep.runtimes.pins import Pin, marked
from cep.state.store import MemoryStore, Offsets, TaskId
from cep.stream.silence import SILENCES, Silence
from cep.stream.task import Outcome, TaskState
from tests.simulation.world import WorkerLog

TASK = TaskId("g", 0)
ORIGIN: Offsets = {"a": 0, "b": 0}
FIRST = Pin(4, ORIGIN, ORIGIN)
SECOND = Pin(7, {"a": 5, "b": 5}, ORIGIN)
OTHER = Pin(8, {"a": 5, "b": 5}, ORIGIN)
QUIET = Silence(0, {"a": 5, "b": 5}, frozenset("b"))


class Silences(WorkerLog):
    """A log of which nothing is asked but its silences."""

    def __init__(self, silences: list[Silence]) -> None:
        self._silences = silences

    def silences(self, task: TaskId) -> list[Silence]:
        assert task == TASK
        return self._silences


def belongs(stored: Offsets, committed: Committed, silences: list[Silence] | None = None) -> bool:
    def never(*_: object) -> TaskState:
        raise AssertionError

    log = Silences([QUIET] if silences is None else silences)
    machine = ExactlyOnce[list[object], Outcome](log, MemoryStore(), never, str)  # type: ignore[arg-type]
    return machine._belongs(TASK, stored, committed)


def at(a: int, b: int, silences: int = 0) -> Offsets:
    return {"a": a, "b": b, SILENCES: silences}


@pytest.mark.parametrize(
    ("stored", "to", "expected"),
    [
        (at(3, 3), at(3, 3), True),
        (at(3, 3), at(4, 3), True),
        (at(3, 3), at(4, 2), False),
        (at(4, 3), at(3, 3), False),
        ({"a": 3}, at(3, 9), True),
        ({"a": 3, "gone": 9}, at(3, 9), True),
    ],
    ids=["there", "behind", "one topic ahead", "ahead", "a topic is new", "a topic is no longer read"],
)
def test_places(stored: Offsets, to: Offsets, *, expected: bool) -> None:
    assert belongs(stored, Committed(to, ORIGIN)) is expected


@pytest.mark.parametrize(
    ("place", "pin", "expected"),
    [
        (at(3, 3), FIRST, True),
        (at(3, 3), None, False),
        (at(3, 3), SECOND, False),
        (at(5, 5), FIRST, True),
        (at(5, 5), SECOND, False),
        (at(6, 6), SECOND, True),
        (at(6, 6), FIRST, False),
        (at(6, 6), OTHER, False),
        (at(6, 4), FIRST, False),
    ],
    ids=[
        "before the change",
        "without a mark",
        "changed too early",
        "where the change comes next",
        "at the change a pin counts for what comes behind it",
        "behind it",
        "behind it with the rules from before",
        "behind a change that others made otherwise",
        "around it: no longer before it in one topic, not yet in the other",
    ],
)
def test_rules(place: Offsets, pin: Pin | None, *, expected: bool) -> None:
    committed = Committed(at(9, 9), ORIGIN, (FIRST, SECOND))
    assert belongs(marked(place, pin), committed, []) is expected


def test_a_mark_where_rules_never_changed_says_nothing() -> None:
    """Offsets that another tool has written know no pins, and state is taken as it is."""
    assert belongs(marked(at(3, 3), SECOND), Committed(at(9, 9), ORIGIN))


@pytest.mark.parametrize(
    ("stored", "counted", "expected"),
    [
        (at(5, 5), 1, True),
        (at(6, 5, 1), 1, True),
        (at(6, 5), 1, False),
        (at(6, 5), 0, True),
        (at(6, 5, 1), 0, False),
    ],
    ids=[
        "where it was decided",
        "past it, and counted it",
        "past it without knowing of it",
        "past one that was never committed with rows",
        "counted more than was committed",
    ],
)
def test_silences(stored: Offsets, counted: int, *, expected: bool) -> None:
    assert belongs(stored, Committed(at(9, 9, counted), ORIGIN)) is expected
