"""State in Redis: one hash a task, changed by one script a batch; the only importer of redis (extra `live`).

    cep:GROUP/3    @token @since @to @emit   who owns it, where it stands: JSON, for people too
                   @undo                     keys and values that the last batch replaced
                   :KEY …                    the state

All of a task is one hash, so that whatever forgets (an expiry, an eviction, FLUSHALL) forgets all of it.
Redis needs no strong durability: what it lost is made again from the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

from cep.errors import CepError
from cep.state.store import (
    Delta,
    FencedError,
    Offsets,
    Progress,
    StateError,
    StateLostError,
    TaskId,
    fenced,
    lost,
    moved,
)

try:
    import redis
except ImportError:
    redis = None  # type: ignore[assignment]

NEEDS_EXTRA: Final = "state in Redis needs a client: pip install '.[live]' in your clone of cep"

SCAN_FIELDS: Final = 1000

# Every script begins so: nobody but the owner changes anything.
_OWNED: Final = """
local hash, token = KEYS[1], ARGV[1]
local owner = redis.call('HGET', hash, '@token')
if not owner then return redis.error_reply('LOST') end
if owner ~= token then return redis.error_reply('FENCED') end
local function prolong(ttl)
  if ttl == '' then redis.call('PERSIST', hash) else redis.call('PEXPIRE', hash, ttl) end
end
"""

_FENCE: Final = """
local hash, token, ttl = KEYS[1], ARGV[1], ARGV[2]
redis.call('HSET', hash, '@token', token)
if ttl == '' then redis.call('PERSIST', hash) else redis.call('PEXPIRE', hash, ttl) end
return redis.call('HMGET', hash, '@since', '@to', '@emit')
"""

# A script's values go through the stack of Lua, which is small: so many at a time.
_APPLY: Final = (
    _OWNED
    + """
