"""Tracks stepped by the compiled stepper, where it was built: the same as `vector_step`, event by event.

    program + batch + pool ──step──▶ bench ──▶ matches, keys to hand over, rows to keep
                                       └───commit──▶ pool

The bench is memory that all tracks of a worker use in turn: what one step left there must be read and
committed before the next. Between batches all that lives is in the pool, as `vector_step` leaves it, so each
batch may go either way.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import is_not
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes
from cep.compiled.library import LIBRARY, address
from cep.engines.answers import Answers, KeyOrder
from cep.engines.vector_fields import Slots
from cep.engines.vector_found import Matched
from cep.engines.vector_pool import Pool
from cep.engines.vector_program import Program
from cep.engines.vector_step import Log, Setting

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64


def _fields(kind: type[Any], *names: str) -> list[tuple[str, type[Any]]]:
    return [(name, kind) for name in names]


class _Program(ctypes.Structure):
    """The struct `program` of step.h."""

    _fields_ = (
        *_fields(_POINTER, "stages", "moves", "kills", "vars", "folds", "code", "constants"),
        *_fields(_NUMBER, "stage_count", "ref_count", "fold_count", "test_count"),
        *_fields(_NUMBER, "within_ms", "runs_max", "events_max"),
    )


class _Batch(ctypes.Structure):
    """The struct `batch` of step.h."""

    _fields_ = (
        *_fields(_POINTER, "ids", "ts_ms", "seq"),
        *_fields(_NUMBER, "count", "last_ms"),
        *_fields(_POINTER, "tests", "offered", "fields", "kept", "barred"),
        ("barred_count", _NUMBER),
    )


class _Pool(ctypes.Structure):
    """The struct `pool` of step.h."""

    _fields_ = (
        *_fields(_POINTER, "first", "runs"),
        *_fields(_NUMBER, "first_count", "run_bytes"),
        *_fields(_POINTER, "folds", "chain_row", "chain_move", "chain_before"),
    )


class _Counts(ctypes.Structure):
    """The struct `counts` of step.h."""

    matches: int
    match_log: int
    keys: int
    handed: int
    kept: int
    fresh: int
    cells: int
    dead: int
    dead_cells: int
    _fields_ = tuple(
        _fields(
            _NUMBER, "matches", "match_log", "keys", "handed", "kept", "fresh", "cells", "dead", "dead_cells"
        )
    )


_TIMES: Final = ("start_ms", "start_seq", "last_ms", "ts_ms", "seq")


class _Found(ctypes.Structure):
    """The struct `found` of bench.c."""

    _fields_ = tuple(_fields(_POINTER, "key", "cell", *_TIMES, "log_match", "log_at", "log_move"))


class _Slots(ctypes.Structure):
    """The struct `slots` of bench.c."""

    _fields_ = tuple(_fields(_POINTER, "events", "runs", "cells", "dead_runs", "dead_cells"))


class Bench:
    """The functions of the library, and memory for one step."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """AttributeError if the library has not got them."""
        new = library.cep_bench_new
        new.restype, new.argtypes = _POINTER, ()
        free = library.cep_bench_free
        free.restype, free.argtypes = None, (_POINTER,)
        self.step = library.cep_step
        self.step.restype, self.step.argtypes = _NUMBER, (_POINTER,) * 5
        self.found = library.cep_found
        self.found.restype, self.found.argtypes = None, (_POINTER,) * 2
        self.left = library.cep_left
        self.left.restype, self.left.argtypes = None, (_POINTER,) * 5
        self.commit = library.cep_commit
        self.commit.restype, self.commit.argtypes = None, (_POINTER,) * 3
        self.marked = library.cep_marked
        self.marked.restype, self.marked.argtypes = None, (_POINTER, _POINTER, _NUMBER, _POINTER)
        self.memory = new()
        if not self.memory:
            raise MemoryError
        weakref.finalize(self, free, self.memory)


def bench() -> Bench | None:
    """A bench, if the library was built."""
    return None if LIBRARY is None else Bench(LIBRARY)


class Keyed:
    """A batch in key order, as all tracks with these keys read it: arrays by address, each made once."""

    def __init__(self, answers: Answers, order: KeyOrder, bench: Bench) -> None:
        """No tests or fields yet. The answers hold this: so it does not hold them."""
        self._order, self._bench = order, bench
        self._known: dict[object, tuple[int, NDArray[Any]]] = {}
        length = len(answers.batch)
        self._words = length // 64 + 2
        # A row without a key has its bit in the last word, which nobody reads.
        self._places = np.full(length, (self._words - 1) * 64, dtype=np.int32)
        self._places[order.rows] = np.arange(len(order.rows), dtype=np.int32)
        self.columns = (
            *(address(column) for column in (order.ids, order.ts_ms, order.seq)),
            *(len(order.ids), int(answers.batch.ts_ms[-1])),
        )

    def marks(self, answers: Answers, number: int) -> int:
        """A bit for each position, set where the test of that number passes."""
        return self._once(number, lambda: self._marked(answers.mask_at(number)))

    def offered(self, answers: Answers, types: tuple[str, ...] | None) -> int:
        """A bit for each position, set for events of these types."""
        return self._once((types,), lambda: self._marked(answers.of_types(types)))

    def field(self, name: str, values: NDArray[np.float64]) -> int:
        """A field by position, of its values by row."""
        return self._once(name, lambda: values[self._order.rows])

    def _once(self, question: object, work: Callable[[], NDArray[Any]]) -> int:
        if question not in self._known:
            array = work()
            self._known[question] = (address(array), array)
        return self._known[question][0]

    def _marked(self, mask: Bools) -> NDArray[np.uint64]:
        found = np.zeros(self._words, dtype=np.uint64)
        mask = np.ascontiguousarray(mask)
        self._bench.marked(address(mask), address(self._places), len(mask), address(found))
        return found


class Stepper:
    """One track, ready for the compiled functions."""

    def __init__(self, setting: Setting, program: Program, bench: Bench, limits: tuple[int, int]) -> None:
        """`limits`: the most runs of a key, and the most events of a run."""
        self.bench = bench
        self._program = program
        self._setting = setting
        self._constants = program.constants.copy()
        tables = (program.stages, program.moves, program.kills, program.variables, program.folds)
        self._call = _Program(
            *(address(table) for table in (*tables, program.code, self._constants)),
            *(len(program.stages), len(setting.needs.last) + len(setting.needs.first)),
            *(len(program.folds), len(program.tests), setting.within_ms, *limits),
        )
        self.held = _Held(program.fields)
        # One longer, since there are no arrays of nothing.
        self._tests_table = _POINTER * (len(program.tests) + 1)
        self._fields_table = _POINTER * (len(program.fields) + 1)
        self._numbers: object = None
        self._places: list[int] = []

    def step(self, answers: Answers, order: KeyOrder, pool: Pool, barred: Codes) -> Stepped | None:
        """Step a batch; None if its values, or those that runs hold, are of kinds that it does not know."""
        fields = [answers.floats(name) for name in self._program.fields]
        kinds = {name: found.kind for name, found in zip(self._program.fields, fields, strict=True)}
        for name, kind in pool.rows.kinds.items():
            if kinds[name] == "none":
                kinds[name] = kind
            elif kind not in ("none", kinds[name]):
                return None
        if not self._program.kinds.allow(kinds) or any(fold.dtype == object for fold in pool.folds):
            return None
        if pool.rows.holds_words not in answers.words.holders:
            answers.words.holders.append(pool.rows.holds_words)
        for word, place in self._program.words.items():
            self._constants[place] = answers.words.number(word)
        if len(order.ids):
            pool.reach(int(order.ids[-1]))
        counts = self._stepped(answers, order, pool, barred, [found.values for found in fields])
        return Stepped(self, answers, order, pool, counts)

    def _stepped(
        self,
        answers: Answers,
        order: KeyOrder,
        pool: Pool,
        barred: Codes,
        values: Sequence[NDArray[np.float64]],
    ) -> _Counts:
        setting, names = self._setting, self._program.fields
        keyed = answers.once(("keyed", setting.paths), lambda: Keyed(answers, order, self.bench))
        offered = keyed.offered(answers, setting.types) if setting.offered is None else None
        marks = (keyed.marks(answers, number) for number in self._tests(answers))
        tests = self._tests_table(*marks)
        fields = self._fields_table(*map(keyed.field, names, values))
        held, counts = self.held.pool(pool), _Counts()
        tables = (ctypes.addressof(tests), offered, ctypes.addressof(fields), self.held.kept)
        batch = _Batch(*keyed.columns, *tables, address(barred), len(barred))
        if self.bench.step(
            *(self.bench.memory, ctypes.addressof(self._call), ctypes.addressof(batch)),
            *(held, ctypes.addressof(counts)),
        ):
            raise MemoryError
        return counts

    def _tests(self, answers: Answers) -> list[int]:
        """The numbers of the track's tests among those of the worker."""
        if self._numbers is not answers.numbers:
            self._numbers = answers.numbers
            self._places = [answers.numbers[test] for test in self._program.tests]
        return self._places


