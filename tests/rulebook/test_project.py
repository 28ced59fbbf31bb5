"""The project file: what it says becomes settings, and whatever is wrong with it is told where it stands."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from cep.errors import InputError, LoadError
from cep.inputs import (
    DEFAULT,
    MAX_LATENESS_MS,
    CsvSettings,
    InputSettings,
    TimeSettings,
    TypeConstant,
    TypeField,
    TypeFromFile,
    lacks_year,
    settings_for,
    zone_of,
)
from cep.rulebook.project import Project, load_project, read_project
from cep.schema import FieldType
from tests.shared import ROOT

WHOLE = """\
inputs:
  - name: events
    files: ["samples/*.jsonl.gz", more.jsonl]
    format: json
    type: {field: meta.kind}
    time: {field: meta.at, format: "%Y-%m-%d %H:%M", zone: "+01:00"}
    max_lateness: 1m30s
    unknown_types: accept
    fields: {user: login.name, ip: address}
  - name: cards
    files: "*.csv"
    type: {constant: Payment}
    csv: {delimiter: ";", columns: [ts, card]}
  - name: tabs
    files: ["*.tsv"]
    type: {from: file}
    csv: {delimiter: "\\t"}
  - name: logs
    files: ["*.log"]
    format: text
    time: {field: when, format: "%b %d %H:%M:%S", year: 2025}
    patterns:
      Failed: '^(?P<when>\\w+ +\\d+ \\S+) .*Failed password for (?P<user>\\S+)'
      Accepted: (?P<when>\\w+ +\\d+ \\S+) accepted
    unmatched: reject
types:
  Login: {user_id: string, ip: ip?x}
  Logout: {}