local since, to, emit, ttl, first = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local at = redis.call('HMGET', hash, '@since', '@to')
if at[1] == since and at[2] == to and since ~= to then return 'ALREADY' end
if not at[2] and not first then return redis.error_reply('LOST') end
if at[2] and (first or at[2] ~= since) then return redis.error_reply('ELSEWHERE ' .. at[2]) end
local undo = {}
for from = 7, #ARGV, 2000 do
  local names, set, gone = {}, {}, {}
  for i = from, math.min(from + 1999, #ARGV), 2 do
    names[#names + 1] = ARGV[i]
    if ARGV[i + 1] == '' then
      gone[#gone + 1] = ARGV[i]
    else
      set[#set + 1] = ARGV[i]
      set[#set + 1] = ARGV[i + 1]
    end
  end
  local old = redis.call('HMGET', hash, unpack(names))
  for i, name in ipairs(names) do
    undo[#undo + 1] = name
    undo[#undo + 1] = old[i] or ''
  end
  if #set > 0 then redis.call('HSET', hash, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', hash, unpack(gone)) end
end
redis.call('HSET', hash, '@since', since, '@to', to, '@undo', cmsgpack.pack(undo))
if emit == '' then redis.call('HDEL', hash, '@emit') else redis.call('HSET', hash, '@emit', emit) end
prolong(ttl)
return 'OK'
"""
)

_UNDO: Final = (
    _OWNED
    + """
local since = redis.call('HGET', hash, '@since')
if not since then return redis.error_reply('LOST') end
local packed = redis.call('HGET', hash, '@undo')
if packed then
  local undo = cmsgpack.unpack(packed)
  for i = 1, #undo, 2 do
    if undo[i + 1] == '' then
      redis.call('HDEL', hash, undo[i])
    else
      redis.call('HSET', hash, undo[i], undo[i + 1])
    end
  end
end
redis.call('HSET', hash, '@to', since)
redis.call('HDEL', hash, '@undo')
return redis.call('HMGET', hash, '@since', '@to', '@emit')
"""
)

_WIPE: Final = (
    _OWNED
    + """
redis.call('DEL', hash)
redis.call('HSET', hash, '@token', token)
prolong(ARGV[2])
return 'OK'
"""
)


class RedisStore:
    """See `StateStore`. Calls may be repeated: what was done already is not done twice."""

    def __init__(self, url: str, ttl_ms: int | None = None, timeout_s: float = 10.0) -> None:
        """Connects with the first call. State of a task is forgotten `ttl_ms` after its last change."""
        if redis is None:
            raise CepError(NEEDS_EXTRA)
        self._client = redis.Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        self._ttl = b"" if ttl_ms is None else b"%d" % ttl_ms
        self._fence = self._client.register_script(_FENCE)
        self._apply = self._client.register_script(_APPLY)
        self._undo = self._client.register_script(_UNDO)
        self._wipe = self._client.register_script(_WIPE)

    def fence(self, task: TaskId, token: str) -> Progress | None:
        """Own the task from now on, under a token that nobody had before. None: there is no state."""
        try:
            return _progress(self._fence(keys=[_hash(task)], args=[token, self._ttl]))
        except redis.RedisError as error:
            _refuse(task, error, {})

    def load(self, task: TaskId, token: str) -> Iterator[tuple[bytes, bytes]]:
        """Every key and its value, in no order."""
        try:
            for field, value in self._client.hscan_iter(_hash(task), match=":*", count=SCAN_FIELDS):
                yield field[1:], value
            owner: Any = self._client.hget(_hash(task), "@token")
        except redis.RedisError as error:
            _refuse(task, error, {})
        if owner is None:
            raise StateLostError(lost(task))
        if owner != token.encode():
            raise FencedError(fenced(task))

    def apply(self, task: TaskId, token: str, delta: Delta) -> None:
        """Change the state, keep what is needed to undo that, and forget what the change before needed."""
        emit = b"" if delta.emit_from is None else _text(delta.emit_from)
        first = b"1" if delta.first else b"0"
        args: list[str | bytes] = [token, _text(delta.since), _text(delta.to), emit, self._ttl, first]
        for key, value in delta.changes.items():
            assert value != b"", "an empty value could not be told from none"
            args += [b":" + key, value or b""]
        try:
            self._apply(keys=[_hash(task)], args=args)
        except redis.RedisError as error:
            _refuse(task, error, delta.since)

    def undo(self, task: TaskId, token: str) -> Progress:
        """Take back the last change; the state then stands where that change began."""
        try:
            progress = _progress(self._undo(keys=[_hash(task)], args=[token]))
        except redis.RedisError as error:
            _refuse(task, error, {})
        assert progress is not None
        return progress

    def wipe(self, task: TaskId, token: str) -> None:
        """Forget the state, not the owner."""
        try:
            self._wipe(keys=[_hash(task)], args=[token, self._ttl])
        except redis.RedisError as error:
            _refuse(task, error, {})

    def look(self, task: TaskId, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of some keys, for a person who owns nothing; keys without a value are left out."""
        if not keys:
            return {}
        try:
            values: Any = self._client.hmget(_hash(task), [b":" + key for key in keys])
        except redis.RedisError as error:
            _refuse(task, error, {})
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def tasks(self, group: str) -> list[TaskId]:
        """The tasks of a group that have state."""
        pattern = "cep:" + re.sub(r"([*?\[\]\\])", r"\\\1", group) + "/*"
        try:
            names = list(self._client.scan_iter(match=pattern, count=SCAN_FIELDS))
        except redis.RedisError as error:
            raise StateError(f"Redis: {error}") from error
        numbers = (name.rpartition(b"/")[2] for name in names)
        return sorted(TaskId(group, int(number)) for number in numbers if number.isdigit())

    def close(self) -> None:
        """Let go of connections and files."""
        self._client.close()


def _hash(task: TaskId) -> str:
    return f"cep:{task.group}/{task.partition}"


def _text(offsets: Offsets) -> bytes:
    """Offsets as JSON: the same bytes for the same offsets, so that the script can compare them."""
    return json.dumps(dict(offsets), sort_keys=True, separators=(",", ":")).encode()


def _progress(fields: Sequence[bytes | None]) -> Progress | None:
    since, to, emit = fields
    if since is None or to is None:
        return None
    return Progress(json.loads(since), json.loads(to), None if emit is None else json.loads(emit))


def _refuse(task: TaskId, error: Exception, since: Offsets) -> NoReturn:
    """What a refusal of the script or of the server means."""
    text = str(error)
    if text.startswith("FENCED"):
        raise FencedError(fenced(task)) from None
    if text.startswith("LOST"):
        raise StateLostError(lost(task)) from None
    if text.startswith("ELSEWHERE"):
        raise StateLostError(moved(task, json.loads(text.removeprefix("ELSEWHERE ")), since)) from None
    raise StateError(f"{task.group}/{task.partition}: Redis: {text}") from error
