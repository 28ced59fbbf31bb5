"""`cep replay`: what it prints and writes, which files it reads, how it ends."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cep.ports import decode
from cep.runtimes import replay as runtime
from cep.stream.alert import Alert
from tests.cli.shop import EVENTS, T0, cep, failed, login, transcript
from tests.golden import check_golden
from tests.shared import ROOT

BOTH = ["brute_force", "unpaid_order"]
GOLDEN = ROOT / "tests" / "golden" / "replay"
pytestmark = pytest.mark.usefixtures("shop")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("table", ["--format", "table"]),
        ("json", []),
        ("flush", ["--format", "table", "--at-end", "flush"]),
        ("verbose", ["--format", "table", "-v"]),
        ("quiet", ["--format", "table", "-q"]),
        ("set", ["--format", "table", "--set", "n=4", "--select", "rule:brute*"]),
        ("times", ["--format", "table", "--from", "2026-03-30T16:00:02", "--to", "2026-03-30T16:01"]),
    ],
)
def test_replay_prints(name: str, arguments: list[str]) -> None:
    check_golden(GOLDEN / f"{name}.txt", transcript(cep("replay", *arguments)))


def test_alerts_go_to_stdout_and_notes_to_stderr() -> None:
    result = cep("replay")
    assert [json.loads(line)["rule"] for line in result.stdout.splitlines()] == BOTH
    assert "2 alerts" in result.stderr
    assert cep("replay", "-q").stderr == ""


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_same_bytes_whatever_is_read_at_once(chunk: int) -> None:
    whole = cep("replay", "--rejects", "whole.jsonl").stdout_bytes
    assert cep("replay", "--rejects", "small.jsonl", "--chunk", str(chunk)).stdout_bytes == whole
    assert Path("small.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


def test_out_and_rejects_are_written() -> None:
    printed = cep("replay").stdout
    result = cep("replay", "--out", "alerts.jsonl", "--rejects", "bad.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert Path("alerts.jsonl").read_text() == printed
    check_golden(GOLDEN / "rejects.jsonl", Path("bad.jsonl").read_text())


def test_out_may_be_a_table() -> None:
    result = cep("replay", "--out", "alerts.txt", "--format", "table")
    assert result.stdout == ""
    assert "2 alerts" in result.stderr
    assert Path("alerts.txt").read_text().startswith("brute_force  HIGH  user_id=eve")


# --- what is read ------------------------------------------------------------------------------------


def alerts_of(*arguments: str, stdin: str | bytes | None = None) -> list[str]:
    """The rules of the alerts."""
    result = cep("replay", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["rule"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize("named", [["data/day.jsonl"], ["data"], ["."], ["data/*.jsonl"], ["./**/day.*"]])
def test_files_folders_and_globs(named: list[str]) -> None:
    assert alerts_of(*named) == BOTH


def test_file_named_twice_is_read_once() -> None:
    assert alerts_of("data/day.jsonl", "data", "./data/day.jsonl") == BOTH


def test_standard_input() -> None:
    assert alerts_of("-", stdin="".join(EVENTS)) == BOTH


def test_an_input_may_be_named_and_must_be_where_several_could_be_meant() -> None:
    config = Path("cep.yaml").read_text()
    other = "  - {name: seconds, files: [old/*.jsonl], time: {field: ts, format: epoch_s}}\n"
    Path("cep.yaml").write_text(config.replace("types:\n", other + "types:\n"))
    result = cep("replay", "-", stdin="".join(EVENTS))
    assert result.exit_code == 2
    assert "standard input may be any of events, seconds; say which: --input events" in result.stderr
    assert alerts_of("-", "--input", "events", stdin="".join(EVENTS)) == BOTH
    assert "11 bad_time" in cep("replay", "data", "--input", "seconds").stderr
    assert "the inputs are events, seconds" in cep("replay", "-", "--input", "evnets").stderr


def test_packed_file() -> None:
    Path("data/day.jsonl.gz").write_bytes(gzip.compress(Path("data/day.jsonl").read_bytes()))
    Path("data/day.jsonl").unlink()
    assert alerts_of() == BOTH


def test_file_elsewhere_is_read_as_the_only_input_there_is(tmp_path: Path) -> None:
    # Without the settings such small times would be taken for seconds, too far apart for the rule.
    elsewhere = tmp_path / "other.ndjson"
    events = [each(i - T0 / 1000) for i, each in enumerate((failed, failed, failed, login))]
    elsewhere.write_text("".join(events))
    assert alerts_of(str(elsewhere)) == ["brute_force"]


def test_without_a_project_everything_is_said_by_hand() -> None:
    Path("cep.yaml").unlink()
    Path("data/notes.txt").write_text("no events")
    assert alerts_of("data", "--rules", "rules/unpaid_order.yaml") == ["unpaid_order"]
    assert "there are no rules" in cep("replay", "data").stderr
    assert "there are no events" in cep("replay", "--rules", "rules/unpaid_order.yaml").stderr


def test_project_file_is_found_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "data")
    assert alerts_of() == BOTH
    assert alerts_of(".") == BOTH


def test_project_file_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    assert alerts_of("--config", str(tmp_path / "cep.yaml")) == BOTH


# --- choosing rules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "rules"),
    [
        ("brute_force", ["brute_force"]),
        ("rule:*order", ["unpaid_order"]),
        ("tag:attack.*", ["brute_force"]),
        ("severity:low", ["unpaid_order"]),
        ("severity:low+", BOTH),
        ("severity:medium+", ["brute_force"]),
        ("rule:a*,rule:b*", ["brute_force"]),
        ("tag:shop,severity:low", ["unpaid_order"]),
    ],
)
def test_selection(selection: str, rules: list[str]) -> None:
    assert alerts_of("--select", selection) == rules


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.jsonl"], "no.jsonl: there is no such file"),
        (["data/*.csv"], "no file fits data/*.csv"),
        (["rules"], "no file in it fits an input of cep.yaml"),
        (["--rules", "no"], "no does not exist"),
        (["--rules", "data"], "data holds no files *.yaml or *.yml"),
        (["--config", "no.yaml"], "no.yaml cannot be read"),
        (["--set", "n"], "write NAME=VALUE"),
        (["--set", "m=3"], "no rule has such a parameter"),
        (["--set", "spam=3"], "did you mean span?"),
        (["--set", "n=99999999999999999999999"], "this whole number is too large"),
        (["--select", "tagg:x"], "--select does not know `tagg:x`"),
        (["--select", "severity:hot"], "`hot` is no severity"),
        (["--select", "rule:x*"], "none of the rules fits"),
        (["--select", ","], "names nothing"),
        (["--engine", "warp"], "the engines are"),
        (["--from", "yesterday"], "--from yesterday: not a time"),
        (["--from", "2026-03-31", "--to", "2026-03-30"], "nothing lies between them"),
        (["--out", "data/day.jsonl"], "would be written over the events"),
        (["--rejects", "./data/../data/day.jsonl"], "would be written over the events"),
        (["--out", "x.jsonl", "--rejects", "x.jsonl"], "name the same file"),
        (["--out", "no/x.jsonl"], "no/x.jsonl cannot be written"),
        (["--chunk", "0"], "--chunk"),
        (["--format", "xml"], "xml"),
    ],
)
def test_wrong_use_is_told_in_a_line(arguments: list[str], words: str) -> None:
    result = cep("replay", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_events_are_still_there_after_a_refusal() -> None:
    before = Path("data/day.jsonl").read_bytes()
    cep("replay", "--out", "data/day.jsonl")
    assert Path("data/day.jsonl").read_bytes() == before


def test_broken_rule_stops_everything() -> None:
    Path("rules/x.yaml").write_text("rule: x\npattern: SEQ(Login l, Logn m) BY user_id WITHIN 1h\n")
    result = cep("replay")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "rules/x.yaml:2:23: error[E201]" in result.stderr
    assert "nothing was replayed: 1 error in the rules" in result.stderr


def test_broken_project_file_is_told_with_its_place() -> None:
    Path("cep.yaml").write_text("inputs: []\nruels: [rules]\n")
    result = cep("replay")
    assert result.exit_code == 2
    assert "cep.yaml:2:1: error[M102]: unknown key `ruels`" in result.stderr


def test_records_that_are_all_refused_are_a_file_that_cannot_be_read() -> None:
    Path("data/day.jsonl").write_text("no\nsuch\nthing\n")
    result = cep("replay")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "3 records that cannot be used" in result.stderr
    assert "error: none of the 3 records could be used: does their input in cep.yaml fit?" in result.stderr


# --- how it ends -------------------------------------------------------------------------------------


def test_interrupt_leaves_a_partial_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    real = runtime.replay

    def interrupted(*arguments: object, **options: object) -> Iterator[Alert]:
        yield next(real(*arguments, **options))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("cep.runtimes.replay.replay", interrupted)
    result = cep("replay")
    assert result.exit_code == 130
    assert len(result.stdout.splitlines()) == 1
    assert "interrupted: this is not all" in result.stderr


def test_damaged_file_leaves_what_was_found() -> None:
    packed = gzip.compress("".join(EVENTS).encode())
    Path("data/x.jsonl.gz").write_bytes(packed[:-9])
    result = cep("replay", "--format", "table")
    assert result.exit_code == 2
    assert "data/x.jsonl.gz is cut off" in result.stderr
    assert "this is not all" in result.stdout


def test_error_before_the_first_record_stands_alone() -> None:
    Path("notes.xyz").write_text("x\n", encoding="utf-8")
    Path("bare.yaml").write_text("library: [patterns]\n", encoding="utf-8")
    Path("any.cep").write_text("EVENT e", encoding="utf-8")
    result = cep("replay", "notes.xyz", "--config", "bare.yaml", "--rules", "any.cep")
    assert result.exit_code == 2
    assert "its ending does not tell the format" in result.stderr
    assert "0 events" not in result.stderr


def test_fault_of_ours_is_no_traceback_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by\x1bzero")

    monkeypatch.setattr("cep.runtimes.replay.replay", broken)
    short, long = cep("replay"), cep("replay", "-v")
    assert short.exit_code == long.exit_code == 3
    assert short.stderr == (
        "error: cep failed: ZeroDivisionError: by\\x1bzero\n"
        "this is a fault of cep, not of your rules; -v shows where it happened\n"
    )
    assert "Traceback" in long.stderr


# --- colour ------------------------------------------------------------------------------------------


def test_no_colour_where_nobody_looks() -> None:
    assert "\x1b" not in cep("replay", "--format", "table").output


def test_colour_when_asked_for() -> None:
    assert "\x1b[1mbrute_force" in cep("replay", "--format", "table", "--color", "always").stdout
    assert "\x1b" not in cep("replay", "--color", "always").stdout


def test_colours_change_no_text() -> None:
    plain = cep("replay", "--format", "table", "--color", "never", "-q").stdout
    coloured = cep("replay", "--format", "table", "--color", "always", "-q").stdout
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_event_cannot_move_the_cursor() -> None:
    evil = "\x1b[2J\r\n\u202e"
    lines = [failed(i, user=evil) for i in range(3)] + [login(9, user=evil), "\x1b[31m not json\n"]
    Path("data/day.jsonl").write_text("".join(lines))
    result = cep("replay", "--format", "table")
    assert "\\x1b[2J" in result.stdout
    assert all(char.isprintable() or char == "\n" for char in result.output)


def test_readers_of_events_know_their_endings() -> None:
    # `cep replay FOLDER` without a project looks for these.
    assert {"json", "csv", "parquet"} <= set(decode._ENDINGS.values())
