"""When the state of a task is put down: now and then, a little at a time, and for a small part of the time.

    batch ─ batch ─ a little of task 0 ─ batch ─ batch ─ a little more ─ batch …  then task 1

The log makes up for state that stayed behind what is committed, so how often it is put down decides what it
costs, and how long a successor needs. No batch waits for more than a slice of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from cep.state.store import TaskId

SHARE: Final = 5
"""After putting down for a second, so many seconds go by."""

SLICE_S: Final = 0.01
"""So long goes on what was begun before the next batch comes."""


class PutDown:
    """Whose turn it is: see `Turns`. One task after another."""

    def __init__(
        self, every_s: float, now_s: Callable[[], float], busy: Callable[[], bool] = lambda: False
    ) -> None:
        """`every_s` 0: all are due with every batch, with all they have; else nobody is while `busy`."""
        self._every_s = every_s
        self._now_s = now_s
        self._busy = busy
        self._next_s: dict[TaskId, float] = {}
        self._spent_s: defaultdict[TaskId, float] = defaultdict(float)
        self._begun_s = 0.0
        self._free_s = 0.0
        self._turn: TaskId | None = None

    def due(self, task: TaskId) -> bool:
        """Whether it is its turn."""
        self._begun_s = now_s = self._now_s()
        # It begins with what is put down, or with nothing.
        next_s = self._next_s.setdefault(task, now_s + self._every_s)
        if self._every_s == 0:
            return True
        mine = self._turn == task or (self._turn is None and now_s >= next_s)
        return mine and now_s >= self._free_s and not self._busy()

    def enough(self) -> bool:
        """Whether the slice is over."""
        return self._every_s > 0 and self._now_s() - self._begun_s >= SLICE_S

    def wrote(self, task: TaskId, *, done: bool) -> None:
        """The task whose turn it was has written some, or all."""
        now_s = self._now_s()
        self._spent_s[task] += now_s - self._begun_s
        self._free_s = now_s + SHARE * (now_s - self._begun_s)
        self._turn = None if done else task
        if done:
            # The others come before it does again.
            whole_s = SHARE * self._spent_s.pop(task) * len(self._next_s)
            self._next_s[task] = now_s + max(self._every_s, whole_s)

    def forget(self, task: TaskId) -> None:
        """Somebody else has it."""
        self._next_s.pop(task, None)
        self._spent_s.pop(task, None)
        if self._turn == task:
            self._turn = None