class _Held:
    """What lives between batches, by address: worked out anew only when an array is not that of before."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the fields that the program reads."""
        self._names = names
        self._arrays: list[NDArray[Any] | None] = []
        self._tables: list[NDArray[np.uintp]] = []
        self._call = _Pool()

    def pool(self, pool: Pool) -> int:
        """The struct of the pool."""
        chain = pool.chain
        arrays = [pool.first, pool.runs, chain["row"], chain["move"], chain["before"], *pool.folds]
        kept = [pool.rows.floats.get(name) for name in self._names]
        if len(arrays) + len(kept) != len(self._arrays) or any(map(is_not, self._arrays, [*arrays, *kept])):
            self._arrays = [*arrays, *kept]
            self._tables = [_addresses(pool.folds), _addresses(kept)]
            # The address of records is asked of their bytes: for records it takes NumPy long to answer.
            runs = address(pool.runs.view(np.uint8))
            sizes = len(pool.first), pool.runs.itemsize
            links = (address(chain[name]) for name in ("row", "move", "before"))
            self._call = _Pool(address(pool.first), runs, *sizes, address(self._tables[0]), *links)
        return ctypes.addressof(self._call)

    @property
    def kept(self) -> int:
        """The table of the fields of kept events, as of the pool that was asked for last."""
        return address(self._tables[1])


