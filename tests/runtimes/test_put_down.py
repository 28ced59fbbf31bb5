"""State is put down often enough, and never takes more than its share of the time."""

from cep.runtimes.put_down import SHARE, PutDown
from cep.state.store import TaskId

ONE, TWO = TaskId("g", 0), TaskId("g", 1)


def test_a_task_is_due_after_its_time() -> None:
    state = PutDown(1.0)
    assert [state.due(ONE, now) for now in (10.0, 10.9, 11.0)] == [False, False, True]
    state.done(0.01, 11.0)
    assert [state.due(ONE, now) for now in (11.5, 12.0)] == [False, True]


def test_what_takes_long_is_done_less_often() -> None:
    state = PutDown(1.0)
    state.due(ONE, 0.0)
    assert state.due(ONE, 1.0)
    state.done(2.0, 3.0)
    assert not state.due(ONE, 3.0 + SHARE * 2.0 - 0.1)
    assert state.due(ONE, 3.0 + SHARE * 2.0)


def test_tasks_take_turns() -> None:
    state, now, turns = PutDown(1.0), 0.0, []
    for task in (ONE, TWO):
        state.due(task, now)
    for _ in range(400):
        now += 0.1
        for task in (ONE, TWO):
            if state.due(task, now):
                turns.append(task)
                now += 0.5
                state.done(0.5, now)
    assert turns[:6] == [ONE, TWO] * 3
    assert abs(turns.count(ONE) - turns.count(TWO)) <= 1


def test_without_a_time_all_are_due_always() -> None:
    state = PutDown(0)
    assert state.due(ONE, 0.0)
    state.done(5.0, 5.0)
    assert state.due(TWO, 5.0)
    assert state.due(ONE, 5.0)
