"""An alert as people see it: the head, the evidence by variable, what the rule says, nothing that bites."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cep.cli.alert_table import alert_lines
from cep.cli.words import VALUE_LENGTH_MAX, value_text
from cep.event import Timestamp
from cep.stream.alert import Alert
from tests.cli.made_alerts import AT_MS, alert, event, rule
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "alerts"


def text(found: Alert) -> str:
    """What is printed without colour."""
    return "\n".join(line.plain for line in alert_lines(found))


def burst() -> Alert:
    """Three failures and a login."""
    failures = [
        ("f", event("LoginFailed", AT_MS - pause, line, ip=ip))
        for pause, line, ip in (
            (90_000, 7, "203.0.113.7"),
            (60_000, 9, "203.0.113.8"),
            (50_000, 12, "203.0.113.7"),
        )
    ]
    login = ("l", event("Login", AT_MS, 15, ip="192.0.2.4", user="eve"))
    said = {"failures": 3, "login_from": "192.0.2.4", "rate": Decimal(1) / 3, "wait": timedelta(seconds=50)}
    return alert(*failures, login, fields=said, type_="BruteForce")


CASES = {
    "burst": burst(),
    "absence": alert(
        ("Order", event("Order", AT_MS, 4, amount=Decimal("80.00"))),
        of=rule("unpaid_order", "low"),
        key={"order_id": "o1"},
        ts_ms=AT_MS + 3_600_000,
    ),
    "timeout": alert(
        ("a", event("A", AT_MS, 1)), of=rule("slow", "info"), key={}, ts_ms=AT_MS + 1_500, outcome="timeout"
    ),
    "two_sources": alert(
        ("a", event("A", AT_MS - 86_400_000, 1, "a.jsonl")),
        ("b", event("B", AT_MS - 5, 2, "b.jsonl")),
        ("b", event("B", AT_MS, 3, "b.jsonl")),
        of=rule("far", "critical"),
    ),
    "incomplete": alert(("a", event("A", AT_MS, 1, note=None)), of=rule("busy", "medium"), incomplete=True),
    "hostile": alert(
        ("a", event("A", AT_MS, 1, note="\x1b[2J\u202eevil\nline")),
        key={"user": "a\x1b]0;x\x07"},
        fields={"text": "x" * 100},
        type_="Bad\x1b[31m",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_alert_is_printed(name: str) -> None:
    check_golden(GOLDEN / f"{name}.txt", text(CASES[name]))


def test_no_control_character_reaches_the_terminal() -> None:
    assert all(char.isprintable() or char == "\n" for char in text(CASES["hostile"]))


def test_key_is_not_repeated_in_the_evidence() -> None:
    assert text(burst()).count("eve") == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (0.1 + 0.2, "0.3"),
        (Decimal("1E+30"), "1E+30"),
        (Decimal("0.000000123"), "0.000000123"),
        (Decimal("Infinity"), "Infinity"),
        (Timestamp(0), "1970-01-01 00:00:00Z"),
        (Timestamp(10**18), "1000000000000000000 ms"),
        (-timedelta(minutes=90), "-1h30m"),
        ({"a": [1, None]}, "{a: [1, null]}"),
        (event("A", 0, 1), "A at 1970-01-01 00:00:00Z"),
        ("y" * 61, "y" * (VALUE_LENGTH_MAX - 1) + "…"),
    ],
)
def test_value(value: object, expected: str) -> None:
    assert value_text(value) == expected


def test_goldens_are_all_used() -> None:
    assert {path.stem for path in Path(GOLDEN).glob("*.txt")} == set(CASES)
