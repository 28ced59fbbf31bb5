r"""The kernel that looks through lines of JSON, if it was built: functions of json_scan.c and its like.

    {"ts":5,"who":{"name":"ann"},"ok":true}       ts           INT    5
                                             ──▶  who.name     TEXT   ann
                                                  ok           TOKEN  true

While a function of the kernel runs, other threads of Python run too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Ints
from cep.compiled.library import LIBRARY, address
from cep.inputs import Path
from cep.values import value

MISSING, NULL, INT, FLOAT, TEXT, TOKEN = range(6)
"""What a cell holds. A token is any other value of JSON as it is written: `true`, `1e9`, `"a\"b"`, `[1]`."""

KIND_MAX: Final = 7
"""The bits of a kind."""

NAMES_MAX: Final = 512
"""So many names can be looked for, those on the way to others counted."""

_PLACES_MIN: Final = 1024
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
        self.code_texts = library.cep_code_texts
        self.code_texts.restype = number
        self.code_texts.argtypes = (
            *(pointer, number, pointer, pointer, pointer, number, small, ctypes.c_uint64),
            *(pointer, pointer, pointer, number),
        )
        self._iso_times = library.cep_iso_times
        self._iso_times.restype = None
        self._iso_times.argtypes = (pointer, pointer, pointer, pointer, number, number, pointer, pointer)
        self.join_texts = library.cep_join_texts
        self.join_texts.restype = None
        self.join_texts.argtypes = (pointer, pointer, number, pointer)

    def line_ends(self, data: bytes) -> Ints:
        """Where the line ends of some bytes are."""
        ends = np.empty(len(data), dtype=np.int64)
        return ends[: self._line_ends(data, len(data), address(ends))].copy()

    def iso_times(self, cells: Cells, zone_ms: int | None) -> tuple[Ints, Bools]:
        """Times of the usual forms of ISO 8601, and which rows hold one; None: each must name its zone."""
        rows = len(cells.kinds)
        ts_ms, good = np.zeros(rows, dtype=np.int64), np.empty(rows, dtype=np.bool_)
        self._iso_times(
            *(cells.data, address(cells.kinds), address(cells.starts), address(cells.lengths), rows),
            *(_NO_ZONE if zone_ms is None else zone_ms, address(ts_ms), address(good)),
        )
        return ts_ms, good


KERNEL: Final = None if LIBRARY is None else Kernel(LIBRARY)


@value
class Distinct:
    """The distinct texts and tokens of a code each, and the codes of rows, -1 for those that have none."""

    codes: Codes
    data: bytes
    table: Sizes
    kernel: Kernel

    @property
    def kinds(self) -> Sizes:
        """TEXT, TOKEN and so on, by code."""
        return self.table[:, 2] & KIND_MAX

    def texts(self) -> list[str]:
        """All of them as they stand, in UTF-8: no text holds a line end."""
        count = len(self.table)
        out = np.empty(int(self.table[:, 1].sum()) + count, dtype=np.uint8)
        self.kernel.join_texts(self.data, address(self.table), count, address(out))
        texts = out.tobytes().decode().split("\n")
        texts.pop()
        return texts


@value
class Cells:
    """What rows hold at one path: a kind, where the value stands, and the int or the bits of the float."""

    scanner: Scanner
    data: bytes
    kinds: Kinds
    starts: Sizes
    lengths: Sizes
    numbers: Ints

    def iso_times(self, zone_ms: int | None) -> tuple[Ints, Bools]:
        """See `Kernel.iso_times`."""
        return self.scanner.kernel.iso_times(self, zone_ms)

    def distinct(self, kinds: Kinds, kind_min: int) -> Distinct:
        """Code the values of rows of these kinds; those below `kind_min` get none."""
        return self.scanner.distinct(self, kinds, kind_min)


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
        self._texts = b"".join(texts)
        self._names = np.array(
            [
                (end - len(text), len(text), places[path[:-1]] if path else -1, self._slots.get(path, -1))
                for path, text, end in zip(places, texts, ends.tolist(), strict=True)
            ],
            dtype=np.int32,
        )
        self._make_room(0)

    def _make_room(self, rows: int) -> None:
        self._rows = rows
        self._kinds = np.empty((len(self._slots), rows), dtype=np.uint8)
        self._spans = np.empty((2, len(self._slots), rows), dtype=np.int32)
        self._table = np.empty((rows, 8), dtype=np.int32)
        self._places = np.empty(max(_PLACES_MIN, 1 << (2 * rows).bit_length()), dtype=np.uint32)
        self._lines = np.empty((2, rows), dtype=np.int32)

    def scan(self, data: bytes, start: int, ends: Ints, line_bytes_max: int) -> Scan:
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
            *(data, len(data), start, address(ends), count, line_bytes_max),
            *(self._texts, address(self._names), len(self._names), len(self._slots), ctypes.byref(found)),
        )
        assert not refused, "the kernel and this agree on what a block is"
        rows = found.rows
        return Scan(
            lines[:rows].astype(np.int64),
            left[: found.left_count].astype(np.int64),
            {
                path: Cells(
                    self,
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
        rows = len(kinds)
        codes: Codes = np.empty(rows, dtype=np.int32)
        count = self.kernel.code_texts(
            *(
                cells.data,
                len(cells.data),
                address(kinds),
                address(cells.starts),
                address(cells.lengths),
                rows,
            ),
            *(
                kind_min,
                _SEED,
                address(codes),
                address(self._table),
                address(self._places),
                len(self._places),
            ),
        )
        return Distinct(codes, cells.data, self._table[:count].copy(), self.kernel)