rules: [rules, more/one.yaml]
library: patterns
"""


def problems(text: str) -> list[str]:
    """All problems of a project file as `line:column code message`, in their order."""
    _, found = read_project("cep.yaml", text, Path())
    found.sort(key=lambda each: each.sort_key)
    return [f"{each.place.line}:{each.place.column} {each.code} {each.message}" for each in found]


def one_input(settings: str) -> InputSettings:
    """The settings of a file with one input that has a name and files already; it must be right."""
    text = "inputs:\n  - name: a\n    files: [a]\n"
    project, found = read_project("cep.yaml", text + f"    {settings}\n", Path())
    assert found == []
    return project.inputs[0]


def input_problem(settings: str) -> str:
    """The one problem of such an input."""
    (found,) = problems(f"inputs:\n  - name: a\n    files: [a]\n    {settings}\n")
    return found


def test_whole_file() -> None:
    text = WHOLE.replace("ip: ip?x", 'ip: "ip?"')
    project, found = read_project("cep.yaml", text, Path("shop"))
    assert found == []
    events, cards, tabs, logs = project.inputs
    assert events == InputSettings(
        name="events",
        files=("samples/*.jsonl.gz", "more.jsonl"),
        format="json",
        type=TypeField(("meta", "kind")),
        time=TimeSettings(("meta", "at"), "%Y-%m-%d %H:%M", None, "+01:00"),
        max_lateness_ms=90_000,
        unknown_types="accept",
        fields=(("user", ("login", "name")), ("ip", ("address",))),
    )
    assert (cards.type, cards.files) == (TypeConstant("Payment"), ("*.csv",))
    assert (cards.csv, cards.max_lateness_ms) == (CsvSettings(";", ("ts", "card")), MAX_LATENESS_MS)
    assert (tabs.type, tabs.csv) == (TypeFromFile(), CsvSettings("\t"))
    assert logs.time == TimeSettings(("when",), "%b %d %H:%M:%S", 2025)
    assert [name for name, _ in logs.patterns] == ["Failed", "Accepted"]
    assert logs.unmatched == "reject"
    assert project.schema.types["Login"]["ip"] == FieldType("ip", nullable=True)
    assert project.schema.types["Logout"] == {}
    assert project.rules == (Path("shop/rules"), Path("shop/more/one.yaml"))
    assert project.library == (Path("shop/patterns"),)


def test_file_of_the_samples() -> None:
    project = load_project(ROOT / "cep.yaml")
    assert project.inputs[0].time == TimeSettings(("ts",), "epoch_ms")
    assert project.schema.types["Transfer"]["memo"] == FieldType("string", nullable=True)
    assert project.rules == (ROOT / "rules",)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_empty_file_means_defaults(text: str) -> None:
    assert read_project("cep.yaml", text, Path()) == (Project(), [])


def test_all_problems_are_told_at_once_and_in_order() -> None:
    text = """\
    inputs:
      - nam: events
        format: jsn
        time: {feld: ts, format: epoc_ms, zone: Mars}
    types:
      Login: {user_id: strin, kind: enum()}
    ruls: [rules]
    """
    assert problems(dedent(text)) == [
        "2:5 M101 the key `name` is missing from this input",
        "2:5 M101 the key `files` is missing from this input",
        "2:5 M102 unknown key `nam`",
        "3:13 M103 `jsn` is no format",
        "4:12 M102 unknown key `feld`",
        "4:30 M103 `format`: 'epoc_ms' is no time format; did you mean epoch_ms?",
        "4:45 M103 `zone`: 'Mars' is no zone; write UTC, +01:00 or a name as Europe/Stockholm",
        "6:20 M103 `strin` is no type of a field",
        "6:33 M103 enum needs at least one value: enum(a|b)",
        "7:1 M102 unknown key `ruls`",
    ]


def test_the_repair_is_named() -> None:
    _, found = read_project("cep.yaml", "ruls: [a]\ntypes: {A: {b: strin}}\n", Path())
    assert [each.label for each in found] == ["did you mean `rules`?", "did you mean `string`?"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n", "1:1 M103 a project file is a mapping"),
        ("rules: {a: b}\n", "1:8 M103 `rules` takes one value, this is a mapping"),
        ("library:\n", "1:1 M103 `library` is empty"),
        ("inputs: {a: b}\n", "1:9 M103 `inputs` takes a list"),
        ("inputs: [events]\n", "1:10 M103 an input is written as names with values"),
        ("types: [Login]\n", "1:8 M103 `types` takes names with values"),
        ("types: {Login: string}\n", "1:16 M103 a type is written as names with values"),
        ("types: {Login: {user: [string]}}\n", "1:23 M103 `user` takes one value, this is a list"),
        ("rules: [a]\n---\nrules: [b]\n", "3:1 M103 a project file holds one document only"),
        ("rules: [a\n", "1:8 E102 this `[` is not closed, or a comma is missing in it"),
        (
            "inputs: [{name: a, files: a}, {name: a, files: b}]\n",
            "1:38 M103 an input before this one is called `a` too",
        ),
    ],
)
def test_problem_of_the_file(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("type: {}", "4:11 M101 this does not say where the event type stands"),
        ("type: {field: a, constant: B}", "4:22 M103 the event type is told by `field` already"),
        ("type: {from: name}", "4:18 M103 `name` is no from"),
        ("type: {field: a..b}", "4:19 M103 `field`: 'a..b' is no path of names with dots between them"),
        ("type: kind", "4:11 M103 `type` takes names with values"),
        ("time: {format: '%b %d'}", "4:20 M101 these times have no year"),
        ("time: {format: '%b %d', year: 20255}", "4:35 M103 `year` must be 9998 or less"),
        ("time: {format: '%b %d', year: ago}", "4:35 M103 `year` must be a whole number, 1 or more"),
        ("max_lateness: 30", "4:19 M103 `max_lateness`: '30' is no duration; write 30s, 10m, 1h30m or 7d"),
        ("fields: {user: .name}", "4:20 M103 `user`: '.name' is no path of names with dots between them"),
        ("unknown_types: ignore", "4:20 M103 `ignore` is no unknown_types"),
        ("csv: {delimiter: ';;'}", "4:22 M103 the delimiter must be one character, not a quote or a blank"),
        ("csv: {header: false}", "4:11 M101 the key `columns` is missing from this set of CSV settings"),
        ("csv: {header: true, columns: [a]}", "4:25 M103 `columns` is for files without a header"),
        ("csv: {quote: a}", "4:11 M102 unknown key `quote`"),
        ("format: text", "2:5 M101 the key `patterns` is missing from this input"),
        (
            "patterns: {A: '(?P<ts>x)('}",
            "4:29 M103 this regular expression cannot be read: missing ), unterminated subpattern",
        ),
        ("patterns: {A: 'x(?P<t>y)'}", "4:19 M103 this pattern has no group `ts` for the time of the event"),
        ("unmatched: skip", "4:5 M103 `unmatched` means something with `format: text` only"),
    ],
)
def test_problem_of_an_input(settings: str, problem: str) -> None:
    assert input_problem(settings) == problem


def test_time_format_that_cannot_be_read() -> None:
    assert input_problem("time: {format: '%Y %Q'}").startswith(
        "4:20 M103 `format`: '%Y %Q' is no time format: "
    )


def test_keys_of_another_format_are_refused() -> None:
    patterns = "patterns: {A: '(?P<ts>x)'}"
    text = f"inputs:\n  - {{name: a, files: a, format: json, csv: {{}}, unmatched: skip, {patterns}}}\n"
    assert [found.split(" M103 ")[1] for found in problems(text)] == [
        "`csv` means something with `format: csv` only",
        "`unmatched` means something with `format: text` only",
        "`patterns` means something with `format: text` only",
    ]
    assert problems(f"inputs:\n  - {{name: a, files: a, type: {{field: k}}, {patterns}}}\n") == [
        "2:25 M103 the event type of a log line is the name of the pattern that matches"
    ]


def test_patterns_alone_say_that_the_format_is_text() -> None:
    settings = one_input("patterns: {A: '(?P<ts>x)'}")
    assert (settings.format, settings.patterns) == (None, (("A", "(?P<ts>x)"),))


def test_columns_alone_say_that_there_is_no_header() -> None:
    assert one_input("csv: {columns: [ts, user]}").csv == CsvSettings(None, ("ts", "user"))
    assert one_input("csv: {header: true}").csv == CsvSettings()


def test_caret_inside_a_regular_expression_in_quotes() -> None:
    text = "inputs: [{name: a, files: a, patterns: {A: 'it''s (?P<ts>x) [z'}}]\n"
    (found,) = read_project("cep.yaml", text, Path())[1]
    line = found.source.lines[found.place.line - 1]
    assert line[found.place.column - 1 :].startswith("[z")


# -------------------------------------------------------------------------------------------- loading


def test_load(tmp_path: Path) -> None:
    file = tmp_path / "cep.yaml"
    file.write_text("rules: [fraud]\n", encoding="utf-8")
    assert load_project(file).rules == (tmp_path / "fraud",)


def test_load_tells_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "cep.yaml"
    file.write_text("ruls: [a]\ntyps: {}\n", encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        load_project(file)
    assert str(caught.value).count("error[M102]") == 2


def test_load_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_project(tmp_path / "cep.yaml")


def test_load_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "cep.yaml"
    file.write_bytes(b"rules: \xff")
    with pytest.raises(InputError, match="is not UTF-8: byte 8"):
        load_project(file)


# ------------------------------------------------------------------------------- settings of a path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("samples/events.jsonl", "samples"),
        ("/data/samples/events.jsonl", "samples"),
        ("other/events.jsonl", "json"),
        ("events.jsonl", "json"),
        ("auth.log", DEFAULT.name),
        ("-", "stdin"),
    ],
)
def test_settings_for(path: str, name: str) -> None:
    inputs = [
        InputSettings("samples", ("samples/*.jsonl",)),
        InputSettings("json", ("*.json", "*.jsonl")),
        InputSettings("stdin", ("-",)),
    ]
    assert settings_for(inputs, path).name == name


@pytest.mark.parametrize(
    ("text", "hours"), [("UTC", 0), ("Z", 0), ("+01:00", 1), ("-0530", -5.5), ("Asia/Tokyo", 9)]
)
def test_zone_of(text: str, hours: float) -> None:
    offset = zone_of(text).utcoffset(None) or zone_of(text).utcoffset(datetime(2026, 7, 1, tzinfo=UTC))
    assert offset is not None
    assert offset.total_seconds() == hours * 3600


@pytest.mark.parametrize("text", ["", "+25:00", "+1", "../etc", "/etc/passwd", "Moon", "+\u06601:00"])
def test_zone_of_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is no zone"):
        zone_of(text)


@pytest.mark.parametrize(
    ("time_format", "lacks"), [("%d.%m. %H", True), ("%d.%m.%y", False), ("%c", False), ("%d %%Y", True)]
)
def test_lacks_year(time_format: str, lacks: bool) -> None:
    assert lacks_year(time_format) is lacks
