"""CSV into chunks: a header, quoted cells that may hold line ends, and every record of the same width.

An empty cell is null. A record that spans lines is known by its first line. If such a record cannot be read,
it costs only that line: a quote that was never closed would otherwise swallow all that follows, so the other
lines are read once more.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import PurePath

from cep.errors import InputError
from cep.inputs import Path, TypeField
from cep.ports.json_lines import too_long
from cep.ports.lines import Bounds, group_lines
from cep.ports.open_file import read_blocks
from cep.ports.rows import Chunk, Reading, Rows


def csv_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """The chunks of a CSV file; InputError if it lacks the column of the time or of the type."""
    rows = Rows(reading, textual=True)
    feed = _Feed(_lines(reading, bounds), bounds.line_bytes_max)
    csv.field_size_limit(max(csv.field_size_limit(), bounds.line_bytes_max))
    records = csv.reader(feed, delimiter=_delimiter(reading), strict=True)
    columns = reading.settings.csv.columns
    if columns is not None:
        _require_columns(reading, columns)
    size = 0
    while True:
        feed.begin()
        problem, cells = _next(records, feed)
        if not feed.taken:
            break
        if problem is None and not cells:
            continue  # a blank line
        if columns is None:
            columns = _header(reading, cells, problem)
            continue
        if problem is None and len(cells) != len(columns):
            problem = f"{len(cells)} columns, but the header has {len(columns)}"
        if problem is not None:
            rows.reject(feed.line, "unreadable", problem, feed.give_back())
        else:
            record = {name: cell or None for name, cell in zip(columns, cells, strict=True)}
            rows.add(feed.line, record, b"\n".join(feed.taken))
        size += feed.size
        if rows.count >= bounds.chunk_rows or size >= bounds.chunk_bytes:
            yield rows.take()
            size = 0
    if rows.count:
        yield rows.take()


class _TooLongError(Exception):
    pass


class _Feed:
    """Lines as the csv module wants them, with the bytes of the record under way kept."""

    def __init__(self, lines: Iterator[bytes], bytes_max: int) -> None:
        self._lines = lines
        self._again: deque[bytes] = deque()
        self.bytes_max = bytes_max
        self.taken: list[bytes] = []
        self.line = 1
        self.size = 0
        self.broken = False

    def begin(self) -> None:
        """The record under way is done with: the next line is the first one of another."""
        self.line += len(self.taken)
        self.taken, self.size, self.broken = [], 0, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        self.size += len(line) + 1
        if self.size - 1 > self.bytes_max:
            raise _TooLongError
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError:
            self.broken = True
            return line.decode("utf-8", "replace") + "\n"

    def give_back(self) -> bytes:
        """The first line of the record; the others will be read again."""
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        self.taken = [first]
        return first


def _next(records: Iterator[list[str]], feed: _Feed) -> tuple[str | None, list[str]]:
    """What is wrong with the next record, if anything, and its cells; none at a blank line and at the end."""
    try:
        cells = next(records)
    except StopIteration:
        return None, []
    except csv.Error as error:
        # The rest of that message is advice for those who write Python.
        return f"not CSV: {str(error).partition(' - ')[0]}", []
    except _TooLongError:
        if len(feed.taken) > 1:
            return f"a quote that is not closed within {feed.bytes_max:,} bytes", []
        return too_long(feed.bytes_max), []
    return "not UTF-8" if feed.broken else None, cells


def _lines(reading: Reading, bounds: Bounds) -> Iterator[bytes]:
    for group in group_lines(read_blocks(reading.path, reading.progress), bounds):
        yield from group.lines


def _delimiter(reading: Reading) -> str:
    named = reading.settings.csv.delimiter
    return named or ("\t" if ".tsv" in PurePath(reading.path).suffixes else ",")


def _header(reading: Reading, cells: list[str], problem: str | None) -> tuple[str, ...]:
    if problem is not None:
        raise InputError(f"{reading.path}: the header cannot be read: {problem}")
    columns = tuple(cell.strip() for cell in cells)
    _require_columns(reading, columns)
    return columns


def _require_columns(reading: Reading, columns: tuple[str, ...]) -> None:
    """Without the time or the type no record is an event; say it once, not for each record."""
    settings = reading.settings
    require_column(reading, settings.time.path, "time", columns)
    if isinstance(settings.type, TypeField):
        require_column(reading, settings.type.path, "type", columns)
    for name in sorted({".".join(path) for path in reading.field_paths()}):
        if columns.count(name) > 1:
            raise InputError(f"{reading.path}: {columns.count(name)} columns are called `{name}`")


def require_column(reading: Reading, path: Path, key: str, columns: tuple[str, ...]) -> None:
    """InputError, with the columns there are, if the one for `key` (time or type) is not among them."""
    name = ".".join(path)
    if columns.count(name) == 1:
        return
    many = "several columns" if name in columns else "no column"
    close = get_close_matches(name, columns, n=1)
    meant = f"; did you mean `{close[0]}`?" if close and name not in columns else ""
    raise InputError(
        f"{reading.path}: {many} `{name}` for the {key} of the events{meant}\n"
        f"  its columns are: {', '.join(columns)}\n"
        f"  in cep.yaml: inputs: [{{name: …, files: […], {key}: {{field: <column>}}}}]"
    )
