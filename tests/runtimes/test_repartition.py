"""Whatever partitions events came in, the rules see one stream of each key, as one replay of all gives."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest

from cep.cli.live_setup import Live, open_live
from cep.columns import Projection
from cep.inputs import InputSettings
from cep.ports.moved_records import time_out
from cep.ports.outgoing import Topics
from cep.ports.rows import Reading
from cep.ports.topic_records import Outgoing, Part, Records
from cep.runtimes.live_task import Done, Task
from cep.runtimes.repartition import Move, Repartition
from cep.stream.clock import BEFORE_ALL_MS
from tests.live.cluster import replayed, require_equal
from tests.live.project import CONFIG, START_MS, end_event, lines, make_events, write_project

KEYED_BY_V = CONFIG.replace("max_lateness: 2s\n", "max_lateness: 2s\n    key: v\n")
PARTITIONS = 3


@dataclass(frozen=True)
class Message:
    out: Outgoing

    def key(self) -> bytes | None:
        return self.out.key

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        return self.out.headers


class Log:
    """Partitions of one topic; a record with a key goes where its key says."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.partitions: list[list[Outgoing]] = [[] for _ in range(PARTITIONS)]

    def write(self, out: Outgoing) -> None:
        number = out.partition if out.partition >= 0 else crc32(out.key or b"") % PARTITIONS
        self.partitions[number].append(out)

    def records(self, number: int, begin: int, end: int) -> Records:
        rows = self.partitions[number][begin:end]
        offsets = list(range(begin, begin + len(rows)))
        return Records(Part(self.topic, number), offsets, [r.value for r in rows], [Message(r) for r in rows])


def source_log(count: int, seed: int, skew: int) -> Log:
    """Events keyed by something else than the rules ask for, each partition with its own disorder."""
    log, chance = Log("events"), random.Random(seed)
    for _, value in make_events(count, seed, keys=20):
        log.partitions[chance.randrange(PARTITIONS)].append(Outgoing("events", value))
    log.partitions[1].insert(50, Outgoing("events", b"no event"))
    log.partitions[2].insert(skew, log.partitions[2][0])  # long behind, so late
    for rows in log.partitions:
        rows.append(Outgoing("events", end_event()))
    return log


def moved_by_workers(live: Live, log: Log, chance: random.Random, workers: int) -> tuple[Log, Counter[str]]:
    """Several workers with some partitions each, which see of one another what was committed."""
    (move,) = live.moves
    moved, refused = Log(move.to), Counter[str]()
    reading = Reading(move.source, move.settings, live.tasks.projection, live.tasks.schema)
    stages = [Repartition(move, reading, live.tasks.topics) for _ in range(workers)]
    committed: dict[int, tuple[int, int]] = {}
    while any(committed.get(n, (0, 0))[0] < len(log.partitions[n]) for n in range(PARTITIONS)):
        worker = chance.randrange(workers)
        stage = stages[worker]
        for number in range(PARTITIONS):
            if number % workers != worker:
                # One partition may be far ahead: nothing holds a worker back.
                stage.highest_ms.update({number: committed[number][1]} if number in committed else {})
        for number in range(worker, PARTITIONS, workers):
            begin = committed.get(number, (0, 0))[0]
            end = begin + chance.choice((0, 1, 7, 300))
            records = log.records(number, begin, end)
            if records.offsets:
                for out in stage.take(records):
                    (moved.write(out) if out.topic == move.to else refused.update([out.topic]))
                committed[number] = (records.next_offset, stage.highest_ms.get(number, BEFORE_ALL_MS))
        mark = stage.watermark_ms(range(PARTITIONS))
        for number in range(PARTITIONS):
            moved.write(time_out(move.to, number, mark))
    for number in range(PARTITIONS):
        stages[0].highest_ms[number] = committed[number][1]
        moved.write(time_out(move.to, number, stages[0].watermark_ms(range(PARTITIONS))))
    return moved, refused


