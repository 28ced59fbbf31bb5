"""The runner itself, on small cases made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.__main__ import main
from tests.conformance.cases import CaseFileError, read_case, read_file, read_files
from tests.conformance.run import Delivery, Way, deliveries, run_case
from tests.conformance.text import NO_WINDOW_MS

A_THEN_B: Final[dict[str, Any]] = {
    "seq": [
        {"event": "a", "type": "A", "where": None},
        {"event": "b", "type": "B", "where": None, "follow": "relaxed"},
    ]
}
EVENTS: Final[list[dict[str, Any]]] = [
    {"_ts": 1, "_type": "A", "x": 1},
    {"_ts": 2, "_type": "C", "x": None},
    {"_ts": 3, "_type": "B", "x": 3},
]


def made(name: str = "hand/made", **members: object) -> dict[str, Any]:
    """A case that passes, unless a member given here spoils it."""
    case: dict[str, Any] = {
        "id": name,
        "features": ["seq"],
        "key": None,
        "semantics": "all",
        "pattern": A_THEN_B,
        "skip": "none",
        "events": EVENTS,
        "flush": False,
        "expect": [{"a": [0], "b": [2]}],
    }
    return case | members


def refused(name: str, pattern: object) -> dict[str, Any]:
    case = made(name, pattern=pattern, events=[], expect_error="semantic")
    del case["expect"]
    return case


def written(folder: Path, *cases: dict[str, Any], name: str = "cases.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"source": {"engine": "Hand"}, "cases": list(cases)}), "utf-8")
    return path


TWICE: Final = {"seq": [A_THEN_B["seq"][0], A_THEN_B["seq"][0]]}


# --- one case ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("semantics", ["all", "eql", "every_once", "row_pattern"])
def test_what_an_adapter_does_not_know_is_declined(semantics: str) -> None:
    event = {"event": "a", "type": "A", "where": None}
    outcome = run_case(read_case(made(semantics=semantics, pattern={**event, "shaken": True})))
    assert (outcome.status, outcome.reason) == ("skipped", "`shaken`: nobody here knows what it means")
    outcome = run_case(read_case(made(semantics=semantics, pattern=event, stirred=3)))
    assert (outcome.status, outcome.reason) == ("skipped", "`stirred`: nobody here knows what it means")


def test_a_rule_that_the_language_refuses_by_design_is_declined() -> None:
    never = {"event": "a", "type": "A", "where": ["and", [">", ["field", "x"], 5], ["<", ["field", "x"], 3]]}
    outcome = run_case(read_case(made(pattern=never, expect=[])))
    assert outcome.status == "skipped"
    assert outcome.reason.startswith("refused when it is loaded: E208 ")


@pytest.mark.parametrize("way", ["single", "whole"])
def test_a_case_passes(way: Way) -> None:
    assert run_case(read_case(made()), way=way).status == "passed"


def test_matches_are_compared_as_a_multiset() -> None:
    pattern = {"seq": [A_THEN_B["seq"][0], A_THEN_B["seq"][1] | {"min": 1, "max": None}]}
    events = [{"_ts": t, "_type": kind} for t, kind in enumerate("ABB")]
    expect = [{"b": [1, 2], "a": [0]}, {"a": [0], "b": [1]}]
    assert run_case(read_case(made(pattern=pattern, events=events, expect=expect))).status == "passed"
    twice = run_case(read_case(made(pattern=pattern, events=events, expect=[*expect, expect[1]])))
    assert (twice.status, twice.reason) == ("failed", "other matches")


def test_a_failure_shows_both_sides() -> None:
    outcome = run_case(read_case(made(expect=[{"a": [0], "b": [1]}])))
    assert outcome.status == "failed"
    assert (outcome.expected, outcome.got) == ("a[0] b[1]", "a[0] b[2]")
    assert outcome.text.startswith("SEQ(A a, B b)")


def test_timeouts_are_compared_where_the_case_has_them() -> None:
    late = A_THEN_B | {"within": 2}
    silent = run_case(read_case(made(pattern=late, expect=[])))
    told = run_case(read_case(made(pattern=late, expect=[], expect_timeout=[{"a": [0]}])))
    wrong = run_case(read_case(made(pattern=late, expect=[], expect_timeout=[])))
    assert (silent.status, told.status) == ("passed", "passed")
    assert (wrong.status, wrong.reason, wrong.got) == ("failed", "other timeouts", "a[0]")


def test_a_case_without_adapter_is_skipped() -> None:
    outcome = run_case(read_case(made(semantics="unheard_of")))
    assert (outcome.status, outcome.reason) == ("skipped", "no adapter for semantics `unheard_of`")


def test_a_pattern_that_must_be_refused() -> None:
    assert run_case(read_case(refused("twice", TWICE))).status == "passed"
    accepted = run_case(read_case(refused("once", A_THEN_B)))
    assert (accepted.status, accepted.reason) == ("failed", "not refused")


def test_a_pattern_that_is_refused_but_must_not_be() -> None:
    outcome = run_case(read_case(made(pattern=TWICE)))
    assert (outcome.status, outcome.reason) == ("failed", "refused")
    assert outcome.got.startswith("E204 ")


def test_an_engine_that_breaks_fails_its_case_only() -> None:
    outcome = run_case(read_case(made()), engine="missing")
    assert (outcome.status, outcome.reason) == ("failed", "broke with KeyError: 'missing'")


# --- time -------------------------------------------------------------------------------------------------


def stamped(*entries: int | str, flush: bool = False) -> list[tuple[list[int], int]]:
    """Deliveries of a case with events at these times; "W5" is a watermark of 5. Events by index."""
    raw: list[dict[str, Any]] = [
        {"_watermark": int(entry[1:])} if isinstance(entry, str) else {"_ts": entry, "_type": "A"}
        for entry in entries
    ]
    found: list[Delivery] = list(deliveries(read_case(made(events=raw, flush=flush)), "whole"))
    return [([event.seq for event in each.events], each.watermark_ms) for each in found]


def test_without_watermarks_time_is_that_of_the_last_event() -> None:
    assert stamped(1, 4, 4) == [([0, 1, 2], 3)]


def test_a_watermark_releases_events_in_the_order_of_time() -> None:
    assert stamped(5, 2, 5, "W4", "W9") == [([1], 3), ([0, 2], 8)]


def test_an_event_behind_the_watermark_is_dropped() -> None:
    assert stamped("W4", 4, 5, "W9") == [([], 3), ([2], 8)]


def test_what_no_watermark_reached_waits_for_the_end() -> None:
    assert stamped(7, "W4") == [([], 3)]
    assert stamped(7, "W4", flush=True) == [([], 3), ([0], 7 + NO_WINDOW_MS - 1)]


def test_one_at_a_time_says_the_time_before_each_event() -> None:
    found = list(
        deliveries(read_case(made(events=[{"_ts": 3, "_type": "A"}, {"_ts": 5, "_type": "A"}])), "single")
    )
    assert [(len(each.events), each.watermark_ms) for each in found] == [
        (0, 2),
        (1, 2),
        (0, 4),
        (1, 4),
        (0, 4),
    ]


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read_file(written(tmp_path, made(key=["x", "y"], events=[{"_watermark": 1}, *EVENTS])))
    case = found.cases[0]
    assert (found.engine, case.key, len(case.entries)) == ("Hand", ("x", "y"), 4)
    assert [(event.seq, dict(event.fields)) for event in case.events] == [
        (1, {"x": 1}),
        (2, {}),
        (3, {"x": 3}),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ("[]", "is no file of cases"),
        ('{"cases": {}}', "is no file of cases"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, "utf-8")
    with pytest.raises(CaseFileError, match=complaint.replace("[", r"\[")) as caught:
        read_file(path)
    assert str(path) in str(caught.value)


def test_a_case_that_breaks_the_format_breaks_no_other(tmp_path: Path) -> None:
    timeless = made("no time", events=[{"_type": "A"}])
    nameless: dict[str, Any] = {"expect": [], "pattern": {}}
    broken: list[dict[str, Any]] = [
        {"id": "no answer"},
        {"id": "no words", "expect": [], "pattern": {}},
        nameless,
        timeless,
    ]
    path = written(tmp_path, made(), *broken)
    path.write_text(path.read_text("utf-8").replace('"cases": [', '"cases": ["text", null, '), "utf-8")
    outcomes = [run_case(case) for case in read_file(path).cases]
    assert [(each.case.id, each.status) for each in outcomes] == [
        ("number 1", "skipped"),
        ("number 2", "skipped"),
        ("hand/made", "passed"),
        ("no answer", "skipped"),
        ("no words", "skipped"),
        ("number 6", "skipped"),
        ("no time", "skipped"),
    ]
    assert outcomes[3].reason == "it breaks the format: member 'expect' is missing"
    assert outcomes[6].reason == "it breaks the format: member '_ts' is missing"


def test_a_folder_gives_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.json", "a.json"):
        written(tmp_path, made(name), name=name)
    (tmp_path / "README.md").write_text("no cases", "utf-8")
    assert [each.path.name for each in read_files([tmp_path])] == ["a.json", "b.json"]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match=r"no \*\.json file"):
        read_files([tmp_path])


# --- the command ------------------------------------------------------------------------------------------


def test_all_good_is_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made(), refused("hand/refused", TWICE), made("hand/odd", semantics="odd"))
    assert main([str(path)]) == 0
    assert (
        capsys.readouterr().out
        == "skipped 1: no adapter for semantics `odd`\n2 passed, 0 failed, 1 skipped\n"
    )


def test_a_failure_is_exit_1_and_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made(), made("hand/wrong", expect=[]))
    assert main([str(path)]) == 1
    failed, summary = capsys.readouterr().out.splitlines()
    assert failed.startswith("FAILED hand/wrong | other matches | SEQ(A a, B b) WITHIN 36500d PICK ALL")
    assert failed.endswith(" | expected (none) | got a[0] b[2]")
    assert summary == "1 passed, 1 failed, 0 skipped"


def test_an_unreadable_file_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["x.json", "--engine", "none"], ["x.json", "--bogus"]])
def test_bad_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m tests.conformance" in capsys.readouterr().err


def test_cases_are_chosen_by_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made("hand/one"), made("hand/two", expect=[]))
    assert main([str(path), "--id", "one"]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed, 0 skipped\n"
    assert main([str(path), "--id", "three"]) == 2
    assert capsys.readouterr().err == "no case has 'three' in its id\n"


def test_show_prints_the_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made(), made("hand/odd", semantics="odd"))
    assert main([str(path), "--show"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("hand/made\n    SEQ(A a, B b)\n    WITHIN 36500d PICK ALL")
    assert "hand/odd\n    (skipped: no adapter for semantics `odd`)\n" in out


def test_report_holds_every_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made(), made("hand/wrong", expect=[]), made("hand/odd", semantics="odd"))
    target = tmp_path / "report.json"
    assert main([str(path), "--report", str(target)]) == 1
    assert capsys.readouterr().out.endswith("1 passed, 1 failed, 1 skipped\n")
    found = json.loads(target.read_text("utf-8"))
    totals = {"passed": 1, "failed": 1, "skipped": 1}
    assert (found["engine"], found["totals"], len(found["files"])) == ("reference", totals, 1)
    only = found["files"][0]
    assert (only["path"], only["source"], only["totals"]) == (str(path), "Hand", totals)
    assert [(each["id"], each["status"], each["reason"]) for each in only["cases"]] == [
        ("hand/made", "passed", ""),
        ("hand/wrong", "failed", "other matches"),
        ("hand/odd", "skipped", "no adapter for semantics `odd`"),
    ]
    assert only["cases"][1]["text"].startswith("SEQ(A a, B b)\n")
    assert (only["cases"][1]["expected"], only["cases"][1]["got"]) == ("(none)", "a[0] b[2]")


def test_report_that_cannot_be_written_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, made())
    assert main([str(path), "--report", str(tmp_path / "none" / "report.json")]) == 2
    assert "report.json: cannot be written" in capsys.readouterr().err
