"""Rules of a topic as live tasks run them: by revision, a broken one is refused, the one before it stays."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from cep.cli.live_setup import compiler, open_live
from cep.errors import InputError
from cep.live import LiveSettings, checked
from cep.plan.fingerprint import fingerprint
from cep.ports.rule_records import RuleHistory, RuleStatus, RuleVersion, changed, records_of
from cep.ports.topic_records import Part, Records
from cep.runtimes.live_task import Done, Task
from cep.runtimes.pins import PINS_MAX, Pin, pinned, pins_of, pins_text
from cep.runtimes.rule_sets import RuleSets
from cep.schema import FieldType, Schema
from cep.stream.silence import SILENCES
from tests.live.project import make_events, write_project
from tests.ports.made_rules import MadeTopic

SCHEMA = Schema({kind: {"k": FieldType("string"), "v": FieldType("int")} for kind in "ABC"})

PAIR = "rule: pair\npattern: SEQ(A a, B b) BY k WHERE b.v > a.v + 80 WITHIN 10s\n"
BURST = "rule: burst\npattern: B b{4,} BY k WHERE sum(b.v) > 260 WITHIN 5s\n"
BROKEN = "rule: pair\npattern: SEQ(A a, Nobody b) BY k WITHIN 10s\n"


class MadeReader:
    """Sees of a topic what it is told to."""

    def __init__(self, topic: MadeTopic) -> None:
        self.topic = topic
        self.history = RuleHistory()
        self.revision = 0

    def to_end(self) -> None:
        self.follow()

    def follow(self) -> bool:
        self.history = self.topic.history()
        self.revision = self.history.revision
        return True

    def close(self) -> None:
        pass


def push(topic: MadeTopic, text: str, status: RuleStatus = "live") -> int:
    name = text.partition("\n")[0].removeprefix("rule: ")
    new = changed(topic.history(), RuleVersion(name, 1, status, text))
    assert new is not None
    topic.write(records_of(topic.history(), [new]))
    return topic.history().revision


def opened(tmp_path: Path, topic: MadeTopic) -> tuple[RuleSets, MadeReader]:
    tasks = replace(open_live({"CEP_CONFIG": str(write_project(tmp_path))}).tasks, rules=())
    reader = MadeReader(topic)
    sets = RuleSets(tasks, compiler(SCHEMA), lambda: reader)
    sets.connect()
    return sets, reader


def names(sets: RuleSets, revision: int) -> list[tuple[str, int, str]]:
    found = sets.at(revision)
    assert [rule.name for rule in found.settings.rules] == [version.name for version in found.versions]
    return [(version.name, version.number, version.status) for version in found.versions]


def test_a_revision_means_the_same_when_more_is_written(tmp_path: Path) -> None:
    topic = MadeTopic()
    first = push(topic, PAIR)
    sets, _ = opened(tmp_path, topic)
    assert sets.newest() == first
    assert names(sets, first) == [("pair", 1, "live")]
    second = push(topic, BURST, "shadow")
    third = push(topic, PAIR.replace("80", "70"))
    fourth = push(topic, BURST, "disabled")
    assert sets.newest() == first, "nobody has looked yet"
    assert names(sets, third) == [("burst", 1, "shadow"), ("pair", 2, "live")]
    sets.follow()
    assert names(sets, second) == [("burst", 1, "shadow"), ("pair", 1, "live")]
    assert names(sets, sets.newest()) == [("pair", 2, "live")]
    assert sets.at(fourth).told() == f"rule set {fourth}: 1 live, 0 shadow, 1 disabled"
    assert [rule.status for rule in sets.at(second).settings.rules] == ["shadow", "live"]
    again, _ = opened(tmp_path / "again", topic)
    assert [names(again, each) for each in (first, second, third, fourth)] == [
        names(sets, each) for each in (first, second, third, fourth)
    ]


def test_a_broken_version_is_refused_and_the_one_before_it_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topic = MadeTopic()
    push(topic, PAIR)
    broken = push(topic, BROKEN)
    topic.write([(b"odd@1", b"{}")])
    with caplog.at_level(logging.ERROR):
        sets, _ = opened(tmp_path, topic)
        found = sets.at(sets.newest())
        assert names(sets, broken) == [("pair", 1, "live")]
    assert [(each.offset, each.key) for each in found.refused] == [(6, "odd@1"), (3, "pair@2")]
    assert "Nobody" in found.refused[1].reason
    assert found.told().endswith(", 2 refused")
    assert len(caplog.messages) == 2, "each is told once"
    good = push(topic, PAIR.replace("80", "90"))
    sets.follow()
    assert names(sets, good) == [("pair", 3, "live")]


def test_a_topic_that_was_made_anew_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    topic = MadeTopic()
    push(topic, PAIR)
    sets, reader = opened(tmp_path, topic)
    with caplog.at_level(logging.ERROR):
        assert names(sets, 99) == [("pair", 1, "live")]
    assert "held 99 once" in caplog.text
    reader.topic = MadeTopic()
    push(reader.topic, BURST)
    push(reader.topic, PAIR.replace("80", "60"))
    sets.follow()
    assert fingerprint(sets.at(100).settings.rules[1].plan) != fingerprint(sets.at(99).settings.rules[0].plan)


def records(first: int, last: int) -> list[Records]:
    values = [value for _, value in make_events(1_200, seed=2, keys=10)][first:last]
    return [Records(Part("events", 0), list(range(first, last)), values)]


def test_a_task_goes_over_to_other_rules(tmp_path: Path) -> None:
    """The rule that stays loses nothing; the changed one has seen the log; no rule, no alert."""
    topic = MadeTopic()
    none = topic.history().revision
    push(topic, PAIR)
    first = push(topic, BURST)
    second = push(topic, PAIR.replace("80", "70"))
    sets, _ = opened(tmp_path, topic)

    def task(revision: int) -> Task:
        return Task(sets.at(revision).settings, 0)

    def of(name: str, *done: Done) -> list[bytes]:
        values = [one.value or b"" for each in done for one in each.out]
        return [value for value in values if f'"rule":"{name}"'.encode() in value]

    whole, other = task(first), task(second)
    plain = []
    for each in (whole, other):
        each.begin({"events": 0})
        plain.append([each.process(records(0, 600)), each.process(records(600, 1_200))])
    entries = [(key, value) for key, value in plain[0][0].delta.changes.items() if value is not None]
    resumed = task(second)
    begin = resumed.restore(iter(entries), {"events": 600}, {"events": 0})
    resumed.refill(records(begin["events"], 600))
    resumed.warm_up({"events": 0}, iter([records(0, 300), records(300, 600)]))
    after = resumed.process(records(600, 1_200))
    assert of("burst", after) == of("burst", plain[0][1]) != []
    assert of("pair", after) == of("pair", plain[1][1]) != of("pair", plain[0][1])
    empty = task(none)
    empty.begin({"events": 0})
    assert empty.process(records(0, 600)).out == []


def test_what_a_disabled_rule_held_is_dropped(tmp_path: Path) -> None:
    topic = MadeTopic()
    push(topic, PAIR)
    both = push(topic, BURST)
    one = push(topic, BURST, "disabled")
    sets, _ = opened(tmp_path, topic)
    before, after = Task(sets.at(both).settings, 0), Task(sets.at(one).settings, 0)
    before.begin({"events": 0})
    changes = before.process(records(0, 600)).delta.changes
    entries = {key: value for key, value in changes.items() if value is not None}
    held = {key for key in entries if key.startswith(b"burst\0")}
    assert held
    begin = after.restore(iter(entries.items()), {"events": 600}, {"events": 0})
    after.refill(records(begin["events"], 600))
    delta = after.process(records(600, 601)).delta
    assert {key for key, value in delta.changes.items() if value is None} >= held
    assert not any(key.startswith(b"burst") for key, value in delta.changes.items() if value is not None)


def test_pins_as_they_are_written_beside_offsets() -> None:
    pins = (
        Pin(4, {"a": 0, SILENCES: 0}, {"a": 0, SILENCES: 0}),
        Pin(7, {"a": 90, "b": 5, SILENCES: 2}, {"a": 50, "b": 0, SILENCES: 1}),
        Pin(3, {"a": 95, "b": 6, SILENCES: 2}, {"a": 95, "b": 1, SILENCES: 2}),
    )
    texts = {topic: pins_text(pins, topic) for topic in "ab"}
    assert texts["a"] == "4:0:0:0:0 7:90:50:2:1 3:95:95:2:2"
    assert pins_of(texts) == pins
    assert pins_of({"a": "", "b": ""}) == ()
    far = 10**12
    many: tuple[Pin, ...] = (Pin(1, {"a": 0}, {"a": 0}),)
    for number in range(2 * PINS_MAX):
        many = pinned(many, Pin(far + number, {"a": far + number}, {"a": far + number}))
    assert len(many) == PINS_MAX
    assert many[0] == Pin(far + PINS_MAX, {"a": 0}, {"a": 0})
    assert len(pins_text(many, "a")) < 4096 - 90, "brokers take no more beside an offset"


def test_rules_are_no_events() -> None:
    with pytest.raises(InputError, match=r"cep\.rules is read and written"):
        checked(LiveSettings(topics=(("cep.rules", ""),)))
