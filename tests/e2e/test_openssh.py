"""A real SSH log, read as text. What must be found is worked out here from the lines, by plain code."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime

import pytest

from cep.runtimes.replay import Summary
from cep.stream.alert import Alert
from tests.e2e.replaying import lines, replayed, small_chunks
from tests.shared import ROOT, shared_path

pytestmark = pytest.mark.xdist_group("replay of openssh")

HERE = ROOT / "tests" / "e2e" / "openssh"
LINE = re.compile(
    r"^(\w{3} +\d+ [\d:]+) \S+ sshd\[\d+\]: "
    r"(Failed|Accepted) password for (?:invalid user )?(\S+) from (\S+) port"
)

Try = tuple[int, int, str, str]
"""Line number, time in seconds, user, address."""


@pytest.fixture(scope="module")
def tries() -> dict[str, list[Try]]:
    log = shared_path("data", "openssh", "OpenSSH_2k.log").read_text(encoding="utf-8").splitlines()
    found: dict[str, list[Try]] = {"Failed": [], "Accepted": []}
    for number, text in enumerate(log, 1):
        if match := LINE.match(text):
            moment = datetime.strptime(f"2023 {match[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            found[match[2]].append((number, int(moment.timestamp()), match[3], match[4]))
    return found


@pytest.fixture(scope="module")
def whole() -> tuple[list[Alert], Summary]:
    log = shared_path("data", "openssh", "OpenSSH_2k.log")
    return replayed(HERE / "cep.yaml", HERE / "rules", [log])


@pytest.fixture
def alerts(whole: tuple[list[Alert], Summary]) -> list[Alert]:
    return whole[0]


def test_five_failures_of_an_address_in_ten_minutes(tries: dict[str, list[Try]], alerts: list[Alert]) -> None:
    recent: dict[str, list[Try]] = defaultdict(list)
    expected = []
    for each in tries["Failed"]:
        recent[each[3]].append(each)
        last_five = recent[each[3]][-5:]
        if len(last_five) == 5 and last_five[-1][1] - last_five[0][1] <= 600:
            expected.append(tuple(line for line, *_ in last_five))
            recent[each[3]].clear()
    assert len(expected) > 50
    assert lines(alerts, "guessing") == sorted(expected)


def test_failures_for_five_users(tries: dict[str, list[Try]], alerts: list[Alert]) -> None:
    open_tries: dict[str, list[Try]] = defaultdict(list)
    expected = []
    for each in tries["Failed"]:
        mine = open_tries[each[3]]
        mine.append(each)
        while each[1] - mine[0][1] > 86_400:
            mine.pop(0)
        if len({user for _, _, user, _ in mine}) >= 5:
            expected.append(tuple(line for line, *_ in mine))
            mine.clear()
    assert expected
    assert lines(alerts, "many_users") == sorted(expected)


def test_a_failure_and_then_a_success(tries: dict[str, list[Try]], alerts: list[Alert]) -> None:
    expected = []
    for line, second, user, _ in tries["Accepted"]:
        before = [t for t in tries["Failed"] if t[2] == user and 0 <= second - t[1] <= 86_400 and t[0] < line]
        if before:
            expected.append((before[0][0], line))
    assert lines(alerts, "guessed") == sorted(expected)


def test_the_lines_of_other_kinds_are_counted(whole: tuple[list[Alert], Summary]) -> None:
    text = shared_path("data", "openssh", "OpenSSH_2k.log").read_text(encoding="utf-8").splitlines()
    _, summary = whole
    assert summary.records == len(text)
    assert summary.unmatched == sum(LINE.match(line) is None for line in text)
    assert not summary.rejects


@pytest.mark.parametrize("rows", [1, 97])
def test_the_size_of_chunks_changes_nothing(rows: int, alerts: list[Alert]) -> None:
    log = shared_path("data", "openssh", "OpenSSH_2k.log")
    again, _ = replayed(HERE / "cep.yaml", HERE / "rules", [log], small_chunks(rows))
    assert [alert.alert_id for alert in again] == [alert.alert_id for alert in alerts]
