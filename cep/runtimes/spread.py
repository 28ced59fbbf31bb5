"""Keys spread over processes: each holds its share of the events against all rules that keep keys apart.

    decode, clock ──▶ batch ──┬── keys of share 0 ──▶ process 0 ──┐
                              ├── keys of share 1 ──▶ process 1 ──┼──▶ alerts by rank, as of one detector
                              └── every event ──▶ rules without such a key, each in one process ──┘

While the processes are busy with a batch the next one is read and divided, so alerts come one batch later
than they would from a detector in this process, and in the same order.

No two processes find alerts of one rank. A rank names the rule and the first event of the match, also where
time alone completed it; a rule sees an event under one key, and a key is in one process.
"""

from __future__ import annotations

import pickle
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, SpawnContext
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from cep.columns import Batch, Codes
from cep.engines.engines import Engine
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Counters
from cep.errors import CepError
from cep.event import Position
from cep.stream.alert import Alert, Rule, Wording
from cep.stream.detector import Detector
from cep.stream.families import Family, families
from cep.values import value

_PATIENCE_S: Final = 1.0
"""How long what is broken off may take to come to an end of its own."""

Ranked: TypeAlias = tuple[Position, int, Position, Position, int, Match]
"""As `Found`, with the match alone."""


@value
class _Job:
    """A batch as one process gets it: for each of its families its part, None if that has no row."""

    parts: tuple[Batch | None, ...]
    watermark_ms: int
    since_ms: int | None


@value
class _Step:
    """What a process found in a batch, and all that it has counted up to then, by rule."""

    found: list[Ranked]
    alerts: Counter[str]
    suppressed: Counter[str]
    counters: dict[str, Counters]


def spread_over(jobs: int) -> Callable[[Sequence[Rule], Engine], Spread]:
    """What makes the detector of a replay of so many processes."""
    return lambda rules, engine: Spread(rules, engine, jobs)


class Spread:
    """Stands for a `Detector`; `rest` gives what is under way, `close` ends the processes."""

    def __init__(self, rules: Sequence[Rule], engine: Engine, jobs: int) -> None:
        """No more processes than have something to do."""
        self._wordings = {rule.order: Wording.of(rule) for rule in rules}
        self._keyed, whole = families(rules)
        self._count = jobs if self._keyed else max(1, min(jobs, len(whole)))
        self._whole = [Family({}, tuple(whole[i :: self._count])) for i in range(self._count)]
        self._pipes: list[Connection] = []
        self._steps: list[_Step] = []
        self._under_way = False
        self._since_ms: int | None = None
        self._processes = []
        context = _context()
        with _deaf():
            for others in self._whole:
                here, there = context.Pipe()
                self._pipes.append(here)
                forked = tuple(self._pipes) if isinstance(context, ForkContext) else ()
                mine = [family.rules for family in (*self._keyed, others)]
                process = context.Process(target=_work, args=(there, forked, mine, engine), daemon=True)
                process.start()
                there.close()
                self._processes.append(process)

    def process(self, batch: Batch | None, watermark_ms: int, since_ms: int | None = None) -> list[Alert]:
        """Give a batch to all processes; the alerts of the one before."""
        if self._since_ms is None and batch is not None and len(batch):
            # The first events of a process may come later, and what it knows does not begin with them.
            self._since_ms = int(batch.ts_ms[0]) if since_ms is None else since_ms
        jobs = [
            pickle.dumps(_Job(parts, watermark_ms, self._since_ms), protocol=pickle.HIGHEST_PROTOCOL)
            for parts in self._parts(batch)
        ]
        answers = self._answers()
        # They go on before anybody looks at what they have said.
        for pipe, job in zip(self._pipes, jobs, strict=True):
            _send(pipe, job, answers)
        self._under_way = True
        return self._alerts(answers)

    def flush(self) -> list[Alert]:
        """As that of `Detector`."""
        return [*self.process(None, FOREVER_MS - 1), *self.rest()]

    def rest(self) -> list[Alert]:
        """The alerts of the batch under way, once all processes are done with it."""
        return self._alerts(self._answers())

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(0 if self._under_way else _PATIENCE_S)
            process.terminate()
            process.join()

    @property
    def alerts(self) -> Counter[str]:
        """Alerts by rule, of the batches that are done."""
        return sum((step.alerts for step in self._steps), Counter())

    @property
    def suppressed(self) -> Counter[str]:
        """Alerts that a limit held back, by rule."""
        return sum((step.suppressed for step in self._steps), Counter())

    def counters(self) -> dict[str, Counters]:
        """What each rule's matchers counted."""
        found: dict[str, Counters] = {}
        for name, counted in chain.from_iterable(step.counters.items() for step in self._steps):
            found[name] = _added(found[name], counted) if name in found else counted
        return found

    def open_runs(self) -> dict[str, int]:
        """Partial matches that each rule holds; none are known where a process does not say it in time."""
        found: Counter[str] = Counter()
        with suppress(CepError):
            if self._under_way and not all(pipe.poll(_PATIENCE_S) for pipe in self._pipes):
                return {}
            answers = self._answers()
            for pipe in self._pipes:
                _send(pipe, pickle.dumps(None), answers)
            for pipe in self._pipes:
                found.update(pickle.loads(_received(pipe)))  # noqa: S301 - from our child
        return dict(found)

    def _parts(self, batch: Batch | None) -> list[tuple[Batch | None, ...]]:
        """For each process what it needs of a batch."""
        parts: list[list[Batch | None]] = [[] for _ in self._whole]
        for family in self._keyed:
            shares = None if batch is None else family.shares(batch, self._count)
            for i, mine in enumerate(parts):
                mine.append(_part(family, batch, shares, i))
        for family, mine in zip(self._whole, parts, strict=True):
            mine.append(_part(family, batch, None if batch is None else family.shares(batch, 1), 0))
        return [tuple(mine) for mine in parts]

    def _answers(self) -> list[bytes]:
        """What all processes say of the batch under way, unread."""
        if not self._under_way:
            return []
        answers = [_received(pipe) for pipe in self._pipes]
        self._under_way = False
        return answers

    def _alerts(self, answers: Sequence[bytes]) -> list[Alert]:
        if not answers:
            return []
        self._steps = _read(answers)
        # Parts in order are quickly sorted, and what is equal stays as one process found it.
        found = sorted(chain.from_iterable(step.found for step in self._steps), key=itemgetter(0, 1, 2, 3))
        return [Alert(self._wordings[each[1]], each[-1]) for each in found]


