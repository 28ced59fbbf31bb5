"""Alerts held against what a test of a rule expects of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cep.event import Timestamp, Value
from cep.runtimes.rule_tests import Difference, compare, same_value
from cep.stream.alert import Alert
from tests.cli.made_alerts import alert, event


def made(number: int, at_ms: int = 0) -> Alert:
    """An alert that says a number."""
    return alert(("a", event("A", at_ms, 1)), fields={"n": number}, type_="T")


def test_every_expectation_takes_another_alert() -> None:
    verdict = compare([made(1), made(2)], [{"type": "T"}, {"n": 1}])
    assert verdict.passed


def test_weak_expectation_leaves_the_alert_to_the_one_that_needs_it() -> None:
    # Taken in order, the first would take alert 1, and nothing would be left for the others.
    verdict = compare([made(1), made(2), made(3)], [{"type": "T"}, {"n": 1}, {"n": 2}])
    assert verdict.passed


def test_one_alert_too_many() -> None:
    verdict = compare([made(1), made(2)], [{"n": 2}])
    assert not verdict.passed
    assert [found.fields["n"] for found in verdict.unexpected] == [1]
    assert verdict.missing == ()


def test_one_alert_too_few() -> None:
    verdict = compare([], [{"n": 2}])
    assert [missing.differences for missing in verdict.missing] == [()]


def test_nearest_alert_is_told() -> None:
    verdict = compare([made(7, at_ms=5)], [{"type": "T", "n": 2, "at": 5, "user": "eve", "none": 1}])
    assert verdict.missing[0].differences == (Difference("n", 2, 7), Difference("none", 1, None))
    assert len(verdict.unexpected) == 1


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [
        (1, True, False),
        (True, True, True),
        (None, None, True),
        (0, None, False),
        (2, Decimal("2.00"), True),
        (Decimal("0.333333333"), Decimal(1) / 3, True),
        (Decimal("0.33"), Decimal(1) / 3, False),
        (float("nan"), 1, False),
        ("2", 2, False),
        ("10.0.0.1", "10.0.0.1", True),
        (timedelta(minutes=1), timedelta(seconds=60), True),
        (60_000, timedelta(seconds=60), True),
        (timedelta(minutes=1), Timestamp(60_000), True),
        ("1m", Timestamp(60_000), True),
        ("1970-01-01T00:01:00Z", Timestamp(60_000), True),
        ("1970-01-01T01:01+01:00", Timestamp(60_000), True),
        ("soon", Timestamp(60_000), False),
        ("1m", timedelta(minutes=1), True),
        ("soon", timedelta(minutes=1), False),
        (Decimal(1), timedelta(minutes=1), False),
        (60_000, Timestamp(60_000), True),
        ([1, "a"], (1, "a"), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": Decimal(1)}, True),
        ({"a": 1}, {"b": 1}, False),
    ],
)
def test_values(wanted: Value, got: Value, same: bool) -> None:
    assert same_value(wanted, got) is same
