"""What the commit sequence drives: tasks that compute, the log with its transactions, and who runs these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from cep.runtimes.pins import Pin
from cep.state.store import Delta, Offsets, TaskId
from cep.stream.silence import Silence
from cep.values import value


@value
class Committed:
    """What a group has committed of a task; `origin` is where it began to read, for making state again.

    `pins` say which rules ran from where on; none where rules never change while a worker runs.
    """

    to: Offsets
    origin: Offsets
    pins: tuple[Pin, ...] = ()


class Result(Protocol):
    """What a batch of a task comes to: at least what changes in its state."""

    @property
    def delta(self) -> Delta:
        """What changes in the state if it is put down, and where the batch led."""
        ...


In = TypeVar("In")
In_contra = TypeVar("In_contra", contravariant=True)
Out = TypeVar("Out", bound=Result)
Out_co = TypeVar("Out_co", bound=Result, covariant=True)
Out_contra = TypeVar("Out_contra", bound=Result, contravariant=True)
In_co = TypeVar("In_co", covariant=True)


class Cut(Protocol):
    """The state of a task as it was at one moment; the task may go on."""

    def written(self, enough: Callable[[], bool]) -> Delta | None:
        """Pack until it is enough for now; the delta once there is no more."""
        ...


class TaskPort(Protocol[In_contra, Out_co]):
    """The computation of one task; `cep.stream.task.TaskState` is one."""

    def begin(self, offsets: Offsets) -> None:
        """Begin without state."""
        ...

    def restore(self, entries: Iterable[tuple[bytes, bytes]], to: Offsets, begin: Offsets) -> Offsets:
        """Go on from state that stands at `to`; from where on the log must be read again for `refill`."""
        ...

    def refill(self, rows: In_contra) -> None:
        """Records from before `to`."""
        ...

    def warm_up(self, begin: Offsets, pieces: Iterable[In_contra]) -> None:
        """Show records since `begin` to rules that the state knows nothing of; no alerts come of it."""
        ...

    def process(self, rows: In_contra, *, put_down: bool = True) -> Out_co:
        """The next records; if the state is not put down, a later delta tells what changed."""
        ...

    def cut(self) -> Cut:
        """What has changed since the state was last put down or taken up, as it is now."""
        ...


class LogPort(Protocol[In_co, Out_contra]):
    """The log as one worker sees it: its membership of the group, and its transactions."""

    def fence(self) -> None:
        """End what an earlier process of this worker's name left open, and lock it out."""
        ...

    def committed(self, task: TaskId) -> Committed | None:
        """What the group has committed, once no transaction with offsets of the task is pending."""
        ...

    def start(self, task: TaskId) -> Offsets:
        """Where a task begins that was never committed."""
        ...

    def read(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[In_co]:
        """The records of the task between two places, in pieces, oldest first."""
        ...

    def silences(self, task: TaskId) -> Sequence[Silence]:
        """All silences of the task that were committed, oldest first."""
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def decide(self, silences: Mapping[TaskId, Silence]) -> None:
        """Write silences down, in the transaction."""
        ...

    def write(self, results: Mapping[TaskId, Out_contra]) -> None:
        """Send what leaves the system, in the transaction."""
        ...

    def send_offsets(self, offsets: Mapping[TaskId, Committed]) -> None:
        """Commit offsets in the transaction; refused if this worker lost a task or missed a rebalance."""
        ...

    def commit(self) -> None:
        """Make all of it true at once."""
        ...


Later = Callable[[Callable[[], None]], Callable[[], None]]
"""Begins what may go on meanwhile. What it returns waits for the end, and raises what was raised."""


def at_once(what: Callable[[], None]) -> Callable[[], None]:
    """Does it now: a `Later` without a thread."""
    what()
    return lambda: None
