"""What is refused of the topic of rules is told once, whoever looks at it and however often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cep.cli.live_setup import open_live
from cep.ports.outgoing import HEADER_OFFSET, HEADER_REASON, Topics
from cep.ports.rule_records import Refused
from cep.ports.topic_records import Outgoing, Part, Position
from cep.runtimes.rule_letters import RuleLetters
from cep.runtimes.rule_sets import RuleSet
from tests.live.project import write_project

PART = Part("rules", 0)
TOPICS = Topics("alerts", "dead", "late", "shadow")


class MadeLog:
    """A group that remembers how far it has looked."""

    def __init__(self) -> None:
        self.at = 0
        self.asked = 0
        self.out: list[Outgoing] = []

    def looked(self, part: Part) -> int:
        assert part == PART
        self.asked += 1
        return self.at

    def give(self, out: Sequence[Outgoing], positions: Mapping[Part, Position]) -> None:
        self.out += out
        self.at = positions[PART].offset


def test_each_is_told_once(tmp_path: Path) -> None:
    tasks = open_live({"CEP_CONFIG": str(write_project(tmp_path))}).tasks
    odd, old, late = Refused(3, "odd@1", "why", b"odd"), Refused(1, "r@2", "so"), Refused(8, "odd@2", "no")
    log, settled = MadeLog(), list[int]()

    def looking(letters: RuleLetters, revision: int, *refused: Refused) -> list[bytes | None]:
        before = len(log.out)
        rules = RuleSet(revision, tasks, (), refused=refused)
        letters.look(rules, lambda: settled.append(revision))
        return [each.key for each in log.out[before:]]

    one, two = (RuleLetters(log, TOPICS, "rules") for _ in range(2))
    assert looking(one, 1) == []
    assert (log.asked, settled) == (0, [])
    assert looking(one, 5, odd, old) == [b"r@2", b"odd@1"]
    assert looking(two, 5, odd, old) == []
    assert looking(one, 5, odd, old) == []
    assert log.asked == 2
    assert looking(two, 9, odd, old, late) == [b"odd@2"]
    one.forget()
    assert looking(one, 9, odd, old, late) == []
    assert settled == [5, 9]
    first = log.out[1]
    headers = dict(first.headers)
    assert (first.topic, first.value, headers[HEADER_REASON], headers[HEADER_OFFSET]) == (
        *("dead", b"odd", b"why"),
        b"3",
    )