def done_in_pieces(live: Live, moved: Log, number: int, chance: random.Random) -> Iterator[Done]:
    """A task over one partition, whose state is put down and taken up now and then."""
    task, at, stored = Task(live.tasks, number), 0, dict[bytes, bytes]()
    task.begin({moved.topic: 0})
    while at < len(moved.partitions[number]):
        step = chance.choice((1, 10, 200))
        done = task.process([moved.records(number, at, at + step)])
        yield done
        at = min(at + step, len(moved.partitions[number]))
        for key, value in done.delta.changes.items():
            stored.pop(key, None) if value is None else stored.update({key: value})
        if chance.random() < 0.1:
            task = Task(live.tasks, number)
            resume = task.restore(iter(stored.items()), {moved.topic: at}, {moved.topic: 0})[moved.topic]
            if resume < at:
                task.refill([moved.records(number, resume, at)])


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "workers"), [(2, 2), (3, 3)])
def test_alerts_are_those_of_one_replay_of_all_partitions(tmp_path: Path, seed: int, workers: int) -> None:
    chance = random.Random(seed)
    config = write_project(tmp_path, KEYED_BY_V)
    live = open_live({"CEP_CONFIG": str(config)})
    assert [(move.source, move.to, move.key) for move in live.moves] == [
        ("events", "cep.events.by.k", ("k",))
    ]
    log = source_log(1_000, seed, skew=200)
    (tmp_path / "events").mkdir()
    for number, rows in enumerate(log.partitions):
        (tmp_path / "events" / str(number)).write_bytes(lines([row.value for row in rows]))
    moved, refused = moved_by_workers(live, log, chance, workers)
    assert refused == {live.settings.dead_letters: 1, live.settings.late: 1}
    assert all(len(rows) > 100 for rows in moved.partitions)
    results = [d for number in range(PARTITIONS) for d in done_in_pieces(live, moved, number, chance)]
    assert not any(done.rejects for done in results)
    found = [out.value or b"" for done in results for out in done.out]
    require_equal(found, replayed(config, *(f"events/{number}" for number in range(PARTITIONS))))


MOVE = Move("events", "to", ("k",), InputSettings(max_lateness_ms=5))


def stage() -> Repartition:
    projection = Projection(frozenset({"k"}), frozenset({"A"}))
    return Repartition(
        MOVE, Reading("events", MOVE.settings, projection), Topics("a", "dead", "late", "shadow")
    )


def records(*events: dict[str, object], number: int = 0, first: int = 10) -> Records:
    values = [json.dumps({"type": "A", "ts": START_MS, **event}).encode() for event in events]
    offsets = list(range(first, first + len(values)))
    return Records(Part("events", number), offsets, values, [Message(Outgoing("", b"")) for _ in values])


def test_each_record_goes_with_its_own_bytes_and_the_key_of_the_rules() -> None:
    given = records({"k": "ann"}, {"k": 5}, {"k": 5.0}, {"k": None}, {"type": "B", "k": "x"}, {"k": "ann"})
    found = stage().take(given)
    places = [(out.topic, out.key, out.headers[0][1]) for out in found]
    assert places == [
        ("to", b"ann", b"0/10"),
        ("to", b"5", b"0/11"),
        ("to", b"5", b"0/12"),
        ("to", b"ann", b"0/15"),
    ]
    assert [out.value for out in found] == [given.values[row] for row in (0, 1, 2, 5)]


def test_what_is_late_in_its_own_partition_is_told_and_not_moved() -> None:
    made = stage()
    first = made.take(records({"k": "a", "ts": START_MS + 100}, {"k": "b", "ts": START_MS + 94}))
    assert [(out.topic, out.key) for out in first] == [("late", None), ("to", b"a")]
    # Another partition may be as far behind as it likes.
    assert [out.topic for out in made.take(records({"k": "c", "ts": START_MS}, number=1))] == ["to"]
    assert made.watermark_ms([0]) == START_MS + 94
    assert made.watermark_ms([0, 1]) == START_MS - 6
    assert made.watermark_ms([0, 1, 2]) == BEFORE_ALL_MS


def test_records_that_nobody_moved_are_dead_letters(tmp_path: Path) -> None:
    live = open_live({"CEP_CONFIG": str(write_project(tmp_path, KEYED_BY_V))})
    task = Task(live.tasks, 0)
    (topic,) = live.tasks.moved
    task.begin({topic: 0})
    strange = Records(Part(topic, 0), [0], [b"{}"], [Message(Outgoing(topic, b"{}"))])
    (out,) = task.process([strange]).out
    head = dict(out.headers)
    assert (out.topic, head["cep-reason"]) == (live.settings.dead_letters, b"not moved here by a worker")
    assert (head["cep-topic"], head["cep-offset"]) == (topic.encode(), b"0")
