"""State is put down often enough, in slices, and never takes more than its share of the time."""

from cep.runtimes.put_down import SHARE, SLICE_S, PutDown
from cep.state.store import TaskId

ONE, TWO = TaskId("g", 0), TaskId("g", 1)


class Day:
    """A clock, and a state that is due by it."""

    def __init__(self, every_s: float) -> None:
        self.now_s = 0.0
        self.busy = False
        self.state = PutDown(every_s, lambda: self.now_s, lambda: self.busy)

    def due(self, task: TaskId, now_s: float) -> bool:
        self.now_s = now_s
        return self.state.due(task)

    def wrote(self, task: TaskId, seconds: float, *, done: bool = True) -> None:
        self.now_s += seconds
        self.state.wrote(task, done=done)


def test_a_task_is_due_after_its_time() -> None:
    day = Day(1.0)
    assert [day.due(ONE, now) for now in (10.0, 10.9, 11.0)] == [False, False, True]
    day.wrote(ONE, 0.01)
    assert [day.due(ONE, now) for now in (11.5, 12.0, 12.01)] == [False, False, True]


def test_what_takes_long_is_done_less_often() -> None:
    day = Day(1.0)
    day.due(ONE, 0.0)
    assert day.due(ONE, 1.0)
    day.wrote(ONE, 2.0)
    assert not day.due(ONE, 3.0 + SHARE * 2.0 - 0.1)
    assert day.due(ONE, 3.0 + SHARE * 2.0)


def test_a_turn_lasts_a_slice_and_goes_on_later() -> None:
    day = Day(1.0)
    for task in (ONE, TWO):
        day.due(task, 0.0)
    assert day.due(ONE, 1.0)
    assert not day.state.enough()
    day.now_s += SLICE_S
    assert day.state.enough()
    day.wrote(ONE, 0.0, done=False)
    free_s = 1.0 + SLICE_S + SHARE * SLICE_S
    assert not day.due(ONE, free_s - 0.001)
    assert not day.due(TWO, free_s + 0.001), "another has begun"
    assert day.due(ONE, free_s + 0.001)
    day.wrote(ONE, SLICE_S)
    assert day.due(TWO, 2.0)


def test_what_is_given_up_keeps_nobody_waiting() -> None:
    day = Day(1.0)
    for task in (ONE, TWO):
        day.due(task, 0.0)
    assert day.due(ONE, 1.0)
    day.wrote(ONE, SLICE_S, done=False)
    day.state.forget(ONE)
    assert day.due(TWO, 2.0)


def test_nobody_is_due_while_the_store_is_busy() -> None:
    day = Day(1.0)
    day.due(ONE, 0.0)
    day.busy = True
    assert not day.due(ONE, 5.0)
    day.busy = False
    assert day.due(ONE, 5.0)


def test_tasks_take_turns() -> None:
    day, turns, parts = Day(1.0), [], 0
    for task in (ONE, TWO):
        day.due(task, 0.0)
    for _ in range(4000):
        day.now_s += 0.1
        for task in (ONE, TWO):
            if day.due(task, day.now_s):
                parts += 1
                done = parts % 5 == 0
                turns += [task] if done else []
                day.wrote(task, SLICE_S, done=done)
    assert turns[:6] == [ONE, TWO] * 3
    assert abs(turns.count(ONE) - turns.count(TWO)) <= 1


def test_without_a_time_all_are_due_always() -> None:
    day = Day(0)
    assert day.due(ONE, 0.0)
    day.wrote(ONE, 5.0)
    assert day.due(TWO, 5.0)
    assert day.due(ONE, 5.0)
    assert not day.state.enough()
