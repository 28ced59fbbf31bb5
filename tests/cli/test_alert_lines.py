"""An alert as a line of JSON: members, exact numbers, the same bytes every time."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from cep.event import Timestamp
from cep.ports.alert_lines import alert_line, json_text
from tests.cli.made_alerts import AT_MS, alert, event
from tests.golden import check_golden
from tests.shared import ROOT


def test_line_says_everything() -> None:
    found = alert(
        ("f", event("LoginFailed", AT_MS - 1000, 7, ip="203.0.113.7", amount=Decimal("10.50"))),
        ("l", event("Login", AT_MS, 15, seen=Timestamp(5), wait=timedelta(seconds=2), tags=["a", None])),
        key={"user": "eve", "device.id": 7},
        fields={"sum": Decimal("0.1") + Decimal("0.2"), "rate": 0.5, "none": None},
        type_="BruteForce",
    )
    check_golden(ROOT / "tests" / "golden" / "alerts" / "line.json", alert_line(found) + "\n")


def test_event_fields_are_sorted() -> None:
    # A batch gives them in the order of a set, which differs from run to run.
    one = alert(("a", event("A", 1, 1, b=1, a=2)))
    other = alert(("a", event("A", 1, 1, a=2, b=1)))
    assert alert_line(one) == alert_line(other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+3"), "1E+3"),
        (Decimal("-0.00"), "-0.00"),
        (Decimal("NaN"), "null"),
        (float("inf"), "null"),
        (1e22, "1e+22"),
        (2**70, str(2**70)),
        (Timestamp(5), "5"),
        (-timedelta(milliseconds=1), "-1"),
        ('quote " and \x1b and \u2028', '"quote \\" and \\u001b and \u2028"'),
        ({"a": {"b": (1, 2)}}, '{"a":{"b":[1,2]}}'),
        (event("A", 5, 1, x=1), '{"type":"A","ts":5,"x":1}'),
    ],
)
def test_value_is_exact(value: object, text: str) -> None:
    assert json_text(value) == text
    json.loads(text)


def test_lone_surrogate_can_be_written() -> None:
    text = json_text("a\ud800")
    assert text.encode("utf-8") == b'"a\\ud800"'
