"""The compiled kernel: what it must read by itself, what it may leave, and where it must not look."""

import json
import random
import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.columns import Coded
from cep.compiled import build
from cep.inputs import Path as FieldPath
from cep.ports import json_kernel
from cep.ports.json_kernel import FLOAT, INT, MISSING, NAMES_MAX, NULL, TEXT, TOKEN, Scan, Scanner
from cep.ports.json_values import parse
from cep.ports.lines import line_ends
from tests.ports.reading import the_kernel

PATHS: list[FieldPath] = [("a",), ("b",), ("n",), ("n", "x"), ("n", "y", "z"), ("ü",)]
LINE_MAX = 1000


def scan(lines: list[bytes], paths: list[FieldPath] = PATHS, line_max: int = LINE_MAX) -> Scan:
    data = np.frombuffer(b"".join(line + b"\n" for line in lines), dtype=np.uint8)
    return Scanner(the_kernel(), paths).scan(data, 0, line_ends(data), line_max)


def cell(line: bytes, path: FieldPath) -> tuple[int, object]:
    """Kind of the value at a path, and the number or the text that it is."""
    found = scan([line])
    assert found.lines.tolist() == [0], line
    cells = found.cells[path]
    start, length = int(cells.starts[0]), int(cells.lengths[0])
    match int(cells.kinds[0]):
        case kind if kind == INT:
            return kind, int(cells.numbers[0])
        case kind if kind == FLOAT:
            return kind, float(cells.numbers.view(np.float64)[0])
        case kind if kind in {TEXT, TOKEN}:
            return kind, cells.data[start : start + length].tobytes().decode()
        case kind:
            return kind, None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", (INT, 7)),
        ("-0", (INT, 0)),
        ("-999999999999999999", (INT, -999999999999999999)),
        ("1234567890123456789", (TOKEN, "1234567890123456789")),
        ("12.50", (FLOAT, 12.5)),
        ("-0.0", (FLOAT, 0.0)),
        ("0.1234567890123456", (FLOAT, 0.1234567890123456)),
        ("0.12345678901234567", (TOKEN, "0.12345678901234567")),
        ("1e3", (TOKEN, "1e3")),
        ("true", (TOKEN, "true")),
        ("null", (NULL, None)),
        ('"ann"', (TEXT, "ann")),
        ('"ü€😀 and more than eight bytes"', (TEXT, "ü€😀 and more than eight bytes")),
        (r'"a\"b"', (TOKEN, r'"a\"b"')),
        ("[1, [2]]", (TOKEN, "[1, [2]]")),
        ('{"k": {}}', (TOKEN, '{"k": {}}')),
    ],
)
def test_a_value(text: str, expected: tuple[int, object]) -> None:
    assert cell(f'{{"x": 0, "a": {text}, "y": [{text}]}}'.encode(), ("a",)) == expected


def test_names_on_the_way() -> None:
    line = ' {"n" : {"y":{"z" : 3}, "x":"v"} , "x": 1, "ü": 2}\r'.encode()
    assert cell(line, ("n", "y", "z")) == (INT, 3)
    assert cell(line, ("n", "x")) == (TEXT, "v")
    assert cell(line, ("n",)) == (TOKEN, '{"y":{"z" : 3}, "x":"v"}')
    assert cell(line, ("ü",)) == (INT, 2)
    assert cell(line, ("b",)) == (MISSING, None)
    assert cell(b'{"n": [{"x": 1}]}', ("n", "x")) == (MISSING, None)


def test_a_name_is_known_by_what_it_stands_under() -> None:
    """Keys are remembered from line to line by their turn: here `"x"` is the second one as a rule."""
    lines = [
        '{"n":{"x":1}}',
        '{"a":{"x":2}}',
        '{"b":1,"x":3}',
        '{"n":{"x":4}}',
        '{"n":{"xx":5}}',
        '{"n":0,"x":6}',
    ]
    found = scan([line.encode() for line in lines])
    assert found.left.tolist() == []
    assert found.cells["n", "x"].kinds.tolist() == [INT, MISSING, MISSING, INT, MISSING, MISSING]
    assert found.cells["n", "x"].numbers[[0, 3]].tolist() == [1, 4]


