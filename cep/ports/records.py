"""Records of a topic into chunks, through the same reading of JSON, types and times as files.

A record is known by its line, which is its offset plus one: a partition written to a file, a record a line,
is read to the same events with the same order and the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, cast

import numpy as np

from cep.concat import concat
from cep.ports.json_blocks import JsonBlocks
from cep.ports.json_lines import add_lines
from cep.ports.lines import BOUNDS, LineBlock, Lines, line_ends
from cep.ports.rows import Chunk, Reading, Rows

LINE_OF_OFFSET: Final = 1
"""What is added to an offset to get the line."""

GAP_MAX: Final = 16
"""Offsets without a record (marks of transactions) are blank lines of a block, unless they are more."""


class RecordDecoder:
    """Decodes the records of one partition in their order: a guessed time format is kept between batches."""

    def __init__(self, reading: Reading) -> None:
        """`reading.path` is what alerts call the source."""
        self._blocks = JsonBlocks(reading, BOUNDS.line_bytes_max)
        self._rows = Rows(reading, textual=False)

    def chunk(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> Chunk:
        """The events among these records, and the records that are none."""
        if not values:
            return self._rows.take()
        whole = _whole(offsets, values)
        if whole is not None:
            return self._blocks.chunk(whole)
        lines, odd = list(values), []
        for row, value in enumerate(values):
            # A block holds one record a line and passes over blank ones; here none may be passed over.
            if not value or b"\n" in value or value.isspace():
                odd.append(row)
                lines[row] = b""
        chunks = [self._blocks.chunk(block) for block in _blocks(offsets, lines)]
        if odd:
            chunks.append(self._one_by_one([offsets[row] for row in odd], [values[row] for row in odd]))
        if len(chunks) == 1:
            return chunks[0]
        batch = concat([chunk.batch for chunk in chunks])
        batch = batch.take(np.argsort(batch.line, kind="stable"))
        return Chunk(batch, tuple(reject for chunk in chunks for reject in chunk.rejects))

    def _one_by_one(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> Chunk:
        for offset, value in zip(offsets, values, strict=True):
            line = offset + LINE_OF_OFFSET
            if not value or value.isspace():
                self._rows.reject(line, "unreadable", "a record without a value", value or b"")
            else:
                add_lines(self._rows, Lines(line, [value]), BOUNDS.line_bytes_max)
        return self._rows.take()


def _whole(offsets: Sequence[int], values: Sequence[bytes | None]) -> LineBlock | None:
    """The records as one block; None if there is a gap among them, or one that is no line of its own."""
    if offsets[-1] - offsets[0] >= len(offsets) or None in values:
        return None
    text = b"\n".join(cast("Sequence[bytes]", values)) + b"\n"
    data = np.frombuffer(text, dtype=np.uint8)
    block = LineBlock(offsets[0] + LINE_OF_OFFSET, data, line_ends(data))
    if len(block.ends) != len(values):
        return None
    # A blank record begins with a blank or with its line end; so do others, which are seldom.
    first = data[block.starts]
    return None if (first <= ord(" ")).any() else block


def _blocks(offsets: Sequence[int], values: Sequence[bytes | None]) -> Iterator[LineBlock]:
    """The records as blocks of lines whose numbers follow each other."""
    steps = np.diff(np.array(offsets, dtype=np.int64))
    cuts = [0, *(np.flatnonzero(steps > GAP_MAX) + 1).tolist(), len(offsets)]
    for start, end in pairwise(cuts):
        lines = list(values[start:end])
        if offsets[end - 1] - offsets[start] >= end - start:
            lines = [b""] * (offsets[end - 1] - offsets[start] + 1)
            for offset, value in zip(offsets[start:end], values[start:end], strict=True):
                lines[offset - offsets[start]] = value
        data = np.frombuffer(b"\n".join(line or b"" for line in lines) + b"\n", dtype=np.uint8)
        lengths = np.fromiter((len(line or b"") + 1 for line in lines), dtype=np.int64, count=len(lines))
        yield LineBlock(offsets[start] + LINE_OF_OFFSET, data, np.cumsum(lengths) - 1)
