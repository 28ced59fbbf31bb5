"""Parquet files give the same events as the other formats, with the types that Parquet knows."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cep.columns import Projection
from cep.errors import InputError
from cep.event import Timestamp
from cep.inputs import InputSettings, TimeSettings, TypeConstant, TypeField, zone_of
from cep.ports import parquet
from cep.ports.lines import Bounds
from cep.ports.plain_values import plain
from cep.ports.rows import Chunk, Reading, Rows
from tests.ports.reading import Read, read, schema_of, write

AT = datetime(2026, 1, 31, 7, 30, 0, 125_000, tzinfo=UTC)
MS = 1769844600125


def save(folder: Path, columns: dict[str, object], row_group_size: int = 100) -> Path:
    path = folder / "events.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


@pytest.mark.parametrize(
    ("column", "time_format", "zone"),
    [
        (pa.array([AT], pa.timestamp("us", "UTC")), None, "+05:00"),
        (pa.array([AT], pa.timestamp("ms", "Asia/Tokyo")), "epoch_s", "UTC"),
        (pa.array([MS * 10**6], pa.timestamp("ns", "UTC")), None, "UTC"),
        (pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")), None, "UTC"),
        (pa.array([AT.replace(tzinfo=None) + timedelta(hours=1)], pa.timestamp("ns")), None, "+01:00"),
        (pa.array([MS]), None, "UTC"),
        (pa.array([MS / 1000]), "epoch_s", "UTC"),
        (pa.array([AT.isoformat()]), None, "UTC"),
    ],
)
def test_times(tmp_path: Path, column: object, time_format: str | None, zone: str) -> None:
    path = save(tmp_path, {"ts": column, "type": ["A"]})
    settings = InputSettings(time=TimeSettings(format=time_format, zone=zone))
    assert [event.ts_ms for event in read(path, "", settings).events] == [MS]


def test_values_of_every_kind(tmp_path: Path) -> None:
    columns: dict[str, object] = {
        "ts": pa.array([MS]),
        "type": pa.array(["A"]).dictionary_encode(),
        "i": pa.array([7], pa.int8()),
        "f": pa.array([0.5], pa.float32()),
        "dec": pa.array([Decimal("66.30")], pa.decimal128(10, 2)),
        "b": [True],
        "when": pa.array([AT]),
        "day": pa.array([date(1970, 1, 2)]),
        "clock": pa.array([time(8, 30)]),
        "wait": pa.array([1_500_000_000], pa.duration("ns")),
        "raw": [b"a\xff"],
        "tags": [["a", "b"]],
        "dev": [{"id": 1, "at": AT}],
        "none": pa.array([None], pa.string()),
    }
    (event,) = read(save(tmp_path, columns), " ".join(columns)).events
    assert {name: repr(value) for name, value in event.fields.items() if name not in {"ts", "type"}} == {
        "i": "7",
        "f": "0.5",
        "dec": "Decimal('66.3')",
        "b": "True",
        "when": repr(Timestamp(MS)),
        "day": "Timestamp(86400000)",
        "clock": "'08:30:00'",
        "wait": repr(timedelta(seconds=1.5)),
        "raw": r"'a\\xff'",
        "tags": "['a', 'b']",
        "dev": repr({"id": 1, "at": Timestamp(MS)}),
    }


def test_declared_types_are_held_to_and_nan_is_no_number(tmp_path: Path) -> None:
    columns: dict[str, object] = {
        "ts": [1, 2, 3, None],
        "x": [1.5, float("nan"), None, 4.0],
        "who": ["a", "b", "c", "d"],
    }
    path = save(tmp_path, columns)
    settings = InputSettings(type=TypeConstant("P"))
    found = read(path, "x who", settings, schema_of({"P": {"x": "float", "who": "string"}}))
    assert [(event.line, event.fields["x"]) for event in found.events] == [(1, 1.5)]
    assert found.refused == [
        (2, "bad_field", "`x` is NaN, not a number"),
        (3, "bad_field", "`x` is missing"),
        (4, "no_time", "no field `ts` with the time"),
    ]
    assert json.loads(found.rejects[2].raw) == {"ts": None, "x": 4.0, "who": "d"}
    assert [line for line, _, _ in read(path, "x", settings).refused] == [2, 4]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_row_groups_are_streamed(tmp_path: Path, rows: int) -> None:
    columns: dict[str, object] = {
        "ts": list(range(10)),
        "type": list("ABABABABAB"),
        "x": list(range(10)),
        "unread": ["y"] * 10,
    }
    path = save(tmp_path, columns, row_group_size=4)
    found = read(path, "x", bounds=Bounds(chunk_rows=rows), source_index=2)
    assert [(event.line, event.type, event.fields["x"]) for event in found.events] == [
        (n + 1, "AB"[n % 2], n) for n in range(10)
    ]
    assert [event.seq for event in found.events] == [(2 << 40) | (n + 1) for n in range(10)]
    assert max(chunk.records for chunk in found.chunks) <= rows


def test_nested_type_and_time(tmp_path: Path) -> None:
    path = save(tmp_path, {"meta": [{"kind": "Login", "at": AT}], "login": [{"name": "ann"}]})
    settings = InputSettings(
        type=TypeField(("meta", "kind")),
        time=TimeSettings(("meta", "at")),
        fields=(("user", ("login", "name")),),
    )
    (event,) = read(path, "user", settings).events
    assert (event.type, event.ts_ms, event.fields) == ("Login", MS, {"user": "ann"})


def test_a_file_without_rows(tmp_path: Path) -> None:
    path = save(tmp_path, {"ts": pa.array([], pa.int64()), "type": pa.array([], pa.string())})
    assert read(path).events == []


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read(write(tmp_path, "x.parquet", "no parquet"))
    with pytest.raises(InputError, match="no column `ts` for the time of the events; did you mean `tsx`"):
        read(save(tmp_path, {"tsx": [1], "type": ["A"]}))
    with pytest.raises(InputError, match="there is no such file"):
        read(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="Parquet cannot be read from standard input"):
        read("-", settings=InputSettings(format="parquet"))
    monkeypatch.setattr(parquet, "pa", None)
    with pytest.raises(InputError, match=r"reading Parquet needs pyarrow: pip install '\.\[parquet\]'"):
        read(tmp_path / "events.parquet")


KINDS = [
    "int",
    "float?",
    "decimal?",
    "string?",
    "bool?",
    "timestamp?",
    "duration?",
    "enum(x|y)?",
    "list?",
    "any?",
]
COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (
        pa.float64(),
        st.one_of(st.floats(), st.integers(-9, 9).map(float), st.sampled_from([1e17, -0.0, 2.0**63])),
    ),
    (pa.string(), st.sampled_from(["x", "y", "", "12", "ü", "2026-01-31", "1h"])),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["x", "y", "z"])),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(20, 4), st.decimals(-(10**9), 10**9, places=4)),
    (pa.timestamp("us", "UTC"), st.integers(-2 * 10**15, 7 * 10**15)),
    (pa.timestamp("ns"), st.integers(-(10**18), 10**18)),
    (pa.timestamp("s"), st.integers(-(10**9), 10**10)),
    (pa.date32(), st.dates()),
    (pa.duration("ms"), st.integers(0, 10**9)),
    (pa.list_(pa.int64()), st.lists(st.integers(0, 3), max_size=3)),
    (pa.struct([("x", pa.int64())]), st.fixed_dictionaries({"x": st.integers(0, 3)})),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    count = draw(st.integers(1, 12))

    def column(kind: pa.DataType, values: st.SearchStrategy[object]) -> pa.Array:
        return pa.array(draw(st.lists(st.none() | values, min_size=count, max_size=count)), kind)

    timed = [COLUMNS[place] for place in (1, 4, 9, 10, 11)] + [(pa.int64(), st.integers(0, 10**14))]
    timed.append((pa.string(), st.sampled_from(["2026-01-31T08:30:00Z", "2026-01-31", "never"])))
    typed = [(pa.string(), st.sampled_from(["A", "B", "C", ""])), (pa.int64(), st.integers(1, 3))]
    fields = {name: column(*draw(st.sampled_from(COLUMNS))) for name in ("a", "b", "c")}
    return pa.table(
        {"ts": column(*draw(st.sampled_from(timed))), "type": column(*draw(st.sampled_from(typed))), **fields}
    )


def said(chunks: list[Chunk]) -> tuple[list[object], list[object]]:
    whole = Read(chunks)
    events: list[object] = [
        (e.type, e.position, e.line, {k: (type(v).__name__, repr(v)) for k, v in sorted(e.fields.items())})
        for e in whole.events
    ]
    return events, [(reject.line, reject.reason_code, reject.reason, reject.raw) for reject in whole.rejects]


def row_by_row(reading: Reading, table: pa.Table) -> Chunk:
    rows, zone = Rows(reading, textual=False), zone_of(reading.settings.time.zone)
    for line, record in enumerate(parquet._records(table.combine_chunks().to_batches()[0]), start=1):
        rows.add(line, plain(record, zone), partial(parquet._raw, record))
    return rows.take()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tables(),
    st.lists(st.sampled_from(KINDS), min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from(["UTC", "Europe/Stockholm"]),
)
def test_columns_give_what_records_give(
    tmp_path: Path, table: pa.Table, kinds: list[str], declared: bool, zone: str
) -> None:
    schema = schema_of(
        {
            "A": dict(zip(("a", "b", "c"), kinds, strict=False)),
            "B": {"a": kinds[3], "x": "int?"},
            "1": {"a": "any?"},
        }
        if declared
        else {}
    )
    how = InputSettings(time=TimeSettings(zone=zone), fields=(("x", ("b", "x")),))
    reading = Reading("f", how, Projection(frozenset({"a", "b", "c", "x", "absent"})), schema, 1)
    wanted = said([row_by_row(reading, table)])
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    for rows in (100, 5):
        found = list(parquet.parquet_chunks(replace(reading, path=str(path)), Bounds(chunk_rows=rows)))
        assert said(found) == wanted
