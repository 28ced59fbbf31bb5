"""Rule files that are right: what is taken from them, libraries, parameters, and many files at once."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cep.engines.matcher import Limits
from cep.errors import InputError, Source, render_all
from cep.event import Timestamp
from cep.language.expressions import LiteralExpr
from cep.rulebook.loader import Rulebook, Settings, load, rule_files
from cep.rulebook.params import param_literal
from cep.rulebook.pattern_files import read_pattern_file
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.rulebook.settings import schema

RULE = """
rule: full.rule-1
version: 7
title: " A title "
description: >
  One sentence
  over two lines.
severity: critical
tags: [ato, attack.t1110, 7]
references: https://example.org/a
runbook: https://example.org/b
owner: team
params: {n: 3, span: 10m}
pattern: SEQ(LoginFailed f{$n,}, Login l) BY user_id WITHIN $span EMIT Found(user_id, n = count(f))
limits: {runs_per_key: 5, overflow: stop_rule}
"""


def put(folder: Path, **files: str) -> list[Path]:
    """Write rule files, by the words before their ending."""
    paths = []
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def loaded(folder: Path, settings: Settings | None = None, **files: str) -> Rulebook:
    """The rules of these files, which have no problems."""
    book = load(put(folder, **files), settings or Settings(schema()))
    assert not book.diagnostics, render_all(book.diagnostics)
    return book


def codes(book: Rulebook) -> list[str]:
    return [diagnostic.code for diagnostic in book.diagnostics]


def test_every_key_is_taken(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, a=RULE).rules
    rule = one.rule
    assert (rule.name, rule.version, rule.title, rule.severity) == ("full.rule-1", 7, "A title", "critical")
    assert rule.description == "One sentence over two lines."
    assert rule.tags == ("ato", "attack.t1110", "7")
    assert rule.limits == Limits(runs_per_key=5, overflow="stop_rule")
    assert rule.path == (tmp_path / "a.yaml").as_posix()
    assert one.text.references == ("https://example.org/a",)
    assert (one.text.runbook, one.text.owner) == ("https://example.org/b", "team")
    assert rule.plan.pattern.within_ms == 600_000


def test_defaults(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, a="rule: r\npattern: Logout o BY user_id\n").rules
    rule = one.rule
    assert (rule.version, rule.severity, rule.tags, rule.limits) == (1, "medium", (), Limits())
    assert one.tests == ()


def test_several_documents_and_files_keep_their_order(tmp_path: Path) -> None:
    two = "rule: a\npattern: Logout o BY user_id\n---\nrule: b\npattern: Login l BY user_id\n---\n"
    book = loaded(tmp_path, z=two, a="rule: c\npattern: Logout o BY user_id\n")
    assert [(one.rule.name, one.rule.order) for one in book.rules] == [("a", 0), ("b", 1), ("c", 2)]
    assert book.seen == 3
    assert book.files == ((tmp_path / "z.yaml").as_posix(), (tmp_path / "a.yaml").as_posix())


def test_broken_rule_leaves_the_others(tmp_path: Path) -> None:
    broken = "rule: a\npattern: SEQ(\n---\nrule: b\npattern: Logout o BY user_id\n"
    book = load(put(tmp_path, x=broken), Settings(schema()))
    assert [(one.rule.name, one.rule.order) for one in book.rules] == [("b", 0)]
    assert (book.seen, codes(book)) == (2, ["E101"])


def test_problems_of_all_files_are_sorted_by_file_and_place(tmp_path: Path) -> None:
    bad = "rule: {}\npattern: Logot o BY user_id\nseverity: x\n"
    book = load(put(tmp_path, b=bad.replace("{}", "one"), a=bad.replace("{}", "two")), Settings(schema()))
    places = [(Path(d.source.name).name, d.place.line) for d in book.diagnostics]
    assert places == [("a.yaml", 2), ("a.yaml", 3), ("b.yaml", 2), ("b.yaml", 3)]


def test_same_name_in_two_files(tmp_path: Path) -> None:
    text = "rule: r\npattern: Logout o BY user_id\n"
    book = load(put(tmp_path, a=text, b=text), Settings(schema()))
    assert codes(book) == ["M104"]
    assert [one.rule.path for one in book.rules] == [(tmp_path / "a.yaml").as_posix()]
    assert "a.yaml:1:7" in book.diagnostics[0].label


# --- libraries ---------------------------------------------------------------------------------------

BURST = "DEFINE PATTERN burst($n = 2) = LoginFailed f{$n,} BY user_id WITHIN 10m;"
USES = "rule: r\nuse: [lib/auth.cep]\npattern: auth.burst\n"


@pytest.mark.parametrize("place", ["rules/lib", "shared/lib"])
def test_library_is_found_beside_the_rule_or_in_a_library_folder(tmp_path: Path, place: str) -> None:
    for folder in ("rules", place):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "auth.cep").write_text(BURST)
    settings = Settings(schema(), (tmp_path / "shared",))
    (one,) = loaded(tmp_path / "rules", settings, a=USES).rules
    assert one.rule.plan.types == ("LoginFailed",)


def test_library_may_be_named_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "auth.cep").write_text(BURST)
    settings = Settings(schema(), (tmp_path / "auth.cep",))
    assert loaded(tmp_path / "rules", settings, a=USES).rules


def test_broken_library_is_told_once_and_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "auth.cep").write_text("DEFINE PATTERN burst = LoginFailed f WITHN 10m;")
    book = load(put(tmp_path, a=USES, b=USES.replace("rule: r", "rule: s")), Settings(schema()))
    assert codes(book) == ["E101"]
    assert book.diagnostics[0].source.name.endswith("lib/auth.cep")
    assert book.rules == ()


def test_definition_twice(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "auth.cep").write_text(f"{BURST}\n{BURST}")
    book = load(put(tmp_path, a=USES), Settings(schema()))
    assert codes(book) == ["M104"]
    assert book.diagnostics[0].place.line == 2


def test_two_libraries_of_one_name(tmp_path: Path) -> None:
    for folder in ("lib", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "auth.cep").write_text(BURST)
    text = USES.replace("[lib/auth.cep]", "[lib/auth.cep, other/auth.cep]")
    assert codes(load(put(tmp_path, a=text), Settings(schema()))) == ["M104"]


# --- parameters --------------------------------------------------------------------------------------


def literal(text: str) -> LiteralExpr:
    """The value of a parameter as written behind `--set`."""
    value, problem = param_literal(text)
    assert problem is None
    return value


def test_parameters_are_overridden_where_a_rule_has_them(tmp_path: Path) -> None:
    other = "rule: other\npattern: Logout o BY user_id\n"
    settings = Settings(schema(), params={"span": literal("1h")})
    book = loaded(tmp_path, settings, a=RULE, b=other)
    assert book.rules[0].rule.plan.pattern.within_ms == 3_600_000
    assert book.declared == {"n", "span"}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-3", "int", -3),
        ("1_000", "int", 1000),
        ("-1.5", "float", -1.5),
        ("-30%", "percent", Decimal("-0.3")),
        ("1h30m", "duration", timedelta(minutes=90)),
        ("-5m", "string", "-5m"),
        ("'it''s'", "string", "it's"),
        ("TRUE", "bool", True),
        ("null", "null", None),
        ("ts'1970-01-01'", "timestamp", Timestamp(0)),
        ("dec'1.50'", "decimal", Decimal("1.50")),
        (" EUR ", "string", "EUR"),
        ("it's", "string", "it's"),
    ],
)
def test_parameter_values(text: str, kind: str, value: object) -> None:
    found = literal(text)
    assert (found.kind, found.value) == (kind, value)


def test_quoted_parameter_is_text(tmp_path: Path) -> None:
    text = "rule: r\nparams: {c: '10m'}\npattern: Login[country = $c] l BY user_id\n"
    assert loaded(tmp_path, a=text).rules


# --- files -------------------------------------------------------------------------------------------


def test_folder_gives_its_rule_files_sorted(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "cep.yaml", "x.txt", "sub/c.yaml", ".git/d.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [path.relative_to(tmp_path).as_posix() for path in rule_files([tmp_path, tmp_path / "a.yaml"])]
    assert found == ["a.yaml", "b.yml", "sub/c.yaml"]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no files"):
        rule_files([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        rule_files([tmp_path / "no.yaml"])


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"rule: \xff\n")
    with pytest.raises(InputError, match="not UTF-8 text: byte 7"):
        load([path])
    with pytest.raises(InputError, match="cannot be read"):
        load([tmp_path])


# --- tests of rules ----------------------------------------------------------------------------------


def test_tests_are_values_of_the_declared_types(tmp_path: Path) -> None:
    text = """
