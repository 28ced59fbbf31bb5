"""Files are unpacked by what is in them, standard input too, and damage is told, not passed over."""

import gzip
import io
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cep.errors import InputError
from cep.ports.open_file import file_head, read_blocks, require_readable
from tests.ports.reading import write

TEXT = b"".join(b"line %d of many\n" % i for i in range(60_000))


def gz(data: bytes) -> bytes:
    """Without the time of day: each process of tests must come to the same cases."""
    return gzip.compress(data, mtime=0)


def whole(path: Path | str) -> bytes:
    return b"".join(read_blocks(str(path)))


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (TEXT, TEXT),
        (gz(TEXT), TEXT),
        (zst(TEXT), TEXT),
        (gz(TEXT[:1000]) + gz(TEXT[1000:]), TEXT),
        (zst(TEXT[:1000]) + zst(TEXT[1000:]), TEXT),
        (gz(TEXT) + bytes(600), TEXT),
        (b"", b""),
        (b"\n", b"\n"),
        (gz(b""), b""),
        (zst(b""), b""),
    ],
    ids=["plain", "gz", "zst", "gz twice", "zst twice", "padded", "empty", "short", "empty gz", "empty zst"],
)
def test_the_bytes_tell_how_a_file_is_packed(tmp_path: Path, packed: bytes, expected: bytes) -> None:
    assert whole(write(tmp_path, "events.dat", packed)) == expected


@pytest.mark.parametrize("packed", [TEXT, gz(TEXT), zst(TEXT)], ids=["plain", "gzip", "zstd"])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, packed: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    require_readable("-")
    assert (file_head("-"), whole("-")) == (b"", TEXT)


@given(st.binary(max_size=40), st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_packed_bytes_may_come_in_any_pieces(data: bytes, sizes: list[int], twice: bool) -> None:
    class Drip(io.RawIOBase):
        """A pipe that gives a few bytes at a time."""

        def __init__(self, content: bytes) -> None:
            self.content, self.turn = content, 0

        def readable(self) -> bool:
            return True

        def read(self, _: int = -1) -> bytes:
            size = sizes[self.turn % len(sizes)]
            self.turn += 1
            out, self.content = self.content[:size], self.content[size:]
            return out

    for pack in (gz, zst):
        packed = pack(data) * (2 if twice else 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", type("Stdin", (), {"buffer": Drip(packed)}))
            assert whole("-") == data * (2 if twice else 1)


def test_what_precedes_damage_is_given_out(tmp_path: Path) -> None:
    for pack in (gz, zst):
        packed = pack(TEXT)
        path = write(tmp_path, "cut", packed[: len(packed) * 3 // 4])
        got: list[bytes] = []
        with pytest.raises(InputError, match="is cut off: the packed data has no end"):
            got.extend(read_blocks(str(path)))
        assert len(TEXT) // 2 < len(b"".join(got)) < len(TEXT)
        assert TEXT.startswith(b"".join(got))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gz(TEXT) + b"more", "something else follows the packed data"),
        (zst(TEXT) + b"more", "something else follows the packed data"),
        (gz(TEXT)[:-8] + b"\x00" * 8, "is damaged: "),
        (gz(TEXT) + b"\x1f", "is cut off"),
        (zst(TEXT)[:5] + b"\xff" * 50, "is damaged: "),
        (b"BZh91AY", "is packed with bzip2"),
        (b"\xfd7zXZ\x00...", "is packed with xz"),
        (b"PK\x03\x04....", "is a zip archive"),
        ("{}\n".encode("utf-16"), "is UTF-16 text"),
    ],
    ids=["gz and more", "zst and more", "no sum", "half a gz", "no zst", "bzip2", "xz", "zip", "utf-16"],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, content: bytes, problem: str) -> None:
    path = write(tmp_path, "x.gz", content)
    with pytest.raises(InputError, match=problem) as caught:
        whole(path)
    assert str(caught.value).startswith(str(path))


def test_file_that_is_not_there(tmp_path: Path) -> None:
    for read in (require_readable, file_head, whole):
        with pytest.raises(InputError, match="there is no such file"):
            read(str(tmp_path / "none.jsonl"))
        with pytest.raises(InputError, match="is a folder; name the files in it"):
            read(str(tmp_path))


def test_file_name_that_the_system_refuses() -> None:
    with pytest.raises(InputError, match="cannot be opened: File name too long"):
        require_readable("x" * 5000)


@pytest.mark.parametrize(("pack", "size"), [(gz, 64 << 20), (zst, 256 << 20)])
def test_memory_stays_flat(tmp_path: Path, pack: Callable[[bytes], bytes], size: int) -> None:
    # Zeros: nothing packs denser, so nothing grows more from one packed block.
    path = write(tmp_path, "zeros", pack(bytes(size)))
    tracemalloc.start()
    total = sum(len(block) for block in read_blocks(str(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == size
    assert peak < size // 2
