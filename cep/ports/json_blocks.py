"""Blocks of JSON lines into chunks, many lines at once; the answers are those of the row-by-row reader.

    lines ──▶ kernel, or lines alike ──▶ columns ──┐
                 │ left                            ├──▶ chunk, in the order of the lines
                 └──▶ row by row ──▶ rows ─────────┘

Lines that are left go to the row-by-row reader, one by one: a bad line costs itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cep.ports.json_alike import AlikeLines
from cep.ports.json_cells import ScannedLines
from cep.ports.json_kernel import KERNEL, NAMES_MAX
from cep.ports.json_lines import add_lines
from cep.ports.lines import Bounds, LineBlock, Lines, group_lines, line_blocks
from cep.ports.open_file import read_blocks
from cep.ports.rows import Chunk, Reading, Rows, joined

LINES_MIN: Final = 128 if KERNEL is None else 16
"""Fewer lines are read sooner one by one."""


def json_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """The chunks of a file of JSON lines."""
    blocks = read_blocks(reading.path, reading.progress)
    if bounds.chunk_rows < LINES_MIN:
        rows = Rows(reading, textual=False)
        for group in group_lines(blocks, bounds):
            add_lines(rows, group, bounds.line_bytes_max)
            yield rows.take()
        return
    reader = JsonBlocks(reading, bounds.line_bytes_max)
    for lines in line_blocks(blocks, bounds):
        yield reader.chunk(lines)


class JsonBlocks:
    """Reads the blocks of one input in their order."""

    def __init__(self, reading: Reading, line_bytes_max: int) -> None:
        """InputError if the settings of the input cannot be used."""
        self._line_bytes_max = line_bytes_max
        self._rows = Rows(reading, textual=False)
        self._many: AlikeLines | ScannedLines = (
            AlikeLines(reading, self._rows, line_bytes_max)
            if KERNEL is None or sum(map(len, reading.paths())) >= NAMES_MAX
            else ScannedLines(reading, self._rows, line_bytes_max, KERNEL)
        )

    def chunk(self, lines: LineBlock) -> Chunk:
        """The events and rejects of a block."""
        count = len(lines.ends)
        settled = 0
        while settled < count and (not self._rows.time.steady or count < LINES_MIN):
            self._add(lines, settled)
            settled += 1
        if settled == count:
            return self._rows.take()
        fast, left = self._many.events(lines, settled)
        for row in left.tolist():
            self._add(lines, row)
        return joined(fast, self._rows.take())

    def _add(self, lines: LineBlock, row: int) -> None:
        """Give one line to the row-by-row reader."""
        start = lines.start(row)
        end = min(int(lines.ends[row]), start + self._line_bytes_max + 1)
        add_lines(
            self._rows, Lines(lines.first + row, [lines.data[start:end].tobytes()]), self._line_bytes_max
        )
