"""Lines of JSON that are like many others, read many at once with NumPy: where there is no compiled kernel.

    lines ──▶ alike? ──▶ layout, slots ──▶ columns
                │             refused │
                └──▶ left ◀───────────┘

Lines with a backslash, a control character or bytes that are no UTF-8, lines whose layout is rare, and lines
with a value that is refused are left to the row-by-row reader.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cep.columns import Batch, Bools, Ints
from cep.ports.byte_spans import Block
from cep.ports.json_layout import Group, Layout, LineTable, layout_of
from cep.ports.json_table import Table
from cep.ports.json_values import parse
from cep.ports.lines import LineBlock
from cep.ports.rows import Reading, Rows
from cep.ports.span_columns import SpanFields

_LAYOUTS_MAX: Final = 16
_TRIES_MAX: Final = 8
ALIKE_MIN: Final = 32
"""So many lines that are left are worth a look for another layout."""
_SPACE: Final = 0x20
_ASCII_MAX: Final = 0x7F


class AlikeLines:
    """Reads the blocks of one input in their order."""

    def __init__(self, reading: Reading, rows: Rows, line_bytes_max: int) -> None:
        """`rows` reads the lines that are left; what is known of types and times is shared with it."""
        self._reading = reading
        self._rows = rows
        self._line_bytes_max = line_bytes_max
        self._wanted = reading.paths()
        self._layouts: list[Layout] = []

    def events(self, lines: LineBlock, skip: int) -> tuple[Batch | None, Ints]:
        """The events of lines that are like many others, and the lines that are left; some are skipped."""
        block, starts, ends = Block(lines.data.tobytes()), lines.starts, lines.ends
        odd = _odd_lines(block, starts, ends)
        odd |= ends - starts > self._line_bytes_max
        if b"\r" in block.data:
            ends = ends - ((ends > starts) & (block.byte_at(ends, -1) == ord("\r")))
        odd[:skip] = True
        filled = ends > starts
        quotes = block.where(ord('"'))
        if not len(quotes):
            return None, np.flatnonzero(filled)[skip:]
        places = LineTable(block, quotes, starts, ends, _first_quotes(quotes, starts, ends))
        rest = np.flatnonzero(~odd & filled)
        groups, rest = self._groups(places, rest)
        odd[rest] = True
        odd[:skip] = False
        left = np.flatnonzero(odd & filled)
        if not groups:
            return None, left
        fields = SpanFields(block, groups)
        table = Table(self._reading, self._rows.types, self._rows.time, fields, fields.lines)
        batch, refused = table.batch(lines.first, fields.refused)
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
