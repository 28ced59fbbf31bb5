"""Records of any format, row by row, into the columns of a chunk; a record that is no event becomes a reject.

    record ──▶ type ──▶ time ──▶ fields that rules read of this type ──▶ a row of the batch
               └────────┴────────┴──▶ Reject

The reader of a format makes the records and knows nothing of types and times; this knows nothing of formats.
Events of types that no rule reads become rows too, without fields: they carry event time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from difflib import get_close_matches
from pathlib import PurePath
from typing import Final, TypeAlias, assert_never

import numpy as np

from cep.columns import Batch, Coded, Coder, Codes, Column, Projection, numbers_of
from cep.concat import concat
from cep.errors import InputError
from cep.event import Value
from cep.inputs import InputSettings, Path, TypeConstant, TypeField, TypeFromFile, TypeFromSchema, zone_of
from cep.ports.convert import Convert, converter
from cep.ports.open_file import STDIN, Progress
from cep.ports.rejects import ReasonCode, Reject
from cep.ports.times import TimeReader
from cep.schema import FieldType, Schema
from cep.values import value

SEQ_LINE_BITS: Final = 40
"""`seq` is the index of the source above, the line below these bits."""


Raw: TypeAlias = bytes | Callable[[], bytes]
"""The bytes of a record, or how to make them if it is refused."""


@value
class Chunk:
    """A part of an input: its events, what was refused, and how many lines no pattern matched (text only)."""

    batch: Batch
    rejects: tuple[Reject, ...] = ()
    unmatched: int = 0

    @property
    def records(self) -> int:
        """How many records were read; header and blank lines are none."""
        return len(self.batch) + len(self.rejects) + self.unmatched


def joined(fast: Batch | None, slow: Chunk) -> Chunk:
    """Events that were read many at once and those that were read one by one, in the order of their lines."""
    if fast is None:
        return slow
    if not len(slow.batch):
        return Chunk(fast, slow.rejects, slow.unmatched)
    batch = concat([fast, slow.batch])
    return Chunk(batch.take(np.argsort(batch.line, kind="stable")), slow.rejects, slow.unmatched)


@value
class Reading:
    """All that is known of an input before its first byte. `index` breaks ties of time between sources."""

    path: str
    settings: InputSettings
    projection: Projection = field(default_factory=Projection)
    schema: Schema = field(default_factory=Schema)
    index: int = 0
    progress: Progress = field(default_factory=Progress)

    def field_paths(self) -> frozenset[Path]:
        """Where the fields that rules read stand in a record, whatever its type."""
        renames = dict(self.settings.fields)
        names = self.projection.fields.union(*self.projection.by_type.values())
        return frozenset(renames.get(name, (name,)) for name in names)

    def paths(self) -> frozenset[Path]:
        """All places of a record that are read: those of the fields, the time and the type."""
        of_type = [self.settings.type.path] if isinstance(self.settings.type, TypeField) else []
        return self.field_paths().union([self.settings.time.path], of_type)

    def needed(self) -> frozenset[str]:
        """The names at the top of a record under which stand its time, its type and what rules read."""
        return frozenset(path[0] for path in self.paths())


class EventTypes:
    """What an input is said to hold: where an event names its type, and what is read of each type."""

    def __init__(self, reading: Reading, *, textual: bool = False) -> None:
        """`textual`: a nested path is the name of a column with dots in it."""
        settings = reading.settings
        self._reading = reading
        self._textual = textual
        self._renames = dict(settings.fields)
        self._closed = settings.unknown_types == "reject" and bool(reading.schema.types)
        self.constant = _constant_type(reading)
        """The type of every event, if they do not name their own."""
        self.path = self.joined(settings.type.path) if isinstance(settings.type, TypeField) else ()
        """Where an event names its type."""

    def known(self, name: str) -> bool:
        """Whether there may be events of this type."""
        return not self._closed or self._reading.schema.declares(name)

    def wanted(self, name: str) -> bool:
        """Whether any rule reads events of this type."""
        return self._reading.projection.wants(name)

    def fields(self, name: str) -> dict[str, FieldType]:
        """What rules read of events of this type, by name: of a declared type only what it has."""
        schema, names = self._reading.schema, sorted(self._reading.projection.of(name))
        found = {field_name: schema.field(name, field_name) for field_name in names}
        return {field_name: declared for field_name, declared in found.items() if declared is not None}

    def place(self, field_name: str) -> Path:
        """Where a field stands in a record."""
        return self.joined(self._renames.get(field_name, (field_name,)))

    def joined(self, path: Path) -> Path:
        """A path as the records of the input have it."""
        return (".".join(path),) if self._textual else path


class Rows:
    """The chunk under way. `add` takes records in the order of the file, `take` ends the chunk."""

    def __init__(self, reading: Reading, *, textual: bool) -> None:
        """`textual`: all values are text, and a nested path is the name of a column with dots in it."""
        self._reading = reading
        self._textual = textual
        settings = reading.settings
        try:
            self._zone = zone_of(settings.time.zone)
            self.time = TimeReader(settings.time)
        except ValueError as error:
            raise InputError(f"input `{settings.name}`: {error}") from None
        self.types = EventTypes(reading, textual=textual)
        self._time_path = self.types.joined(settings.time.path)
        self._begin()

    def _begin(self) -> None:
        """What a chunk holds; dictionaries start anew with each, so that memory is flat."""
        self._shapes: dict[str, _Shape | str] = {}
        self._type_names: list[str] = []
        self._columns: dict[str, _Column] = {}
        self._types: list[int] = []
        self._ts_ms: list[int] = []
        self._lines: list[int] = []
        self._dropped: list[int] = []
        self._rejects: list[Reject] = []
        self._unmatched = 0

    @property
    def count(self) -> int:
        """Records of the chunk so far, and those that no pattern matched."""
        return len(self._ts_ms) - len(self._dropped) + len(self._rejects) + self._unmatched

    def reject(self, line: int, code: ReasonCode, reason: str, raw: Raw) -> None:
        """Refuse a record that cannot even be handed to `add`."""
        whole = raw if isinstance(raw, bytes) else raw()
        self._rejects.append(Reject(self._reading.path, line, code, reason, whole))

    def skip(self) -> None:
        """Count a line that no pattern matched."""
        self._unmatched += 1

    def add(self, line: int, record: Mapping[str, Value], raw: Raw, name: str | None = None) -> None:
        """Make a row of a record, or refuse it; `name` is the event type if the reader knows it."""
        name = name or self.types.constant or self._type_in(line, record, raw)
        if name is None:
            return
        shape = self._shapes.get(name) or self._shape(name)
        if isinstance(shape, str):
            self.reject(line, "unknown_type", shape, raw)
            return
        raw_time = _at(record, self._time_path)
        if raw_time is None:
            self.reject(line, "no_time", f"no field `{'.'.join(self._time_path)}` with the time", raw)
            return
        try:
            ts_ms = self.time.ms(raw_time)
        except ValueError as error:
            self.reject(line, "bad_time", f"`{'.'.join(self._time_path)}` {error}", raw)
            return
        row = len(self._ts_ms)
        self._types.append(shape.code)
        self._ts_ms.append(ts_ms)
        self._lines.append(line)
        for cell in shape.cells:
            problem = cell.put(row, record)
            if problem is not None:
                self._dropped.append(row)
                self.reject(line, "bad_field", problem, raw)
                return

    def take(self) -> Chunk:
        """The chunk; the next `add` begins another."""
        count = len(self._ts_ms)
        line = np.array(self._lines, dtype=np.int64)
        batch = Batch(
            type_names=tuple(self._type_names),
            types=np.array(self._types, dtype=np.int32),
            ts_ms=np.array(self._ts_ms, dtype=np.int64),
            seq=line + (self._reading.index << SEQ_LINE_BITS),
            columns={name: column.column(count) for name, column in self._columns.items()},
            line=line,
            source=np.zeros(count, dtype=np.int32),
            sources=(self._reading.path,),
        )
        if self._dropped:
            batch = batch.take(np.delete(np.arange(count), self._dropped))
        chunk = Chunk(batch, tuple(self._rejects), self._unmatched)
        self._begin()
        return chunk

    def _shape(self, name: str) -> _Shape | str:
        """How events of this type are read, or why they are not."""
        if not self.types.known(name):
            close = get_close_matches(name, self._reading.schema.types, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            self._shapes[name] = reason = f"the event type `{name}` is not declared{meant}"
            return reason
        cells = tuple(self._cells(name)) if self.types.wanted(name) else ()
        self._shapes[name] = shape = _Shape(len(self._type_names), cells)
        self._type_names.append(name)
        return shape

    def _cells(self, name: str) -> list[_Cell]:
        cells = []
        for field_name, declared in self.types.fields(name).items():
            column = self._columns.setdefault(field_name, _Column())
            convert = converter(declared, self._zone, textual=self._textual)
            path = self.types.place(field_name)
            cells.append(_Cell(field_name, path, convert, column, required=not declared.nullable))
        return cells

    def _type_in(self, line: int, record: Mapping[str, Value], raw: Raw) -> str | None:
        """The type that the record names; None if it was refused."""
        found = _at(record, self.types.path)
        if type(found) is str and found:
            return found
        if type(found) is int:
            return str(found)  # some logs number their event types: `4625` is a name as good as others
        where = f"`{'.'.join(self.types.path)}`"
        if found is None:
            self.reject(line, "no_type", f"no field {where} with the event type", raw)
        else:
            self.reject(line, "no_type", f"{where} is {found!r:.60}, not the name of an event type", raw)
        return None


@value
class _Shape:
    """What is read of the events of one type."""

    code: int
    cells: tuple[_Cell, ...]


class _Column:
    """The values of one field in the chunk under way; rows that are not named are null."""

    __slots__ = ("coder", "codes", "rows")

    def __init__(self) -> None:
        self.coder = Coder()
        self.rows: list[int] = []
        self.codes: list[int] = []

    def column(self, count: int) -> Column:
        codes: Codes = np.full(count, -1, dtype=np.int32)
        codes[self.rows] = self.codes
        return numbers_of(codes, self.coder.values) or Coded(codes, self.coder.values)


class _Cell:
    """One field of one event type: where it stands, how it is read, which column it goes to."""

    __slots__ = ("_column", "_convert", "_known", "_name", "_path", "_required")

    def __init__(self, name: str, path: Path, convert: Convert, column: _Column, *, required: bool) -> None:
        self._name = name
        self._path = path
        self._convert = convert
        self._column = column
        self._required = required
        # Codes of raw texts and floats: these two are never equal to each other, as 1, 1.0 and true are.
        self._known: dict[Value, int] = {}

    def put(self, row: int, record: Mapping[str, Value]) -> str | None:
        """Code the value of a row; the reason if it must be refused."""
        path = self._path
        raw = record.get(path[0]) if len(path) == 1 else _at(record, path)
        if raw is None:
            return f"`{self._name}` is missing" if self._required else None
        quick = type(raw) is str or type(raw) is float
        code = self._known.get(raw) if quick else None
        if code is None:
            try:
                code = self._column.coder.code(self._convert(raw))
            except ValueError as error:
                return f"`{self._name}` {error}"
            if quick:
                self._known[raw] = code
        self._column.rows.append(row)
        self._column.codes.append(code)
        return None


def _at(record: Mapping[str, Value], path: Path) -> Value:
    """The value at a path, None where it leads nowhere."""
    value: Value = record
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _constant_type(reading: Reading) -> str | None:
    match reading.settings.type:
        case TypeConstant(name):
            return name
        case TypeFromFile():
            if reading.path == STDIN:
                raise InputError("standard input has no file name to take the event type from")
            return PurePath(reading.path).name.split(".")[0]
        case TypeField() | TypeFromSchema():
            return None
        case _:
            assert_never(reading.settings.type)
