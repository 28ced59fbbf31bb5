r"""State on the local disk, in RocksDB; the only importer of rocksdict, which the extra `rocksdb` brings.

    GROUP/3 \0 !         one record: owner, position, what the last batch replaced, when it expires
    GROUP/3 \0 : KEY     the state

One process has it open. What another worker's disk holds is older, and is brought up from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from cep.errors import CepError
from cep.state.store import (
    Delta,
    FencedError,
    Progress,
    StateError,
    StateLostError,
    TaskId,
    already,
    fenced,
    lost,
    require_standing,
)
from cep.state.values import pack_value, unpack_value
from cep.values import value

try:
    import rocksdict
except ImportError:
    rocksdict = None  # type: ignore[assignment]

NEEDS_EXTRA: Final = "state on the local disk needs RocksDB: pip install '.[rocksdb]' in your clone of cep"

_HEAD: Final = b"!"


@value
class _Head:
    """The one record of a task beside its state."""

    token: str
    progress: Progress | None = None
    replaced: dict[bytes, bytes | None] = field(default_factory=dict)
    expires_ms: int | None = None

    def pack(self) -> bytes:
        at = self.progress
        told = None if at is None else [dict(at.since), dict(at.to), at.emit_from and dict(at.emit_from)]
        return pack_value([self.token, told, self.replaced, self.expires_ms])

    @staticmethod
    def unpack(data: bytes) -> _Head:
        token, told, replaced, expires_ms = unpack_value(data)
        return _Head(token, None if told is None else Progress(*told), replaced, expires_ms)


class RocksStore:
    """See `StateStore`."""

    def __init__(
        self,
        path: Path,
        ttl_ms: int | None = None,
        now_ms: Callable[[], int] = lambda: 0,
        *,
        read_only: bool = False,
    ) -> None:
        """Opens the folder, and drops what has expired. `read_only`: beside a worker that has it open."""
        if rocksdict is None:
            raise CepError(NEEDS_EXTRA)
        access = rocksdict.AccessType.read_only() if read_only else rocksdict.AccessType.read_write()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # In raw mode keys and values are bytes; the library's types allow more.
            self._db: Any = rocksdict.Rdict(str(path), rocksdict.Options(raw_mode=True), access_type=access)
        except Exception as error:  # the library raises nothing more precise
            raise StateError(f"{path}: the state cannot be opened: {error}") from error
        self._ttl_ms = ttl_ms
        self._now_ms = now_ms
        self._read_only = read_only
        if not read_only:
            for name, head in self._heads():
                if self._expired(head):
                    self._drop(name)

    def fence(self, task: TaskId, token: str) -> Progress | None:
        """Own the task from now on, under a token that nobody had before. None: there is no state."""
        head = self._current(task) or _Head(token)
        head = replace(head, token=token, expires_ms=self._expiry())
        self._db[_name(task) + _HEAD] = head.pack()
        return head.progress

    def load(self, task: TaskId, token: str) -> Iterator[tuple[bytes, bytes]]:
        """Every key and its value, in no order."""
        self._owned(task, token)
        prefix = _name(task) + b":"
        for key, packed in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                break
            yield key[len(prefix) :], packed

    def apply(self, task: TaskId, token: str, delta: Delta) -> None:
        """Change the state, keep what is needed to undo that, and forget what the change before needed."""
        head = self._owned(task, token)
        if already(head.progress, delta):
            return
        require_standing(task, head.progress, delta)
        prefix = _name(task) + b":"
        replaced = {key: self._db.get(prefix + key) for key in delta.changes}
        progress = Progress(delta.since, delta.to, delta.emit_from)
        self._write(task, delta.changes, _Head(token, progress, replaced, self._expiry()))

    def undo(self, task: TaskId, token: str) -> Progress:
        """Take back the last change; the state then stands where that change began."""
        head = self._owned(task, token)
        if head.progress is None:
            raise StateLostError(lost(task))
        progress = replace(head.progress, to=head.progress.since)
        self._write(task, head.replaced, replace(head, progress=progress, replaced={}))
        return progress

    def wipe(self, task: TaskId, token: str) -> None:
        """Forget the state, not the owner."""
        self._owned(task, token)
        self._drop(_name(task))
        self._db[_name(task) + _HEAD] = _Head(token, expires_ms=self._expiry()).pack()

    def look(self, task: TaskId, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of some keys, for a person who owns nothing; keys without a value are left out."""
        if self._current(task) is None:
            return {}
        found = {key: self._db.get(_name(task) + b":" + key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def tasks(self, group: str) -> list[TaskId]:
        """The tasks of a group that have state."""
        names = [name[:-1].decode().rpartition("/") for name, _ in self._heads()]
        return sorted(TaskId(group, int(number)) for of, _, number in names if of == group)

    def close(self) -> None:
        """Let go of connections and files."""
        self._db.close()

    def _write(self, task: TaskId, changes: Mapping[bytes, bytes | None], head: _Head) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, packed in changes.items():
            name = _name(task) + b":" + key
            if packed is None:
                batch.delete(name)
            else:
                batch.put(name, packed)
        batch.put(_name(task) + _HEAD, head.pack())
        self._db.write(batch)

    def _owned(self, task: TaskId, token: str) -> _Head:
        head = self._current(task)
        if head is None:
            raise StateLostError(lost(task))
        if head.token != token:
            raise FencedError(fenced(task))
        return head

    def _current(self, task: TaskId) -> _Head | None:
        data = self._db.get(_name(task) + _HEAD)
        if data is None:
            return None
        head = _Head.unpack(data)
        if self._expired(head):
            if not self._read_only:
                self._drop(_name(task))
            return None
        return head

    def _heads(self) -> list[tuple[bytes, _Head]]:
        """The heads of all tasks; what stands between them is jumped over."""
        found: list[tuple[bytes, _Head]] = []
        at = b""
        while (first := next(iter(self._db.items(from_key=at)), None)) is not None:
            name = first[0].partition(b"\x00")[0] + b"\x00"
            data = self._db.get(name + _HEAD)
            if data is not None:
                found.append((name, _Head.unpack(data)))
            at = name + b"\xff"
        return found

    def _drop(self, name: bytes) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        batch.delete_range(name, name + b"\xff")
        self._db.write(batch)

    def _expired(self, head: _Head) -> bool:
        return head.expires_ms is not None and head.expires_ms <= self._now_ms()

    def _expiry(self) -> int | None:
        return None if self._ttl_ms is None else self._now_ms() + self._ttl_ms


def _name(task: TaskId) -> bytes:
    return f"{task.group}/{task.partition}".encode() + b"\x00"