rule: r
pattern: SEQ(Device d, Login l BY user_id) BY device WITHIN 1h EMIT (n = d.n)
tests:
  - name: every kind
    events:
      - {Device: {device: 7, n: 3, seen: 5m, wait: 1h, tags: [a, 1], more: {x: 1.5}, any: 2.5}, at: 1m30s}
      - {Login: {user_id: u, ip: "2001:DB8::0", country: ~}, at: 0}
      - {Login: , at: 1d}
      - {Device: {seen: 2026-03-30T00:00:00+02:00}, at: 5ms}
    expect:
      - {type: r, device: x, n: 3, at: 1m, outcome: match, count: 2}
"""
    (one,) = loaded(tmp_path, a=text).rules
    (test,) = one.tests
    device, login, empty, seen = test.events
    assert dict(device.fields) == {
        "device": "7",
        "n": 3,
        "seen": Timestamp(300_000),
        "wait": timedelta(hours=1),
        "tags": ["a", 1],
        "more": {"x": 1.5},
        "any": 2.5,
    }
    assert dict(login.fields) == {"user_id": "u", "ip": "2001:db8::"}
    assert dict(empty.fields) == {}
    assert seen.fields == {"seen": Timestamp(1_774_821_600_000)}
    assert [event.ts_ms for event in test.events] == [90_000, 0, 86_400_000, 5]
    assert [event.position for event in test.events] == [(90_000, 0), (0, 1), (86_400_000, 2), (5, 3)]
    assert all(event.line == event.seq + 1 for event in test.events)
    wanted = {"type": "r", "device": "x", "n": 3, "at": 60_000, "outcome": "match"}
    assert test.expect == (wanted, wanted)


@pytest.mark.parametrize(("text", "value"), [("12.00", "12"), ("1.50", "1.5"), ("1e3", "1000"), ("0.0", "0")])
def test_decimal_has_one_spelling_as_in_events(tmp_path: Path, text: str, value: str) -> None:
    rule = "rule: r\npattern: Transfer t BY user_id\ntests:\n  - name: t\n    expect: []\n"
    rule += f"    events: [{{Transfer: {{amount: {text}}}, at: 0s}}]\n"
    (one,) = loaded(tmp_path, a=rule).rules
    assert repr(one.tests[0].events[0].fields["amount"]) == repr(Decimal(value))


# --- pattern files -----------------------------------------------------------------------------------


def test_pattern_file_is_compiled() -> None:
    text = "# a comment\nSEQ(Login l, Logout o) BY user_id WITHIN 1h"
    found = read_pattern_file(Source.whole("a.cep", text), schema())
    assert found.diagnostics == ()
    assert found.stages is not None
    assert found.stages.plan is not None


def test_library_file_is_checked_with_its_defaults() -> None:
    text = """
