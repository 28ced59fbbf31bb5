"""Two workers on a broker and a store, all in one process: a seed and a list of faults decide what happens.

A fault strikes when a worker passes a point: it dies there, or it is held there while the other takes over,
and goes on as a zombie. The store may forget at the same time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import Random

from cep.ports.alert_lines import alert_line
from cep.runtimes.commit import BrokenError, ExactlyOnce, Point
from cep.runtimes.commit_ports import Committed, at_once
from cep.runtimes.pins import Changes, Pin
from cep.state.store import Offsets, StateError, TaskId
from cep.stream.silence import SILENCES, Silence, stretches
from cep.stream.task import Outcome, Rows, TaskState
from tests.simulation.dice import Dice
from tests.simulation.kafka import Kafka, KafkaRefusedError, Transaction
from tests.simulation.redis import ForgetfulStore
from tests.simulation.rule_sets import ChangingTask, one_run, rule_by_rule
from tests.simulation.tiling import untiled
from tests.stream.test_task import TOPICS, log_of

TASKS = (TaskId("sim", 0), TaskId("sim", 1))
EVENTS = 30
WHOLE = EVENTS * len(TASKS)
"""So many records to warm up, shared by the tasks, are all of them."""

PUSHES = (4, 9)
"""After so many steps of the driver there are other rules."""
STEPS_MAX = 400

Strike = Callable[["Worker", Point], None]


class CrashError(Exception):
    """The process dies here."""


class WorkerLog:
    """See `LogPort`: what one process of a worker sees of the broker."""

    def __init__(self, kafka: Kafka, name: str, chance: Random) -> None:
        self.generation = 0
        self._kafka = kafka
        self._name = name
        self._chance = chance
        self._epoch = 0
        self._transaction: Transaction | None = None

    def fence(self) -> None:
        self._epoch = self._kafka.init(self._name)

    def committed(self, task: TaskId) -> Committed | None:
        return self._kafka.committed(task)

    def start(self, task: TaskId) -> Offsets:
        return {**dict.fromkeys(self._kafka.logs[task], 0), SILENCES: 0}

    def read(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[list[Rows | Silence]]:
        for begin, end, silence in stretches(since, until, self._kafka.silences(task)):
            yield from self._stretch(task, begin, end)
            if silence is not None:
                yield [silence]

    def _stretch(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[list[Rows | Silence]]:
        at = dict(since)
        while any(at[topic] < until[topic] for topic in at):
            rows: list[Rows | Silence] = []
            for topic, first in at.items():
                behind = min(until[topic], first + self._chance.randint(0, 6))
                if behind > first:
                    rows.append(self._kafka.rows(task, topic, first, behind))
                    at[topic] = behind
            if rows:
                yield rows

    def silences(self, task: TaskId) -> list[Silence]:
        return self._kafka.silences(task)

    def begin(self) -> None:
        self._transaction = self._kafka.begin(self._name, self._epoch)

    def decide(self, silences: Mapping[TaskId, Silence]) -> None:
        for task, silence in silences.items():
            self._kafka.fall_silent(self._now(), task, silence)

    def write(self, results: Mapping[TaskId, Outcome]) -> None:
        for task, outcome in results.items():
            self._kafka.claim(self._now(), task, outcome.since)
            for alert in outcome.alerts:
                self._kafka.send(self._now(), task, alert_line(alert))

    def send_offsets(self, offsets: Mapping[TaskId, Committed]) -> None:
        self._kafka.send_offsets(self._now(), self._name, self.generation, offsets)

    def commit(self) -> None:
        self._kafka.commit(self._now())

    def _now(self) -> Transaction:
        assert self._transaction is not None
        return self._transaction


class Worker:
    """A name that processes come and go under."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.alive = False
        self.heard = 0
        """Which rules this process has heard of."""
        self._world = world
        self.log: WorkerLog
        self.sequence: ExactlyOnce[Sequence[Rows | Silence], Outcome]

    def boot(self, *, rebuild: bool = False) -> None:
        """A new process; raises what kills it."""
        world = self._world
        self.alive = True
        self.log = WorkerLog(world.kafka, self.name, world.chance)
        self.sequence = ExactlyOnce(
            self.log,
            world.store,
            lambda _, revision: ChangingTask(revision or 0),
            lambda _: world.token(self.name),
            lambda point: world.strike(self, point),
            changes=Changes(lambda: self.heard if world.changing else None, world.warm_up_records),
            rebuild=rebuild,
        )
        self.sequence.later = self._later
        self.sequence.stored.aside = self._later if world.turns.pauses else at_once
        self.sequence.stored.turns = world.turns
        self.heard = world.pushed
        self.sequence.start()

    def _later(self, what: Callable[[], None]) -> Callable[[], None]:
        """At once, or as late as can be: when something else has to wait for it."""
        if self._world.delays.random() < self._world.delayed:
            return what
        return at_once(what)

    def batch(self) -> None:
        """One batch of some of what it may read, of whatever size."""
        chance, kafka = self._world.chance, self._world.kafka
        if self._world.changing and chance.random() < 0.5:
            self.heard = self._world.pushed
            self.sequence.change_rules()
        self._pending()
        batch: dict[TaskId, list[Rows | Silence]] = {}
        for task, state in self._tasks():
            for topic, end in kafka.ends(task).items():
                first = state.to[topic]
                # Where topics may be silent, let there be some that bring nothing.
                most = 0 if self._world.silences and chance.random() < 0.4 else 7
                behind = min(end, first + chance.randint(0, most))
                if behind > first:
                    batch.setdefault(task, []).append(kafka.rows(task, topic, first, behind))
        for task, silence in self._decided(batch).items():
            batch[task] = [silence, *batch.get(task, [])]
        if batch:
            self.sequence.commit(batch)
            return
        self.sequence.settle()
        if self._world.turns.falls(self._world.turns.put_down):
            self.sequence.put_down()

    def _tasks(self) -> list[tuple[TaskId, TaskState]]:
        found = []
        for task, state in self.sequence.tasks.items():
            assert isinstance(state, TaskState)
            found.append((task, state))
        return found

    def _pending(self) -> None:
        """What somebody decided and did not commit comes before all else."""
        silences = self._world.kafka.silences
        pending = {task: [*silences(task)[state.to[SILENCES] :]] for task, state in self._tasks()}
        if any(pending.values()):
            self.sequence.commit({task: some for task, some in pending.items() if some})

    def _decided(self, batch: Mapping[TaskId, Sequence[Rows | Silence]]) -> dict[TaskId, Silence]:
        """Some topics that bring nothing may be called silent; one that brings something may not."""
        decided: dict[TaskId, Silence] = {}
        for task, state in self._tasks() if self._world.silences else ():
            bring = {each.topic for each in batch.get(task, []) if isinstance(each, Rows)}
            silent = self._drawn(state.silent, bring)
            if silent != state.silent:
                decided[task] = Silence(state.to[SILENCES], dict(state.to), silent)
        if decided:
            self.sequence.decide(decided)
        return decided

    def _drawn(self, silent: frozenset[str], bring: set[str]) -> frozenset[str]:
        chance = self._world.chance
        if len(bring) == len(TOPICS) or chance.random() > 0.6:
            return silent - bring
        return frozenset(topic for topic in TOPICS if topic not in bring and chance.random() < 0.6)


