"""The simulation notices a sequence that does one thing wrong: else its silence would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest

from cep.event import Key
from cep.runtimes import commit
from cep.runtimes.commit_ports import Committed
from cep.state.codec import Kept, OtherPlanError
from cep.state.store import Delta, MemoryStore, Offsets, Progress, TaskId
from cep.stream.cut import Cut
from cep.stream.detector import Detector
from cep.stream.silence import SILENCES, Silence
from cep.stream.task import Outcome, Rows, TaskState
from tests.simulation import test_every_point as every
from tests.simulation.kafka import Kafka, KafkaRefusedError, Transaction
from tests.simulation.world import WorkerLog
from tests.stream.test_task import TOPICS

SEEDS = 25

Machine = commit.ExactlyOnce[Sequence[Rows | Silence], Outcome]
Sabotage = Callable[[pytest.MonkeyPatch], None]


def no_undo(patch: pytest.MonkeyPatch) -> None:
    def undo(store: MemoryStore, task: TaskId, token: str) -> Progress:
        progress = store._owned(task, token).progress
        assert progress is not None
        return replace(progress, to=progress.since)

    patch.setattr(MemoryStore, "undo", undo)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    def send_offsets(_kafka: Kafka, transaction: Transaction, *args: object) -> None:
        transaction.offsets.update(args[-1])  # type: ignore[call-overload]

    patch.setattr(Kafka, "send_offsets", send_offsets)


def replay_gives_alerts(patch: pytest.MonkeyPatch) -> None:
    replay = commit.ExactlyOnce._bring

    def loud(self: Machine, task: TaskId, port: TaskState, *args: object) -> None:
        log = self._log
        assert isinstance(log, WorkerLog)
        process = port.process

        def told(rows: object) -> Outcome:
            outcome = process(rows)  # type: ignore[arg-type]
            log.begin()
            log.write({task: replace(outcome, delta=outcome.delta)})
            log.commit()
            return outcome

        patch.setattr(port, "process", told)
        replay(self, task, port, *args)  # type: ignore[arg-type]
        patch.setattr(port, "process", process)

    patch.setattr(commit.ExactlyOnce, "_bring", loud)


def silences_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Made again with silences where they are found first, not where they were decided."""

    def read(log: WorkerLog, task: TaskId, since: Offsets, until: Offsets) -> Iterator[list[Rows | Silence]]:
        for silence in log._kafka.silences(task)[since.get(SILENCES, 0) : until.get(SILENCES, 0)]:
            yield [silence]
        yield from log._stretch(task, *[{t: o[t] for t in TOPICS} for o in (since, until)])

    patch.setattr(WorkerLog, "read", read)


def no_refill(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TaskState, "refill", lambda *_: None)


def empty_is_new(patch: pytest.MonkeyPatch) -> None:
    apply = MemoryStore.apply

    def trusting(store: MemoryStore, task: TaskId, token: str, delta: Delta) -> None:
        held = store._tasks.get(task)
        apply(store, task, token, replace(delta, first=held is not None and held.progress is None))

    patch.setattr(MemoryStore, "apply", trusting)


def forgets_touched(patch: pytest.MonkeyPatch) -> None:
    written = Cut.written

    def some(cut: Cut, enough: Callable[[], bool] = lambda: False) -> Delta | None:
        delta = written(cut, enough)
        kept = {} if delta is None else {key: one for key, one in delta.changes.items() if one is not None}
        return None if delta is None else replace(delta, changes=kept)

    patch.setattr(Cut, "written", some)


def cut_tells_what_came_later(patch: pytest.MonkeyPatch) -> None:
    """The state of a cut is read when it is packed, while its place is that of the cut."""

    def late(detector: Detector) -> Iterator[tuple[str, Key, Kept | None]]:
        for name, watch in detector._watch.items():
            for key, kept in watch.kept(watch.touched()):
                yield name, key, kept

    patch.setattr(Detector, "changes", late)


def forgets_left_behind(patch: pytest.MonkeyPatch) -> None:
    """What changed in batches that were not put down is not told later."""
    process = TaskState.process

    def forgetful(task: TaskState, rows: Sequence[Rows | Silence], *, put_down: bool = True) -> Outcome:
        outcome = process(task, rows, put_down=put_down)
        list(task.detector.changes())
        return outcome

    patch.setattr(TaskState, "process", forgetful)


def offsets_outside(patch: pytest.MonkeyPatch) -> None:
    write = WorkerLog.write

    def early(log: WorkerLog, results: Mapping[TaskId, Outcome]) -> None:
        for task, outcome in results.items():
            log._kafka._committed[task] = Committed(
                outcome.delta.to, {"logins": 0, "payments": 0, SILENCES: 0}
            )
        write(log, results)

    patch.setattr(WorkerLog, "write", early)


def replay_changes_no_rules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commit, "due", lambda *_: [])


def change_is_not_committed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commit, "pinned", lambda pins, _: pins)


def new_rules_know_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TaskState, "warm_up", lambda *_: None)


@pytest.mark.parametrize(
    "sabotage",
    [
        no_undo,
        no_fence,
        replay_gives_alerts,
        no_refill,
        empty_is_new,
        forgets_touched,
        cut_tells_what_came_later,
        forgets_left_behind,
        offsets_outside,
        silences_forgotten,
        replay_changes_no_rules,
        change_is_not_committed,
        new_rules_know_nothing,
    ],
)
def test_wrong_sequence_is_noticed(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    assert any(_fails(scenario) for scenario in _scenarios()), "nothing was noticed"


def _scenarios() -> Iterator[Callable[[], None]]:
    """The quickest to notice first."""
    yield every.test_store_put_back_to_the_moment_when_its_owner_came
    yield partial(every.test_crash_at, commit.Point.BEGUN, "zombie", forget=False)
    for seed in range(SEEDS):
        yield partial(every.test_many_faults, seed)


def _fails(scenario: Callable[[], None]) -> bool:
    try:
        scenario()
    except (AssertionError, KafkaRefusedError, commit.OffsetsResetError, OtherPlanError):
        return True
    return False
