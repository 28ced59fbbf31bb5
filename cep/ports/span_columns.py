"""Values of one field that lie in a block of bytes, made into a column of what the field is declared to hold.

    texts     each distinct one is converted once
    numbers   read all at once if they are to be ints or floats; else as texts

What a row's value is depends on nothing but its bytes, so this gives the values of the row-by-row reader. A
value that cannot be had is told by its row and left to that reader, who knows the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Coded, Coder, Codes, Column, Ints, Numbers
from cep.event import Value
from cep.inputs import Path
from cep.ports.byte_spans import Block, Parsed, distinct_texts, read_numbers
from cep.ports.convert import Convert
from cep.ports.json_layout import Group
from cep.ports.json_values import inexact, parse, parse_exact
from cep.ports.times import TimeReader
from cep.schema import Kind

AS_THEY_STAND: Final[frozenset[Kind]] = frozenset({"string", "any"})
"""Kinds that hold any text as it is."""

NUMERIC: Final[frozenset[Kind]] = frozenset({"int", "float", "any"})
"""Kinds that numbers of JSON become without a detour."""


@dataclass(frozen=True)
class Piece:
    """The values of some rows at one slot: texts without their quotes, or what JSON writes without quotes."""

    block: Block
    rows: Ints
    starts: Ints
    ends: Ints
    text: bool

    def take(self, mine: NDArray[np.intp] | Bools) -> Piece:
        """Only some of its rows."""
        taken = Piece(self.block, self.rows[mine], self.starts[mine], self.ends[mine], self.text)
        if "numbers" in self.__dict__:  # what was read need not be read again
            taken.__dict__["numbers"] = self.numbers.take(mine)
        return taken

    @cached_property
    def numbers(self) -> Parsed:
        """Its values as numbers, as far as they are any."""
        return read_numbers(self.block, self.starts, self.ends)

    @cached_property
    def null(self) -> Bools:
        """Where it is `null`."""
        if self.text:
            return np.zeros(len(self.rows), dtype=np.bool_)
        four: Bools = self.ends - self.starts == len(b"null")
        return four & self.block.equal(self.starts, b"null")

    def texts(self, count: int) -> Coded:
        """A column of `count` rows with its values as they stand; it must be a piece of texts."""
        mine, rows = distinct_texts(self.block, self.starts, self.ends)
        codes: Codes = np.full(count, -1, dtype=np.int32)
        codes[self.rows] = mine
        return Coded(codes, self.block.texts(self.starts[rows], self.ends[rows]))

    def values(self, convert: Convert) -> tuple[Codes, list[Value]]:
        """A code for each row and the value of each code; `Refused` stands for one that cannot be had."""
        codes, rows = distinct_texts(self.block, self.starts, self.ends)
        data = self.block.data
        spans = zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)
        read = _text_value if self.text else token_value
        return codes, [_value(data[start:end], read, convert) for start, end in spans]

    def unreadable(self) -> Bools:
        """Where what is not a text is not of JSON either."""
        bad = np.zeros(len(self.rows), dtype=np.bool_)
        odd = np.flatnonzero(~(self.numbers.good | self.null))
        if len(odd) and not self.text:
            codes, values = self.take(odd).values(lambda raw: raw)
            refused = np.array([value is Refused for value in values], dtype=np.bool_)
            bad[odd] = refused[codes]
        return bad


class Refused:
    """Stands for a value that cannot be read or is not of the declared type."""


class SpanFields:
    """The fields of lines of some layouts, by where they stand in the record."""

    def __init__(self, block: Block, groups: Sequence[Group]) -> None:
        """Rows are the lines of all groups in their order."""
        self.lines: Ints = np.sort(np.concatenate([group.lines for group in groups]))
        self.refused: Bools = np.zeros(len(self.lines), dtype=np.bool_)
        """Lines that turned out to be no JSON."""
        self._pieces: dict[Path, list[Piece]] = {}
        for group in groups:
            alone = len(groups) == 1
            rows = np.arange(len(group.lines)) if alone else np.searchsorted(self.lines, group.lines)
            for slot, (starts, ends) in zip(group.layout.slots, group.spans, strict=True):
                piece = Piece(block, rows, starts, ends, slot.text)
                if not slot.text:
                    bad = piece.unreadable()
                    self.refused[rows[bad]] = True
                self._pieces.setdefault(slot.path, []).append(piece)

    def times(self, path: Path, time: TimeReader) -> tuple[Ints, Bools]:
        """The time of each row, and which rows have one."""
        ts_ms = np.zeros(len(self.lines), dtype=np.int64)
        there = np.zeros(len(self.lines), dtype=np.bool_)
        for piece in self._pieces.get(path, []):
            good = np.zeros(len(piece.rows), dtype=np.bool_)
            if not piece.text:
                whole, good = piece.numbers.ints()
                ms, in_range = time.ms_of_ints(whole)
                good &= in_range
                ts_ms[piece.rows[good]] = ms[good]
            odd = np.flatnonzero(~good)
            if len(odd):
                codes, values = piece.take(odd).values(time.ms)
                found = np.array([0 if v is Refused or v is None else v for v in values], dtype=np.int64)
                read = np.array([v is not Refused and v is not None for v in values], dtype=np.bool_)
                ts_ms[piece.rows[odd]] = found[codes]
                good[odd] = read[codes]
            there[piece.rows] = good
        return ts_ms, there

    def column(self, path: Path, kind: Kind, convert: Convert, mine: Bools | None) -> tuple[Column, Bools]:
        """The values of the rows that are `mine`, None for all, and the rows whose value was refused."""
        pieces = self._pieces.get(path, [])
        if mine is not None:
            pieces = [piece.take(mine[piece.rows]) for piece in pieces]
        return column_of(len(self.lines), pieces, kind, convert)


def token_value(token: bytes) -> Value:
    """What a value of JSON outside of quotes is, exact where it has many digits; ValueError if it is none."""
    return parse_exact(token) if inexact(b" " + token) else parse(token)


def _text_value(text: bytes) -> Value:
    return text.decode()


def _value(text: bytes, read: Callable[[bytes], Value], convert: Convert) -> Value:
    try:
        raw = read(text)
        return None if raw is None else convert(raw)
    except ValueError:
        return Refused


def column_of(count: int, pieces: Sequence[Piece], kind: Kind, convert: Convert) -> tuple[Column, Bools]:
    """A column of `count` rows from pieces without a common row, and the rows whose value was refused."""
    if len(pieces) == 1 and pieces[0].text and kind in AS_THEY_STAND:
        return pieces[0].texts(count), np.zeros(count, dtype=np.bool_)
    if pieces and kind in NUMERIC and not any(piece.text for piece in pieces):
        found = _numbers(count, pieces, kind, convert)
        if found is not None:
            return found
    coder = Coder()
    codes: Codes = np.full(count, -1, dtype=np.int32)
    refused = np.zeros(count, dtype=np.bool_)
    for piece in pieces:
        mine, values = piece.values(convert)
        table = np.array([-1 if value is Refused else coder.code(value) for value in values], dtype=np.int32)
        bad = np.array([value is Refused for value in values], dtype=np.bool_)
        codes[piece.rows] = table[mine]
        refused[piece.rows] = bad[mine]
    return Coded(codes, coder.values), refused


def _numbers(
    count: int, pieces: Sequence[Piece], kind: Kind, convert: Convert
) -> tuple[Column, Bools] | None:
    """The column if all its values are ints, or all floats."""
    dtype = _dtype(pieces, kind)
    if dtype is None:
        return None
    array: NDArray[Any] = np.zeros(count, dtype=dtype)
    null, refused = np.ones(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for piece in pieces:
        values, good = piece.numbers.ints() if dtype is np.int64 else piece.numbers.floats()
        array[piece.rows] = values
        null[piece.rows] = ~good
        odd = np.flatnonzero(~(good | piece.null))
        if not len(odd):
            continue
        codes, others = piece.take(odd).values(convert)
        if any(value is not Refused and not fits(value, dtype) for value in others):
            return None
        bad = np.array([value is Refused for value in others], dtype=np.bool_)[codes]
        numbers: NDArray[Any] = np.array([0 if value is Refused else value for value in others], dtype=dtype)[
            codes
        ]
        array[piece.rows[odd]] = numbers
        null[piece.rows[odd]] = bad
        refused[piece.rows[odd]] = bad
    return Numbers(array, null), refused


def _dtype(pieces: Sequence[Piece], kind: Kind) -> type | None:
    """What the numbers are read as; None if an undeclared field holds both ints and floats, or neither."""
    if kind in {"int", "float"}:
        return np.int64 if kind == "int" else np.float64
    pointed = [piece.numbers.pointed[piece.numbers.good] for piece in pieces]
    if sum(map(len, pointed)) == 0:
        return None
    if all(part.all() for part in pointed):
        return np.float64
    return None if any(part.any() for part in pointed) else np.int64


def fits(value: Value, dtype: type) -> bool:
    """Whether a value can stand in an array of that type and be the same value."""
    if dtype is np.int64:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    return type(value) is float