class World:
    """Broker, store and workers `a` and `b`. `strike` is called whenever a worker passes a point."""

    def __init__(
        self,
        seed: int,
        strike: Strike = lambda _worker, _point: None,
        *,
        silences: bool = False,
        changing: bool = True,
    ) -> None:
        """`changing`: new rules are pushed while the workers run."""
        self.chance = Random(seed)
        self.silences = silences
        self.delays = Random(seed)
        self.delayed = 0.5
        """How often a transaction ends only when something has to wait for it."""
        # In most worlds what is begun is done at once: there the store is of more use.
        self.turns = Dice(Random(seed), pauses=0.2 if seed % 3 == 0 else 0)
        self.logs = {task: log_of([_step(self.chance) for _ in range(EVENTS)]) for task in TASKS}
        self.kafka = Kafka(self.logs)
        self.store = ForgetfulStore()
        self.strike = strike
        self.workers = {name: Worker(self, name) for name in "ab"}
        self.owners: dict[TaskId, str] = {}
        self.deaths: list[str] = []
        self.changing = changing
        self.pushed = 0
        self.warm_up_records = self.chance.choice((0, 5, WHOLE))
        self._steps = 0
        self._tokens = 0
        self._held = False

    def token(self, name: str) -> str:
        self._tokens += 1
        return f"{name}{self._tokens}"

    def guarded(self, worker: Worker, what: Callable[[], object]) -> bool:
        """Let a worker do something; what goes wrong is the end of its process."""
        try:
            what()
        except (CrashError, KafkaRefusedError, StateError, BrokenError) as death:
            worker.alive = False
            self.deaths.append(f"{worker.name}: {type(death).__name__}")
            return False
        return True

    def give(self, owners: Mapping[TaskId, str]) -> None:
        """A rebalance that every living worker named hears of, once its transaction is over."""
        for name in sorted(set(owners.values())):
            worker = self.workers[name]
            if worker.alive:
                self.guarded(worker, worker.sequence.settle)
        self.owners = dict(owners)
        before = self.kafka.generation
        generation = self.kafka.rebalance(owners)
        for name in sorted(set(owners.values())):
            if self.kafka.generation != generation:
                return  # while one was held up the group has moved on
            worker = self.workers[name]
            mine = {task for task, owner in owners.items() if owner == name}
            # Who missed a rebalance has lost everything, and knows it now.
            keeps = mine if worker.log.generation == before else set()
            worker.log.generation = generation
            if not self.guarded(worker, partial(worker.sequence.release, {*worker.sequence.tasks} - keeps)):
                continue
            self.guarded(
                worker,
                lambda worker=worker, mine=mine: worker.sequence.acquire(  # type: ignore[misc]
                    sorted(mine - set(worker.sequence.tasks))
                ),
            )

    def take_over(self, name: str) -> None:
        """Everything goes to one worker, which is started if it is not alive; the other hears nothing."""
        worker = self.workers[name]
        if worker.alive or self.guarded(worker, worker.boot):
            self.give(dict.fromkeys(TASKS, name))

    def hold(self, worker: Worker, successor: str, batches: int) -> None:
        """The worker hangs inside its call while a successor does some batches; then it goes on, a zombie.

        A successor of its own name is a new process, as when somebody restarts one that seems to be dead.
        """
        if self._held:
            return
        self._held = True
        if successor == worker.name:
            self.workers[successor] = Worker(self, successor)
        self.take_over(successor)
        for _ in range(batches):
            if self.workers[successor].alive:
                self.guarded(self.workers[successor], self.workers[successor].batch)
        self._held = False

    def split(self) -> None:
        """A task for each; both hear of it."""
        for worker in self.workers.values():
            if not worker.alive and not self.guarded(worker, worker.boot):
                return
        self.give(dict(zip(TASKS, "ab", strict=True)))

    def done(self) -> bool:
        """Whether everything was read and committed."""
        return all(self.kafka.position(task) == self.kafka.ends(task) for task in TASKS)

    def go_on(self) -> None:
        """Each owner does a batch; one who died is replaced by himself, or by the other, as it comes."""
        self._steps += 1
        self.pushed += self.changing and self._steps in PUSHES
        owners = [self.workers[name] for name in sorted(set(self.owners.values()))]
        if not owners or not all(worker.alive for worker in owners):
            self.take_over(self.chance.choice("ab"))
            return
        for worker in owners:
            if worker.alive:
                self.guarded(worker, worker.batch)

    def finish(self) -> None:
        """No more faults, until the end of the log."""
        self.strike = lambda _worker, _point: None
        for _ in range(STEPS_MAX):
            if self.done():
                return
            self.go_on()
        raise AssertionError("the simulation does not come to an end")

    def check(self) -> None:
        """Alerts, commits and the state that is left are those of one plain run over the same log."""
        for task in TASKS:
            truth, plain = self.truth(task)
            given = self.kafka.alerts(task)
            assert Counter(given) - Counter(truth) == Counter(), "alerts doubled or wrong"
            assert Counter(truth) - Counter(given) == Counter(), "alerts missing"
            assert by_key(given) == by_key(truth), "alerts of a key in another order"
            left = self._recovered(task).detector.flush()
            assert [alert_line(alert) for alert in left] == [
                alert_line(alert) for alert in plain.detector.flush()
            ], "the state that is left has another future"
        starts = {task: {**dict.fromkeys(TOPICS, 0), SILENCES: 0} for task in TASKS}
        assert untiled(self.kafka.intervals, starts, {task: self.ends(task) for task in TASKS}) == []

    def ends(self, task: TaskId) -> Offsets:
        """Behind the last record, and behind the last silence that counts."""
        return {**self.kafka.ends(task), SILENCES: self.kafka.silences_counted(task)}

    def whole(self, task: TaskId) -> list[Rows | Silence]:
        """Everything there is of a task, each silence where it was decided."""
        return self.between(task, dict.fromkeys(TOPICS, 0), self.ends(task))

    def between(self, task: TaskId, since: Offsets, until: Offsets) -> list[Rows | Silence]:
        """What there is from one place to another."""
        found: list[Rows | Silence] = []
        for begin, end, silence in stretches(since, until, self.kafka.silences(task)):
            found += [self.kafka.rows(task, t, begin[t], end[t]) for t in TOPICS if begin[t] < end[t]]
            found += [] if silence is None else [silence]
        return found

    def truth(self, task: TaskId) -> tuple[list[str], TaskState]:
        """The alerts of a run without faults, and the task that is left."""
        committed, ends = self.kafka.committed(task), self.ends(task)
        assert committed is not None
        pins = committed.pins or (Pin(0, committed.origin, committed.origin),)
        read = partial(self.between, task)
        found, plain = one_run(pins, ends, read)
        if self.warm_up_records == WHOLE and task == TASKS[0]:
            # One of the tasks: it takes as long as all else.
            assert Counter(found) == rule_by_rule(pins, ends, read)
        return found, plain

    def _recovered(self, task: TaskId) -> TaskState:
        """The task as a worker would find it now."""
        worker = Worker(self, "reader")
        worker.boot()
        worker.sequence.acquire([task])
        state = worker.sequence.tasks[task]
        assert isinstance(state, TaskState)
        return state


def _step(chance: Random) -> tuple[int, int, int, str]:
    return chance.randint(0, 1), chance.randint(-3, 5), chance.randint(1, 3), chance.choice("uv")


def by_key(lines: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Alerts of each rule and key in their order: the only order that is promised."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        alert = json.loads(line)
        found[alert["rule"], json.dumps(alert["key"])].append(line)
    return dict(found)