-- DEFINE in a comment
define PATTERN burst($n = 3) = LoginFailed f{$n,} WITHIN 1h;
DEFINE PATTERN twice = SEQ(USE burst a, USE burst(n = 4) b);
DEFINE PATTERN open($type) = Login[country = $type] l;
DEFINE PATTERN wrong = SEQ(Login l, Transfer[amout > 1] t);
DEFINE PREDICATE home(x) = x.country = 'SE';
"""
    found = read_pattern_file(Source.whole("auth.cep", text), schema())
    assert found.definitions == 5
    assert [(d.code, d.place.line) for d in found.diagnostics] == [("E201", 6)]


def test_compile_text_is_the_whole_way() -> None:
    source = Source.whole("p", "SEQ(A a, B b) BY u WITHIN $d")
    plan, problems = compile_text(source, Schema(), params={"d": literal("5m")})
    assert plan is not None
    assert plan.pattern.within_ms == 300_000
    assert problems == []


def test_too_many_states_is_an_error() -> None:
    # Each branch is a chain of its own, so every combination of places in them is a state.
    branches = ", ".join(f"SEQ(A a{i}, B b{i}, C c{i}, D d{i})" for i in range(7))
    plan, problems = compile_text(Source.whole("p", f"AND({branches}) BY u WITHIN 1h"), Schema())
    assert plan is None
    assert [problem.code for problem in problems] == ["E307"]
