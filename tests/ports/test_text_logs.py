"""Log lines become events by regular expressions; lines that match none are counted."""

from pathlib import Path

import pytest

from cep.errors import InputError
from cep.inputs import InputSettings, TimeSettings
from cep.ports.lines import Bounds
from tests.ports.reading import read, schema_of, write

SSH = InputSettings(
    name="ssh",
    time=TimeSettings(format="%b %d %H:%M:%S", year=2025),
    patterns=(
        (
            "Failed",
            r"^(?P<ts>\w+ +\d+ \S+) .*Failed password for (?:invalid user )?(?P<user>.*) from (?P<ip>\S+)",
        ),
        (
            "Opened",
            r"^(?P<ts>\w+ +\d+ \S+) .*session opened for user (?P<user>\w+)(?: by \(uid=(?P<uid>\d+)\))?",
        ),
        ("Password", r"^(?P<ts>\w+ +\d+ \S+) .*password"),
    ),
)
LOG = """\
Dec 10 06:55:46 host sshd[1]: Invalid user webmaster from 173.234.31.186
Dec 10 06:55:48 host sshd[1]: Failed password for invalid user web master from 173.234.31.186 port 38926 ssh2
Dec 10 06:55:49 host sshd[1]: session opened for user ann

Dec 10 06:55:50 host sshd[1]: session opened for user bob by (uid=0)
Dec 10 06:55:51 host sshd[1]: wrong password
"""


def test_patterns_are_tried_in_their_order(tmp_path: Path) -> None:
    found = read(write(tmp_path, "auth.log", LOG), "user ip uid", SSH)
    assert [(event.line, event.type, dict(event.fields)) for event in found.events] == [
        (2, "Failed", {"user": "web master", "ip": "173.234.31.186"}),
        (3, "Opened", {"user": "ann"}),
        (5, "Opened", {"user": "bob", "uid": 0}),
        (6, "Password", {}),
    ]
    assert found.events[0].ts_ms == 1765349748000
    assert (found.unmatched, found.rejects) == (2, [])
    assert sum(chunk.records for chunk in found.chunks) == 6


def test_unmatched_lines_are_refused_where_the_input_says_so(tmp_path: Path) -> None:
    settings = InputSettings(time=SSH.time, patterns=SSH.patterns, unmatched="reject")
    found = read(write(tmp_path, "auth.log", LOG), "", settings)
    assert [(reject.line, reject.reason_code) for reject in found.rejects] == [
        (1, "unmatched"),
        (4, "unmatched"),
    ]
    assert (found.unmatched, found.rejects[0].raw) == (0, LOG.split("\n", maxsplit=1)[0].encode())


def test_declared_types_are_held_to(tmp_path: Path) -> None:
    schema = schema_of({"Failed": {"user": "string", "ip": "ip"}, "Opened": {"user": "enum(ann|eve)"}})
    found = read(write(tmp_path, "auth.log", LOG), "user ip", SSH, schema)
    assert [event.line for event in found.events] == [2, 3]
    assert [(line, code) for line, code, _ in found.refused] == [(5, "bad_field"), (6, "unknown_type")]


def test_bytes_that_are_no_text_hide_no_line(tmp_path: Path) -> None:
    line = b"Dec 10 06:55:48 host sshd[1]: Failed password for \xff\xfe from 10.0.0.1 port 1 ssh2\r\n"
    found = read(write(tmp_path, "auth.log", line), "user ip", SSH)
    assert [dict(event.fields) for event in found.events] == [{"user": r"\xff\xfe", "ip": "10.0.0.1"}]


def test_line_ends_of_windows_are_not_part_of_a_field(tmp_path: Path) -> None:
    settings = InputSettings(patterns=(("A", r"(?P<ts>\d+) (?P<rest>.*)$"),))
    found = read(write(tmp_path, "a.log", "1 one\r\n2 two"), "rest", settings)
    assert found.values("rest") == ["one", "two"]


def test_times_that_cannot_be_read(tmp_path: Path) -> None:
    settings = InputSettings(time=TimeSettings(("at",)), patterns=(("A", r"at=(?P<at>\w*)?"), ("B", "never")))
    found = read(write(tmp_path, "a.log", "at=soon\nat=\n"), "", settings)
    assert [(line, code) for line, code, _ in found.refused] == [(1, "bad_time"), (2, "bad_time")]
    settings = InputSettings(time=TimeSettings(("at",)), patterns=(("A", r"x(?P<at>\d+)?"),))
    found = read(write(tmp_path, "a.log", "x\nx5\n"), "", settings)
    assert found.refused == [(1, "no_time", "no field `at` with the time")]
    assert [event.ts_ms for event in found.events] == [5000]


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    settings = InputSettings(patterns=(("A", r"(?P<ts>\d+)"),))
    found = read(
        write(tmp_path, "a.log", "1\n" + "2" * 50 + "\n3\n"), "", settings, bounds=Bounds(line_bytes_max=20)
    )
    assert [event.line for event in found.events] == [1, 3]
    assert [(line, code) for line, code, _ in found.refused] == [(2, "unreadable")]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_chunks_change_nothing(tmp_path: Path, rows: int) -> None:
    path = write(tmp_path, "auth.log", LOG)
    found = read(path, "user ip uid", SSH, bounds=Bounds(chunk_rows=rows))
    assert found.events == [] or repr(found.events) == repr(read(path, "user ip uid", SSH).events)
    assert (found.unmatched, len(found.events)) == (2, 4)


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    path = write(tmp_path, "a.log", "x\n")
    with pytest.raises(InputError, match="a text log needs `patterns`"):
        read(path)
    with pytest.raises(InputError, match=r"pattern `A`: missing \)"):
        read(path, settings=InputSettings(patterns=(("A", "("),)))
    with pytest.raises(InputError, match="input `default`: the time format '%b' says no year"):
        read(path, settings=InputSettings(time=TimeSettings(format="%b"), patterns=(("A", "x"),)))