def test_more_keys_in_a_line_than_are_remembered() -> None:
    names = [f"k{i}" for i in range(200)]
    lines = [json.dumps({name: i for i, name in enumerate(order)}) for order in (names, names[::-1], names)]
    data = [f'{line[:-1]}, "a": {row}}}'.encode() for row, line in enumerate(lines)]
    found = scan([line[:-1] + b" " * 3 + b"}" for line in data], [("a",), ("k7",), ("k150",)], 10_000)
    assert [cells.numbers.tolist() for _, cells in sorted(found.cells.items())] == [
        [0, 1, 2],
        [150, 49, 150],
        [7, 192, 7],
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"a":2}',
        b'{"n":{"x":1},"n":{}}',
        b'{"\\u0061":1}',
        b'{"b":1e100}',
        b'{"b":1e-1000}',
        b'{"c":' + b"1" * 101 + b"}",
        b'{"c":' + b"[" * 64 + b"]" * 64 + b"}",
        b'{"c":"' + b"x" * LINE_MAX + b'"}',
        b"[]",
    ],
)
def test_what_is_odd_is_left(line: bytes) -> None:
    found = scan([b'{"a":1}', b"", b" \t\r", line, b'{"a":2}'])
    assert found.lines.tolist() == [0, 4]
    assert found.left.tolist() == [3]
    assert found.cells["a",].numbers.tolist() == [1, 2]


def test_what_a_bad_line_held_is_not_of_the_next_row() -> None:
    found = scan([b'{"a":1,"b":"x","n":{"x":', b"{}"])
    assert [int(cells.kinds[0]) for cells in found.cells.values()] == [MISSING] * len(PATHS)


def test_any_number_of_names_up_to_the_bound() -> None:
    paths: list[FieldPath] = [(f"f{i}",) for i in range(NAMES_MAX - 1)]
    record = {path[0]: i for i, path in enumerate(paths)}
    found = scan([b"{}", json.dumps(record)[:LINE_MAX].encode()], paths)
    assert found.left.tolist() == [1]
    line = json.dumps({"f0": 1, f"f{NAMES_MAX - 2}": 2, "f": 3, "f00": 4}).encode()
    assert [c.numbers.tolist() for p, c in scan([line], paths).cells.items() if c.kinds[0]] == [[1], [2]]
    with pytest.raises(ValueError, match="512 can be looked for"):
        scan([b"{}"], [*paths, ("one", "more")])


VALID = [
    *('{"a":1,"b":[true,false,null],"n":{"x":-1.5e-7,"y":{"z":"ü"}}}', '{"a":"\\ud83d\\ude00\\n","é":""}'),
    *('{"n":{"x":[{"x":1},2.50]},"a":"a text of some length, ü"}', '{"ü":0,"b":-0.0,"a":12345678901234567}'),
]
PUT_IN = b'"\\{}[]:,eE.+-019 \t\r\x00\x1f\x7f\x80\xbf\xc0\xe2\xed\xf4\xf5\xff'


def is_object(line: bytes) -> bool:
    try:
        return type(parse(line)) is dict
    except ValueError:
        return False


def test_nothing_is_accepted_that_is_no_json() -> None:
    """Each byte of good lines is replaced, left out or doubled: what a strict parser refuses is left."""
    lines = []
    for line in (text.encode() for text in VALID):
        for at in range(len(line)):
            lines += [line[:at] + bytes([byte]) + line[at + 1 :] for byte in PUT_IN]
            lines += [line[:at], line[:at] + line[at + 1 :], line[: at + 1] + line[at:], line[at:]]
    accepted = set(scan(lines).lines.tolist())
    assert [line for row, line in enumerate(lines) if row in accepted and not is_object(line)] == []
    # What is left of good lines is odd: few of these are.
    good = {row for row, line in enumerate(lines) if is_object(line)}
    assert len(accepted) > 0.8 * len(good) > 0


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e90, 1e90) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.booleans(),
)
def test_every_json_of_ordinary_size_is_accepted(value: object, ascii_only: bool) -> None:
    line = json.dumps({"c": value}, ensure_ascii=ascii_only).encode("utf-8", "replace")
    if len(line) <= LINE_MAX and is_object(line):
        assert scan([line]).left.tolist() == []


