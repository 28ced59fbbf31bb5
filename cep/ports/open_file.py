"""The bytes of a file or of standard input, unpacked: gzip and zstd are told by their first bytes.

The only importer of zstandard. Memory stays flat: bytes go through in blocks.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from os import fstat
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from cep.errors import InputError
from cep.values import mutable

STDIN: Final = "-"
BLOCK_BYTES: Final = 1 << 18

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_HEAD_BYTES: Final = 6
_FOREIGN: Final = {
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"PK\x03\x04": "a zip archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}

# Packed bytes given to the unpacker at once. gzip makes of them a thousand times as many, zstd 32,000 times:
# this bounds the memory that a hostile file can claim, to some 4 and 32 MB.
_GZIP_BYTES: Final = 1 << 12
_ZSTD_BYTES: Final = 1 << 10


@mutable
class Progress:
    """How much of a file was read, packed or not; `total` None: it has no size, as standard input."""

    read: int = 0
    total: int | None = None


class _Unpacker(Protocol):
    """One packed frame; what zlib and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def require_readable(path: str) -> None:
    """InputError if there is no such file or it may not be read; standard input always may."""
    if path != STDIN:
        with _opened(path):
            pass


def file_head(path: str) -> bytes:
    """The first bytes of a file as they are on disk; none of standard input, which can be read only once."""
    if path == STDIN:
        return b""
    with _opened(path) as file:
        return file.read(_HEAD_BYTES)


def read_blocks(path: str, progress: Progress | None = None) -> Iterator[bytes]:
    """The unpacked bytes of a file, or of standard input for `-`, block by block.

    InputError if it cannot be opened, is of a kind that is not read, or is damaged; what stands before the
    damage has been given out by then.
    """
    if path == STDIN:
        # Without its buffer: a thread that waits in there would hold the buffer's lock when the process ends.
        file: BinaryIO = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        yield from _unpacked(path, file, progress or Progress())
        return
    with _opened(path) as opened:
        progress = progress or Progress()
        progress.total = fstat(opened.fileno()).st_size or None
        yield from _unpacked(path, opened, progress)


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name the files in it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}") from None


def _unpacked(path: str, file: BinaryIO, progress: Progress) -> Iterator[bytes]:
    blocks = _raw(path, file, progress)
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD_BYTES:
            break
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {kind}; read are UTF-8 text, plain or packed with gzip or zstd")
    blocks = chain([head], blocks)
    if head.startswith(_GZIP):
        return _frames(path, blocks, lambda: zlib.decompressobj(wbits=31), _GZIP, _GZIP_BYTES)
    if head.startswith(_ZSTD):
        unpacker = zstandard.ZstdDecompressor()
        return _frames(path, blocks, unpacker.decompressobj, _ZSTD, _ZSTD_BYTES)
    return blocks


def _raw(path: str, file: BinaryIO, progress: Progress) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK_BYTES):
            progress.read += len(block)
            yield block
    except OSError as error:
        raise InputError(f"{path} cannot be read on: {error.strerror}") from None


def _frames(
    path: str, blocks: Iterator[bytes], begin: Callable[[], _Unpacker], magic: bytes, step: int
) -> Iterator[bytes]:
    """Packed frames one after the other, as `cat a.gz b.gz` makes them; padding with zeros may follow."""
    unpacker: _Unpacker | None = None
    rest = b""
    for block in blocks:
        data, at = rest + block, 0
        rest = b""
        while at < len(data):
            if unpacker is None:
                at = len(data) - len(data[at:].lstrip(b"\x00"))
                if len(data) - at < len(magic):
                    rest = data[at:]
                    break
                if not data.startswith(magic, at):
                    raise InputError(f"{path}: something else follows the packed data")
                unpacker = begin()
            piece = data[at : at + step]
            at += len(piece)
            try:
                out = unpacker.decompress(piece)
            except (zlib.error, zstandard.ZstdError) as error:
                raise InputError(f"{path} is damaged: {error}") from None
            if unpacker.eof:
                at -= len(unpacker.unused_data)
                unpacker = None
            if out:
                yield out
    if unpacker is not None or rest:
        raise InputError(f"{path} is cut off: the packed data has no end")
