"""A store that forgets as Redis may: its last writes, everything, or all since an old dump."""

from __future__ import annotations

from copy import copy

from cep.state.store import Delta, MemoryStore, Progress, TaskId, _Held

HISTORY_MAX = 40


class ForgetfulStore(MemoryStore):
    """See `MemoryStore`; every write leaves a dump to be put back."""

    def __init__(self) -> None:
        super().__init__()
        self._dumps: list[dict[TaskId, _Held]] = [{}]

    def fence(self, task: TaskId, token: str) -> Progress | None:
        found = super().fence(task, token)
        self._dump()
        return found

    def apply(self, task: TaskId, token: str, delta: Delta) -> None:
        super().apply(task, token, delta)
        self._dump()

    def undo(self, task: TaskId, token: str) -> Progress:
        progress = super().undo(task, token)
        self._dump()
        return progress

    def wipe(self, task: TaskId, token: str) -> None:
        super().wipe(task, token)
        self._dump()

    def lose(self, writes: int) -> None:
        """The last writes never reached the disk; all of them, and nothing is left."""
        self._dumps = self._dumps[: max(1, len(self._dumps) - writes)]
        self._tasks = _copied(self._dumps[-1])

    def flush(self) -> None:
        """Somebody said FLUSHALL."""
        self._tasks = {}
        self._dump()

    def put_back(self, dump: int) -> None:
        """Somebody put back an old dump; counted from the oldest that is left."""
        self._tasks = _copied(self._dumps[dump % len(self._dumps)])
        self._dump()

    def _dump(self) -> None:
        self._dumps = [*self._dumps, _copied(self._tasks)][-HISTORY_MAX:]


def _copied(tasks: dict[TaskId, _Held]) -> dict[TaskId, _Held]:
    copies: dict[TaskId, _Held] = {}
    for task, held in tasks.items():
        copies[task] = copy(held)
        copies[task].values = dict(held.values)
        copies[task].replaced = dict(held.replaced)
    return copies
