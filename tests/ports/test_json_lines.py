"""Lines of JSON become events; a bad line costs itself and nothing else."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.columns import Projection
from cep.errors import InputError
from cep.event import Timestamp
from cep.inputs import InputSettings, TimeSettings, TypeConstant, TypeField, TypeFromFile
from cep.ports.lines import Bounds
from tests.ports.reading import read, schema_of, write

LOGIN = b'{"type": "Login", "ts": 1769844600125, "user": "ann", "n": 1}'


def test_an_event(tmp_path: Path) -> None:
    path = write(tmp_path, "events.jsonl", LOGIN + b"\n")
    (event,) = read(path, "user n absent", source_index=3).events
    assert event.position == (1769844600125, (3 << 40) | 1)
    assert (event.type, event.line, event.source) == ("Login", 1, str(path))
    assert event.fields == {"user": "ann", "n": 1}


def test_only_fields_that_are_read_become_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "events.jsonl", LOGIN + b"\n" + LOGIN.replace(b"Login", b"Logout"))
    projection = Projection(frozenset({"user", "n"}), frozenset({"Login"}), {"Login": frozenset({"user"})})
    read_ = read(path, projection=projection)
    assert [set(chunk.batch.columns) for chunk in read_.chunks] == [{"user"}]
    # An event of a type that nobody reads keeps its time: it moves the watermark.
    assert [(event.type, event.ts_ms, dict(event.fields)) for event in read_.events] == [
        ("Login", 1769844600125, {"user": "ann"}),
        ("Logout", 1769844600125, {}),
    ]


def test_nested_paths_and_renames(tmp_path: Path) -> None:
    at = {"ts": "2026-01-31T07:30:00.125Z"}
    line = {"meta": {"kind": "Login", "at": at}, "login": {"name": "ann"}}
    path = write(tmp_path, "events.jsonl", json.dumps(line))
    settings = InputSettings(
        type=TypeField(("meta", "kind")),
        time=TimeSettings(("meta", "at", "ts"), "iso8601"),
        fields=(("user", ("login", "name")), ("host", ("meta", "kind", "deeper")), ("at", ("meta", "at"))),
    )
    (event,) = read(path, "user host at login", settings).events
    assert event.ts_ms == 1769844600125
    assert event.fields == {"user": "ann", "at": at, "login": {"name": "ann"}}


@pytest.mark.parametrize(
    ("kind", "type_name"),
    [(TypeConstant("Payment"), "Payment"), (TypeFromFile(), "logins"), (TypeField(("n",)), "1")],
)
def test_where_the_event_type_comes_from(tmp_path: Path, kind: TypeField, type_name: str) -> None:
    path = write(tmp_path, "logins.2026.jsonl", LOGIN)
    assert [event.type for event in read(path, "", InputSettings(type=kind)).events] == [type_name]


def test_standard_input_has_no_name_to_take_a_type_from() -> None:
    with pytest.raises(InputError, match="no file name to take the event type from"):
        read("-", "", InputSettings(type=TypeFromFile()))


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        (b"{", "unreadable", "not JSON: unexpected end of data at column 2"),
        (b'{"type": "Login", "ts": 1, "user": "\xff"}', "unreadable", "not JSON: str is not valid UTF-8"),
        (b"[1]", "unreadable", "JSON, but no object with fields"),
        (b"null", "unreadable", "JSON, but no object with fields"),
        (b'{"ts": 1}', "no_type", "no field `type` with the event type"),
        (b'{"type": "", "ts": 1}', "no_type", "`type` is '', not the name of an event type"),
        (b'{"type": ["a"], "ts": 1}', "no_type", "`type` is ['a'], not the name"),
        (b'{"type": true, "ts": 1}', "no_type", "`type` is True, not the name"),
        (b'{"type": "Logn", "ts": 1}', "unknown_type", "`Logn` is not declared; did you mean `Login`?"),
        (b'{"type": "Zzz", "ts": 1}', "unknown_type", "the event type `Zzz` is not declared"),
        (b'{"type": "Login"}', "no_time", "no field `ts` with the time"),
        (b'{"type": "Login", "ts": null}', "no_time", "no field `ts` with the time"),
        (b'{"type": "Login", "ts": "soon"}', "bad_time", "`ts` is 'soon', not epoch_ms"),
        (b'{"type": "Login", "ts": 1}', "bad_field", "`user` is missing"),
        (b'{"type": "Login", "ts": 1, "user": null}', "bad_field", "`user` is missing"),
        (b'{"type": "Login", "ts": 1, "user": 7}', "bad_field", "`user` is 7, not a string"),
    ],
)
def test_a_bad_line_costs_itself_only(tmp_path: Path, line: bytes, code: str, reason: str) -> None:
    path = write(tmp_path, "events.jsonl", b"\n".join([LOGIN, line, LOGIN, b""]))
    schema = schema_of({"Login": {"user": "string", "n": "int?"}})
    for rows in (1, 2, 100):
        settings = InputSettings(time=TimeSettings(format="epoch_ms"))
        found = read(path, "user n", settings, schema, Bounds(chunk_rows=rows))
        assert [event.line for event in found.events] == [1, 3]
        (reject,) = found.rejects
        assert (reject.source, reject.line, reject.reason_code, reject.raw) == (str(path), 2, code, line)
        assert reason in reject.reason
        assert sum(chunk.records for chunk in found.chunks) == 3


def test_a_row_refused_for_its_second_field_leaves_nothing_of_its_first(tmp_path: Path) -> None:
    lines = [
        {"type": "P", "ts": 1, "a": "bad", "b": "x"},
        {"type": "P", "ts": 2},
        {"type": "P", "ts": 3, "a": "good", "b": 1},
    ]
    path = write(tmp_path, "p.jsonl", "\n".join(json.dumps(line) for line in lines))
    found = read(path, "a b", schema=schema_of({"P": {"a": "string?", "b": "int?"}}))
    assert [dict(event.fields) for event in found.events] == [{}, {"a": "good", "b": 1}]
    assert found.refused == [(1, "bad_field", '`b` is "x", not a whole number')]


def test_types_and_fields_that_nobody_declared(tmp_path: Path) -> None:
    path = write(tmp_path, "events.jsonl", b'{"type":"Login","ts":1,"x":1}\n{"type":"New","ts":2,"x":2}')
    schema = schema_of({"Login": {"user": "string?"}})
    found = read(path, "x", InputSettings(unknown_types="accept"), schema)
    assert [(event.type, dict(event.fields)) for event in found.events] == [("Login", {}), ("New", {"x": 2})]
    assert [event.type for event in read(path, "x").events] == ["Login", "New"]


def test_one_field_of_two_types_in_two_kinds(tmp_path: Path) -> None:
    lines = b'{"type":"A","ts":1,"x":"2.50"}\n{"type":"B","ts":2,"x":"2.50"}\n{"type":"C","ts":3,"x":2.5}'
    path = write(tmp_path, "events.jsonl", lines)
    schema = schema_of({"A": {"x": "decimal"}, "B": {"x": "string"}, "C": {"x": "float"}})
    assert [repr(value) for value in read(path, "x", schema=schema).values("x")] == [
        "Decimal('2.5')",
        "'2.50'",
        "2.5",
    ]


def test_true_one_and_one_point_zero_are_three_values(tmp_path: Path) -> None:
    lines = "\n".join(f'{{"type":"A","ts":1,"x":{x}}}' for x in ("true", "1", "1.0", "1", "1.0", '"1"'))
    found = read(write(tmp_path, "a.jsonl", lines), "x").values("x")
    assert [repr(value) for value in found] == ["True", "1", "1.0", "1", "1.0", "'1'"]


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    numbers = [
        "66.30",
        "0.1",
        "12345678901234567.89",
        "0.12345678901234567890",
        "123456789012345678901234567890",
        "5e-324",
    ]
    lines = "\n".join(f'{{"type":"P","ts":1,"amount":{n},"plain":{n}}}' for n in numbers)
    schema = schema_of({"P": {"amount": "decimal", "plain": "any"}})
    found = read(write(tmp_path, "p.jsonl", lines), "amount plain", schema=schema)
    assert found.values("amount") == [Decimal(number) for number in numbers]
    assert found.values("plain") == [json.loads(number) for number in numbers]
    assert {type(value) for value in found.values("plain")} == {float, int}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_blank_lines_and_a_byte_order_mark(tmp_path: Path, end: str) -> None:
    line = LOGIN.decode()
    path = write(tmp_path, "events.jsonl", "\ufeff" + end.join([line, "", "  ", line]))
    found = read(path, "user")
    assert [event.line for event in found.events] == [1, 4]
    assert found.rejects == []


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n \n"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    found = read(write(tmp_path, "events.jsonl", content))
    assert (found.events, found.rejects) == ([], [])


def test_a_line_that_is_too_long_is_refused(tmp_path: Path) -> None:
    long = b'{"type": "Login", "ts": 1, "user": "' + b"x" * 1000 + b'"}'
    path = write(tmp_path, "events.jsonl", b"\n".join([LOGIN, long, LOGIN]))
    found = read(path, "user", bounds=Bounds(line_bytes_max=len(long) - 1))
    assert [event.line for event in found.events] == [1, 3]
    assert found.refused == [(2, "unreadable", "longer than 1,037 bytes; the rest of it is not kept")]
    assert len(read(path, "user", bounds=Bounds(line_bytes_max=len(long))).events) == 3


def test_declared_times_and_lists(tmp_path: Path) -> None:
    line = b'{"type":"A","ts":1,"seen":"2026-01-31","tags":["a",1.5],"dev":{"id":7}}'
    schema = schema_of({"A": {"seen": "timestamp", "tags": "list", "dev": "record"}})
    settings = InputSettings(time=TimeSettings(zone="+01:00"))
    (event,) = read(write(tmp_path, "a.jsonl", line), "seen tags dev", settings, schema).events
    assert event.fields == {"seen": Timestamp(1769814000000), "tags": ["a", 1.5], "dev": {"id": 7}}
    assert event.ts_ms == 1000


RECORDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["A", "B", "C"]), "ts": st.integers(0, 10**12)},
    optional={
        "s": st.text(max_size=5),
        "n": st.integers(),
        "f": st.floats(allow_nan=False, allow_infinity=False),
        "x": st.none() | st.booleans() | st.lists(st.integers(0, 9), max_size=2),
    },
)


@given(
    st.lists(RECORDS | st.sampled_from(["", "bad", 7]), max_size=25), st.integers(1, 6), st.integers(1, 400)
)
def test_chunks_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, records: list[object], rows: int, size: int
) -> None:
    folder = tmp_path_factory.mktemp("chunks", numbered=True)
    lines = [
        r if isinstance(r, str) else json.dumps(r, ensure_ascii=len(r) > 3 if isinstance(r, dict) else True)
        for r in records
    ]
    path = write(folder, "events.jsonl", "\n".join(lines))
    settings = InputSettings(time=TimeSettings(format="epoch_ms"))
    found = read(path, "s n f x", settings, bounds=Bounds(rows, size))
    whole = read(path, "s n f x", settings)
    assert repr(found.events) == repr(whole.events)
    assert found.rejects == whole.rejects
    assert all(chunk.records <= rows for chunk in found.chunks)
    good = [(n, record) for n, record in enumerate(records, start=1) if isinstance(record, dict)]
    assert [(event.line, event.type, event.ts_ms) for event in found.events] == [
        (n, record["type"], record["ts"]) for n, record in good
    ]
    for event, (_, record) in zip(found.events, good, strict=True):
        expected = {name: value for name, value in record.items() if name in "snfx" and value is not None}
        assert event.fields == expected
    assert len(found.rejects) == sum(record in ("bad", 7) for record in records)
