r"""The kernel that looks through lines of JSON, if it was built: functions of json_scan.c and its like.

    {"ts":5,"who":{"name":"ann"},"ok":true}       ts           INT    5
                                             ──▶  who.name     TEXT   ann
                                                  ok           TOKEN  true

While a function of the kernel runs, other threads of Python run too.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Bytes, Coded, Codes, Ints, Vocabulary
from cep.compiled.library import LIBRARY, address
from cep.inputs import Path
from cep.values import value

MISSING, NULL, INT, FLOAT, TEXT, TOKEN = range(6)
"""What a cell holds. A token is any other value of JSON as it is written: `true`, `1e9`, `"a\"b"`, `[1]`."""

KIND_MAX: Final = 7
"""The bits of a kind."""

NAMES_MAX: Final = 512
"""So many names can be looked for, those on the way to others counted."""

VOCABULARY_MAX: Final = 1 << 17
"""When a path has had more distinct texts than these, its next column begins without any."""

_VOCABULARY_MIN: Final = 1 << 12
_TEXTS_PER_ROW_MAX: Final = 8
"""So it is with more than so many for each row: some of what is done for a column is done for each text."""

# Codes are given out in the order of rows, so the seed shows nowhere; it is another one in each process, so
# that nobody can make texts that all meet in one place of the table.
_SEED: Final = hash("equal texts") & 0xFFFF_FFFF_FFFF_FFFF

_NO_ZONE: Final = 1 << 40

Kinds = NDArray[np.uint8]
Sizes = NDArray[np.int32]


class _Found(ctypes.Structure):
    """The struct `found` of json_scan.c."""

    rows: int
    left_count: int
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("kinds", "starts", "lengths", "numbers")),
        ("stride", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("lines", "left")),
        *((name, ctypes.c_int64) for name in ("rows", "left_count")),
    )


class Kernel:
    """The functions of a library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """AttributeError if it has not got them."""
        pointer, number, small = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
        self._line_ends = library.cep_line_ends
        self._line_ends.restype = number
        self._line_ends.argtypes = (pointer, number, pointer)
        self.scan_lines = library.cep_scan_lines
        self.scan_lines.restype = number
        self.scan_lines.argtypes = (
            *(pointer, number, number, pointer, number, number),
            *(pointer, pointer, small, small, pointer),
        )
        self.texts_new = library.cep_texts_new
        self.texts_new.restype, self.texts_new.argtypes = pointer, (ctypes.c_uint64,)
        self.texts_free = library.cep_texts_free
        self.texts_free.restype, self.texts_free.argtypes = None, (pointer,)
        self.texts_clear = library.cep_texts_clear
        self.texts_clear.restype, self.texts_clear.argtypes = number, (pointer,)
        self.texts_code = library.cep_texts_code
        self.texts_code.restype = number
        self.texts_code.argtypes = (
            *(pointer, pointer, number, pointer, pointer, pointer, number, small, pointer),
        )
        self.texts_from = library.cep_texts_from
        self.texts_from.restype, self.texts_from.argtypes = number, (pointer, number, pointer)
        self.texts_kinds = library.cep_texts_kinds
        self.texts_kinds.restype, self.texts_kinds.argtypes = None, (pointer, pointer)
        self.present = library.cep_present
        self.present.restype, self.present.argtypes = small, (pointer, number)
        self._iso_times = library.cep_iso_times
        self._iso_times.restype = None
        self._iso_times.argtypes = (pointer, pointer, pointer, pointer, number, number, pointer, pointer)

    def line_ends(self, data: Bytes) -> Ints:
        """Where the line ends of some bytes are."""
        ends = np.empty(len(data), dtype=np.int64)
        return ends[: self._line_ends(address(data), len(data), address(ends))].copy()

    def iso_times(self, cells: Cells, zone_ms: int | None) -> tuple[Ints, Bools]:
        """Times of the usual forms of ISO 8601, and which rows hold one; None: each must name its zone."""
        rows = len(cells.kinds)
        ts_ms, good = np.zeros(rows, dtype=np.int64), np.empty(rows, dtype=np.bool_)
        self._iso_times(
            *(address(cells.data), address(cells.kinds), address(cells.starts), address(cells.lengths), rows),
            *(_NO_ZONE if zone_ms is None else zone_ms, address(ts_ms), address(good)),
        )
        return ts_ms, good


