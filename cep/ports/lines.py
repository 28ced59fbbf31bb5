"""Bytes cut into lines, in groups of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from cep.columns import Bytes, Ints
from cep.limits import CHUNK_ROWS
from cep.ports.json_kernel import KERNEL
from cep.values import value

_BOM: Final = b"\xef\xbb\xbf"


@value
class Bounds:
    """How much is read at once: a chunk ends at `chunk_rows` rows or after `chunk_bytes`.

    A line longer than `line_bytes_max` is refused; its beginning is kept.
    """

    chunk_rows: int = CHUNK_ROWS
    chunk_bytes: int = 16 << 20
    line_bytes_max: int = 16 << 20


BOUNDS: Final = Bounds()

_LINE_END: Final = np.frombuffer(b"\n", dtype=np.uint8)

_FIRST_PART: Final = 16
"""The first of large chunks is so much smaller, and the next one less so: matching can begin the sooner."""


@value
class Lines:
    """Lines that follow each other, without their ends; `first` is the number of the first one, from 1."""

    first: int
    lines: list[bytes]


@value
class LineBlock:
    """As `Lines`, but in one piece and each with its end; `ends` is where these are.

    The bytes are those of the block until the next one is asked for, which may stand in the same memory.
    """

    first: int
    data: Bytes
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

    >>> [block.data.tobytes() for block in line_blocks([b"one\ntw", b"o\nthree"], Bounds(chunk_rows=2))]
    [b'one\ntwo\n', b'three\n']
    """
    held, part = _Held(), _FIRST_PART if bounds.chunk_rows >= CHUNK_ROWS else 1
    for block in _without_mark(blocks):
        data, begin = np.frombuffer(block, dtype=np.uint8), 0
        ends = line_ends(data)
        while len(ends):
            count = min(len(ends), bounds.chunk_rows // part - held.rows)
            cut = int(ends[count - 1]) + 1
            held.add(data[begin:cut], ends[:count] - begin)
            begin, ends = cut, ends[count:]
            if held.rows >= bounds.chunk_rows // part or held.size >= bounds.chunk_bytes // part:
                yield held.taken()
                part = max(1, part // 4)
        # Of a line that is too long no more is kept than shows that it is.
        held.begin_line(data[begin:][: max(0, bounds.line_bytes_max + 1 - held.under_way)])
    if held.under_way:
        held.add(_LINE_END, np.zeros(1, dtype=np.int64))
    if held.rows:
        yield held.taken()


class _Held:
    """The block under way: `under_way` is how many bytes there are of a line without an end."""

    def __init__(self) -> None:
        self._first = 1
        self._memory: Bytes = np.empty(0, dtype=np.uint8)
        self._clear()

    def _clear(self) -> None:
        self._ends: list[Ints] = []
        self.rows = self.size = self.under_way = 0

    def add(self, piece: Bytes, ends: Ints) -> None:
        """Whole lines, the first of which may have begun before."""
        self._ends.append(ends + self.size)
        self.rows += len(ends)
        self.begin_line(piece)
        self.under_way = 0

    def begin_line(self, piece: Bytes) -> None:
        size = self.size + len(piece)
        if size > len(self._memory):
            larger = np.empty(2 * size, dtype=np.uint8)
            larger[: self.size] = self._memory[: self.size]
            self._memory = larger
        self._memory[self.size : size] = piece
        self.size = size
        self.under_way += len(piece)

    def taken(self) -> LineBlock:
        block = LineBlock(self._first, self._memory[: self.size], np.concatenate(self._ends))
        self._first += self.rows
        self._clear()
        return block


def line_ends(data: Bytes) -> Ints:
    r"""Where the line ends of some bytes are.

    >>> line_ends(np.frombuffer(b"a\n\nb", dtype=np.uint8)).tolist()
    [1, 2]
    """
    if KERNEL is not None:
        return KERNEL.line_ends(data)
    return np.flatnonzero(data == ord("\n"))


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
