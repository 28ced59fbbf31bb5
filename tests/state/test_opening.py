"""A URL says where state is kept."""

from pathlib import Path

import pytest

from cep.errors import InputError
from cep.state.opening import open_store
from cep.state.redis_store import RedisStore
from cep.state.rocks_store import RocksStore
from cep.state.store import MemoryStore


def test_urls_name_stores(tmp_path: Path) -> None:
    urls = {
        "memory:": MemoryStore,
        "redis://h:1/2": RedisStore,
        "rediss://u:p@h/0": RedisStore,
        f"rocksdb:{tmp_path / 'state'}": RocksStore,
    }
    for url, kind in urls.items():
        store = open_store(url, None, lambda: 0)
        assert type(store) is kind
        store.close()


@pytest.mark.parametrize("url", ["", "memcached://h", "rocksdb:", "rocksdb://"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InputError, match="state is kept at memory:"):
        open_store(url, None, lambda: 0)
