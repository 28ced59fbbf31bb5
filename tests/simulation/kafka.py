"""Kafka as far as exactly-once needs it: logs, transactions, fencing, and a consumer group with generations.

Rules taken from the protocol: a new epoch of a transactional id aborts what the old one left open and locks
it out; offsets in a transaction are refused if the member's generation is not the current one; readers of
committed offsets wait for pending transactions, which end by time-out at the latest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cep.columns import Batch
from cep.event import Event
from cep.runtimes.commit_ports import Committed
from cep.state.store import Offsets, TaskId
from cep.stream.silence import SILENCES, Silence
from cep.stream.task import Rows


class KafkaRefusedError(Exception):
    """The broker says no: the caller is a zombie, or asks in the wrong order."""


@dataclass
class Transaction:
    producer: str
    epoch: int
    state: Literal["open", "committed", "aborted"] = "open"
    offsets: dict[TaskId, Committed] = field(default_factory=dict)
    claims: dict[TaskId, Offsets] = field(default_factory=dict)
    """Where the worker says that its batch of a task began."""


@dataclass(frozen=True)
class Sent:
    """A record of the alert topic."""

    task: TaskId
    line: str
    transaction: Transaction


@dataclass(frozen=True)
class Interval:
    """A commit of a task: who led it from where to where."""

    task: TaskId
    since: Offsets
    to: Offsets
    owner: str


class Kafka:
    """The broker: everything that outlives workers."""

    def __init__(self, logs: Mapping[TaskId, Mapping[str, Sequence[Event]]]) -> None:
        self.logs = logs
        self.intervals: list[Interval] = []
        self.generation = 0
        self._alerts: list[Sent] = []
        self._silences: list[tuple[TaskId, Silence, Transaction]] = []
        self._epochs: dict[str, int] = {}
        self._open: list[Transaction] = []
        self._committed: dict[TaskId, Committed] = {}
        self._owners: dict[TaskId, str] = {}

    # --- the group ----------------------------------------------------------------------------------------

    def rebalance(self, owners: Mapping[TaskId, str]) -> int:
        """Give out the tasks anew; who does not hear of it keeps an old generation."""
        self.generation += 1
        self._owners = dict(owners)
        return self.generation

    def committed(self, task: TaskId) -> Committed | None:
        for transaction in [t for t in self._open if task in t.offsets]:
            self._time_out(transaction)
        return self._committed.get(task)

    # --- transactions -------------------------------------------------------------------------------------

    def init(self, producer: str) -> int:
        for transaction in [t for t in self._open if t.producer == producer]:
            self._end(transaction, "aborted")
        self._epochs[producer] = self._epochs.get(producer, 0) + 1
        return self._epochs[producer]

    def begin(self, producer: str, epoch: int) -> Transaction:
        self._require(producer, epoch)
        if any(t.producer == producer for t in self._open):
            raise KafkaRefusedError("a transaction is open already")
        transaction = Transaction(producer, epoch)
        self._open.append(transaction)
        return transaction

    def send(self, transaction: Transaction, task: TaskId, line: str) -> None:
        self._require_open(transaction)
        self._alerts.append(Sent(task, line, transaction))

    def fall_silent(self, transaction: Transaction, task: TaskId, silence: Silence) -> None:
        self._require_open(transaction)
        self._silences.append((task, silence, transaction))

    def claim(self, transaction: Transaction, task: TaskId, since: Offsets) -> None:
        self._require_open(transaction)
        transaction.claims[task] = since

    def send_offsets(
        self, transaction: Transaction, member: str, generation: int, offsets: Mapping[TaskId, Committed]
    ) -> None:
        self._require_open(transaction)
        if generation != self.generation or any(self._owners.get(task) != member for task in offsets):
            raise KafkaRefusedError(f"{member} missed a rebalance")
        transaction.offsets.update(offsets)

    def commit(self, transaction: Transaction) -> None:
        self._require_open(transaction)
        self._end(transaction, "committed")
        owner = f"{transaction.producer}#{transaction.epoch}"
        for task, committed in transaction.offsets.items():
            if task in transaction.claims:
                self.intervals.append(Interval(task, transaction.claims[task], committed.to, owner))
            self._committed[task] = committed

    def alerts(self, task: TaskId) -> list[str]:
        """What a reader of committed records sees of a task, in order."""
        return [s.line for s in self._alerts if s.task == task and s.transaction.state == "committed"]

    def silences(self, task: TaskId) -> list[Silence]:
        """What a reader of committed records sees of the silences of a task."""
        return [s for of, s, t in self._silences if of == task and t.state == "committed"]

    def silences_counted(self, task: TaskId) -> int:
        committed = self._committed.get(task)
        return 0 if committed is None else committed.to[SILENCES]

    def position(self, task: TaskId) -> Offsets:
        """How far the group has come with a task, for the driver of a simulation."""
        committed = self._committed.get(task)
        to = {} if committed is None else committed.to
        return {topic: to.get(topic, 0) for topic in self.logs[task]}

    def ends(self, task: TaskId) -> Offsets:
        return {topic: len(events) for topic, events in self.logs[task].items()}

    def rows(self, task: TaskId, topic: str, first: int, behind: int) -> Rows:
        return Rows(topic, Batch.of(self.logs[task][topic][first:behind]), first, behind)

    def set_back(self, task: TaskId, to: Offsets) -> None:
        """What an operator can do to a group."""
        self._committed[task] = Committed({**to, SILENCES: 0}, self._committed[task].origin)

    def _require(self, producer: str, epoch: int) -> None:
        if self._epochs.get(producer) != epoch:
            raise KafkaRefusedError(f"{producer} is fenced: epoch {epoch} is not the current one")

    def _require_open(self, transaction: Transaction) -> None:
        self._require(transaction.producer, transaction.epoch)
        if transaction.state != "open":
            raise KafkaRefusedError("the transaction is over")

    def _time_out(self, transaction: Transaction) -> None:
        self._end(transaction, "aborted")
        self._epochs[transaction.producer] += 1

    def _end(self, transaction: Transaction, state: Literal["committed", "aborted"]) -> None:
        transaction.state = state
        self._open.remove(transaction)