KERNEL: Final = None if LIBRARY is None else Kernel(LIBRARY)


class Texts:
    """Distinct texts and tokens, a code each. A code once given stays until `clear`."""

    def __init__(self, kernel: Kernel) -> None:
        """None yet."""
        self._kernel = kernel
        self._memory = kernel.texts_new(_SEED)
        if not self._memory:
            raise MemoryError
        weakref.finalize(self, kernel.texts_free, self._memory)
        self._count = 0

    def __len__(self) -> int:
        """How many."""
        return self._count

    def clear(self) -> None:
        """Forget them all."""
        self._count = 0
        if not self._kernel.texts_clear(self._memory):
            raise MemoryError

    def code(self, cells: Cells, kinds: Kinds, kind_min: int) -> Codes:
        """Codes of the values of rows of these kinds, -1 for those below `kind_min`."""
        codes: Codes = np.empty(len(kinds), dtype=np.int32)
        self._count = self._kernel.texts_code(
            *(self._memory, address(cells.data), len(cells.data), address(kinds)),
            *(address(cells.starts), address(cells.lengths), len(kinds), kind_min, address(codes)),
        )
        if self._count < 0:
            raise MemoryError
        return codes

    def since(self, code: int) -> list[str]:
        """The texts from a code on as they stand, in UTF-8: no text holds a line end."""
        found = ctypes.c_void_p()
        size = self._kernel.texts_from(self._memory, code, ctypes.byref(found))
        if not size:
            return []
        assert found.value is not None
        texts = ctypes.string_at(found.value, size).decode().split("\n")
        texts.pop()
        return texts

    def kinds(self) -> Kinds:
        """TEXT, TOKEN and so on, by code."""
        kinds = np.empty(self._count, dtype=np.uint8)
        self._kernel.texts_kinds(self._memory, address(kinds))
        return kinds


@value
class Distinct:
    """The distinct texts and tokens of a column and their kinds, and the codes of rows, -1 for none."""

    codes: Codes
    texts: list[str]
    kinds: Kinds


@value
class Cells:
    """What rows hold at one path: a kind, where the value stands, and the int or the bits of the float."""

    scanner: Scanner
    slot: int
    data: Bytes
    kinds: Kinds
    starts: Sizes
    lengths: Sizes
    numbers: Ints

    def iso_times(self, zone_ms: int | None) -> tuple[Ints, Bools]:
        """See `Kernel.iso_times`."""
        return self.scanner.kernel.iso_times(self, zone_ms)

    def present(self, kinds: Kinds) -> set[int]:
        """The kinds that occur."""
        found = self.scanner.kernel.present(address(kinds), len(kinds))
        return {kind for kind in range(KIND_MAX + 1) if found >> kind & 1}

    def distinct(self, kinds: Kinds, kind_min: int) -> Distinct:
        """Code the values of rows of these kinds; those below `kind_min` get none."""
        return self.scanner.distinct(self, kinds, kind_min)

    def shared(self, kinds: Kinds) -> Coded:
        """As a column, where all values are texts without an escape: its codes stay from scan to scan."""
        return self.scanner.shared(self, kinds)


@value
class Scan:
    """Lines that were accepted, a row each, with what they hold; and others, but no blank ones."""

    lines: Ints
    left: Ints
    cells: Mapping[Path, Cells]


