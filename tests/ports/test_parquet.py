"""Parquet files give the same events as the other formats, with the types that Parquet knows."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cep.errors import InputError
from cep.event import Timestamp
from cep.inputs import InputSettings, TimeSettings, TypeConstant, TypeField
from cep.ports import parquet
from cep.ports.lines import Bounds
from tests.ports.reading import read, schema_of, write

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
