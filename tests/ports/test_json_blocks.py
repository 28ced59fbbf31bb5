"""Many lines at once give what each line gives alone: the same events, the same rejects, bit for bit."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cep.columns import Coded, Numbers, Projection
from cep.inputs import InputSettings, TimeSettings, TypeConstant
from cep.ports import json_alike, json_blocks
from cep.ports.byte_spans import Words
from cep.ports.json_blocks import JsonBlocks
from cep.ports.json_lines import add_lines
from cep.ports.lines import Bounds, LineBlock, Lines, line_blocks
from cep.ports.rows import Chunk, Reading, Rows
from cep.schema import Schema
from tests.ports.reading import Read, read, schema_of, the_kernel, write

DECLARED = schema_of(
    {
        "A": {"s": "string", "f": "float", "i": "int", "d": "decimal?", "e": "enum(x|y)?", "o": "bool?"},
        "B": {"s": "string?", "f": "decimal?", "i": "float?", "ip": "ip?", "t": "timestamp?"},
    }
)
FIELDS = frozenset({"s", "f", "i", "d", "e", "o", "ip", "t", "u", "n.x", "list"})
SETTINGS = InputSettings(time=TimeSettings(("ts",), "epoch_ms"), fields=(("n.x", ("n", "x")),))

SCALARS = [
    *("0", "-0", "7", "-12", "007", "1.5", "-1.50", "0.0", "-0.0", "1.", ".5", "1.2.3", "+1", "1e3", "1E-3"),
    *("1e400", "123456789012345678", "1234567890123456789", "9223372036854775808", "-9223372036854775809"),
    *("0.1234567890123456789", "123456789.123456", "123456789012345.5", "1234567890123456.5", "0.000001"),
    *("true", "false", "null", "nul", "None", "NaN", "Infinity", "-", "--1", "1-", "1 ", " 1", "[1]", "{}"),
    *('"x"', '"y"', '"12.50"', '""', '"ü€😀"', '"1.2.3.4"', '"2026-01-31"', '"a long text of many words"'),
]
NASTY = [
    b"",
    b"   ",
    b"\t",
    b"{}",
    b"[]",
    b"null",
    b"{",
    b'{"type":"A"',
    b'{"type":"A","ts":1}{"type":"A","ts":2}',
    b'{"type":"A","ts":1}}',
    b'{"type":"A","ts":1,"ts":2}',
    b'{"type":"A","ts":1,"s":"a\\"b","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"a\\u0041","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"tab\there","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"\xff","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"\xed\xa0\x80","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"x","f":1,"i":1,}',
    b'{"type":"A","ts":1,"s":"x" "f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"x","f":1 2,"i":1}',
    b'{"type":"","ts":1,"s":"x","f":1,"i":1}',
    b'{"type":3,"ts":1,"s":"x","f":1,"i":1}',
    b'{"type":"C","ts":1,"s":"x","f":1,"i":1}',
    b'{"ts":1,"s":"x","f":1,"i":1}',
    b'{"type":"A","s":"x","f":1,"i":1}',
    b'{"type":"A","ts":"1","s":"x","f":1,"i":1}',
    b'{"type":"A","ts":99999999999999999,"s":"x","f":1,"i":1}',
    b'{"type":"A","ts":1.5,"s":"x","f":1,"i":1}',
    b'{"type":"B","ts":1,"n":{"x":5},"u":1,"list":[1,2]}',
    b'{"type":"B","ts":1,"n":{"x":5,"x":6},"u":"1"}',
    b'{"type":"B","ts":1,"n":[],"list":[]}',
    b'{"type":"B","ts":1,"n":["x"],"list":["a"]}',
    b'{"type":"B","ts":1,"n":5,"list":{}}',
    b'{"type":"A","ts":1,"s":"' + b"long " * 60 + b'","f":1,"i":1}',
    b'{"type":"A","ts":1,"s":"' + b"too long " * 200 + b'","f":1,"i":1}',
]
LINE_MAX = 1000


@pytest.fixture(autouse=True, params=["kernel", "numpy"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both readers, for few lines too."""
    monkeypatch.setattr(json_blocks, "LINES_MIN", 2)
    monkeypatch.setattr(json_alike, "ALIKE_MIN", 1)
    monkeypatch.setattr(json_blocks, "KERNEL", the_kernel() if request.param == "kernel" else None)
    return str(request.param)


