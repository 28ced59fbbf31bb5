"""Bytes are cut at line ends wherever the blocks happen to end, and no line is longer than allowed."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cep.ports.lines import BOUNDS, Bounds, Lines, group_lines


def lines_of(blocks: list[bytes], bounds: Bounds = BOUNDS) -> list[bytes]:
    return [line for group in group_lines(blocks, bounds) for line in group.lines]


def test_groups_say_where_they_begin() -> None:
    groups = list(group_lines([b"a\nb\n\nc"], Bounds(chunk_rows=3)))
    assert groups == [Lines(1, [b"a", b"b", b""]), Lines(4, [b"c"])]


def test_a_group_ends_after_so_many_bytes() -> None:
    groups = list(group_lines([b"aaa\nbb\nc\nd\n"], Bounds(chunk_bytes=7)))
    assert [group.lines for group in groups] == [[b"aaa", b"bb"], [b"c", b"d"]]


def test_nothing_comes_of_nothing() -> None:
    assert lines_of([]) == lines_of([b"", b""]) == []


def test_a_byte_order_mark_is_dropped_even_in_pieces() -> None:
    assert lines_of([b"\xef", b"\xbb", b"\xbfa\n", b"b"]) == [b"a", b"b"]
    assert lines_of([b"\xef\xbb\xbf"]) == []
    assert lines_of([b"a\n\xef\xbb\xbfb"]) == [b"a", b"\xef\xbb\xbfb"]


def test_of_a_long_line_the_beginning_is_kept() -> None:
    blocks = [b"ok\n", b"x" * 5, b"x" * 5, b"x\nok\nyyyyyyyy\nend"]
    assert lines_of(blocks, Bounds(line_bytes_max=6)) == [b"ok", b"x" * 7, b"ok", b"y" * 7, b"end"]


@given(
    st.binary(max_size=60).map(lambda data: data.replace(b"\xef\xbb\xbf", b"")),
    st.lists(st.integers(0, 60)),
    st.integers(1, 5),
    st.integers(1, 30),
    st.integers(1, 10),
)
def test_cuts_change_nothing(data: bytes, cuts: list[int], rows: int, size: int, longest: int) -> None:
    ends = sorted({*cuts, 0, len(data)})
    blocks = [data[start:end] for start, end in pairwise(ends)]
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    bounds = Bounds(rows, size, longest)
    assert lines_of(blocks, bounds) == [line[: longest + 1] for line in expected]
    number = 1
    for group in group_lines(blocks, bounds):
        assert (group.first, 1 <= len(group.lines) <= rows) == (number, True)
        number += len(group.lines)