def _context() -> ForkContext | SpawnContext:
    """How a process begins: as this one is, or afresh if there are threads, which may hold locks."""
    threads = Path("/proc/self/task")
    alone = sys.platform == "linux" and threads.is_dir() and len(list(threads.iterdir())) == 1
    if alone:
        return get_context("fork")
    # Its own beginning would end the deafness of processes that begin.
    resource_tracker.ensure_running()
    return get_context("spawn")


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that begin here never hear of Ctrl-C: who began them hears of it, afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _part(family: Family, batch: Batch | None, shares: Codes | None, share: int) -> Batch | None:
    if batch is None or shares is None:
        return None
    rows = np.flatnonzero(shares == share)
    return family.part(batch, rows) if len(rows) else None


def _added(one: Counters, two: Counters) -> Counters:
    """What two processes have counted of the keys of one rule."""
    return Counters(
        one.offered + two.offered,
        one.null_keys + two.null_keys,
        one.dropped_runs + two.dropped_runs,
        one.stopped or two.stopped,
        max(one.open_runs_max, two.open_runs_max),
    )


def _send(pipe: Connection, job: bytes, answers: Sequence[bytes]) -> None:
    """Who does not listen any more may have said why."""
    try:
        pipe.send_bytes(job)
    except OSError:
        _read(answers)
        raise _ended() from None


def _received(pipe: Connection) -> bytes:
    try:
        return pipe.recv_bytes()
    except (EOFError, OSError):
        raise _ended() from None


def _read(answers: Sequence[bytes]) -> list[_Step]:
    """The answers; an error is raised here as it was there."""
    steps: list[_Step] = []
    for answer in answers:
        step = pickle.loads(answer)  # noqa: S301 - from our child
        if isinstance(step, Exception):
            raise step
        steps.append(step)
    return steps


def _ended() -> CepError:
    return CepError("a process of the replay has ended before its work was done; is there memory for --jobs?")


def _work(
    pipe: Connection, forked: Sequence[Connection], families: Sequence[Sequence[Rule]], engine: Engine
) -> None:
    """What a process does until the other end of its pipe is closed."""
    for theirs in forked:
        # A pipe ends when nobody holds its other end, and this process is nobody.
        theirs.close()
    with suppress(EOFError, OSError):
        try:
            detectors = [Detector(rules, engine) for rules in families]
            while True:
                job = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our parent
                pipe.send_bytes(pickle.dumps(_done(detectors, job), protocol=pickle.HIGHEST_PROTOCOL))
        except (EOFError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - raised again where all see it
            pipe.send_bytes(_told(error))


def _done(detectors: Sequence[Detector], job: _Job | None) -> _Step | dict[str, int]:
    """What comes of a job; of none, what is open."""
    if job is None:
        return {name: count for each in detectors for name, count in each.open_runs().items()}
    found: list[Ranked] = []
    for detector, part in zip(detectors, job.parts, strict=True):
        # The rule is known at the other end; to send its plan too would take longer.
        each = detector.found(part, job.watermark_ms, job.since_ms)
        found += [(*ranked[:-1], ranked[-1].match) for ranked in each]
    return _Step(
        found,
        sum((each.alerts for each in detectors), Counter()),
        sum((each.suppressed for each in detectors), Counter()),
        {name: counted for each in detectors for name, counted in each.counters().items()},
    )


def _told(error: Exception) -> bytes:
    """An error for another process, with the place where it happened."""
    error.add_note(traceback.format_exc())
    try:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001 - anything may be in an error
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
