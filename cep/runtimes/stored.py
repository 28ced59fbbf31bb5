"""What is stored of each task, and how it gets there: cut at one moment, packed bit by bit, applied aside.

    batch ─▶ batch ─▶ batch ─▶ batch ─▶ batch        cut ── the state behind this batch, as it was then
               │ cut    └ pack   └ pack   └ apply     in the store it stands there, whenever it comes

What is stored may stay behind what is committed; it may be ahead by the batch that is about to be committed,
and then the change that brought it there is the last one, so it can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from cep.runtimes.commit_ports import Cut, Later, at_once
from cep.runtimes.pins import Pin, in_force, marked, unmarked
from cep.state.store import Delta, Offsets, StateError, StateStore, TaskId


class Turns(Protocol):
    """Who may put down state now, and for how long."""

    def due(self, task: TaskId) -> bool:
        """Whether a task may begin, or go on."""
        ...

    def enough(self) -> bool:
        """Whether the task whose turn it is has had its time."""
        ...

    def wrote(self, task: TaskId, *, done: bool) -> None:
        """Its turn is over; whether it has written all."""
        ...


class Always:
    """Everybody, all of it."""

    def due(self, _: TaskId) -> bool:
        """Now."""
        return True

    def enough(self) -> bool:
        """Never."""
        return False

    def wrote(self, _: TaskId, *, done: bool) -> None:
        """That is known."""


class Stored:
    """The store as the owner of some tasks sees it."""

    def __init__(self, store: StateStore, applied: Callable[[], None] = lambda: None) -> None:
        """`applied` is told each time that a cut is in the store."""
        self.store = store
        self.aside: Later = at_once
        """Runs changes of the store that nobody waits for."""
        self.turns: Turns = Always()
        self.tokens: dict[TaskId, str] = {}
        self._applied = applied
        self._places: dict[TaskId, Offsets | None] = {}
        """Where the state stands, with the mark of the rules that made it; None where there is none."""
        self._behind: set[TaskId] = set()
        """Tasks whose state has changed since it was cut."""
        self._cuts: dict[TaskId, Cut] = {}
        self._under_way: tuple[TaskId, Callable[[], None]] | None = None

    def stands(self, task: TaskId, place: Offsets | None) -> None:
        """A task was taken up; its state stands there."""
        self._behind.discard(task)
        self._cuts.pop(task, None)
        self._places[task] = place

    def stateless(self, task: TaskId) -> bool:
        """Whether there is no state of a task."""
        return self._places[task] is None

    def forget(self, task: TaskId) -> None:
        """Somebody else has it."""
        self._behind.discard(task)
        for known in (self.tokens, self._places, self._cuts):
            known.pop(task, None)

    def changed(self, tasks: Iterable[TaskId]) -> None:
        """Their state in memory has gone on; between two batches it is that of what is committed."""
        self._behind.update(tasks)

    def lags(self) -> list[TaskId]:
        """Tasks whose state is not put down."""
        return sorted(self._behind | self._cuts.keys())

    def put_down(self, task: TaskId, cut: Callable[[], Cut], pins: Sequence[Pin]) -> None:
        """If it is the task's turn, go on putting down its state, for as long as the turn lasts."""
        if self.turns.due(task):
            done = self._write(task, cut, pins, self.turns.enough)
            self.turns.wrote(task, done=done)

    def catch_up(self, task: TaskId, cut: Callable[[], Cut], pins: Sequence[Pin]) -> None:
        """Let nothing of a task stay behind."""
        while task in self._behind or task in self._cuts:
            self._write(task, cut, pins, lambda: False)
        self.settle()

    def _write(
        self, task: TaskId, cut: Callable[[], Cut], pins: Sequence[Pin], enough: Callable[[], bool]
    ) -> bool:
        if task not in self._cuts:
            self._behind.discard(task)
            self._cuts[task] = cut()
        delta = self._cuts[task].written(enough)
        if delta is None:
            return False
        del self._cuts[task]
        self.settle()
        self._under_way = task, self.aside(partial(self._apply, task, self._change(task, delta, pins)))
        return True

    def _apply(self, task: TaskId, delta: Delta) -> None:
        self.store.apply(task, self.tokens[task], delta)
        self._applied()

    def apply(self, task: TaskId, delta: Delta, pins: Sequence[Pin]) -> None:
        """Change the state now."""
        self.settle()
        self.store.apply(task, self.tokens[task], self._change(task, delta, pins))

    def _change(self, task: TaskId, delta: Delta, pins: Sequence[Pin]) -> Delta:
        since, to = (marked(place, in_force(pins, place)) for place in (delta.since, delta.to))
        stored = self._places[task]
        if stored is not None:
            since = stored
            assert unmarked(since) == dict(delta.since), "the task goes on from what is stored"
        self._places[task] = to
        return replace(delta, since=since, to=to, first=stored is None)

    def settle(self) -> None:
        """Wait for the change that is made aside."""
        if self._under_way is not None:
            _, wait = self._under_way
            self._under_way = None
            wait()

    def settle_for(self, gone: set[TaskId]) -> None:
        """The same, where some tasks may have another owner by now: he may have been quicker."""
        mine = self._under_way is None or self._under_way[0] not in gone
        with suppress(*(() if mine else (StateError,))):
            self.settle()