def _addresses(arrays: Sequence[NDArray[Any] | None]) -> NDArray[np.uintp]:
    found = [0 if array is None else address(array) for array in arrays]
    return np.array([*found, 0], dtype=np.uintp)


class Stepped:
    """What one step left in the bench."""

    def __init__(
        self, stepper: Stepper, answers: Answers, order: KeyOrder, pool: Pool, counts: _Counts
    ) -> None:
        """Read it before the next step."""
        self._bench, self._held = stepper.bench, stepper.held
        self._answers, self._order, self._pool, self._counts = answers, order, pool, counts
        self.keys = np.empty(counts.keys, dtype=np.int32)
        """The keys whose runs have changed."""
        self.handed = np.empty(counts.handed, dtype=np.int32)
        """The keys that must be stepped otherwise: nothing of them has changed."""
        self._kept = np.empty(counts.kept, dtype=np.intp)
        self._users = np.empty(counts.kept, dtype=np.intp)
        left: list[NDArray[Any]] = [self.keys, self.handed, self._kept, self._users]
        self._bench.left(self._bench.memory, *map(address, left))

    @cached_property
    def matched(self) -> Matched | None:
        """The matches, None if there are none."""
        count, took = self._counts.matches, self._counts.match_log
        if not count:
            return None
        key, cell = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
        times = np.empty((len(_TIMES), count), dtype=np.int64)
        runs, at, moves = np.empty(took, np.intp), np.empty(took, np.intp), np.empty(took, np.int16)
        arrays: list[NDArray[Any]] = [key, cell, *times, runs, at, moves]
        found = _Found(*map(address, arrays))
        self._bench.found(self._bench.memory, ctypes.addressof(found))
        log = Log(runs, self._order.rows[at], moves)
        return Matched(np.arange(count), key, cell, times[0], times[1], times[2], times[3], times[4], log)

    def commit(self) -> Slots:
        """Write the runs to the pool; the newest cells of those that are over."""
        counts, pool = self._counts, self._pool
        dead, cells = np.empty(counts.dead, dtype=np.int32), np.empty(counts.dead_cells, dtype=np.int32)
        if not counts.keys:
            return cells
        events = cells[:0]
        if counts.kept:
            events = pool.rows.add(self._answers, self._order.rows[self._kept], self._users)
        fresh, longer = pool.new_slots(counts.fresh), pool.new_cells(counts.cells)
        slots = _Slots(*(address(array) for array in (events, fresh, longer, dead, cells)))
        self._bench.commit(self._bench.memory, self._held.pool(pool), ctypes.addressof(slots))
        pool.slots.give(dead)
        return cells
