"""Snapshots as bytes and back: versioned, small, each event and each shared cell written once.

    [version, mark, given, base, types, sources, events, cells, begun, ordinal, seen, stopped, lacking]

    events   [type, ts, seq, line, source, field values …]     numbers relative to `base`, the first event
    cells    before, variable, event; before, …                `before` as a distance back, 0 for none
    begun    [ts, seq, runs, found, cut]                       an attempt and its runs, see `_pack_run`

`mark` names the plan. Names of fields and variables are the plan's, so they are not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from cep.engines.history import Cell
from cep.engines.matcher import FOREVER_MS
from cep.engines.snapshot import NEVER_MS, Begun, Run, Snapshot
from cep.errors import CepError
from cep.event import Event, Position
from cep.state.values import pack_value, unpack_value
from cep.values import value

VERSION: Final = 1


class StateFormatError(CepError):
    """Bytes that are no state, or state in a form that this version does not know."""


class OtherPlanError(CepError):
    """State that belongs to another plan: the rule was changed since."""


@value
class Kept:
    """What is kept of a rule and key: what lives, and when it last gave alerts (for `LIMIT … PER`)."""

    snapshot: Snapshot
    given_ms: tuple[int, ...] = ()


class SnapshotCodec:
    """For the state of one plan; `mark` names it, `fields` and `variables` are all that its events bind."""

    def __init__(self, mark: bytes, fields: Iterable[str], variables: Iterable[str]) -> None:
        """Number the names, in an order that is the same in every process."""
        self.mark = mark
        self._fields = tuple(sorted(fields))
        self._variables = tuple(sorted(variables))
        self._number = {name: number for number, name in enumerate(self._variables)}

    def pack(self, kept: Kept) -> bytes:
        """State as bytes."""
        return _Writing(self._fields, self._number).all_of(kept, self.mark)

    def unpack(self, data: bytes) -> Kept:
        """State from bytes; StateFormatError if it cannot be read, OtherPlanError if the rule was changed."""
        try:
            version, mark, *rest = unpack_value(data)
        except (ValueError, TypeError) as error:
            raise StateFormatError(f"this is no state of a rule: {error}") from error
        if version != VERSION:
            raise StateFormatError(f"state of version {version} cannot be read, only that of {VERSION}")
        if mark != self.mark:
            raise OtherPlanError("this state belongs to another version of the rule")
        try:
            return _Reading(self._fields, self._variables).all_of(rest)
        except (ValueError, TypeError, IndexError) as error:
            raise StateFormatError(f"the state of a rule is damaged: {error}") from error


class _Writing:
    """One snapshot on its way to bytes."""

    def __init__(self, fields: tuple[str, ...], number: dict[str, int]) -> None:
        self._fields = fields
        self._number = number
        self._base: Event | None = None
        self._events: dict[int, int] = {}
        self._cells: dict[int, int] = {}
        self._event_rows: list[list[Any]] = []
        self._cell_numbers: list[int] = []
        self._types: dict[str, int] = {}
        self._sources: dict[str, int] = {}

    def all_of(self, kept: Kept, mark: bytes) -> bytes:
        snapshot = kept.snapshot
        # Runs first: an event that only a run holds is met there.
        begun = [self._pack_begun(each, snapshot.ordinal) for each in snapshot.begun]
        seen = [[step, [self._event(event) for event in events]] for step, events in snapshot.seen]
        base = self._base
        row = [
            VERSION,
            mark,
            list(kept.given_ms),
            [] if base is None else [base.ts_ms, base.seq, base.line],
            list(self._types),
            list(self._sources),
            self._event_rows,
            self._cell_numbers,
            begun,
            snapshot.ordinal,
            seen,
            int(snapshot.stopped),
            [] if snapshot.incomplete_until_ms == NEVER_MS else [snapshot.incomplete_until_ms],
        ]
        return pack_value(_trimmed(row))

    def _pack_begun(self, begun: Begun, ordinal: int) -> list[Any]:
        runs = [self._pack_run(run, begun, ordinal) for run in begun.runs]
        others = [
            None if run is None else self._pack_run(run, begun, ordinal) for run in (begun.found, begun.cut)
        ]
        start = self._relative_ms(begun.start.ts_ms), begun.start.seq - self._origin().seq
        return _trimmed([*start, runs, *others])

    def _pack_run(self, run: Run, begun: Begun, ordinal: int) -> list[Any]:
        assert run.cell is not None
        assert run.start == begun.start
        assert run.last_ms == run.cell.event.ts_ms, "the time of a run is that of its newest event"
        cell = self._cell(run.cell)
        opened = [each for index, ms in run.open for each in (index, self._relative_ms(ms))]
        flags = (not run.fresh) | run.may_end << 1
        plain = not (run.counts or run.scopes or run.closed or run.suspects or run.aside)
        if plain and flags and run.ordinal == ordinal:
            # Most runs are so, and there are many.
            return [run.state, cell, opened, flags]
        return _trimmed(
            [
                run.state,
                cell,
                opened,
                flags,
                ordinal - run.ordinal,
                [each for pair in run.counts for each in pair],
                [each for index, ms in run.scopes for each in (index, self._relative_ms(ms))],
                sorted(run.closed),
                [each for step, event in run.suspects for each in (step, self._event(event))],
                sorted(run.aside),
            ]
        )

    def _cell(self, cell: Cell) -> int:
        """The number of a cell; those before it get theirs first."""
        fresh: list[Cell] = []
        at: Cell | None = cell
        while at is not None and id(at) not in self._cells:
            fresh.append(at)
            at = at.before
        for each in reversed(fresh):
            number = len(self._cells)
            back = 0 if each.before is None else number - self._cells[id(each.before)]
            self._cell_numbers += [back, self._number[each.var], self._event(each.event)]
            self._cells[id(each)] = number
        return self._cells[id(cell)]

    def _event(self, event: Event) -> int:
        number = self._events.get(id(event))
        if number is None:
            if self._base is None:
                self._base = event
            number = self._events[id(event)] = len(self._events)
            values = [event.fields.get(name) for name in self._fields]
            # A 0 or an empty list at the end is a value here; only null is nothing.
            while values and values[-1] is None:
                values.pop()
            self._event_rows.append(
                [
                    self._types.setdefault(event.type, len(self._types)),
                    event.ts_ms - self._base.ts_ms,
                    event.seq - self._base.seq,
                    event.line - self._base.line,
                    self._sources.setdefault(event.source, len(self._sources)),
                    *values,
                ]
            )
        return number

    def _origin(self) -> Event:
        assert self._base is not None, "an attempt has a run, and a run has an event"
        return self._base

    def _relative_ms(self, ms: int) -> int | None:
        return None if ms == FOREVER_MS else ms - self._origin().ts_ms


class _Reading:
    """One snapshot on its way back."""

    def __init__(self, fields: tuple[str, ...], variables: tuple[str, ...]) -> None:
        self._fields = fields
        self._variables = variables
        self._ts_ms = self._seq = self._line = 0
        self._events: list[Event] = []
        self._cells: list[Cell] = []

    def all_of(self, row: Sequence[Any]) -> Kept:
        given, base, types, sources, events, cells, begun, ordinal, seen, stopped, lacking = _padded(
            row, [[], [], [], [], [], [], [], 0, [], 0, []]
        )
        if base:
            self._ts_ms, self._seq, self._line = base
        self._events = [self._read_event(each, types, sources) for each in events]
        for back, variable, event in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
            before = self._cells[len(self._cells) - back] if back else None
            size = 1 if before is None else before.size + 1
            self._cells.append(Cell(self._variables[variable], self._events[event], before, size))
        snapshot = Snapshot(
            begun=tuple(self._read_begun(each, ordinal) for each in begun),
            ordinal=ordinal,
            seen=tuple((step, tuple(self._events[i] for i in kept)) for step, kept in seen),
            stopped=bool(stopped),
            incomplete_until_ms=lacking[0] if lacking else NEVER_MS,
        )
        return Kept(snapshot, tuple(given))

    def _read_event(self, row: Sequence[Any], types: Sequence[str], sources: Sequence[str]) -> Event:
        kind, ts, seq, line, source, *values = row
        fields = {name: value for name, value in zip(self._fields, values, strict=False) if value is not None}
        return Event(
            types[kind], self._ts_ms + ts, self._seq + seq, fields, self._line + line, sources[source]
        )

    def _read_begun(self, row: Sequence[Any], ordinal: int) -> Begun:
        ts, seq, runs, found, cut = _padded(row, [0, 0, [], None, None])
        start = Position(self._ts_ms + ts, self._seq + seq)
        return Begun(
            start,
            tuple(self._read_run(each, start, ordinal) for each in runs),
            *(None if each is None else self._read_run(each, start, ordinal) for each in (found, cut)),
        )

    def _read_run(self, row: Sequence[Any], start: Position, ordinal: int) -> Run:
        state, cell, opened, flags, ago, counts, scopes, closed, suspects, aside = _padded(
            row, [0, 0, [], 0, 0, [], [], [], [], []]
        )
        newest = self._cells[cell]
        return Run(
            state=state,
            open=tuple((index, self._absolute_ms(ms)) for index, ms in _pairs(opened)),
            cell=newest,
            start=start,
            ordinal=ordinal - ago,
            last_ms=newest.event.ts_ms,
            counts=tuple(_pairs(counts)),
            scopes=tuple((index, self._absolute_ms(ms)) for index, ms in _pairs(scopes)),
            closed=frozenset(closed),
            suspects=tuple((step, self._events[event]) for step, event in _pairs(suspects)),
            fresh=not flags & 1,
            may_end=bool(flags & 2),
            aside=frozenset(aside),
        )

    def _absolute_ms(self, ms: int | None) -> int:
        return FOREVER_MS if ms is None else self._ts_ms + ms


def _trimmed(row: list[Any]) -> list[Any]:
    """Without what is empty at the end: most of it is, most of the time."""
    while row and (row[-1] is None or row[-1] == [] or (row[-1] == 0 and type(row[-1]) is int)):
        row.pop()
    return row


def _padded(row: Sequence[Any], empty: list[Any]) -> list[Any]:
    return [*row, *empty[len(row) :]]


def _pairs(flat: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
