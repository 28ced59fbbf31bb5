"""Records of the topic of rules that cannot be used: dead letters, each written once for the whole group.

All workers refuse the same records, so one of them tells it: the owner of the first partition, in one
transaction with how far the group has looked through the topic. Nothing is told twice, whoever owns it later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Protocol

from cep.ports.outgoing import Topics, rule_refused_out
from cep.ports.topic_records import Outgoing, Part, Position
from cep.runtimes.rule_sets import RuleSet


class GroupLog(Protocol):
    """What `cep.runtimes.kafka_log.KafkaLog` is to this."""

    def looked(self, part: Part) -> int:
        """How far the group has come in a partition that is not shared out; 0 at first."""
        ...

    def give(self, out: Sequence[Outgoing], positions: Mapping[Part, Position]) -> None:
        """Records and offsets in a transaction of their own."""
        ...


class RuleLetters:
    """`look` at each set of rules; it costs nothing where none was refused."""

    def __init__(self, log: GroupLog, topics: Topics, rules_topic: str) -> None:
        """Nothing is looked at yet."""
        self._log = log
        self._topics = topics
        self._part = Part(rules_topic, 0)
        self._revision: int | None = None

    def forget(self) -> None:
        """Somebody else may look meanwhile."""
        self._revision = None

    def look(self, rules: RuleSet, settle: Callable[[], None]) -> None:
        """Write what was refused since the group looked last; `settle` ends a transaction under way."""
        if rules.revision == self._revision:
            return
        self._revision = rules.revision
        if not rules.refused:
            return
        begin = self._log.looked(self._part)
        fresh = sorted((each for each in rules.refused if each.offset >= begin), key=attrgetter("offset"))
        if fresh:
            settle()
            out = [rule_refused_out(self._topics, self._part, each) for each in fresh]
            self._log.give(out, {self._part: Position(rules.revision)})
