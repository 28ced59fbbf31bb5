r"""Values that lie in a block of bytes, read all at once: equal bytes, numbers, distinct texts.

    block   {"id":17,"amount":12.50,"type":"login"}\n{"id":18,"amount":3.00,"type":"logout"}\n…
    starts       ^                                          ^
    ends           ^                                          ^

A value is the bytes from its start to before its end. Eight of them are one machine word, which is compared,
or read as eight digits, with a handful of operations for all values together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Bools, Codes, Floats, Ints
from cep.values import value

Words: TypeAlias = NDArray[np.uint64]

MARGIN: Final = 4096
"""So many bytes around a block may be looked at; they are zeros."""

AT_ONCE: Final = 1 << 13
"""So many values are worked on at a time: what belongs together stays in the cache of the processor."""

INT_DIGITS_MAX: Final = 18
FLOAT_DIGITS_MAX: Final = 15
"""Fifteen digits divided by a power of ten that a float holds is the float nearest to the text."""

_AROUND: Final = bytes(MARGIN)
_TEXT_WORDS_MAX: Final = 6
_ROUNDS_MAX: Final = 8
_WORD: Final = 8
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def _bytes_of(value: int) -> np.uint64:
    return np.uint64(value * 0x0101010101010101)


_ZEROS: Final = _bytes_of(0x30)
_DOTS: Final = _bytes_of(0x2E)
_LOW_BITS: Final = _bytes_of(0x7F)
_HIGH_BITS: Final = _bytes_of(0x80)
_ABOVE_NINE: Final = _bytes_of(0x76)
_PLACES: Final = np.uint64(0x0706050403020100)
_POWERS: Final = 10.0 ** np.arange(FLOAT_DIGITS_MAX + 8)
_INT_POWERS: Final = 10 ** np.arange(INT_DIGITS_MAX + 1, dtype=np.int64)


class Block:
    """Bytes with a margin, and the words that begin at each of them. Positions count from `data`."""

    def __init__(self, data: bytes) -> None:
        """Of a copy of the data."""
        self.data = data
        self._padded = np.frombuffer(b"".join((_AROUND, data, _AROUND)), dtype=np.uint8)
        length = len(self._padded) - _WORD + 1
        self._words: Words = np.ndarray((length,), dtype="<u8", buffer=self._padded.data, strides=(1,))

    def where(self, byte: int) -> Ints:
        """The places of a byte."""
        return np.flatnonzero(self.inner == byte)

    @property
    def inner(self) -> NDArray[np.uint8]:
        """The data as an array, without the margin."""
        return self._padded[MARGIN : MARGIN + len(self.data)]

    def byte_at(self, at: Ints, offset: int = 0) -> NDArray[np.uint8]:
        """The byte so far behind each place."""
        return self._padded[MARGIN + offset :][at]

    def word_at(self, at: Ints, offset: int = 0) -> Words:
        """The eight bytes from so far behind each place on, the first of them lowest."""
        return self._words[MARGIN + offset :][at]

    @cached_property
    def ascii(self) -> str | None:
        """The data as text if a byte is a character in all of it."""
        return self.data.decode() if self.data.isascii() else None

    def texts(self, starts: Ints, ends: Ints) -> list[str]:
        """The text from each start to its end; it must be UTF-8."""
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        text = self.ascii
        if text is not None:
            return [text[start:end] for start, end in spans]
        return [self.data[start:end].decode() for start, end in spans]

    def equal(self, at: Ints, text: bytes) -> Bools:
        """Where exactly this text stands."""
        same = np.ones(len(at), dtype=np.bool_)
        for offset in range(0, len(text), _WORD):
            piece = text[offset : offset + _WORD]
            if len(piece) < _WORD <= len(text):
                offset = len(text) - _WORD  # noqa: PLW2901 - the last word overlaps the one before
                piece = text[offset:]
            wanted = np.uint64(int.from_bytes(piece, "little"))
            word = self.word_at(at, offset)
            if len(piece) < _WORD:
                word &= np.uint64((1 << 8 * len(piece)) - 1)
            same &= word == wanted
        return same


@value
class Parsed:
    """Numbers as read: `whole` has the digits without the point, `places` how many stand behind it."""

    good: Bools
    """A plain number, not too long; what is not may still be one, with an exponent or many digits."""
    pointed: Bools
    whole: Ints
    places: Ints
    digits: Ints

    def take(self, mine: Ints | Bools) -> Parsed:
        """Only some of them."""
        return Parsed(
            self.good[mine], self.pointed[mine], self.whole[mine], self.places[mine], self.digits[mine]
        )

    def ints(self) -> tuple[Ints, Bools]:
        """Whole numbers, and which rows are one."""
        return self.whole, self.good & ~self.pointed

    def floats(self) -> tuple[Floats, Bools]:
        """The nearest floats, never -0.0, and which rows could be read without loss."""
        exact = self.good & (self.digits <= FLOAT_DIGITS_MAX)
        return self.whole / _POWERS[self.places] + 0.0, exact


def read_numbers(block: Block, starts: Ints, ends: Ints) -> Parsed:
    """The numbers that these values are.

    >>> parsed = read_numbers(Block(b"-12.50,7,1e5"), np.array([0, 7, 9]), np.array([6, 8, 12]))
    >>> parsed.good.tolist(), parsed.floats()[0].tolist()[:2]
    ([True, True, False], [-12.5, 7.0])
    """
    if len(starts) <= AT_ONCE:
        return _read_numbers(block, starts, ends)
    cuts = [slice(begin, begin + AT_ONCE) for begin in range(0, len(starts), AT_ONCE)]
    return _joined([_read_numbers(block, starts[cut], ends[cut]) for cut in cuts])


def _joined(parts: Sequence[Parsed]) -> Parsed:
    return Parsed(
        np.concatenate([part.good for part in parts]),
        np.concatenate([part.pointed for part in parts]),
        np.concatenate([part.whole for part in parts]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.digits for part in parts]),
    )


def _read_numbers(block: Block, starts: Ints, ends: Ints) -> Parsed:
    minus = block.byte_at(starts) == ord("-")
    starts = starts + minus
    length = ends - starts
    good = (length > 0) & (length <= INT_DIGITS_MAX + 1)
    places, pointed = _point(block, ends, np.where(good, length, 0))
    whole_digits = length - places - pointed
    # A leading zero stands alone, and a point has digits on both sides.
    good &= (whole_digits > 0) & ((whole_digits == 1) | (block.byte_at(starts) != ord("0")))
    good &= (places > 0) | ~pointed
    digits = whole_digits + places
    good &= digits <= INT_DIGITS_MAX
    whole, clean = _digits(block, ends - places - pointed, np.where(good, whole_digits, 0))
    good &= clean
    if pointed.any():
        behind, clean = _digits(block, ends, np.where(good, places, 0))
        good &= clean
        whole = whole * _INT_POWERS[np.where(good, places, 0)] + behind
    return Parsed(good, pointed, np.where(minus, -whole, whole), np.where(good, places, 0), digits)


def _point(block: Block, ends: Ints, length: Ints) -> tuple[Ints, Bools]:
    """How many bytes stand behind a point, and whether there is one, for values of up to 24 bytes."""
    places = np.zeros(len(ends), dtype=np.int64)
    pointed = np.zeros(len(ends), dtype=np.bool_)
    for back in range(0, int(length.max(initial=0)), _WORD):
        inside = np.clip(length - back, 0, _WORD)
        off = block.word_at(ends, -back - _WORD) ^ _DOTS
        # The high bit of each byte that is a point, and of no other.
        found = ~(((off & _LOW_BITS) + _LOW_BITS) | off | _LOW_BITS) & _last_bytes(inside)
        here = (found != 0) & ~pointed
        if here.any():
            behind = ((found >> np.uint64(7)) * _PLACES) >> np.uint64(56)
            places = np.where(here, (behind & np.uint64(7)).astype(np.int64) + back, places)
            pointed |= here
    return places, pointed


def _digits(block: Block, ends: Ints, length: Ints) -> tuple[Ints, Bools]:
    """The number that the last `length` bytes before each end say, and whether all of them are digits."""
    number = np.zeros(len(ends), dtype=np.int64)
    bad = np.zeros(len(ends), dtype=np.uint64)
    for back in range(0, int(length.max(initial=0)), _WORD):
        inside = np.clip(length - back, 0, _WORD)
        digit = (block.word_at(ends, -back - _WORD) ^ _ZEROS) & _last_bytes(inside)
        bad |= ((digit + _ABOVE_NINE) | digit) & _HIGH_BITS
        # Neighbours are added up: eight digits, four pairs, two fours, one number.
        pair = (digit * np.uint64(2561)) >> np.uint64(8)
        four = ((pair & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> np.uint64(16)
        eight = ((four & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> np.uint64(32)
        number += eight.astype(np.int64) * 10**back
    return number, bad == 0


def _last_bytes(count: Ints) -> Words:
    """A mask of the last so many bytes of a word."""
    return np.uint64(0xFFFFFFFFFFFFFFFF) << ((_WORD - count) * 8).astype(np.uint64)


def distinct_texts(block: Block, starts: Ints, ends: Ints) -> tuple[Codes, Ints]:
    """A code for the text of each row, equal texts having one code, and for each code a row that has it.

    >>> codes, rows = distinct_texts(Block(b"yes,no,yes"), np.array([0, 4, 7]), np.array([3, 6, 10]))
    >>> codes.tolist(), len(rows)
    ([1, 0, 1], 2)
    """
    count = len(starts)
    length = ends - starts
    words = -(-int(length.max(initial=0)) // _WORD)
    if words > _TEXT_WORDS_MAX:
        like = _like_by_text(block, starts, ends)
    else:
        like = _like_by_words(_masked_words(block, starts, length, max(words, 1)))
    first = np.zeros(count, dtype=np.bool_)
    first[like] = True
    codes = (np.cumsum(first, dtype=np.int32) - np.int32(1))[like]
    return codes.astype(np.int32, copy=False), np.flatnonzero(first)


def _masked_words(block: Block, starts: Ints, length: Ints, words: int) -> list[Words]:
    """The words of each text, with zeros behind its end: no text holds zeros itself."""
    found = []
    for i in range(words):
        word = block.word_at(starts, i * _WORD)
        behind = (np.clip((i + 1) * _WORD - length, 0, _WORD) * 8).astype(np.uint64)
        found.append((word << behind) >> behind if behind.any() else word)
    return found


def _like_by_words(words: list[Words]) -> Ints:
    """For each row one row with the same words.

    Rows meet in the slots of a table. Where different texts share a slot, one wins; the others try again.
    """
    count = len(words[0])
    like = np.arange(count)
    # Few texts are distinct as a rule, and a small table stays in the cache of the processor.
    bits = max(8, count.bit_length())
    slots = np.zeros(1 << bits, dtype=np.int32)
    left = like
    for turn in range(_ROUNDS_MAX):
        mine = words if turn == 0 else [word[left] for word in words]
        slot = _hash(mine, turn) >> np.uint64(64 - bits)
        slots[slot] = left
        winner = slots[slot]
        same = np.ones(len(left), dtype=np.bool_)
        for word, own in zip(words, mine, strict=True):
            same &= word[winner] == own
        like[left] = np.where(same, winner, left)
        left = left[~same]
        if not len(left):
            return like
    # Never seen but with texts made for it.
    seen: dict[tuple[int, ...], int] = {}
    for row in left.tolist():
        like[row] = seen.setdefault(tuple(int(word[row]) for word in words), row)
    return like


def _hash(words: list[Words], turn: int) -> Words:
    mixed = words[0] * _MULTIPLIER
    for word in words[1:]:
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ word) * _MULTIPLIER
    for _ in range(turn + 1):
        mixed = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIER
    return mixed


def _like_by_text(block: Block, starts: Ints, ends: Ints) -> Ints:
    seen: dict[bytes, int] = {}
    spans = enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    return np.array([seen.setdefault(block.data[s:e], row) for row, (s, e) in spans], dtype=np.int64)
