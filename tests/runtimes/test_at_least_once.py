"""Agent mode without its agents: rules that change, state of batch mode, and what is read from the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cep.cli.live_setup import compiler, open_live
from cep.live import LiveSettings
from cep.ports.topic_records import Outgoing, Part, Records
from cep.runtimes import at_least_once
from cep.runtimes.at_least_once import AtLeastOnce
from cep.runtimes.commit_ports import Committed
from cep.runtimes.live_metrics import Metrics
from cep.runtimes.live_task import Task, TaskSettings
from cep.runtimes.loop_parts import Given
from cep.runtimes.pins import RULES as MARK
from cep.runtimes.rule_sets import RuleSets
from cep.state.store import MemoryStore, Offsets, TaskId
from cep.stream.silence import SILENCES
from tests.live.project import RULES, make_events, write_project
from tests.ports.made_rules import MadeTopic
from tests.runtimes.test_rule_sets import SCHEMA, MadeReader, push

TASK = TaskId("cep", 0)
PART = Part("events", 0)
VALUES = [value for _, value in make_events(900, seed=3)]
TEXTS = {text.partition("\n")[0].removeprefix("rule: "): text for text in RULES.split("---\n")}


def records(begin: int, end: int) -> Records:
    return Records(PART, list(range(begin, end)), VALUES[begin:end])


class MadeLog:
    """A topic of one partition, of which so much is committed; in place of reader, log and writer."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.read_again: list[tuple[int, int]] = []
        self.out: list[Outgoing] = []

    def bounds(self, part: Part) -> tuple[int, int]:
        assert part == PART
        return 0, len(VALUES)

    def start(self, _: TaskId) -> Offsets:
        return {"events": 0, SILENCES: 0}

    def committed(self, _: TaskId) -> Committed | None:
        return None if self.at is None else Committed({"events": self.at}, {"events": self.at})

    def read(self, _: TaskId, since: Offsets, until: Offsets) -> Iterator[list[Records]]:
        begin, end = since["events"], until["events"]
        if begin < end:
            self.read_again.append((begin, end))
            yield [records(begin, end)]

    def begin(self) -> None:
        pass

    def commit(self) -> None:
        pass

    def write(self, out: Iterable[Outgoing]) -> None:
        self.out += out

    def alerts(self) -> list[bytes | None]:
        found, self.out = [record.value for record in self.out], []
        return found


def connected(
    log: MadeLog,
    store: MemoryStore,
    tasks: TaskSettings,
    monkeypatch: pytest.MonkeyPatch,
    rules: RuleSets | None = None,
) -> AtLeastOnce:
    monkeypatch.setattr(at_least_once, "prepare_topics", lambda *_: 1)
    for name in ("TopicReader", "KafkaLog", "TopicWriter"):
        monkeypatch.setattr(at_least_once, name, lambda *_: log)
    settings = LiveSettings(topics=(("events", "events"),), mode="agent")
    work = AtLeastOnce(Given(settings, tasks, store, Metrics(), rules))
    work.connect()
    work.assigned([0])
    return work


def plain(tasks: TaskSettings, *batches: Records) -> Sequence[list[bytes | None]]:
    """The alerts of each batch in a run without faults and changes."""
    task = Task(tasks, 0)
    task.begin({"events": 0})
    return [[record.value for record in task.process([batch]).out] for batch in batches]


@pytest.fixture
def tasks(tmp_path: Path) -> TaskSettings:
    return open_live({"CEP_CONFIG": str(write_project(tmp_path))}).tasks


def test_what_is_missing_is_read_and_what_comes_twice_is_passed_over(
    tasks: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MadeLog()
    work = connected(log, MemoryStore(), tasks, monkeypatch)
    expected = plain(tasks, records(0, 400), records(400, 800))
    assert work.handle([records(0, 400)]) == {0}
    assert log.alerts() == expected[0]
    work.handle([records(300, 400)])
    assert log.alerts() == []
    work.handle([records(700, 800)])
    assert log.alerts() == expected[1]
    assert log.read_again == [(400, 800)]


@pytest.mark.parametrize(
    "offsets",
    [
        [*range(400, 420), *range(330, 400)],
        [*range(390, 420), *range(330, 410)],
        [*range(410, 420), *range(399, 411)],
        list(range(419, 380, -1)),
    ],
)
def test_old_records_behind_new_ones_are_passed_over_too(
    offsets: list[int], tasks: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lost a partition and got it back holds records, and is sent them once more."""
    log = MadeLog()
    work = connected(log, MemoryStore(), tasks, monkeypatch)
    expected = plain(tasks, records(0, 400), records(400, 420), records(420, 900))
    work.handle([records(0, 400)])
    assert log.alerts() == expected[0]
    work.handle([Records(PART, offsets, [VALUES[offset] for offset in offsets])])
    assert log.alerts() == expected[1]
    work.handle([records(420, 900)])
    assert log.alerts() == expected[2]


def test_rules_take_over_between_two_batches(tasks: TaskSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stays loses nothing, one that is new has seen what was there before."""
    topic, log, store = MadeTopic(), MadeLog(), MemoryStore()
    push(topic, TEXTS["pair"])
    sets = RuleSets(replace(tasks, rules=()), compiler(SCHEMA), lambda: MadeReader(topic))
    work = connected(log, store, tasks, monkeypatch, sets)
    assert work.rule_set is not None
    work.handle([records(0, 400)])
    first = log.alerts()
    push(topic, TEXTS["burst"])
    work.handle([records(400, 900)])
    second = log.alerts()
    both = [rule for rule in tasks.rules if rule.name in TEXTS.keys() - {"silence"}]
    whole = plain(replace(tasks, rules=tuple(both)), records(0, 400), records(400, 900))
    assert work.rule_set.told() == "rule set 5: 2 live, 0 shadow, 0 disabled"
    # For events that wait, and for the rule that is new.
    assert log.read_again == [(0, 400), (0, 400)]
    assert first == [line for line in whole[0] if b'"rule":"pair"' in (line or b"")]
    assert any(b'"rule":"burst"' in (line or b"") for line in second)
    assert named(second) == named(whole[1])


def named(lines: Sequence[bytes | None]) -> list[bytes]:
    """Alerts without the order of their rules, which is that of their names in a topic."""
    return sorted((line or b"").partition(b'"alert_id"')[0] for line in lines)


def test_state_that_batch_mode_left(tasks: TaskSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts silences and is marked with the rules that made it; who reads on needs neither."""
    log, store = MadeLog(), MemoryStore()
    task = Task(tasks, 0)
    task.begin({"events": 0})
    task.process([records(0, 600)], put_down=False)
    store.fence(TASK, "batch")
    delta = task.state.put_down()
    standing = {"events": 600, SILENCES: 2, MARK: 77}
    store.apply(TASK, "batch", replace(delta, since={**standing, "events": 0}, to=standing, first=True))
    expected = plain(tasks, records(0, 600), records(600, 750), records(750, 900))
    for begin, end, lines in ((600, 750, expected[1]), (750, 900, expected[2])):
        log.at = begin
        work = connected(log, store, tasks, monkeypatch)
        work.handle([records(begin, end)])
        assert log.alerts() == lines
        progress = store.fence(TASK, "looks")
        assert progress is not None
        assert progress.to == {"events": end, SILENCES: 2}
