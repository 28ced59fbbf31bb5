"""Every store of state keeps the same promises; Redis is a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cep.state.redis_store import RedisStore
from cep.state.rocks_store import RocksStore
from cep.state.store import (
    Delta,
    FencedError,
    MemoryStore,
    Offsets,
    Progress,
    StateError,
    StateLostError,
    StateStore,
    TaskId,
)
from samples.live.processes import ServiceError
from samples.live.redis_server import RedisServer, make_redis

TASK = TaskId("fraud", 3)
TTL_MS = 60_000


@dataclass
class Stage:
    """A store with a time to live, and a way to let time pass."""

    store: StateStore
    age: Callable[[int], None]
    again: Callable[[], StateStore] | None = None
    """The same store from a new process; None where there is none."""


@dataclass
class Hand:
    """A clock that is set by hand."""

    now_ms: int = 0
    stores: list[StateStore] = field(default_factory=list)

    def read(self) -> int:
        return self.now_ms

    def age(self, ms: int) -> None:
        self.now_ms += ms


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    try:
        server = make_redis(tmp_path_factory.mktemp("redis"))
        program = server.start()
    except ServiceError as error:
        pytest.skip(f"no Redis service: {error}")
    try:
        yield server
    finally:
        program.stop()


@pytest.fixture
def database(server: RedisServer) -> str:
    """A database of the server that holds nothing."""
    store = RedisStore(server.url)
    store._client.flushall()
    store.close()
    return server.url


@pytest.fixture(params=["memory", "redis", "rocksdb"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    clock = Hand()
    if request.param == "memory":
        yield Stage(MemoryStore(TTL_MS, clock.read), clock.age)
    elif request.param == "rocksdb":
        stores = [RocksStore(tmp_path / "state", TTL_MS, clock.read)]

        def again() -> StateStore:
            stores[-1].close()
            stores.append(RocksStore(tmp_path / "state", TTL_MS, clock.read))
            return stores[-1]

        yield Stage(stores[0], clock.age, again)
        stores[-1].close()
    else:
        url = request.getfixturevalue("database")
        store = RedisStore(url, TTL_MS)

        def age(ms: int) -> None:
            """Bring the end as much nearer: nobody wants to wait for it."""
            for name in store._client.keys("*"):
                left = store._client.pttl(name)
                if left > 0:
                    store._client.pexpire(name, max(1, left - ms))
            time.sleep(0.02)

        yield Stage(store, age, lambda: RedisStore(url, TTL_MS))
        store.close()


@pytest.fixture
def store(stage: Stage) -> StateStore:
    return stage.store


def at(offset: int) -> Offsets:
    return {"payments": offset, "logins": 2 * offset}


def step(since: int, to: int, emit_from: Offsets | None = None, **changes: bytes | None) -> Delta:
    """A change; the tests let a task begin at 0, or say so."""
    return Delta(at(since), at(to), {k.encode(): v for k, v in changes.items()}, emit_from, first=since == 0)


def held(store: StateStore, owner: str = "one") -> dict[bytes, bytes]:
    return dict(store.load(TASK, owner))


def test_nothing_is_there_at_first(store: StateStore) -> None:
    assert store.fence(TASK, "one") is None
    assert held(store) == {}
    assert store.look(TASK, [b"a"]) == {}


def test_changes_and_position_are_kept(store: StateStore) -> None:
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1", b=b"2"))
    store.apply(TASK, "one", step(5, 9, a=None, b=b"\x00\xff", c=b"4"))
    assert held(store) == {b"b": b"\x00\xff", b"c": b"4"}
    assert store.fence(TASK, "two") == Progress(at(5), at(9))
    assert store.look(TASK, [b"b", b"a"]) == {b"b": b"\x00\xff"}
    assert store.tasks("fraud") == [TASK]
    assert store.tasks("fra") == []


def test_every_byte_may_be_in_a_key(store: StateStore) -> None:
    store.fence(TASK, "one")
    changes: dict[bytes, bytes | None] = {bytes([i, 255 - i]): bytes([i]) for i in range(256)}
    changes[b""] = b"header"
    store.apply(TASK, "one", Delta({}, at(1), changes, first=True))
    assert held(store) == changes
    store.undo(TASK, "one")
    assert held(store) == {}


def test_tasks_and_groups_are_apart(store: StateStore) -> None:
    others = [TaskId("fraud", 30), TaskId("fraud2", 3), TaskId("fr*", 3)]
    for task in [TASK, *others]:
        store.fence(task, "one")
        store.apply(task, "one", step(0, 5, a=task.group.encode()))
    store.wipe(TASK, "one")
    assert [dict(store.load(task, "one")) for task in others] == [{b"a": t.group.encode()} for t in others]
    assert store.tasks("fr*") == [others[2]]
    assert store.tasks("fraud")[-1] == others[0]


def test_former_owner_changes_nothing(store: StateStore) -> None:
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    store.fence(TASK, "two")
    calls: list[Callable[[], object]] = [
        lambda: store.apply(TASK, "one", step(5, 9, a=b"2")),
        lambda: store.undo(TASK, "one"),
        lambda: store.wipe(TASK, "one"),
        lambda: list(store.load(TASK, "one")),
    ]
    for call in calls:
        with pytest.raises(FencedError, match="fraud/3: another worker has taken over"):
            call()
    assert held(store, "two") == {b"a": b"1"}
    assert store.fence(TASK, "three") == Progress(at(0), at(5))


def test_undo_leads_back(store: StateStore) -> None:
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, kept=b"1", changed=b"1", dropped=b"1"))
    before = held(store)
    store.apply(TASK, "one", step(5, 9, changed=b"2", dropped=None, made=b"2"))
    assert store.undo(TASK, "one") == Progress(at(5), at(5))
    assert held(store) == before
    # And on from there, as if nothing had been.
    store.apply(TASK, "one", step(5, 7, made=b"3"))
    assert held(store) == {**before, b"made": b"3"}
    assert store.undo(TASK, "one").to == at(5)
    assert held(store) == before


def test_undo_works_for_whoever_takes_over(stage: Stage) -> None:
    stage.store.fence(TASK, "one")
    stage.store.apply(TASK, "one", step(0, 5, a=b"1"))
    stage.store.apply(TASK, "one", step(5, 9, a=b"2"))
    store = stage.again() if stage.again else stage.store
    assert store.fence(TASK, "two") == Progress(at(5), at(9))
    store.undo(TASK, "two")
    assert held(store, "two") == {b"a": b"1"}


def test_calls_may_be_repeated(store: StateStore) -> None:
    """An answer can get lost; the caller then asks once more."""
    store.fence(TASK, "one")
    store.fence(TASK, "one")
    for _ in range(2):
        store.apply(TASK, "one", step(0, 5, a=b"1"))
    for _ in range(2):
        store.apply(TASK, "one", step(5, 9, a=b"2"))
    for _ in range(2):
        assert store.undo(TASK, "one") == Progress(at(5), at(5))
    assert held(store) == {b"a": b"1"}


def test_many_changes_at_once(store: StateStore) -> None:
    store.fence(TASK, "one")
    many: dict[bytes, bytes | None] = {b"k%d" % i: b"v%d" % i for i in range(5000)}
    store.apply(TASK, "one", Delta(at(0), at(5), many, first=True))
    assert held(store) == many
    others = {key: (None if i % 2 else b"w") for i, key in enumerate(many)}
    store.apply(TASK, "one", Delta(at(5), at(9), others))
    assert len(held(store)) == 2500
    store.undo(TASK, "one")
    assert held(store) == many


def test_emit_from_stays_until_it_is_taken_away(store: StateStore) -> None:
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, emit_from=at(8), a=b"1"))
    assert store.fence(TASK, "two") == Progress(at(0), at(5), at(8))
    store.apply(TASK, "two", step(5, 8, a=b"2"))
    assert store.fence(TASK, "three") == Progress(at(5), at(8), None)


def test_wiped_state_is_gone_and_owned(store: StateStore) -> None:
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    store.wipe(TASK, "one")
    assert held(store) == {}
    store.apply(TASK, "one", step(0, 3, b=b"1"))
    assert store.fence(TASK, "two") == Progress(at(0), at(3))


def test_state_that_stands_elsewhere_is_not_changed(store: StateStore) -> None:
    """As after somebody put back an old dump."""
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    with pytest.raises(StateLostError, match=r"stands at .*5.* left it at .*7"):
        store.apply(TASK, "one", step(7, 9, a=b"2"))
    assert held(store) == {b"a": b"1"}


def test_an_empty_state_is_not_taken_for_a_new_one(store: StateStore) -> None:
    """As after a dump was put back that was made just when this owner came."""
    store.fence(TASK, "one")
    with pytest.raises(StateLostError, match="is gone"):
        store.apply(TASK, "one", step(5, 9, a=b"1"))
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    with pytest.raises(StateLostError, match="stands at"):
        store.apply(TASK, "one", step(0, 7, a=b"2"))
    assert held(store) == {b"a": b"1"}


def test_unused_state_expires_as_a_whole(stage: Stage) -> None:
    store = stage.store
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    stage.age(TTL_MS - 10_000)
    store.apply(TASK, "one", step(5, 6, b=b"1"))
    stage.age(TTL_MS - 10_000)
    assert held(store) == {b"a": b"1", b"b": b"1"}
    stage.age(TTL_MS)
    with pytest.raises(StateLostError, match="is gone"):
        store.apply(TASK, "one", step(6, 7, a=b"2"))
    assert store.look(TASK, [b"a"]) == {}
    assert store.fence(TASK, "two") is None


def test_redis_that_lost_everything_tells_the_owner(database: str) -> None:
    store = RedisStore(database)
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    store._client.flushall()
    for call in (lambda: store.apply(TASK, "one", step(5, 6)), lambda: list(store.load(TASK, "one"))):
        with pytest.raises(StateLostError, match="is gone"):
            call()
    assert store._client.dbsize() == 0
    store.close()


def test_redis_without_a_time_to_live_keeps_for_ever(database: str) -> None:
    store = RedisStore(database)
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    assert store._client.pttl("cep:fraud/3") == -1
    store.close()


def test_redis_that_is_not_there_is_an_error_of_the_store() -> None:
    store = RedisStore("redis://:secret@127.0.0.1:1/0", timeout_s=0.2)
    with pytest.raises(StateError, match=r"fraud/3: Redis: ") as caught:
        store.fence(TASK, "one")
    assert "secret" not in str(caught.value)


def test_rocksdb_is_for_one_process_but_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    store = RocksStore(path)
    store.fence(TASK, "one")
    store.apply(TASK, "one", step(0, 5, a=b"1"))
    with pytest.raises(StateError, match="cannot be opened"):
        RocksStore(path)
    store.close()
    reader = RocksStore(path, read_only=True)
    assert reader.look(TASK, [b"a"]) == {b"a": b"1"}
    reader.close()


def test_rocksdb_sweeps_what_nobody_came_back_for(tmp_path: Path) -> None:
    clock = Hand()
    store = RocksStore(tmp_path / "state", TTL_MS, clock.read)
    for number in (1, 2):
        store.fence(TaskId("g", number), "one")
        store.apply(TaskId("g", number), "one", step(0, 5, a=b"1"))
        clock.age(TTL_MS // 2)
    store.close()
    reopened = RocksStore(tmp_path / "state", TTL_MS, clock.read)
    assert reopened.tasks("g") == [TaskId("g", 2)]
    reopened.close()
