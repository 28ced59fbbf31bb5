"""Exactly once: a batch's state, alerts and offsets become true together, however often workers die.

    acquire   log fenced ─▶ store fenced ─▶ committed C read ─▶ compare with the state, which stands at F..T
              T = C      the batch was committed                        go on
              F ≤ C < T  its worker died before the commit              undo: the state stands at F
              T < C      the store forgot                               replay T..C, alerts have left already
              F > C      somebody set the offsets back                  refuse, or rebuild if told so

    commit    compute ─▶ put down ─▶ begin ─▶ write alerts ─▶ send offsets ─▶ commit
              │          └ whose turn it is; the state of others stays behind for now: see `stored`
              └ while the transaction before is still under way; nothing else begins before its end
    decide    begin ─▶ write the silence ─▶ send offsets as they are ─▶ commit

The commit of the log's transaction is the moment that counts. State may be in the store before it, with what
undoes it beside it; state that stayed behind is made up for as if the store had forgotten it. Any error
breaks the machine: the process ends, and starting again is the only way back, so that way is always in use.
State is a function of the log, so what was decided by more than the log has to be in the log before it
counts: that is what `decide` does. `Point` numbers the places where a worker can die.

Where rules change, a task is put down between two batches and taken up with the new ones; the next commit
says so (`pins`), and whoever replays changes them at the same places.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import Generic

from cep.errors import CepError
from cep.runtimes.commit_ports import Committed, In, Later, LogPort, Out, TaskPort, at_once
from cep.runtimes.log_lines import say
from cep.runtimes.pins import NO_CHANGES, Changes, Pin, due, in_force, marked, pinned, unmarked
from cep.runtimes.stored import Stored
from cep.state.store import Delta, Offsets, Progress, StateError, StateStore, TaskId
from cep.stream.silence import SILENCES, Silence, overtaken


class Point(IntEnum):
    """What has just been done; the next thing has not."""

    LOG_FENCED = 1
    STORE_FENCED = 2
    COMMITTED_READ = 3
    ORIGIN_COMMITTED = 4
    """The place where the group begins with a task, before anything else."""
    UNDONE = 5
    WIPED = 6
    RESTORED = 7
    REFILLED = 8
    REPLAY_COMPUTED = 9
    REPLAY_APPLIED = 10
    READY = 11
    COMPUTED = 12
    APPLIED = 13
    """The state of one task, perhaps as it was some batches ago; others are not yet."""
    BEGUN = 14
    WRITTEN = 15
    OFFSETS_SENT = 16
    COMMITTED = 17
    DECISION_WRITTEN = 18
    DECIDED = 19
    """It is in the log: the next rows of its task may only come behind it, whoever takes them."""
    RULES_CHANGED = 20
    """Of one task, in this process; nothing is written yet."""


class OffsetsResetError(CepError):
    """The committed offsets lie before the state: somebody set them back."""


class BrokenError(CepError):
    """An earlier error left it open what happened; only a new start can tell."""


class ExactlyOnce(Generic[In, Out]):
    """The sequence for one worker. `start`, then `acquire` what it is given, then `commit` batch by batch."""

    def __init__(
        self,
        log: LogPort[In, Out],
        store: StateStore,
        make_task: Callable[[TaskId, int | None], TaskPort[In, Out]],
        make_token: Callable[[TaskId], str],
        at: Callable[[Point], None] = lambda _: None,
        *,
        changes: Changes = NO_CHANGES,
        rebuild: bool = False,
    ) -> None:
        """`make_token` names an ownership as none was named before; `at` is told each point that is passed.

        `make_task` is told which rules a task is to run, as a revision, None where they never change.
        `rebuild`: where offsets were set back, drop the state and make it again.
        """
        self.tasks: dict[TaskId, TaskPort[In, Out]] = {}
        self.settled: Callable[[Mapping[TaskId, Out]], None] = lambda _: None
        """Is told what a batch came to, once it is true."""
        self.later: Later = at_once
        """Runs transactions."""
        self.stored = Stored(store, partial(at, Point.APPLIED))
        """What is put down of the tasks, when, and by whom."""
        self._log = log
        self._store = store
        self._make_task = make_task
        self._make_token = make_token
        self._at = at
        self._changes = changes
        self._rebuild = rebuild
        self._under_way: tuple[dict[TaskId, Out], Callable[[], None]] | None = None
        self._committed: dict[TaskId, Committed] = {}
        self._broken = False

    def start(self) -> None:
        """Lock out an earlier process of the same name."""
        with self._unbroken():
            self._log.fence()
            self._at(Point.LOG_FENCED)

    def acquire(self, tasks: Iterable[TaskId]) -> dict[TaskId, Offsets]:
        """Make the state of these tasks what it was at their committed offsets; from there on read them."""
        with self._unbroken():
            self._settle()
            self.stored.settle()
            return {task: self._recover(task) for task in tasks}

    def release(self, tasks: Iterable[TaskId]) -> None:
        """Tasks that somebody else has now, or will have: then there is nothing for him to make up for."""
        gone = set(tasks)
        if not self._broken:
            self.settle()
            self.stored.settle_for(gone)
        for task in sorted(gone):
            if task in self.tasks and not self._broken:
                # Refused if he was quicker.
                with suppress(StateError):
                    self._catch_up(task)
            self.stored.forget(task)
            self.tasks.pop(task, None)
            self._committed.pop(task, None)

    def revision(self, task: TaskId) -> int | None:
        """Which rules a task runs now."""
        pins = self._committed[task].pins
        return pins[-1].revision if pins else None

    def change_rules(self) -> list[TaskId]:
        """Let all tasks run the newest rules from where they stand; those that did not do so before."""
        newest = self._changes.newest()
        if newest is None:
            return []
        with self._unbroken():
            changing = [task for task in self.tasks if self.revision(task) != newest]
            if changing:
                self._settle()
            for task in changing:
                self._catch_up(task)
                committed = self._committed[task]
                origin, records = committed.origin, self._changes.warm_up_records // len(changing)
                begin = {topic: max(origin.get(topic, 0), to - records) for topic, to in committed.to.items()}
                pin = Pin(newest, committed.to, begin)
                self.tasks[task] = self._changed(task, pin, None)
                self._committed[task] = replace(committed, pins=pinned(committed.pins, pin))
            return changing

    def put_down(self) -> None:
        """Go on putting down state, though there is no batch."""
        with self._unbroken():
            self._settle()
            self._go_on_putting_down()

    def _go_on_putting_down(self) -> None:
        for task in self.stored.lags():
            self.stored.put_down(task, self.tasks[task].cut, self._committed[task].pins)

    def _catch_up(self, task: TaskId) -> None:
        self.stored.catch_up(task, self.tasks[task].cut, self._committed[task].pins)

    def commit(self, batch: Mapping[TaskId, In]) -> dict[TaskId, Out]:
        """Process a batch of some tasks. What it came to is true, and given out once, when it is settled."""
        with self._unbroken():
            results = {t: self.tasks[t].process(rows, put_down=False) for t, rows in batch.items()}
            self.stored.changed(batch)
            self._at(Point.COMPUTED)
            self._settle()
            self._go_on_putting_down()
            self._under_way = results, self.later(partial(self._transact, results))
            return results

    def settle(self) -> None:
        """Wait for the end of the transaction that is under way."""
        with self._unbroken():
            self._settle()

    def _settle(self) -> None:
        if self._under_way is not None:
            results, wait = self._under_way
            wait()
            self._under_way = None
            self._committed |= self._leading_to(results)
            self.settled(results)

    def _transact(self, results: Mapping[TaskId, Out]) -> None:
        self._log.begin()
        self._at(Point.BEGUN)
        self._log.write(results)
        self._at(Point.WRITTEN)
        self._log.send_offsets(self._leading_to(results))
        self._at(Point.OFFSETS_SENT)
        self._log.commit()
        self._at(Point.COMMITTED)

    def _leading_to(self, results: Mapping[TaskId, Out]) -> dict[TaskId, Committed]:
        return {task: replace(self._committed[task], to=done.delta.to) for task, done in results.items()}

    def decide(self, silences: Mapping[TaskId, Silence]) -> None:
        """Write down who is silent; it counts once it is committed like rows, and before any other."""
        with self._unbroken():
            self._settle()
            self._log.begin()
            self._log.decide(silences)
            self._at(Point.DECISION_WRITTEN)
            # Unchanged, but sent: a worker that the group has moved on without may decide nothing.
            offsets = {task: replace(self._committed[task], to=one.at) for task, one in silences.items()}
            self._log.send_offsets(offsets)
            self._log.commit()
            self._at(Point.DECIDED)

    # --- recovery -----------------------------------------------------------------------------------------

    def _recover(self, task: TaskId) -> Offsets:
        # The store first: once it is fenced nobody else moves the state while C is being read.
        token = self.stored.tokens[task] = self._make_token(task)
        stored = self._store.fence(task, token)
        self._at(Point.STORE_FENCED)
        committed = self._log.committed(task)
        self._at(Point.COMMITTED_READ)
        if committed is None:
            committed = self._commit_origin(task, stored)
        standing = self._standing(task, token, stored, committed)
        committed = self._committed[task] = self._with_pins(committed)
        self.stored.stands(task, standing)
        place = committed.origin if standing is None else unmarked(standing)
        self.tasks[task] = self._replay(task, place)
        self._at(Point.READY)
        return committed.to

    def _with_pins(self, committed: Committed) -> Committed:
        """Where no rules are pinned yet, the newest ones are taken to have been there always."""
        newest, origin = self._changes.newest(), committed.origin
        always = () if newest is None else (Pin(newest, origin, origin),)
        return replace(committed, pins=always and (committed.pins or always))

    def _take_up(self, task: TaskId, place: Offsets, revision: int | None) -> TaskPort[In, Out]:
        """The task as the store has it, with these rules; without state it begins at the place."""
        port = self._make_task(task, revision)
        if self.stored.stateless(task):
            port.begin(place)
            return port
        begin = self._committed[task].to
        resume = port.restore(self._store.load(task, self.stored.tokens[task]), place, begin)
        self._at(Point.RESTORED)
        for rows in self._log.read(task, resume, place):
            port.refill(rows)
        self._at(Point.REFILLED)
        return port

    def _changed(self, task: TaskId, pin: Pin, emitted: Offsets | None) -> TaskPort[In, Out]:
        """The task, which stands where the pin is, with its rules."""
        port = self._take_up(task, pin.at, pin.revision)
        if not self.stored.stateless(task):
            # Changes nothing, and is refused if the store has lost meanwhile what we took from it.
            self._apply(task, Delta(pin.at, pin.at, {}, emitted))
        port.warm_up(pin.begin, self._log.read(task, pin.begin, pin.at))
        self._at(Point.RULES_CHANGED)
        return port

    def _commit_origin(self, task: TaskId, stored: Progress | None) -> Committed:
        """Write down where the group begins: `start: latest` would name another place the next time."""
        if stored is not None and not self._rebuild:
            raise OffsetsResetError(_reset_text(task, stored, {}))
        start = self._log.start(task)
        origin = self._with_pins(Committed(start, start))
        self._log.begin()
        self._log.send_offsets({task: origin})
        self._log.commit()
        self._at(Point.ORIGIN_COMMITTED)
        return origin

    def _standing(
        self, task: TaskId, token: str, stored: Progress | None, committed: Committed
    ) -> Offsets | None:
        """Where the state stands once what was not committed is undone; None if there is none to use."""
        if stored is None:
            return None
        emitted = stored.since if stored.emit_from is None else stored.emit_from
        if reached(stored.since, committed.to) and reached(emitted, committed.to):
            if self._belongs(task, stored.to, committed):
                return stored.to
            undone = self._store.undo(task, token)
            self._at(Point.UNDONE)
            told = "partition {partition}: the state was not committed, it is back at {offsets}"
            say("state_undone", told, partition=task.partition, offsets=dict(undone.to))
            if self._belongs(task, undone.to, committed):
                return undone.to
        elif not self._rebuild:
            raise OffsetsResetError(_reset_text(task, stored, committed.to))
        self._store.wipe(task, token)
        self._at(Point.WIPED)
        told = "partition {partition}: the state at {offsets} is not of what was committed, and dropped"
        say("state_dropped", told, logging.WARNING, partition=task.partition, offsets=dict(stored.to))
        return None

    def _belongs(self, task: TaskId, stored: Offsets, committed: Committed) -> bool:
        """Whether what was committed has passed a place of the state, under the same rules and silences.

        A batch may come this far and not be committed; what is committed later passes it in another way.
        """
        place = unmarked(stored)
        if not reached(place, committed.to):
            return False
        pins = committed.pins
        if pins and stored != marked(place, in_force(pins, place)):
            return False
        if not all(reached(place, pin.at) for pin in due(pins, place)):
            return False
        counted = committed.to.get(SILENCES, 0) > place.get(SILENCES, 0)
        return not (counted and overtaken(place, self._log.silences(task)))

    def _replay(self, task: TaskId, place: Offsets) -> TaskPort[In, Out]:
        """Bring the state up to what is committed; its alerts have left already. No offset is committed."""
        committed = self._committed[task]
        pin = in_force(committed.pins, place)
        port = self._take_up(task, place, None if pin is None else pin.revision)
        for later in due(committed.pins, place):
            self._bring(task, port, place, later.at)
            port, place = self._changed(task, later, committed.to), later.at
        self._bring(task, port, place, committed.to)
        return port

    def _bring(self, task: TaskId, port: TaskPort[In, Out], since: Offsets, until: Offsets) -> None:
        emitted = self._committed[task].to
        for rows in self._log.read(task, since, until):
            result = port.process(rows)
            self._at(Point.REPLAY_COMPUTED)
            self._apply(task, replace(result.delta, emit_from=emitted))
            self._at(Point.REPLAY_APPLIED)

    def _apply(self, task: TaskId, delta: Delta) -> None:
        self.stored.apply(task, delta, self._committed[task].pins)

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        if self._broken:
            raise BrokenError("an earlier error broke this worker: start it again")
        self._broken = True
        yield
        # Only what went well to its end leaves the machine usable.
        self._broken = False


def reached(place: Offsets, other: Offsets) -> bool:
    """Whether `other` is as far as `place` in every topic that both know.

    >>> reached({"a": 1, "b": 2}, {"a": 1, "b": 3, "new": 9}), reached({"a": 2}, {"a": 1})
    (True, False)
    """
    return all(offset <= other[topic] for topic, offset in place.items() if topic in other)


def _reset_text(task: TaskId, stored: Progress, committed: Offsets) -> str:
    return (
        f"{task.group}/{task.partition}: the state stands at {dict(stored.to)}, but the committed offsets are"
        f" {dict(committed) or 'gone'}: were they set back on purpose? Then start once with --rebuild, which"
        " drops the state and makes it again from the log"
    )
