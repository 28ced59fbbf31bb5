r"""What many lines of JSON have in common: a line that differs from a good one in its values only is as good.

    {"id":17,"type":"login","ok":true}          a good line
    {"id":0,"type":"0","ok":0}                  its layout: fixed text, and slots for values
     ------^--------^-------^-------^

In a line without a backslash each quote begins or ends a text, so the end of a value is found by counting
quotes: a text ends at the next one, a number or `true` right before the fixed text that holds the next one.
A line is of the layout if all the fixed text stands where it must. Its texts then hold no quote, and if also
each of its other values is one of JSON, the line is JSON.
"""

from __future__ import annotations

import json
import re
from typing import Final

import numpy as np

from cep.columns import Bools, Ints, Rows
from cep.event import Value
from cep.inputs import Path
from cep.ports.byte_spans import AT_ONCE, MARGIN, Block
from cep.values import value

_TOKEN: Final = re.compile(rb'"[^"]*"|[^\s{}\[\],:"]+|[{}\[\]:,]|\s+')
_ITEM: Final = "\0"
"""What leads to the values of a list; no name of a field is spelt like it."""


@value
class Slot:
    """A place for a value: what leads to it, whether it is a text, and the fixed text that follows it."""

    path: Path
    text: bool
    after: bytes


@value
class LineTable:
    """Some lines of a block: where they begin and end, and which quote is the first of each."""

    block: Block
    quotes: Ints
    starts: Ints
    ends: Ints
    first_quote: Ints

    def take(self, rows: Rows) -> LineTable:
        """Only these lines."""
        return LineTable(self.block, self.quotes, self.starts[rows], self.ends[rows], self.first_quote[rows])


@value
class Layout:
    """The fixed text of a line and its slots; `containers` is what leads to each of its objects and lists."""

    head: bytes
    slots: tuple[Slot, ...]
    containers: frozenset[Path] = frozenset()

    @property
    def quotes(self) -> int:
        """How many quotes a line of this layout has."""
        return self.head.count(b'"') + sum(slot.after.count(b'"') for slot in self.slots)

    def match(self, lines: LineTable) -> tuple[Bools, list[tuple[Ints, Ints]]]:
        """Which lines have this layout, and where the value of each slot begins and ends in those.

        Some lines at a time, so that what belongs together stays in the cache of the processor.
        """
        count = len(lines.starts)
        same = np.zeros(count, dtype=np.bool_)
        spans = np.empty((len(self.slots), 2, count), dtype=np.int64)
        for begin in range(0, count, AT_ONCE):
            mine = slice(begin, begin + AT_ONCE)
            same[mine] = self._match(lines.take(mine), spans[:, :, mine])
        return same, [(starts, ends) for starts, ends in spans]

    def _match(self, lines: LineTable, spans: Ints) -> Bools:
        block, last = lines.block, len(lines.quotes) - 1
        same = block.equal(lines.starts, self.head)
        at = lines.starts + len(self.head)
        seen = self.head.count(b'"')
        for slot, (starts, ends) in zip(self.slots, spans, strict=True):
            if b'"' in slot.after:
                end = lines.quotes[np.minimum(lines.first_quote + seen, last)] - slot.after.index(b'"')
            else:
                end = lines.ends - len(slot.after)
            starts[:] = at
            np.maximum(end, at, out=ends)
            same &= block.equal(ends, slot.after)
            at = ends + len(slot.after)
            seen += slot.after.count(b'"')
        complete: Bools = at == lines.ends
        return same & complete


@value
class Group:
    """Lines of one layout: their numbers in the block, and where the value of each slot begins and ends."""

    layout: Layout
    lines: Ints
    spans: list[tuple[Ints, Ints]]


def layout_of(line: bytes) -> Layout | None:
    """The layout of a line that is a JSON object without a backslash; None if it is too odd to have one.

    >>> [slot.path for slot in layout_of(b'{"a": 1, "b": {"c": "x"}}').slots]
    [('a',), ('b', 'c')]
    """
    fixed, slots = [b""], list[tuple[Path, bool]]()
    containers: set[Path] = set()
    for token, path in _tokens(line, containers):
        if path is None:
            fixed[-1] += token
        elif token.startswith(b'"'):
            fixed[-1] += b'"'
            fixed.append(b'"')
            slots.append((path, True))
        else:
            fixed.append(b"")
            slots.append((path, False))
    paths = [path for path, _ in slots]
    after = fixed[1:]
    odd = (
        not slots
        or len(set(paths)) < len(paths)
        or sum(map(len, fixed)) > MARGIN // 2
        or any(b'"' not in text for text in after[:-1])
        or _has_twins(line)
    )
    if odd:
        return None
    made = tuple(Slot(*slot, text) for slot, text in zip(slots, after, strict=True))
    return Layout(fixed[0], made, frozenset(containers))


def _tokens(line: bytes, containers: set[Path]) -> list[tuple[bytes, Path | None]]:
    """The pieces of a line; those that are values come with what leads to them."""
    found: list[tuple[bytes, Path | None]] = []
    path: list[str] = []  # one name for each open container and one for the value under way
    in_object: list[bool] = []
    key_next = False
    for token in _TOKEN.findall(line):
        match token:
            case b"{" | b"[":
                containers.add(tuple(path))
                in_object.append(token == b"{")
                path.append(_ITEM)
                key_next = token == b"{"
            case b"}" | b"]":
                in_object.pop()
                path.pop()
                key_next = False
            case b",":
                key_next = in_object[-1]
            case _ if token == b":" or token.isspace():
                pass
            case _ if key_next:
                path[-1] = token[1:-1].decode()
                key_next = False
            case _:
                found.append((token, tuple(path)))
                continue
        found.append((token, None))
    return found


def _has_twins(line: bytes) -> bool:
    """Whether some object of the line has a name twice: the last one counts, which a layout cannot say."""
    twins = False

    def look(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
        nonlocal twins
        found = dict(pairs)
        twins = twins or len(found) < len(pairs)
        return found

    json.loads(line, object_pairs_hook=look)
    return twins
