"""Blocks of JSON lines into chunks, many lines at once; the answers are those of the row-by-row reader.

    lines ──▶ alike? ──▶ layout, slots ──▶ columns ──┐
                │             refused │              ├──▶ chunk, in the order of the lines
                └──▶ row by row ◀─────┘ ──▶ rows ────┘

Lines with a backslash, a control character or bytes that are no UTF-8, lines whose layout is rare, and lines
with a value that is refused go to the row-by-row reader, one by one: a bad line costs itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from cep.columns import Batch, Bools, Ints, concat
from cep.inputs import TypeField
from cep.ports.byte_spans import Block
from cep.ports.json_layout import Layout, LineTable, layout_of
from cep.ports.json_lines import add_lines
from cep.ports.json_table import Group, Table
from cep.ports.json_values import parse
from cep.ports.lines import Bounds, LineBlock, Lines, group_lines, line_blocks
from cep.ports.open_file import read_blocks
from cep.ports.rows import Chunk, Reading, Rows

LINES_MIN: Final = 128
"""Fewer lines are read sooner one by one."""

_LAYOUTS_MAX: Final = 16
_TRIES_MAX: Final = 8
ALIKE_MIN: Final = 32
"""So many lines that are left are worth a look for another layout."""
_SPACE: Final = 0x20
_ASCII_MAX: Final = 0x7F


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
        self._reading = reading
        self._line_bytes_max = line_bytes_max
        self._rows = Rows(reading, textual=False)
        self._layouts: list[Layout] = []
        settings = reading.settings
        self._wanted = {settings.time.path, *reading.field_paths()}
        if isinstance(settings.type, TypeField):
            self._wanted.add(settings.type.path)

    def chunk(self, lines: LineBlock) -> Chunk:
        """The events and rejects of a block."""
        ends = lines.ends
        starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])[: len(ends)]
        settled = 0
        while settled < len(ends) and (not self._rows.time.steady or len(ends) < LINES_MIN):
            self._add(lines, starts, ends, settled)
            settled += 1
        if settled == len(ends):
            return self._rows.take()
        fast, left = self._alike(lines, starts, ends, settled)
        for row in left.tolist():
            self._add(lines, starts, ends, row)
        slow = self._rows.take()
        if fast is None:
            return slow
        batch = fast
        if len(slow.batch):
            batch = concat([fast, slow.batch])
            batch = batch.take(np.argsort(batch.line, kind="stable"))
        return Chunk(batch, slow.rejects, slow.unmatched)

    def _add(self, lines: LineBlock, starts: Ints, ends: Ints, row: int) -> None:
        """Give one line to the row-by-row reader."""
        end = min(int(ends[row]), int(starts[row]) + self._line_bytes_max + 1)
        group = Lines(lines.first + row, [lines.data[int(starts[row]) : end]])
        add_lines(self._rows, group, self._line_bytes_max)

    def _alike(self, lines: LineBlock, starts: Ints, ends: Ints, skip: int) -> tuple[Batch | None, Ints]:
        """The events of lines that are like many others, and the lines that are left for the other reader."""
        block = Block(lines.data)
        odd = _odd_lines(block, starts, ends)
        odd |= ends - starts > self._line_bytes_max
        if b"\r" in lines.data:
            ends = ends - ((ends > starts) & (block.byte_at(ends, -1) == ord("\r")))
        odd[:skip] = True
        filled = ends > starts
        quotes = block.where(ord('"'))
        if not len(quotes):
            return None, np.flatnonzero(filled)[skip:]
        table = LineTable(block, quotes, starts, ends, _first_quotes(quotes, starts, ends))
        rest = np.flatnonzero(~odd & filled)
        groups, rest = self._groups(table, rest)
        odd[rest] = True
        odd[:skip] = False
        left = np.flatnonzero(odd & filled)
        if not groups:
            return None, left
        batch, refused = Table(self._reading, self._rows.types, self._rows.time, block, groups).batch(
            lines.first
        )
        return batch, np.sort(np.concatenate([left, refused]))

    def _groups(self, table: LineTable, rest: Ints) -> tuple[list[Group], Ints]:
        """Lines by layout, and those of none. A layout that was of use comes first in the next block."""
        groups: list[Group] = []
        counts = np.diff(table.first_quote, append=len(table.quotes))
        useful: list[Layout] = []
        known, tries = list(self._layouts), 0
        while len(rest):
            if known:
                layout: Layout | None = known.pop(0)
            elif tries < _TRIES_MAX and len(rest) >= ALIKE_MIN:
                tries += 1
                first = int(rest[0])
                layout = self._layout(table.block.data[int(table.starts[first]) : int(table.ends[first])])
            else:
                break
            if layout is not None:
                group, rest = _matching(layout, table, rest, counts)
                if group is not None:
                    groups.append(group)
                    useful.append(layout)
        others = [layout for layout in self._layouts if layout not in useful]
        self._layouts = (useful + others)[:_LAYOUTS_MAX]
        return groups, rest

    def _layout(self, line: bytes) -> Layout | None:
        """The layout of a line, if what rules read of it stands in slots."""
        try:
            record = parse(line)
        except ValueError:
            return None
        layout = layout_of(line) if type(record) is dict else None
        if layout is None or any(path in layout.containers for path in self._wanted):
            return None
        return layout


def _matching(layout: Layout, table: LineTable, rest: Ints, counts: Ints) -> tuple[Group | None, Ints]:
    """Of these lines the ones with this layout, and the others."""
    alike = counts[rest] == layout.quotes
    mine = rest if alike.all() else rest[alike]
    if not len(mine):
        return None, rest
    same, spans = layout.match(table if len(mine) == len(table.starts) else table.take(mine))
    if same.all():
        return Group(layout, mine, spans), rest[~alike]
    found = np.flatnonzero(same)
    if not len(found):
        return None, rest
    matched = alike.copy()
    matched[np.flatnonzero(alike)[~same]] = False
    spans = [(starts[found], ends[found]) for starts, ends in spans]
    return Group(layout, mine[found], spans), rest[~matched]


def _first_quotes(quotes: Ints, starts: Ints, ends: Ints) -> Ints:
    """Which quote is the first of each line; no search is needed if all lines have as many."""
    each, more = divmod(len(quotes), len(starts))
    if not more and (quotes[::each] >= starts).all() and (quotes[each - 1 :: each] < ends).all():
        return np.arange(0, len(quotes), each)
    return np.searchsorted(quotes, starts)


def _odd_lines(block: Block, starts: Ints, ends: Ints) -> Bools:
    """Lines that cannot be read many at once, by what bytes are in them."""
    odd = np.zeros(len(starts), dtype=np.bool_)
    inner, data = block.inner, block.data
    if b"\\" in data:
        odd[_lines_of(block.where(ord("\\")), starts)] = True
    if np.count_nonzero(inner < _SPACE) > len(ends):
        at = np.flatnonzero(inner < _SPACE)
        value = inner[at]
        # A carriage return right before the end of a line is part of that end.
        ending = (value == ord("\n")) | ((value == ord("\r")) & (block.byte_at(at, 1) == ord("\n")))
        odd[_lines_of(at[~ending], starts)] = True
    if block.ascii is None and not _is_utf8(data):
        for row in np.unique(_lines_of(np.flatnonzero(inner > _ASCII_MAX), starts)).tolist():
            odd[row] |= not _is_utf8(data[int(starts[row]) : int(ends[row])])
    return odd


def _lines_of(at: Ints, starts: Ints) -> Ints:
    return np.searchsorted(starts, at, side="right") - 1


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
