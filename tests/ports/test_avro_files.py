"""Avro object container files give the events that other formats give."""

from pathlib import Path

import fastavro
import pytest

from cep.errors import InputError
from cep.event import Value
from cep.inputs import InputSettings, TypeConstant, TypeFromSchema
from cep.ports import avro
from cep.ports.lines import Bounds
from tests.ports.reading import read, write

LOGIN: dict[str, Value] = {
    "type": "record",
    "name": "shop.Login",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "user", "type": ["null", "string"]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    ],
}
LOGOUT: dict[str, Value] = {"type": "record", "name": "Logout", "fields": LOGIN["fields"][:1]}


def save(folder: Path, schema: Value, records: list[Value], name: str = "events.avro") -> Path:
    path = folder / name
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), records)
    return path


def logins(count: int) -> list[Value]:
    return [{"ts": 1000 * n, "user": None if n % 2 else "ann", "day": 1} for n in range(count)]


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_records_are_streamed_with_their_place_as_line(tmp_path: Path, rows: int) -> None:
    path = save(tmp_path, LOGIN, logins(5))
    settings = InputSettings(type=TypeFromSchema())
    found = read(path, "user day", settings, bounds=Bounds(chunk_rows=rows))
    assert [(e.type, e.ts_ms, e.line, e.fields.get("user")) for e in found.events] == [
        ("Login", 1000 * n, n + 1, None if n % 2 else "ann") for n in range(5)
    ]
    assert {e.fields["day"] for e in found.events} == {86_400_000}
    assert max(chunk.records for chunk in found.chunks) <= rows


def test_a_union_of_records_and_other_ways_to_a_type(tmp_path: Path) -> None:
    both = [("shop.Login", logins(1)[0]), ("Logout", {"ts": 7}), ("Logout", {"ts": 8})]
    path = save(tmp_path, [LOGIN, LOGOUT], both)
    found = read(path, "user", InputSettings(type=TypeFromSchema()))
    assert [(e.type, e.ts_ms) for e in found.events] == [("Login", 0), ("Logout", 7), ("Logout", 8)]
    assert [e.type for e in read(path, "", InputSettings(type=TypeConstant("X"))).events] == ["X"] * 3
    refused = read(path, "", InputSettings()).refused
    assert {code for _, code, _ in refused} == {"no_type"}


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, LOGIN, logins(500))
    whole = path.read_bytes()
    for name, content in {"none": b"no avro", "cut": whole[:-20], "text": b""}.items():
        with pytest.raises(InputError, match=f"{name}.avro cannot be read as Avro"):
            read(write(tmp_path, f"{name}.avro", content))
    with pytest.raises(InputError, match="describes no record with fields"):
        read(save(tmp_path, "string", ["a"], "bare.avro"))
    for form in ("protobuf", "json_schema"):
        with pytest.raises(InputError, match=f"records of format {form} are read from topics only"):
            read(path, "", InputSettings(format=form))
    with pytest.raises(InputError, match="Avro cannot be read from standard input"):
        read("-", "", InputSettings(format="avro"))
    monkeypatch.setattr(avro, "fastavro", None)
    with pytest.raises(InputError, match=r"pip install '\.\[registry\]'"):
        read(path)
