"""A worker dies, or is held up, at every point of the sequence; the alerts are those of one plain run."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from cep.ports.alert_lines import alert_line
from cep.runtimes.commit import OffsetsResetError, Point
from cep.runtimes.pins import Pin
from cep.state.store import Offsets
from cep.stream.silence import Silence
from cep.stream.task import Rows, TaskState
from tests.simulation.rule_sets import one_run, rule_by_rule
from tests.simulation.world import TASKS, CrashError, Strike, Worker, World
from tests.stream.test_task import TOPICS, codecs, log_of, rows, rules

# What has to happen before these points are passed at all.
FIRST = {
    Point.UNDONE: Point.BEGUN,
    Point.RESTORED: Point.COMMITTED,
    Point.REFILLED: Point.COMMITTED,
    Point.REPLAY_COMPUTED: Point.COMMITTED,
    Point.REPLAY_APPLIED: Point.COMMITTED,
}


NEEDS_LOSS = (Point.REPLAY_COMPUTED, Point.REPLAY_APPLIED)
# `SEEDS=1000 pytest tests/simulation` for a long run; a seed that ever failed is a case from then on.
SEEDS = int(os.environ.get("SEEDS", "30"))
FAILED_ONCE: tuple[int, ...] = (41, 159, 233, 281)

POINTS = [point for point in Point if point is not Point.WIPED]


def run(world: World, strike: Strike) -> None:
    """Two workers with a task each, faults as they come, then peace; and the check."""
    world.strike = strike
    world.split()
    for _ in range(60):
        if world.done():
            break
        world.go_on()
    world.finish()
    world.check()


class Once:
    """Strikes at the n-th passing of a point, after an earlier crash that leads there if one is needed."""

    def __init__(self, world: World, point: Point, nth: int, what: str, *, forget: bool) -> None:
        self.world = world
        self.left = nth
        self.struck = False
        self._point = point
        self._first = FIRST.get(point)
        self._what = what
        self._forget = forget

    def __call__(self, worker: Worker, point: Point) -> None:
        if self._first is not None:
            if point is self._first:
                self._first = None
                if self._point in NEEDS_LOSS:
                    self.world.store.flush()
                raise CrashError
            return
        if self.struck or point is not self._point:
            return
        self.left -= 1
        if self.left == 0:
            self.struck = True
            self._strike(worker)

    def _strike(self, worker: Worker) -> None:
        if self._forget:
            self.world.store.lose(3)
        other = "b" if worker.name == "a" else "a"
        match self._what:
            case "zombie":
                self.world.hold(worker, other, 3)
            case "twin":
                self.world.hold(worker, worker.name, 3)
            case "other":
                worker.alive = False
                self.world.take_over(other)
                raise CrashError
            case _:
                worker.alive = False
                raise CrashError


@pytest.mark.parametrize("forget", [False, True], ids=["kept", "forgotten"])
@pytest.mark.parametrize("what", ["same", "other", "zombie", "twin"])
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name.lower())
def test_crash_at(point: Point, what: str, forget: bool) -> None:
    struck = 0
    for nth in (1, 3):
        world = World(seed=1000 * point + nth, silences=nth == 3 or point >= Point.DECISION_WRITTEN)
        world.turns.put_down, world.turns.pauses = (1, 0) if nth == 1 else (0.5, 0.2)
        once = Once(world, point, nth, what, forget=forget)
        run(world, once)
        struck += once.struck
    assert struck, "the fault never struck"


@pytest.mark.parametrize("seed", [*range(SEEDS), *FAILED_ONCE])
def test_many_faults(seed: int) -> None:
    """Crashes everywhere, also while recovering from another; zombies; a store that forgets in all ways."""
    chance = Random(seed)
    world = World(seed, silences=seed % 2 == 0)

    def strike(worker: Worker, _point: Point) -> None:
        dice = chance.random()
        if dice < 0.03:
            world.store.lose(chance.randint(1, 6))
        elif dice < 0.04:
            world.store.flush()
        elif dice < 0.05:
            world.store.put_back(chance.randint(0, 30))
        if dice < 0.02 or 0.05 < dice < 0.09:
            raise CrashError
        if 0.09 < dice < 0.11:
            world.hold(worker, chance.choice("ab"), chance.randint(0, 3))

    run(world, strike)


def test_store_put_back_to_the_moment_when_its_owner_came() -> None:
    """No position is stored there, but the owner's own token: it must not look like a new task."""
    for seed in range(5):
        world = World(seed)
        world.split()
        for _ in range(4):
            world.go_on()
        world.store.put_back(len(TASKS))
        for _ in range(3):
            world.go_on()
        world.finish()
        world.check()


