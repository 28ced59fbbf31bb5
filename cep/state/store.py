"""What a store of state must do, and the one in memory.

State lives under (group, task): a task is one partition number of the input topics that are split alike. It
is a mapping key → bytes with a position in the log beside it: the state is that after all events before `to`.

    fence ──▶ load ──▶ apply ──▶ apply ──▶ …       one owner at a time; every call names the owner's token
      │                  └── keeps the values it replaced, so that `undo` leads back from `to` to `since`
      └── says where the state stands; nothing if it was lost

What a store forgets (a crash, an expiry, somebody's FLUSHALL) it must forget as a whole or back to an earlier
position, never single keys: then the log can always bring it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias

from cep.errors import CepError
from cep.values import mutable, value

Offsets: TypeAlias = Mapping[str, int]
"""Topic → the offset of the next record, in the partition of the task."""

NO_OFFSETS: Offsets = MappingProxyType({})


class StateError(CepError):
    """State that cannot be used or changed as asked."""


class FencedError(StateError):
    """Somebody else owns the task now."""


class StateLostError(StateError):
    """The state is not what this owner left: lost, or put back to an older one."""


@dataclass(frozen=True, slots=True, order=True)
class TaskId:
    """One partition number of the topics that a group reads."""

    group: str
    partition: int


@value
class Progress:
    """Where the state stands: the last change led from `since` to `to`.

    `emit_from`: alerts up to there have left already, while a lost state is being made again.
    """

    since: Offsets
    to: Offsets
    emit_from: Offsets | None = None


@value
class Delta:
    """What one batch changes: the new value of each key, None where nothing is left of it."""

    since: Offsets
    to: Offsets
    changes: Mapping[bytes, bytes | None]
    emit_from: Offsets | None = None
    first: bool = False
    """Whether there is no state yet. Said by its owner: a store that shows none may have lost it."""


class StateStore(Protocol):
    """Where state is kept.

    Every call is atomic: it happens as a whole or not at all, also when a process dies. It may be repeated
    when nobody knows whether it was heard: it is not done twice. A call with the token of a former owner
    raises FencedError; one that finds other state than its owner left raises StateLostError; neither changes
    anything.
    """

    def fence(self, task: TaskId, token: str) -> Progress | None:
        """Own the task from now on, under a token that nobody had before. None: there is no state."""
        ...

    def load(self, task: TaskId, token: str) -> Iterator[tuple[bytes, bytes]]:
        """Every key and its value, in no order."""
        ...

    def apply(self, task: TaskId, token: str, delta: Delta) -> None:
        """Change the state, keep what is needed to undo that, and forget what the change before needed."""
        ...

    def undo(self, task: TaskId, token: str) -> Progress:
        """Take back the last change; the state then stands where that change began."""
        ...

    def wipe(self, task: TaskId, token: str) -> None:
        """Forget the state, not the owner."""
        ...

    def look(self, task: TaskId, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of some keys, for a person who owns nothing; keys without a value are left out."""
        ...

    def tasks(self, group: str) -> list[TaskId]:
        """The tasks of a group that have state."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


@mutable
class _Held:
    token: str
    progress: Progress | None = None
    values: dict[bytes, bytes] = field(default_factory=dict)
    replaced: dict[bytes, bytes | None] = field(default_factory=dict)
    expires_ms: int | None = None


class MemoryStore:
    """See `StateStore`: as long as the process lives. It expires only if it is told the time."""

    def __init__(self, ttl_ms: int | None = None, now_ms: Callable[[], int] = lambda: 0) -> None:
        """State of a task is forgotten `ttl_ms` after its last change."""
        self._tasks: dict[TaskId, _Held] = {}
        self._ttl_ms = ttl_ms
        self._now_ms = now_ms

    def fence(self, task: TaskId, token: str) -> Progress | None:
        """Own the task from now on, under a token that nobody had before. None: there is no state."""
        held = self._current(task)
        if held is None:
            held = self._tasks[task] = _Held(token)
        held.token = token
        self._prolong(held)
        return held.progress

    def load(self, task: TaskId, token: str) -> Iterator[tuple[bytes, bytes]]:
        """Every key and its value, in no order."""
        yield from list(self._owned(task, token).values.items())

    def apply(self, task: TaskId, token: str, delta: Delta) -> None:
        """Change the state, keep what is needed to undo that, and forget what the change before needed."""
        held = self._owned(task, token)
        if already(held.progress, delta):
            return
        require_standing(task, held.progress, delta)
        held.replaced = {key: held.values.get(key) for key in delta.changes}
        _put(held.values, delta.changes)
        held.progress = Progress(dict(delta.since), dict(delta.to), delta.emit_from)
        self._prolong(held)

    def undo(self, task: TaskId, token: str) -> Progress:
        """Take back the last change; the state then stands where that change began."""
        held = self._owned(task, token)
        if held.progress is None:
            raise StateLostError(f"{task.group}/{task.partition}: there is no change to take back")
        _put(held.values, held.replaced)
        held.replaced = {}
        held.progress = Progress(held.progress.since, held.progress.since, held.progress.emit_from)
        return held.progress

    def wipe(self, task: TaskId, token: str) -> None:
        """Forget the state, not the owner."""
        self._owned(task, token)
        self._tasks[task] = _Held(token)
        self._prolong(self._tasks[task])

    def look(self, task: TaskId, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of some keys, for a person who owns nothing; keys without a value are left out."""
        held = self._current(task)
        values = {} if held is None else held.values
        return {key: values[key] for key in keys if key in values}

    def tasks(self, group: str) -> list[TaskId]:
        """The tasks of a group that have state."""
        return sorted(task for task in self._tasks if task.group == group)

    def close(self) -> None:
        """Nothing to let go of."""

    def _owned(self, task: TaskId, token: str) -> _Held:
        held = self._current(task)
        if held is None:
            raise StateLostError(lost(task))
        if held.token != token:
            raise FencedError(fenced(task))
        return held

    def _current(self, task: TaskId) -> _Held | None:
        held = self._tasks.get(task)
        if held is not None and held.expires_ms is not None and held.expires_ms <= self._now_ms():
            del self._tasks[task]
            return None
        return held

    def _prolong(self, held: _Held) -> None:
        held.expires_ms = None if self._ttl_ms is None else self._now_ms() + self._ttl_ms