def alone(reading: Reading, lines: list[bytes]) -> Chunk:
    rows = Rows(reading, textual=False)
    add_lines(rows, Lines(1, [line[: LINE_MAX + 1] for line in lines]), LINE_MAX)
    return rows.take()


def together(reading: Reading, blocks: list[list[bytes]]) -> list[Chunk]:
    reader, first, chunks = JsonBlocks(reading, LINE_MAX), 1, []
    for lines in blocks:
        chunks.append(reader.chunk(block_of(first, lines)))
        first += len(lines)
    return chunks


def block_of(first: int, lines: list[bytes]) -> LineBlock:
    data = np.frombuffer(b"".join(line + b"\n" for line in lines), dtype=np.uint8)
    return LineBlock(first, data, np.flatnonzero(data == ord("\n")))


def said(chunks: list[Chunk]) -> tuple[list[object], list[object]]:
    """Events with the types of their values, and rejects."""
    whole = Read(chunks)
    events: list[object] = [
        (event.type, event.position, event.line, {k: _typed(v) for k, v in sorted(event.fields.items())})
        for event in whole.events
    ]
    return events, list(whole.rejects)


def _typed(value: object) -> object:
    return (type(value).__name__, repr(value))


def agree(lines: list[bytes], schema: Schema = DECLARED, given_settings: InputSettings = SETTINGS) -> None:
    reading = Reading("f", given_settings, Projection(FIELDS, frozenset({"A", "B"})), schema, 1)
    wanted = said([alone(reading, lines)])
    half = len(lines) // 2
    assert said(together(reading, [lines])) == wanted
    assert said(together(reading, [lines[:half], lines[half:]])) == wanted


def record(values: dict[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()


GOOD = {"type": '"A"', "ts": "1769844600125", "s": '"x"', "f": "1.5", "i": "2", "u": "1"}


@pytest.mark.parametrize("name", [*GOOD, "d", "e", "o", "list"])
@pytest.mark.parametrize("schema", [DECLARED, Schema()])
def test_every_value_in_every_place(name: str, schema: Schema) -> None:
    lines = [record({**GOOD, name: value}) for value in SCALARS]
    agree([*lines, record(GOOD)], schema)
    for line in lines:
        agree([record(GOOD), line, record(GOOD)], schema)


@pytest.mark.parametrize("ending", [b"", b"\r", b" "])
def test_nasty_lines_between_good_ones(ending: bytes) -> None:
    mixed = [line + ending for bad in NASTY for line in (record(GOOD), bad, record({**GOOD, "d": "1.10"}))]
    agree(mixed)
    for bad in NASTY:
        agree([record(GOOD), bad + ending, record(GOOD)])


def lines_of_records() -> st.SearchStrategy[bytes]:
    names = st.permutations(["type", "ts", "s", "f", "i", "d", "u", "ip", "t"])
    values = {
        "type": st.sampled_from(['"A"', '"B"', '"C"']),
        "ts": st.one_of(st.integers(0, 10**13).map(str), st.sampled_from(SCALARS)),
    }
    others = st.one_of(
        st.integers(-(10**20), 10**20).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
        st.sampled_from(SCALARS),
    )

    def made(order: list[str]) -> st.SearchStrategy[bytes]:
        return st.fixed_dictionaries({name: values.get(name, others) for name in order[:7]}).map(record)

    return names.flatmap(made)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(lines_of_records(), st.sampled_from(NASTY)), min_size=2, max_size=12))
def test_any_lines(lines: list[bytes]) -> None:
    lines = [line for line in lines if b"\n" not in line]
    agree([*lines, *lines])
    agree(lines, Schema(), InputSettings(type=TypeConstant("A"), fields=SETTINGS.fields))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-(10**18), 10**18), st.floats(-1e15, 1e15)), min_size=2, max_size=20))
def test_numbers_are_the_same_to_the_last_bit(pairs: list[tuple[int, float]]) -> None:
    agree([record({**GOOD, "i": str(whole), "u": repr(real), "f": f"{real:.3f}"}) for whole, real in pairs])


@pytest.mark.parametrize("time_format", [None, "epoch_s", "epoch_us", "iso8601", "%Y-%m-%d", "%b %d"])
def test_every_form_of_time(time_format: str | None) -> None:
    times = [
        "1769844600",
        "1769844600125",
        "-5",
        "17698446001259999",
        '"2026-01-31"',
        '"Jan 31"',
        "1e9",
        "99",
    ]
    lines = [record({**GOOD, "ts": value}) for value in times * 2]
    year = 2026 if time_format == "%b %d" else None
    agree(lines, DECLARED, InputSettings(time=TimeSettings(("ts",), time_format, year)))


