"""One way in for all formats: told by name or settings, packed or not, and true to real files."""

import csv
import gzip
import io
import re
import sys
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from cep.columns import Projection
from cep.errors import InputError
from cep.inputs import Format, InputSettings, TimeSettings, TypeConstant
from cep.ports.decode import format_of, open_source
from cep.ports.lines import Bounds
from cep.ports.rows import Chunk
from cep.rulebook.project import load_project
from cep.schema import Schema
from tests.ports.reading import read, schema_of, write
from tests.shared import ROOT, shared_path

JSON = '{"type":"A","ts":1,"x":1}\n{"type":"A","ts":2,"x":2}\n'


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.json", "json"),
        ("a.jsonl.gz", "json"),
        ("b/a.NDJSON.zst", "json"),
        ("a.2026.csv", "csv"),
        ("a.tsv.gz", "csv"),
        ("a.parquet", "parquet"),
        ("a.log", "text"),
        ("a.txt.gz", "text"),
        ("-", "json"),
    ],
)
def test_the_ending_tells_the_format(name: str, found: Format) -> None:
    assert format_of(name, InputSettings()) == found


def test_settings_tell_it_better(tmp_path: Path) -> None:
    assert format_of("a.csv", InputSettings(format="json")) == "json"
    assert format_of("a.csv", InputSettings(patterns=(("A", "x"),))) == "text"
    assert format_of(str(write(tmp_path, "a.dat", "PAR1....")), InputSettings()) == "parquet"
    for name in ("a.dat", "a", "a.gz", "a.parquet.dat"):
        with pytest.raises(InputError, match="its ending does not tell the format"):
            format_of(str(write(tmp_path, name, "x")), InputSettings())


def test_an_input_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        open_source(str(tmp_path / "a.jsonl"), InputSettings(), Projection(), Schema())
    with pytest.raises(InputError, match="does not tell the format"):
        open_source(str(write(tmp_path, "a", "")), InputSettings(), Projection(), Schema())


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_packed_files_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: type[bytes]
) -> None:
    packed = pack(JSON.encode())
    path = write(tmp_path, "a.jsonl", packed)
    assert read(path, "x").values("x") == [1, 2]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    found = read("-", "x")
    assert [(event.source, event.line, event.fields["x"]) for event in found.events] == [
        ("-", 1, 1),
        ("-", 2, 2),
    ]


def test_what_precedes_damage_comes_first(tmp_path: Path) -> None:
    lines = "".join(f'{{"type":"A","ts":{n},"x":"{n * 7919 % 10007}"}}\n' for n in range(20_000)).encode()
    packed = gzip.compress(lines)
    path = write(tmp_path, "a.jsonl.gz", packed[: len(packed) // 2])
    chunks = open_source(str(path), InputSettings(), Projection(), Schema(), 0, Bounds(chunk_rows=100))
    got: list[Chunk] = []
    with pytest.raises(InputError, match="is cut off"):
        got.extend(chunks)
    assert sum(len(chunk.batch) for chunk in got) > 5_000


def test_a_source_that_is_given_up_closes_its_file(tmp_path: Path) -> None:
    # An open file would be a ResourceWarning, which fails the test.
    path = write(tmp_path, "a.jsonl", JSON)
    chunks = open_source(str(path), InputSettings(), Projection(), Schema(), 0, Bounds(chunk_rows=1))
    assert len(next(chunks).batch) == 1
    del chunks
    open_source(str(path), InputSettings(), Projection(), Schema())


def test_memory_stays_flat(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        content = "".join(f'{{"type":"T{n}","ts":{n},"x":"user-{n}"}}\n' for n in range(lines))
        path = write(tmp_path, "a.jsonl", content)
        bounds = Bounds(chunk_rows=500)
        tracemalloc.start()
        for chunk in open_source(
            str(path), InputSettings(), Projection(frozenset({"x"})), Schema(), 0, bounds
        ):
            assert len(chunk.batch) <= 500
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(120_000) < 2 * peak(40_000)


# ----------------------------------------------------------------------------------------- real files


def test_the_samples_are_all_events() -> None:
    path = ROOT / "samples" / "events.jsonl.gz"
    project = load_project(ROOT / "cep.yaml")
    fields = {name for declared in project.schema.types.values() for name in declared}
    found = read(path, " ".join(fields), project.inputs[0], project.schema)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        types = Counter(re.search(r'"type":"(\w+)"', line)[1] for line in file)  # type: ignore[index]
    assert found.rejects == []
    assert Counter(event.type for event in found.events) == types


def test_card_transactions() -> None:
    path = shared_path("data", "cards", "transactions.csv")
    settings = InputSettings(type=TypeConstant("Payment"))
    kinds = {"customer": "int", "terminal": "string", "amount": "decimal", "fraud": "int"}
    found = read(path, " ".join(kinds), settings, schema_of({"Payment": kinds}))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(found.events) == len(rows) > 30_000
    assert found.rejects == []
    total = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    assert sum(event.fields["amount"] for event in found.events) == total
    assert sum(event.fields["fraud"] for event in found.events) == sum(row["fraud"] == "1" for row in rows)
    for event, row in list(zip(found.events, rows, strict=True))[::1000]:
        assert event.ts_ms == datetime.fromisoformat(row["ts"]).timestamp() * 1000
        assert (event.fields["customer"], event.fields["terminal"]) == (int(row["customer"]), row["terminal"])


def test_ssh_log() -> None:
    path = shared_path("data", "openssh", "OpenSSH_2k.log")
    head = r"^(?P<ts>\w{3} +\d+ [\d:]{8}) \w+ sshd\[\d+\]: "
    settings = InputSettings(
        time=TimeSettings(format="%b %d %H:%M:%S", year=2025),
        patterns=(
            ("Failed", head + r".*Failed password for (?:invalid user )?(?P<user>.*) from (?P<ip>\S+) port"),
            ("Accepted", head + r"Accepted password for (?P<user>\S+) from (?P<ip>\S+) port"),
        ),
    )
    kinds = {"user": "string", "ip": "ip"}
    found = read(path, "user ip", settings, schema_of({"Failed": kinds, "Accepted": kinds}))
    lines = path.read_text(encoding="utf-8").splitlines()
    failed = [number for number, line in enumerate(lines, start=1) if "Failed password for" in line]
    accepted = [number for number, line in enumerate(lines, start=1) if "Accepted password for" in line]
    assert [event.line for event in found.events if event.type == "Failed"] == failed
    assert [event.line for event in found.events if event.type == "Accepted"] == accepted
    assert len(failed) > 500
    assert accepted
    assert (found.rejects, found.unmatched) == ([], len(lines) - len(failed) - len(accepted))
    addresses = Counter(re.findall(r"Failed password for .* from ([\d.]+) port", "\n".join(lines)))
    assert Counter(event.fields["ip"] for event in found.events if event.type == "Failed") == addresses
    assert all(
        f"{datetime.fromtimestamp(event.ts_ms / 1000, UTC):%b %d %H:%M:%S}" in lines[event.line - 1]
        for event in found.events
    )
