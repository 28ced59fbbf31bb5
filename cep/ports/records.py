"""Records of a topic into chunks, through the same reading of JSON, types and times as files.

A record is known by its line, which is its offset plus one: a partition written to a file, a record a line,
is read to the same events with the same order and the same ids.
"""

from __future__ import annotations

from collections.abc import Sequence

from cep.ports.json_lines import too_long
from cep.ports.json_values import inexact, parse, parse_exact
from cep.ports.lines import BOUNDS
from cep.ports.rows import Chunk, Reading, Rows

LINE_OF_OFFSET = 1
"""What is added to an offset to get the line."""


class RecordDecoder:
    """Decodes the records of one partition in their order: a guessed time format is kept between batches."""

    def __init__(self, reading: Reading) -> None:
        """`reading.path` is what alerts call the source."""
        self._rows = Rows(reading, textual=False)

    def chunk(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> Chunk:
        """The events among these records, and the records that are none."""
        rows = self._rows
        suspect = inexact(b"\n".join(value for value in values if value))
        for offset, value in zip(offsets, values, strict=True):
            line = offset + LINE_OF_OFFSET
            if not value:
                rows.reject(line, "unreadable", "a record without a value", b"")
                continue
            if len(value) > BOUNDS.line_bytes_max:
                rows.reject(line, "unreadable", too_long(BOUNDS.line_bytes_max), value)
                continue
            try:
                record = parse_exact(value) if suspect and inexact(b" " + value) else parse(value)
            except ValueError as error:
                rows.reject(line, "unreadable", str(error), value)
                continue
            if type(record) is dict:
                rows.add(line, record, value)
            else:
                rows.reject(line, "unreadable", "JSON, but no object with fields", value)
        return rows.take()
