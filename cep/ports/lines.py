"""Bytes cut into lines, in groups of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from cep.columns import Ints
from cep.limits import CHUNK_ROWS

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is read at once: a chunk ends at `chunk_rows` rows or after `chunk_bytes`.

    A line longer than `line_bytes_max` is refused; its beginning is kept.
    """

    chunk_rows: int = CHUNK_ROWS
    chunk_bytes: int = 16 << 20
    line_bytes_max: int = 16 << 20


BOUNDS: Final = Bounds()


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that follow each other, without their ends; `first` is the number of the first one, from 1."""

    first: int
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class LineBlock:
    """As `Lines`, but in one piece and each with its end; `ends` is where these are."""

    first: int
    data: bytes
    ends: Ints

    def start(self, row: int) -> int:
        """Where a line begins."""
        return int(self.ends[row - 1]) + 1 if row else 0

    @property
    def starts(self) -> Ints:
        """Where each line begins."""
        return np.concatenate([np.zeros(1, dtype=np.int64), self.ends[:-1] + 1])[: len(self.ends)]


def line_blocks(blocks: Iterable[bytes], bounds: Bounds) -> Iterator[LineBlock]:
    r"""As `group_lines`, in one piece: every line of a block ends with a line end.

    >>> [block.data for block in line_blocks([b"one\ntw", b"o\nthree"], Bounds(chunk_rows=2))]
    [b'one\ntwo\n', b'three\n']
    """
    first = 1
    for data in _whole_lines(blocks, bounds):
        ends = _line_ends(data)
        cuts = [0, *(ends[bounds.chunk_rows - 1 : -1 : bounds.chunk_rows] + 1).tolist(), len(data)]
        for row, (start, end) in enumerate(pairwise(cuts)):
            mine = ends[row * bounds.chunk_rows :][: bounds.chunk_rows] - start
            yield LineBlock(first, data[start:end], mine)
            first += len(mine)


def _whole_lines(blocks: Iterable[bytes], bounds: Bounds) -> Iterator[bytes]:
    """Stretches of whole lines of about `chunk_bytes`; of a line that is too long the end may be missing."""
    held: list[bytes] = []
    under_way: list[bytes] = []
    size = length = count = 0
    for block in _without_mark(blocks):
        cut = block.rfind(b"\n") + 1
        count += int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")))
        if cut:
            held += [*under_way, block[:cut]]
            size += length + cut
            under_way, length = [], 0
        rest = block[cut : cut + bounds.line_bytes_max + 1 - length]
        under_way.append(rest)
        length += len(rest)
        if size >= bounds.chunk_bytes or count >= bounds.chunk_rows:
            yield b"".join(held)
            held, size, count = [], 0, 0
    if length:
        held += [*under_way, b"\n"]
    if held:
        yield b"".join(held)


def _line_ends(data: bytes) -> Ints:
    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))


def group_lines(blocks: Iterable[bytes], bounds: Bounds) -> Iterator[Lines]:
    r"""Lines in groups; a byte order mark before the first one is dropped.

    Of a line that is too long `line_bytes_max` + 1 bytes are kept, so that its reader sees that it is.

    >>> [group.lines for group in group_lines([b"one\ntw", b"o\nthree"], Bounds(chunk_rows=2))]
    [[b'one', b'two'], [b'three']]
    """
    first, size = 1, 0
    group: list[bytes] = []
    for line in _lines(blocks, bounds.line_bytes_max + 1):
        group.append(line)
        size += len(line) + 1
        if len(group) >= bounds.chunk_rows or size >= bounds.chunk_bytes:
            yield Lines(first, group)
            first, size, group = first + len(group), 0, []
    if group:
        yield Lines(first, group)


def _lines(blocks: Iterable[bytes], keep: int) -> Iterator[bytes]:
    """Each line cut to `keep` bytes. The last one may lack its end; an empty last one is none."""
    under_way: list[bytes] = []
    size = 0
    for block in _without_mark(blocks):
        head, *rest = block.split(b"\n")
        under_way.append(head[: keep - size])
        size += len(under_way[-1])
        if rest:
            yield b"".join(under_way)
            under_way = [rest.pop()[:keep]]
            size = len(under_way[0])
            for line in rest:
                yield line[:keep]
    if size:
        yield b"".join(under_way)


def _without_mark(blocks: Iterable[bytes]) -> Iterator[bytes]:
    head = b""
    blocks = iter(blocks)
    for block in blocks:
        head += block
        if len(head) >= len(_BOM):
            break
    yield head.removeprefix(_BOM)
    yield from blocks
