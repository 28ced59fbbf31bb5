"""CSV as spreadsheets and databases write it: quotes, line ends inside cells, and records that are broken."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.columns import Projection
from cep.errors import InputError
from cep.inputs import CsvSettings, InputSettings, TimeSettings, TypeConstant, TypeField
from cep.ports.lines import Bounds
from tests.ports.reading import read, schema_of, write

PAYMENTS = InputSettings(type=TypeConstant("Payment"), time=TimeSettings(format="epoch_ms"))


def test_cells_become_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "p.csv",
        'ts,type,user,amount,note\n1000,Pay,ann,66.30,"a ""quoted"", note"\n2000,Pay,0012,7,\n',
    )
    found = read(path, "user amount note", InputSettings(time=TimeSettings(format="epoch_ms")))
    assert [(event.type, event.ts_ms, event.line) for event in found.events] == [
        ("Pay", 1000, 2),
        ("Pay", 2000, 3),
    ]
    assert [dict(event.fields) for event in found.events] == [
        {"user": "ann", "amount": 66.3, "note": 'a "quoted", note'},
        {"user": "0012", "amount": 7},
    ]


def test_declared_types_are_held_to(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "ts,user,amount\n1,12,66.30\n2,,1\n3,13,much\n4,14,\n")
    schema = schema_of({"Payment": {"user": "string", "amount": "decimal?"}})
    found = read(path, "user amount", PAYMENTS, schema)
    assert [dict(event.fields) for event in found.events] == [
        {"user": "12", "amount": Decimal("66.3")},
        {"user": "14"},
    ]
    assert found.refused == [
        (3, "bad_field", "`user` is missing"),
        (4, "bad_field", '`amount` is "much", not a decimal'),
    ]
    assert [reject.raw for reject in found.rejects] == [b"2,,1", b"3,13,much"]


def test_a_record_over_lines_is_known_by_its_first(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", 'ts,note\n1,"two\r\nlines"\r\n\r\n2,"and\n\nthree"\n3,x')
    found = read(path, "note", PAYMENTS)
    assert [(event.line, event.fields["note"]) for event in found.events] == [
        (2, "two\r\nlines"),
        (5, "and\n\nthree"),
        (8, "x"),
    ]


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_a_broken_record_costs_its_first_line_only(tmp_path: Path, rows: int) -> None:
    lines = [
        b"ts,note,n",
        b"1,ok,1",
        b'2,"never closed,1',
        b"3,ok,1",
        b'4,"text" behind,1',
        b"5,ok,1",
        b"6,too few",
        b"7,too,many,1",
        b"8,\xff,1",
        b"9,ok,1",
        b'10,"never closed either,1',
        b"11,ok,1",
    ]
    path = write(tmp_path, "p.csv", b"\n".join(lines))
    found = read(path, "note", PAYMENTS, bounds=Bounds(chunk_rows=rows))
    assert [event.ts_ms for event in found.events] == [1, 3, 5, 9, 11]
    assert [event.line for event in found.events] == [2, 4, 6, 10, 12]
    assert [(reject.line, reject.raw) for reject in found.rejects] == [
        (number, lines[number - 1]) for number in (3, 5, 7, 8, 9, 11)
    ]
    assert {reject.reason_code for reject in found.rejects} == {"unreadable"}
    assert [reject.reason for reject in found.rejects][2:5] == [
        "2 columns, but the header has 3",
        "4 columns, but the header has 3",
        "not UTF-8",
    ]


def test_a_quote_that_swallows_lines_up_to_another_one(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", 'ts,note\n1,"open\n2,x\n3,"y"\n4,z\n')
    found = read(path, "note", PAYMENTS)
    assert [event.ts_ms for event in found.events] == [2, 3, 4]
    assert [(reject.line, reject.raw) for reject in found.rejects] == [(2, b'1,"open')]


def test_a_quote_that_is_not_closed_within_the_bound(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", 'ts,note\n1,"open\n' + "".join(f"{n},x\n" for n in range(2, 100)))
    found = read(path, "note", PAYMENTS, bounds=Bounds(line_bytes_max=50))
    assert [event.ts_ms for event in found.events] == list(range(2, 100))
    assert found.refused == [(2, "unreadable", "a quote that is not closed within 50 bytes")]


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "ts,note\n1," + "x" * 200 + "\n2,y\n")
    found = read(path, "note", PAYMENTS, bounds=Bounds(line_bytes_max=50))
    assert [event.line for event in found.events] == [3]
    assert found.refused == [(2, "unreadable", "longer than 50 bytes; the rest of it is not kept")]


def test_a_cell_larger_than_the_module_allows_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "ts,note\n1," + "x" * 200_000)
    assert read(path, "note", PAYMENTS).values("note") == ["x" * 200_000]


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ("\ufeffts;user\n1;ann\n", CsvSettings(delimiter=";")),
        ("1,ann\n", CsvSettings(columns=("ts", "user"))),
        (" ts , user \r\n1,ann\r\n", CsvSettings()),
        ("\n\nts,user\n1,ann", CsvSettings()),
    ],
)
def test_dialects(tmp_path: Path, content: str, settings: CsvSettings) -> None:
    path = write(tmp_path, "p.csv", content)
    found = read(path, "user", InputSettings(type=TypeConstant("P"), csv=settings))
    assert found.values("user") == ["ann"]


def test_tabs_are_told_by_the_ending(tmp_path: Path) -> None:
    for name in ("p.tsv", "p.tsv.gz"):
        assert read(write(tmp_path, name, "ts\tuser\n1\tann,bob\n"), "user", PAYMENTS).values("user") == [
            "ann,bob"
        ]


def test_names_with_dots_are_names_of_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "meta.ts,meta.kind,login.name\n1,Login,ann\n")
    settings = InputSettings(
        type=TypeField(("meta", "kind")),
        time=TimeSettings(("meta", "ts")),
        fields=(("user", ("login", "name")),),
    )
    (event,) = read(path, "user", settings).events
    assert (event.type, event.fields) == ("Login", {"user": "ann"})


@pytest.mark.parametrize("content", ["", "\n", "ts,type\n", "ts,type"])
def test_a_file_without_records(tmp_path: Path, content: str) -> None:
    found = read(write(tmp_path, "p.csv", content))
    assert (found.events, found.rejects) == ([], [])


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (
            "time,type,amount",
            "no column `ts` for the time of the events\n  its columns are: time, type, amount",
        ),
        ("ts_,type", "no column `ts` for the time of the events; did you mean `ts_`?"),
        ("ts,kind", "no column `type` for the type of the events"),
        ("ts,ts,type", "several columns `ts` for the time of the events"),
        ("ts,type,amount,x,amount", "2 columns are called `amount`"),
        ('ts,"type', "the header cannot be read: not CSV"),
        ("ts,\udcff", "the header cannot be read: not UTF-8"),
    ],
)
def test_a_header_that_cannot_do(tmp_path: Path, header: str, problem: str) -> None:
    path = write(tmp_path, "p.csv", header.encode("utf-8", "surrogateescape") + b"\n1,2,3\n")
    with pytest.raises(InputError) as caught:
        read(path, "amount")
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


def test_columns_given_without_the_time(tmp_path: Path) -> None:
    settings = InputSettings(csv=CsvSettings(columns=("type", "user")))
    with pytest.raises(InputError, match="no column `ts`"):
        read(write(tmp_path, "p.csv", "Login,ann\n"), "user", settings)


def test_two_columns_of_a_name_that_nobody_reads_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "ts,x,x\n1,2,3\n")
    assert len(read(path, projection=Projection(), settings=PAYMENTS).events) == 1


CELLS = st.text(alphabet='ab",;\n\r é', max_size=6)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=12),
    st.integers(1, 4),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_the_csv_module_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], chunk: int, end: str, quote: bool
) -> None:
    if not quote:  # the writer does not see that a lone carriage return wants quotes
        rows = [(a.replace("\r", ""), b.replace("\r", "")) for a, b in rows]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL)
    writer.writerow(["ts", "a", "b"])
    writer.writerows([n, *row] for n, row in enumerate(rows))
    path = write(tmp_path_factory.mktemp("csv", numbered=True), "p.csv", out.getvalue())
    schema = schema_of({"Payment": {"a": "string?", "b": "string?"}})
    found = read(path, "a b", PAYMENTS, schema, Bounds(chunk_rows=chunk))
    assert found.rejects == []
    values = zip(found.values("a"), found.values("b"), strict=True)
    assert list(values) == [(a or None, b or None) for a, b in rows]
    line = 2
    for event, row in zip(found.events, rows, strict=True):
        assert event.line == line
        line += 1 + "".join(row).count("\n")
