"""When the state of a task is put down: now and then, and for a small part of the time.

The log makes up for state that stayed behind what is committed, so how often it is put down decides what it
costs, and how long a successor needs.
"""

from __future__ import annotations

from typing import Final

from cep.state.store import TaskId

SHARE: Final = 5
"""After putting down that took a second, so many seconds go by."""


class PutDown:
    """Which task is due; between two of them time goes by, so that no batch waits for all."""

    def __init__(self, every_s: float) -> None:
        """`every_s` 0: all are due with every batch."""
        self._every_s = every_s
        self._next_s: dict[TaskId, float] = {}
        self._free_s = 0.0
        self._turn: TaskId | None = None

    def due(self, task: TaskId, now_s: float) -> bool:
        """Whether it is its turn."""
        # It begins with what is put down, or with nothing.
        next_s = self._next_s.setdefault(task, now_s + self._every_s)
        self._turn = task
        return self._every_s == 0 or now_s >= max(next_s, self._free_s)

    def done(self, seconds: float, now_s: float) -> None:
        """The task whose turn it was has just been put down, which took so long."""
        self._free_s = now_s + SHARE * seconds
        if self._turn is not None:
            # The others come before it does again.
            self._next_s[self._turn] = now_s + max(self._every_s, SHARE * seconds * len(self._next_s))

    def forget(self, task: TaskId) -> None:
        """Somebody else has it."""
        self._next_s.pop(task, None)