def test_equal_texts_have_one_code_and_kinds_are_told_apart() -> None:
    choice = random.Random(3)
    texts = [
        choice.choice(["x", "ü", "a longer text ", "s"]) + str(choice.randrange(700)) for _ in range(5000)
    ]
    lines = [json.dumps({"a": text}, ensure_ascii=False).encode() for text in [*texts, ""]]
    lines += [b'{"a":1}', b'{"a":"1"}', b'{"a":null}', b"{}", b'{"a":true}', b'{"a":"true"}']
    cells = scan(lines).cells["a",]
    distinct = cells.distinct(cells.kinds, INT)
    words, codes = distinct.texts, distinct.codes.tolist()
    assert words == [*dict.fromkeys(texts), "", "1", "1", "true", "true"]
    assert [words[code] for code in codes[:5000]] == texts
    assert codes[-6:] == [len(words) - 4, len(words) - 3, -1, -1, len(words) - 2, len(words) - 1]
    assert distinct.kinds[-4:].tolist() == [INT, TEXT, TOKEN, TEXT]
    only = cells.distinct(cells.kinds, TOKEN)
    assert (only.texts, np.flatnonzero(only.codes >= 0).tolist()) == (["true"], [len(lines) - 2])


def test_without_a_compiler_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: "a-compiler-that-is-not-there")
    assert build.build() == "there is no C compiler"


def test_a_library_is_made_of_one_source_and_replaces_older_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    the_kernel()  # so there is a compiler
    folder = tmp_path / "kernel"
    shutil.copytree(build.FOLDER, folder)
    monkeypatch.setattr(build, "FOLDER", folder)
    before = build.library_path()
    (folder / "kernel.h").write_text((folder / "kernel.h").read_text() + "/* other */\n")
    assert build.library_path() != before
    assert build.build() is None
    assert [path.name for path in folder.glob("*.so")] == [build.library_path().name]
    (folder / "json_scan.c").write_text("no C at all")
    assert "cannot compile it" in str(build.build())


def shared_columns(scanner: Scanner, blocks: list[list[str | None]]) -> list[Coded]:
    columns = []
    for block in blocks:
        text = b"".join(json.dumps({"a": text}).encode() + b"\n" for text in block)
        data = np.frombuffer(text, dtype=np.uint8)
        cells = scanner.scan(data, 0, line_ends(data), LINE_MAX).cells["a",]
        columns.append(cells.shared(cells.kinds))
    return columns


def test_texts_keep_their_codes_from_block_to_block() -> None:
    choice = random.Random(5)
    blocks: list[list[str | None]] = [
        [choice.choice(["x", "a longer text "]) + str(choice.randrange(size)) for _ in range(2 * size)]
        for size in (3, 400, 1500)
    ]
    blocks += [[None, *blocks[0]], []]
    columns = shared_columns(Scanner(the_kernel(), PATHS), blocks)
    assert [[column.at(row) for row in range(len(column))] for column in columns] == blocks
    assert len({id(column.vocabulary) for column in columns}) == 1
    longest = list(columns[-1].values)
    assert longest == [*dict.fromkeys(text for block in blocks for text in block if text is not None)]
    assert all(longest[: len(column.values)] == list(column.values) for column in columns)


def test_a_vocabulary_that_has_grown_large_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_kernel, "VOCABULARY_MAX", 2)
    first, second, third = shared_columns(Scanner(the_kernel(), PATHS), [["a", "b"], ["c", "a"], ["d", "a"]])
    assert first.vocabulary is second.vocabulary
    assert second.vocabulary is not third.vocabulary
    assert [second.values, third.values, third.codes.tolist()] == [["a", "b", "c"], ["d", "a"], [0, 1]]
