"""The committed samples: what their seed gives, in order but for seconds, with a truth that holds."""

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from samples.generate import PLANTED, generate, main
from samples.world import DAY, FIELDS, HOUR, MINUTE, START_MS
from tests.samples.plain_rules import RULES
from tests.samples.rows import SAMPLES, Row, Truth, sample_rows, sample_text, sample_truth
from tests.shared import ROOT

pytestmark = pytest.mark.xdist_group("samples")

LATENESS_MS = 30_000


def rule_names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "rules").glob("*.yaml"))


def test_the_seed_gives_the_committed_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--out", str(tmp_path)])
    # The packed bytes hang on the version of zlib; what is in them does not.
    assert gzip.decompress((tmp_path / "events.jsonl.gz").read_bytes()).decode() == sample_text()
    assert (tmp_path / "truth.jsonl").read_bytes() == (SAMPLES / "truth.jsonl").read_bytes()
    assert f"{len(sample_rows()):,} events in" in capsys.readouterr().out


def test_the_packed_file_says_nothing_of_when_it_was_made() -> None:
    header = (SAMPLES / "events.jsonl.gz").read_bytes()[:10]
    assert header[3:8] == bytes(5)  # no file name, no time
    assert (SAMPLES / "events.jsonl.gz").stat().st_size <= 2_500_000


def test_another_seed_tells_other_events_and_the_same_cases() -> None:
    other = generate(seed=8, accounts=0)
    told = [json.loads(line) for line in other.truth]
    assert [case["case"] for case in told] == [case.case for case in sample_truth()]
    assert other.events[:100] != sample_text().splitlines()[:100]


@pytest.mark.parametrize("arguments", [["--days", "41"], ["--accounts", "5001"], ["--accounts", "-1"]])
def test_sizes_out_of_reach_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert f"{arguments[0]} {arguments[1]}: " in capsys.readouterr().err


def test_there_is_enough_to_look_at() -> None:
    rows = sample_rows()
    assert len(rows) >= 50_000
    assert {row.type for row in rows} == set(FIELDS)
    assert min(row.ts for row in rows) >= START_MS
    assert 44 * DAY < max(row.ts for row in rows) - min(row.ts for row in rows) < 45 * DAY


def test_every_event_has_the_fields_that_cep_yaml_declares() -> None:
    project = yaml.safe_load((ROOT / "cep.yaml").read_text(encoding="utf-8"))
    assert project["inputs"][0]["max_lateness"] == f"{LATENESS_MS // 1000}s"
    declared = project["types"]
    assert {name: set(fields) for name, fields in FIELDS.items()} == {
        name: set(fields) for name, fields in declared.items()
    }
    for row in sample_rows():
        assert list(row.fields) == list(FIELDS[row.type])
        for name, kind in declared[row.type].items():
            _require_kind(row, name, kind)


def _require_kind(row: Row, name: str, kind: str) -> None:
    value = row.fields[name]
    if value is None:
        assert kind.endswith("?"), (row, name)
    elif values := re.fullmatch(r"enum\((.*)\)", kind):
        assert value in values.group(1).split("|"), (row, name)
    elif kind == "decimal":
        assert row.fields[name].as_tuple().exponent == -2, (row, name)
    elif kind == "ip":
        assert re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", value), (row, name)
        assert all(int(part) < 256 for part in value.split(".")), (row, name)
    else:
        assert isinstance(value, str), (row, name)


def test_events_are_out_of_order_but_never_late() -> None:
    newest_ms, behind_ms = START_MS, []
    for row in sample_rows():
        if row.ts < newest_ms:
            behind_ms.append(newest_ms - row.ts)
        newest_ms = max(newest_ms, row.ts)
    assert max(behind_ms) < LATENESS_MS
    assert 0.001 < len(behind_ms) / len(sample_rows()) < 0.05


def test_a_record_that_comes_late_comes_after_its_deadline_in_the_file() -> None:
    rows = sample_rows()
    late = [case for case in sample_truth() if "25 seconds late" in case.note]
    assert sorted(case.rule for case in late) == ["silent_terminal", "unpaid_order"]
    for case in late:
        first, last = (rows[number - 1] for number in case.lines)
        newest_ms = max(row.ts for row in rows[: last.line - 1])
        wait_ms = HOUR if case.rule == "unpaid_order" else 20 * MINUTE
        assert last.ts <= first.ts + wait_ms < newest_ms < last.ts + LATENESS_MS


def test_some_events_share_a_millisecond() -> None:
    times = Counter((row.fields.get("user_id"), row.ts) for row in sample_rows() if "user_id" in row.fields)
    assert sum(count > 1 for count in times.values()) > 100


def test_each_rule_has_a_planter_a_plain_reading_and_cases_of_both_kinds() -> None:
    assert sorted(planter.__name__ for planter in PLANTED) == rule_names()
    assert sorted(RULES) == rule_names()
    kinds = Counter((case.rule, case.should_alert) for case in sample_truth())
    for name in rule_names():
        assert kinds[name, True] >= 2, name
        assert kinds[name, False] >= 2, name


@pytest.mark.parametrize("case", sample_truth(), ids=lambda case: case.case)
def test_the_lines_of_a_case_are_events_of_its_rule_and_key(case: Truth) -> None:
    rows = [sample_rows()[number - 1] for number in case.lines]
    keys = RULES[case.rule].keys
    [value] = case.key.values()
    assert rows == sorted(rows, key=lambda row: (row.ts, row.line))
    assert (rows[0].ts, rows[-1].ts) == (case.ts_from, case.ts_to)
    assert {row.fields[keys[row.type]] for row in rows} == {value}
    assert not set(case.lines) & set(case.context)
    if case.should_alert:
        yaml_text = (ROOT / "rules" / f"{case.rule}.yaml").read_text(encoding="utf-8")
        assert f"EMIT {case.emit}(" in yaml_text
        assert (case.deadline is not None) == (case.outcome in {"absence", "timeout"})


@pytest.mark.parametrize("name", rule_names())
def test_the_planted_cases_and_nothing_else_are_what_the_rule_describes(name: str) -> None:
    planted = {
        (*case.key.values(), case.lines) for case in sample_truth() if case.rule == name and case.should_alert
    }
    assert set(_found(name)) == planted


def _found(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    rule = RULES[name]
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in sample_rows():
        if row.type in rule.keys:
            by_key[row[rule.keys[row.type]]].append(row)
    for key, rows in by_key.items():
        for taken in rule.search(sorted(rows, key=lambda row: (row.ts, row.line))):
            yield key, tuple(row.line for row in taken)
