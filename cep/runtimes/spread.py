"""Rules spread over processes: each holds all events against its share of the rules.

    decode, clock ──batch──┬──▶ process 0: rules 0 2 4 … ──┐
                           └──▶ process 1: rules 1 3 5 … ──┴──▶ alerts by rank, as of one detector

While the processes are busy with a batch the next one is read, so alerts come one batch later than they would
from a detector in this process, and in the same order.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from heapq import merge
from multiprocessing import get_context
from multiprocessing.connection import Connection
from operator import itemgetter
from typing import Final, TypeAlias

from cep.columns import Batch
from cep.engines.engines import Engine
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Counters
from cep.errors import CepError
from cep.event import Position
from cep.stream.alert import Alert, Rule, Wording
from cep.stream.detector import Detector
from cep.values import value

_PATIENCE_S: Final = 5

Ranked: TypeAlias = tuple[Position, int, Position, Position, int, Match]
"""As `Found`, with the match alone."""


@value
class _Step:
    """What one batch gave in one process; rules are named by their place in all rules."""

    found: list[Ranked]
    alerts: Counter[str]
    suppressed: Counter[str]
    counters: dict[str, Counters]
    open_runs: dict[str, int]


class Spread:
    """Stands for a `Detector`; `rest` gives what is under way, `close` ends the processes."""

    def __init__(self, rules: Sequence[Rule], engine: Engine, jobs: int) -> None:
        """No more processes than rules."""
        self.rules = tuple(rules)
        self._wordings = {rule.order: Wording.of(rule) for rule in rules}
        self._pipes: list[Connection] = []
        self._steps: list[_Step] = []
        self._under_way = False
        # A fresh interpreter: one that is forked from threads may hold locks that nobody opens.
        context = get_context("spawn")
        self._processes = []
        for share in (self.rules[i::jobs] for i in range(min(jobs, len(self.rules)))):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, share, engine), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)

    def process(self, batch: Batch | None, watermark_ms: int, since_ms: int | None = None) -> list[Alert]:
        """Give a batch to all processes; the alerts of the one before."""
        found = self.rest()
        job = pickle.dumps((batch, watermark_ms, since_ms), protocol=pickle.HIGHEST_PROTOCOL)
        for pipe in self._pipes:
            _send(pipe, job)
        self._under_way = True
        return found

    def flush(self) -> list[Alert]:
        """As that of `Detector`."""
        return [*self.process(None, FOREVER_MS - 1), *self.rest()]

    def rest(self) -> list[Alert]:
        """The alerts of the batch under way, once all processes are done with it."""
        if not self._under_way:
            return []
        self._under_way = False
        self._steps = [_received(pipe) for pipe in self._pipes]
        # A rule is of one process, so no two ranks of different processes are equal up to the rule.
        found = merge(*(step.found for step in self._steps), key=itemgetter(0, 1))
        return [Alert(self._wordings[each[1]], each[-1]) for each in found]

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
        """What each rule's matcher counted."""
        return {name: counted for step in self._steps for name, counted in step.counters.items()}

    def open_runs(self) -> dict[str, int]:
        """Partial matches that each rule held after the last batch that is done."""
        return {name: count for step in self._steps for name, count in step.open_runs.items()}


def _send(pipe: Connection, job: bytes) -> None:
    try:
        pipe.send_bytes(job)
    except OSError:
        raise _ended() from None


def _received(pipe: Connection) -> _Step:
    try:
        step: _Step = pipe.recv()
    except (EOFError, OSError):
        raise _ended() from None
    return step


def _ended() -> CepError:
    return CepError("a process of the replay has ended before its work was done; is there memory for --jobs?")


def _work(pipe: Connection, rules: Sequence[Rule], engine: Engine) -> None:
    """What a process does until the other end of its pipe is closed."""
    detector = Detector(rules, engine)
    try:
        while True:
            batch, watermark_ms, since_ms = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our parent
            found = detector.found(batch, watermark_ms, since_ms)
            pipe.send(
                _Step(
                    # The rule is known at the other end; to send its plan too would take longer.
                    [(*each[:-1], each[-1].match) for each in found],
                    detector.alerts,
                    detector.suppressed,
                    detector.counters(),
                    detector.open_runs(),
                )
            )
    except (EOFError, OSError, KeyboardInterrupt):
        return