@pytest.mark.parametrize("zone", ["UTC", "+05:45", "Europe/Stockholm"])
def test_iso_times_are_the_same_to_the_millisecond(zone: str) -> None:
    days = ["2026-01-31", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "1969-12-31", "1600-03-01"]
    days += [
        "0001-01-01",
        "0002-01-01",
        "9998-12-31",
        "9999-12-31",
        "2026-13-01",
        "2026-00-10",
        "2026-04-31",
        "26-1-1",
    ]
    clocks = [
        "T00:00:00",
        "T23:59:59.999",
        "t10:00:00",
        " 08:30:15.5",
        "T08:30:15.123456",
        "T08:30:15.123456789",
    ]
    clocks += [
        "T24:00:00",
        "T08:60:00",
        "T08:30:61",
        "T08:30",
        "",
        "T08:30:15.",
        "T08:30:15.1234",
        "T08:30:15,123",
    ]
    clocks += ["T083015", "_08:30:15", "T-1:00:00", "T08:30:15 "]
    zones = [
        "",
        "Z",
        "z",
        "+01:00",
        "-23:59",
        "+24:00",
        "+01:60",
        "+0100",
        "+01",
        "+01:00:30",
        " +01:00",
        "Z ",
    ]
    times = [day + clock + "Z" for day in days for clock in clocks]
    times += [days[0] + clock + name for clock in clocks for name in zones]
    lines = [record({**GOOD, "ts": json.dumps(value)}) for value in times]
    agree(lines, DECLARED, InputSettings(time=TimeSettings(("ts",), "iso8601", zone=zone)))
    agree(
        [record({**GOOD, "ts": '"2026-01-31T08:30:00"'}), *lines],
        DECLARED,
        InputSettings(time=TimeSettings(zone=zone)),
    )


def test_numbers_stay_numbers_in_the_common_case() -> None:
    reading = Reading("f", SETTINGS, Projection(FIELDS), DECLARED)
    (chunk,) = together(reading, [[record({**GOOD, "f": f"{n}.5", "i": str(n)}) for n in range(40)]])
    assert isinstance(chunk.batch.columns["f"], Numbers)
    assert isinstance(chunk.batch.columns["i"], Numbers)
    assert isinstance(chunk.batch.columns["s"], Coded)


def test_texts_of_one_hash_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(words: list[Words], _turn: int) -> Words:
        return np.zeros(len(words[0]), dtype=np.uint64)

    monkeypatch.setattr("cep.ports.byte_spans._hash", same)
    agree([record({**GOOD, "s": f'"{n % 13}"'}) for n in range(60)])


def test_a_file_in_blocks_of_any_size(tmp_path: Path) -> None:
    lines = [line for bad in NASTY for line in (record(GOOD), bad)]
    path = write(tmp_path, "events.jsonl", b"\xef\xbb\xbf" + b"\n".join(lines))
    reading = Reading(str(path), SETTINGS, Projection(FIELDS), DECLARED)
    wanted = said([alone(reading, lines)])
    for bounds in (Bounds(3, 100, LINE_MAX), Bounds(7, 1 << 20, LINE_MAX), Bounds(1000, 300, LINE_MAX)):
        found = read(path, settings=SETTINGS, schema=DECLARED, bounds=bounds, projection=Projection(FIELDS))
        assert said(found.chunks) == wanted


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_blocks_of_lines_hold_every_line_once(size: int, rows: int) -> None:
    data = b"one\n\n" + b"x" * 9 + b"\nthree\r\n" + b"y" * 30 + b"\nlast"
    bounds = Bounds(chunk_rows=rows, chunk_bytes=8, line_bytes_max=10)
    found, next_first = [], 1
    for block in line_blocks(pieces(data, size), bounds):
        assert block.first == next_first
        assert len(block.ends) <= rows
        assert all(block.data[end] == ord("\n") for end in block.ends.tolist())
        found += block.data.tobytes().split(b"\n")[:-1]
        next_first += len(block.ends)
    # The end of a line that is too long may be missing, but not that it is too long.
    assert [line[:11] for line in found] == [line[:11] for line in data.split(b"\n")]
