"""Without transactions: what may come twice, what may be lost, and that it is never the other way round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from cep.live import Guarantee, LiveSettings
from cep.ports.kafka_topics import TopicReader
from cep.ports.topic_records import Outgoing, Part, Position, Records
from cep.runtimes.commit import ExactlyOnce
from cep.runtimes.kafka_log import KafkaLog
from cep.runtimes.live_task import Done
from cep.runtimes.pins import Changes
from cep.runtimes.plain_log import PlainLog, log_of
from cep.state.store import Delta, MemoryStore, Offsets, TaskId
from cep.stream.silence import Silence

TASK = TaskId("g", 0)
PART = Part("in", 0)
BATCHES = 4


class CrashError(Exception):
    """The process dies here."""


@dataclass
class Broker:
    """A log of one record a batch, and a clock of calls: the process dies at one of them."""

    dies_at: int
    calls: int = 0
    position: Position | None = None
    written: list[bytes] = field(default_factory=list)

    def passes(self) -> None:
        self.calls += 1
        if self.calls == self.dies_at:
            raise CrashError

    # --- as a reader --------------------------------------------------------------------------------------

    def committed(self, parts: Sequence[Part]) -> dict[Part, Position]:
        return {} if self.position is None else dict.fromkeys(parts, self.position)

    def bounds(self, _: Part) -> tuple[int, int]:
        return 0, BATCHES

    def commit(self, positions: Mapping[Part, Position]) -> None:
        self.passes()
        self.position = positions[PART]
        self.passes()

    # --- as a writer --------------------------------------------------------------------------------------

    def write(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            self.passes()
            self.written.append(record.value or b"")

    def flush(self) -> None:
        self.passes()


class Echo:
    """A task that gives two alerts for each record."""

    def begin(self, offsets: Offsets) -> None:
        self.to = dict(offsets)

    def restore(self, entries: Iterable[tuple[bytes, bytes]], to: Offsets, begin: Offsets) -> Offsets:
        del entries, begin
        self.to = dict(to)
        return to

    def refill(self, rows: Sequence[Records | Silence]) -> None:
        """Nothing waits."""

    def warm_up(self, begin: Offsets, pieces: Iterable[Sequence[Records | Silence]]) -> None:
        """No rules, no changes."""

    def cut(self) -> Echo:
        return self

    def written(self, enough: Callable[[], bool]) -> Delta:
        del enough
        return self.delta

    def process(self, rows: Sequence[Records | Silence], *, put_down: bool = True) -> Done:
        del put_down
        (records,) = rows
        assert isinstance(records, Records)
        since, offset = dict(self.to), records.offsets[0]
        self.to["in"] = offset + 1
        out = [Outgoing("alerts", b"%d%s" % (offset, name)) for name in (b"a", b"b")]
        self.delta = Delta(since, dict(self.to), {b"": b"%d" % offset})
        return Done(since, self.delta, out)


def life(broker: Broker, store: MemoryStore, settings: LiveSettings, name: str) -> None:
    """One process, from its start to the end of the log."""
    log = PlainLog(settings, cast(TopicReader, broker))
    once = ExactlyOnce(log, store, lambda *_: Echo(), lambda _: name)
    once.start()
    at = once.acquire([TASK])[TASK]["in"]
    for offset in range(at, BATCHES):
        once.commit({TASK: [Records(PART, [offset], [b""])]})


def alerts(guarantee: Guarantee, dies_at: int, monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """What was written in the end by a process that dies once and the one after it."""
    broker, store = Broker(dies_at), MemoryStore()
    settings = LiveSettings(group="g", topics=(("in", ""),), guarantee=guarantee)
    monkeypatch.setattr("cep.runtimes.plain_log.PlainWriter", lambda _: broker)
    if dies_at:
        with pytest.raises(CrashError):
            life(broker, store, settings, "first")
    life(broker, store, settings, "second")
    return Counter(broker.written)


WHOLE = Counter({b"%d%s" % (n, name): 1 for n in range(BATCHES) for name in (b"a", b"b")})
CALLS = 2 + 5 * BATCHES
"""Where the group begins is two, a batch is five: two around its commit, two alerts, one answer."""


def test_in_peace_each_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert alerts("at_most_once", 0, monkeypatch) == WHOLE
    assert alerts("at_least_once", 0, monkeypatch) == WHOLE


def test_at_most_once_never_doubles_and_may_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [alerts("at_most_once", call, monkeypatch) for call in range(1, CALLS + 1)]
    assert all(counted <= WHOLE for counted in found)
    assert [sum((WHOLE - counted).values()) for counted in found[2:7]] == [0, 2, 2, 1, 0]


def test_at_least_once_never_loses_and_may_double(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [alerts("at_least_once", call, monkeypatch) for call in range(1, CALLS + 1)]
    assert all(counted >= WHOLE for counted in found)
    assert [sum((counted - WHOLE).values()) for counted in found[2:7]] == [0, 1, 2, 2, 0]


def test_the_promise_chooses_the_log() -> None:
    reader = cast(TopicReader, Broker(0))
    assert type(log_of(LiveSettings(), reader, watches=False)) is KafkaLog
    assert type(log_of(LiveSettings(guarantee="at_most_once"), reader, watches=False)) is PlainLog


def test_where_rules_changed_stands_beside_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that comes later makes lost state again with the rules that ran then, whatever it knows."""
    broker = Broker(0)
    settings = LiveSettings(group="g", topics=(("in", ""),), guarantee="at_least_once")
    monkeypatch.setattr("cep.runtimes.plain_log.PlainWriter", lambda _: broker)
    made: list[tuple[int | None, int]] = []
    newest = 4

    class Told(Echo):
        def __init__(self, revision: int | None) -> None:
            self.revision = revision

        def process(self, rows: Sequence[Records | Silence], *, put_down: bool = True) -> Done:
            done = super().process(rows, put_down=put_down)
            made.append((self.revision, done.delta.to["in"] - 1))
            return done

    class Log(PlainLog):
        def read(self, task: TaskId, since: Offsets, until: Offsets) -> Iterator[Sequence[Records | Silence]]:
            del task
            for offset in range(since["in"], until["in"]):
                yield [Records(PART, [offset], [b""])]

    def start() -> ExactlyOnce[Sequence[Records | Silence], Done]:
        log = Log(settings, cast(TopicReader, broker))
        changes = Changes(lambda: newest, 1)
        once = ExactlyOnce(
            log, MemoryStore(), lambda _, revision: Told(revision), lambda _: "w", changes=changes
        )
        once.start()
        once.acquire([TASK])
        return once

    first = start()
    for offset in range(4):
        if offset == 2:
            newest = 7
            assert first.change_rules() == [TASK]
            assert first.change_rules() == []
        first.commit({TASK: [Records(PART, [offset], [b""])]})
    assert made == [(4, 0), (4, 1), (7, 2), (7, 3)]
    assert broker.position == Position(4, "origin 0 since 3 rules 4:0:0:0:0 7:2:1:0:0")
    newest = 9
    second = start()
    assert made[4:] == made[:4], "made again by the rules of then"
    assert second.revision(TASK) == 7
    assert second.change_rules() == [TASK]
    assert second.revision(TASK) == 9
