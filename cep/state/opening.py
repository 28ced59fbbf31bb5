"""A store from its URL: `memory:`, `redis://…` (also `rediss:` and `unix:`), `rocksdb:FOLDER`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cep.errors import InputError
from cep.state.redis_store import RedisStore
from cep.state.rocks_store import RocksStore
from cep.state.store import MemoryStore, StateStore


def open_store(
    url: str, ttl_ms: int | None, now_ms: Callable[[], int], *, read_only: bool = False
) -> StateStore:
    """The store; InputError if the URL names none. `now_ms` is the time of day: it ends what nobody uses.

    >>> type(open_store("memory:", None, lambda: 0)).__name__
    'MemoryStore'
    """
    scheme, _, rest = url.partition(":")
    match scheme:
        case "memory":
            return MemoryStore(ttl_ms, now_ms)
        case "redis" | "rediss" | "unix":
            return RedisStore(url, ttl_ms)
        case "rocksdb" if rest.strip("/"):
            return RocksStore(Path(rest), ttl_ms, now_ms, read_only=read_only)
        case _:
            raise InputError(f"{url}: state is kept at memory:, redis://HOST:PORT/DB or rocksdb:FOLDER")
