"""Real card transactions as CSV. What must be found is worked out here from the rows, by plain code."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from cep.stream.alert import Alert
from tests.e2e.replaying import lines, replayed
from tests.shared import ROOT, shared_path

pytestmark = pytest.mark.xdist_group("replay of cards")

HERE = ROOT / "tests" / "e2e" / "cards"
WEEK = 7 * 86_400


class Payment(NamedTuple):
    """One row; the header is line 1."""

    line: int
    second: float
    customer: str
    amount: Decimal


@pytest.fixture(scope="module")
def payments() -> list[Payment]:
    with shared_path("data", "cards", "transactions.csv").open(newline="") as file:
        rows = [
            Payment(i, datetime.fromisoformat(r["ts"]).timestamp(), r["customer"], Decimal(r["amount"]))
            for i, r in enumerate(csv.DictReader(file), 2)
        ]
    return sorted(rows, key=lambda payment: (payment.second, payment.line))


@pytest.fixture(scope="module")
def by_customer(payments: list[Payment]) -> dict[str, list[Payment]]:
    found: dict[str, list[Payment]] = defaultdict(list)
    for payment in payments:
        found[payment.customer].append(payment)
    return found


@pytest.fixture(scope="module")
def alerts() -> list[Alert]:
    file = shared_path("data", "cards", "transactions.csv")
    return replayed(HERE / "cep.yaml", HERE / "rules", [file])[0]


def test_large_payments(payments: list[Payment], alerts: list[Alert]) -> None:
    expected = sorted((payment.line,) for payment in payments if payment.amount > 220)
    assert expected
    assert lines(alerts, "large") == expected


def test_three_payments_in_ten_minutes(by_customer: dict[str, list[Payment]], alerts: list[Alert]) -> None:
    expected = []
    for mine in by_customer.values():
        free = 0
        for end in range(len(mine)):
            first = end - 2
            if first >= free and mine[end].second - mine[first].second <= 600:
                expected.append(tuple(payment.line for payment in mine[first : end + 1]))
                free = end + 1
    assert expected
    assert lines(alerts, "rapid") == sorted(expected)


def test_far_above_the_payments_before(by_customer: dict[str, list[Payment]], alerts: list[Alert]) -> None:
    """Of the starts within seven days that make the payment so large the earliest; each payment once."""
    expected = []
    for mine in by_customer.values():
        free = 0
        for end, big in enumerate(mine):
            for start in range(free, end):
                before = [payment.amount for payment in mine[start:end]]
                if big.second - mine[start].second <= WEEK and big.amount > 3 * max(before):
                    expected.append(tuple(payment.line for payment in mine[start : end + 1]))
                    free = end + 1
                    break
    assert expected
    assert lines(alerts, "far_above") == sorted(expected)


def test_no_payment_of_the_week_came_near(
    payments: list[Payment], by_customer: dict[str, list[Payment]], alerts: list[Alert]
) -> None:
    """Never within the first seven days of the file: what was before it is not known."""
    began = payments[0].second
    expected = []
    for mine in by_customer.values():
        for end, big in enumerate(mine):
            week = [p.amount for p in mine[:end] if big.second - p.second <= WEEK]
            if big.second - WEEK >= began and all(3 * amount < big.amount for amount in week):
                expected.append((big.line,))
    assert expected
    assert lines(alerts, "unheard_of") == sorted(expected)