def test_rules_that_come_before_the_first_event_went_on_are_as_those_of_always() -> None:
    """An absence before the first event was not seen, whether rules changed while it waited or not."""
    log = log_of([(0, 0, 1, "v"), (1, 1, 1, "u"), (1, 30, 1, "v"), (0, 30, 1, "v"), (1, 30, 1, "v")])
    zero = dict.fromkeys(TOPICS, 0)
    pins = [Pin(0, zero, zero), Pin(1, {"logins": 1, "payments": 2}, zero)]
    ends = {topic: len(events) for topic, events in log.items()}

    def read(since: Offsets, until: Offsets) -> list[Rows | Silence]:
        return [
            rows(log, topic, since[topic], until[topic]) for topic in TOPICS if since[topic] < until[topic]
        ]

    found, _ = one_run(pins, ends, read)
    assert Counter(found) == rule_by_rule(pins, ends, read)


def test_silences_let_time_go_on() -> None:
    """They do something in these worlds: rows came late by them, and alerts came that others wait for."""
    late = early = 0
    for seed in range(10):
        world = World(seed, silences=True)
        world.split()
        world.finish()
        for task in TASKS:
            plain, quiet = (TaskState(rules(), TOPICS, codecs=codecs()) for _ in range(2))
            plain.begin({})
            quiet.begin({})
            whole = world.whole(task)
            without = plain.process([each for each in whole if isinstance(each, Rows)])
            found = quiet.process(whole)
            late += sum(len(batch) for _, batch in found.late) - sum(len(batch) for _, batch in without.late)
            early += quiet.clock.watermark_ms > plain.clock.watermark_ms
    assert late > 10
    assert early


def stopped_at_the_end() -> World:
    world = World(seed=7, changing=False)
    world.split()
    world.finish()
    world.check()
    return world


def test_offsets_set_back_are_refused() -> None:
    world = stopped_at_the_end()
    world.kafka.set_back(TASKS[0], dict.fromkeys(TOPICS, 5))
    worker = world.workers["a"]
    worker.boot()
    with pytest.raises(
        OffsetsResetError, match=r"sim/0: the state stands at .* Then start once with --rebuild"
    ):
        worker.sequence.acquire(TASKS)


@pytest.mark.parametrize("crash", [None, Point.WIPED, Point.REPLAY_APPLIED])
def test_rebuild_gives_again_what_came_after_the_offsets(crash: Point | None) -> None:
    world = stopped_at_the_end()
    task, back = TASKS[0], dict.fromkeys(TOPICS, 5)
    before = Counter(world.kafka.alerts(task))
    world.kafka.set_back(task, back)
    worker = world.workers["a"]

    def strike(_worker: Worker, point: Point) -> None:
        if point is crash:
            world.strike = lambda _worker, _point: None
            raise CrashError

    world.strike = strike
    for _ in range(2):
        worker.boot(rebuild=True)
        world.owners = dict.fromkeys(TASKS, "a")
        worker.log.generation = world.kafka.rebalance(world.owners)
        if world.guarded(worker, lambda: worker.sequence.acquire(TASKS)):
            break
    world.finish()
    early = TaskState(rules(), TOPICS)
    early.begin({})
    first = early.process([world.kafka.rows(task, topic, 0, end) for topic, end in back.items()])
    again = before - Counter(alert_line(alert) for alert in first.alerts)
    assert Counter(world.kafka.alerts(task)) == before + again
