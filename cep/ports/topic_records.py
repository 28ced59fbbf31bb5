"""Records of topics as values: what was read, what is to be written, and what went wrong on the way."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from cep.errors import CepError
from cep.values import value


class KafkaError(CepError):
    """A broker or a client refused something; the only cure is to start again from what is committed."""


class Keyed(Protocol):
    """A record of the client library."""

    def key(self) -> bytes | None:
        """The key it was sent with."""
        ...

    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        """What was sent beside the value."""
        ...


class Part(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@value
class Position:
    """A committed offset and what was written beside it."""

    offset: int
    metadata: str = ""


@value
class Records:
    """Records of one partition in the order of their offsets; a value of None is a tombstone."""

    part: Part
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    messages: Sequence[Keyed] = ()
    """The records as the client gave them: keys are rarely asked for, so they are not read in advance."""

    def key(self, row: int) -> bytes | None:
        """The key of a record."""
        return self.messages[row].key() if self.messages else None

    def headers(self, row: int) -> dict[str, bytes]:
        """The headers of a record."""
        return dict(self.messages[row].headers() or ()) if self.messages else {}

    def split(self, offset: int) -> tuple[Records, Records]:
        """The records before an offset, and those from it on; either may have none."""
        at = bisect_left(self.offsets, offset)
        return self._cut(slice(0, at)), self._cut(slice(at, None))

    def in_order(self) -> Records:
        """The same records in order and each once, where who gave them does not see to that."""
        if all(before < behind for before, behind in pairwise(self.offsets)):
            return self
        row_of = {offset: row for row, offset in enumerate(self.offsets)}
        rows = [row_of[offset] for offset in sorted(row_of)]
        messages = [self.messages[row] for row in rows] if self.messages else ()
        return Records(self.part, sorted(row_of), [self.values[row] for row in rows], messages)

    def _cut(self, rows: slice) -> Records:
        return Records(self.part, self.offsets[rows], self.values[rows], self.messages[rows])

    @property
    def next_offset(self) -> int:
        """Where reading goes on after these."""
        return self.offsets[-1] + 1


@value
class Outgoing:
    """A record to be written."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = -1
    """-1: the key decides."""