def _put(values: dict[bytes, bytes], changes: Mapping[bytes, bytes | None]) -> None:
    for key, packed in changes.items():
        if packed is None:
            values.pop(key, None)
        else:
            values[key] = packed


def already(progress: Progress | None, delta: Delta) -> bool:
    """Whether this very change was made before: the answer to it was lost on the way."""
    if progress is None or delta.since == delta.to:
        return False
    return progress.since == delta.since and progress.to == delta.to


def require_standing(task: TaskId, progress: Progress | None, delta: Delta) -> None:
    """StateLostError if the state does not stand where the change begins."""
    if progress is None:
        if not delta.first:
            raise StateLostError(lost(task))
    elif delta.first or progress.to != delta.since:
        raise StateLostError(moved(task, progress.to, NO_OFFSETS if delta.first else delta.since))


def fenced(task: TaskId) -> str:
    """The words for a former owner."""
    return f"{task.group}/{task.partition}: another worker has taken over this task"


def lost(task: TaskId) -> str:
    """The words for state that is gone."""
    return f"{task.group}/{task.partition}: the state of this task is gone from the store"


def moved(task: TaskId, found: Offsets, expected: Offsets) -> str:
    """The words for state that stands elsewhere than its owner left it."""
    where = f"{task.group}/{task.partition}"
    return f"{where}: the state stands at {dict(found)}, this worker left it at {dict(expected)}"