class Scanner:
    """Looks for the values at some paths. A scan is good until the next one: memory is used again."""

    def __init__(self, kernel: Kernel, paths: Iterable[Path]) -> None:
        """ValueError if there are too many."""
        self.kernel = kernel
        self._slots = {path: slot for slot, path in enumerate(sorted(set(paths)))}
        prefixes = {path[:end] for path in self._slots for end in range(len(path))}
        places = {path: place for place, path in enumerate(sorted(prefixes.union(self._slots, [()])))}
        if len(places) > NAMES_MAX:
            raise ValueError(f"{len(places)} names, {NAMES_MAX} can be looked for")
        texts = [path[-1].encode() if path else b"" for path in places]
        ends = np.cumsum([len(text) for text in texts])
        self._name_texts = b"".join(texts)
        self._names = np.array(
            [
                (end - len(text), len(text), places[path[:-1]] if path else -1, self._slots.get(path, -1))
                for path, text, end in zip(places, texts, ends.tolist(), strict=True)
            ],
            dtype=np.int32,
        )
        self._texts_once = Texts(kernel)
        self._shared: dict[int, _Shared] = {}
        self._make_room(0)

    def _make_room(self, rows: int) -> None:
        self._rows = rows
        self._kinds = np.empty((len(self._slots), rows), dtype=np.uint8)
        self._spans = np.empty((2, len(self._slots), rows), dtype=np.int32)
        self._lines = np.empty((2, rows), dtype=np.int32)

    def scan(self, data: Bytes, start: int, ends: Ints, line_bytes_max: int) -> Scan:
        """Look through the lines that end there, the first of which begins at `start`."""
        count = len(ends)
        if count > self._rows:
            self._make_room(count)
        ends = np.ascontiguousarray(ends, dtype=np.int64)
        self._kinds.fill(MISSING)
        starts, lengths = self._spans
        lines, left = self._lines
        numbers = np.zeros((len(self._slots), self._rows), dtype=np.int64)
        found = _Found(
            *(
                address(self._kinds),
                address(starts),
                address(lengths),
                address(numbers),
                self._rows,
                address(lines),
                address(left),
            )
        )
        refused = self.kernel.scan_lines(
            *(address(data), len(data), start, address(ends), count, line_bytes_max),
            *(
                self._name_texts,
                address(self._names),
                len(self._names),
                len(self._slots),
                ctypes.byref(found),
            ),
        )
        assert not refused, "the kernel and this agree on what a block is"
        rows = found.rows
        return Scan(
            lines[:rows].astype(np.int64),
            left[: found.left_count].astype(np.int64),
            {
                path: Cells(
                    self,
                    slot,
                    data,
                    self._kinds[slot, :rows],
                    starts[slot, :rows],
                    lengths[slot, :rows],
                    numbers[slot, :rows],
                )
                for path, slot in self._slots.items()
            },
        )

    def distinct(self, cells: Cells, kinds: Kinds, kind_min: int) -> Distinct:
        """See `Cells.distinct`."""
        self._texts_once.clear()
        codes = self._texts_once.code(cells, kinds, kind_min)
        return Distinct(codes, self._texts_once.since(0), self._texts_once.kinds())

    def shared(self, cells: Cells, kinds: Kinds) -> Coded:
        """See `Cells.shared`."""
        if cells.slot not in self._shared:
            self._shared[cells.slot] = _Shared(self.kernel)
        return self._shared[cells.slot].column(cells, kinds)


class _Shared:
    """The texts of one path, over all scans until they are too many."""

    def __init__(self, kernel: Kernel) -> None:
        self._texts = Texts(kernel)
        self._vocabulary = Vocabulary()

    def column(self, cells: Cells, kinds: Kinds) -> Coded:
        most = max(_VOCABULARY_MIN, len(kinds) * _TEXTS_PER_ROW_MAX)
        if len(self._texts) > min(VOCABULARY_MAX, most):
            self._texts.clear()
            self._vocabulary = Vocabulary()
        before = len(self._texts)
        codes = self._texts.code(cells, kinds, TEXT)
        self._vocabulary.add(self._texts.since(before))
        return self._vocabulary.column(codes)
