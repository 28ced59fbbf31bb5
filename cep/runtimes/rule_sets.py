"""The rules that live tasks run, revision by revision: from their topic, compiled once, refused if broken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from cep.ports.rule_records import Refused, RuleHistory, RuleVersion, version_value
from cep.runtimes.live_task import TaskSettings
from cep.runtimes.log_lines import say
from cep.runtimes.replay import projection_of
from cep.stream.alert import Rule
from cep.values import mutable, value

Compile = Callable[[RuleVersion], tuple[Rule | None, str]]
"""A version as a rule; None, and why it cannot be one here."""

KEPT_MAX: Final = 8
"""So many sets stay compiled: that of now, and those that a replay passes through."""


class Reader(Protocol):
    """What `cep.runtimes.rule_topic.RuleReader` is."""

    history: RuleHistory
    revision: int

    def to_end(self) -> None:
        """Read all there is."""
        ...

    def follow(self) -> bool:
        """Take what has come."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


@value
class RuleSet:
    """All rules of a revision, and what became of those that do not run."""

    revision: int
    settings: TaskSettings
    versions: tuple[RuleVersion, ...]
    disabled: int = 0
    refused: tuple[Refused, ...] = ()

    @property
    def shadows(self) -> int:
        """How many of the rules are shadows."""
        return sum(version.status == "shadow" for version in self.versions)

    def told(self) -> str:
        """The set in a line."""
        live = len(self.versions) - self.shadows
        told = f"rule set {self.revision}: {live} live, {self.shadows} shadow, {self.disabled} disabled"
        return told + (f", {len(self.refused)} refused" if self.refused else "")


@mutable
class _Compiled:
    rule: Rule | None
    reason: str


class RuleSets:
    """The topic of rules as tasks see it. `connect` before anything else."""

    def __init__(
        self, tasks: TaskSettings, compile_version: Compile, open_reader: Callable[[], Reader]
    ) -> None:
        """`tasks` is what tasks share beside their rules."""
        self._tasks = tasks
        self._compile = compile_version
        self._open = open_reader
        self._told: set[Refused] = set()
        self._compiled: dict[tuple[bytes, str], _Compiled] = {}
        self._sets: dict[int, RuleSet] = {}

    def connect(self) -> None:
        """Read the topic to its end."""
        self._reader = self._open()
        self._reader.to_end()

    def newest(self) -> int:
        """The newest revision that is known."""
        return self._reader.revision

    def follow(self) -> None:
        """Take what was written to the topic since."""
        self._reader.follow()

    def at(self, revision: int) -> RuleSet:
        """The rules of a revision; one that is not known was committed by somebody who had read further."""
        if revision > self._reader.revision:
            self._reader.to_end()
        if revision > self._reader.revision:
            end = self._reader.revision
            told = "the topic of rules ends at {end} and held {revision} once: other rules may run"
            say("rules_gone", told, logging.ERROR, end=end, revision=revision)
        if revision not in self._sets:
            for old in list(self._sets)[: max(0, len(self._sets) + 1 - KEPT_MAX)]:
                del self._sets[old]
            self._sets[revision] = self._made(self._reader.history, revision)
        return self._sets[revision]

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _made(self, history: RuleHistory, revision: int) -> RuleSet:
        found: list[tuple[RuleVersion, Rule]] = []
        refused = [each for each in history.refused if each.offset < revision]
        disabled = 0
        for name in history.names():
            for placed in reversed(history.versions(name, revision)):
                version = placed.version
                if version.status == "disabled":
                    disabled += 1
                    break
                compiled = self._compiled_of(version)
                if compiled.rule is not None:
                    rule = replace(
                        compiled.rule, status=version.status, order=len(found), number=version.number
                    )
                    found.append((version, rule))
                    break
                # The version before it stays, on every worker alike.
                refused.append(
                    Refused(placed.offset, version.key.decode(), compiled.reason, version_value(version))
                )
        rules = tuple(rule for _, rule in found)
        settings = replace(self._tasks, rules=rules, projection=projection_of(rules))
        held = {(p.version.key, p.version.hash) for name in history.names() for p in history.versions(name)}
        self._compiled = {key: each for key, each in self._compiled.items() if key in held}
        for each in refused:
            if each not in self._told:
                told = "the rule {rule} at {offset} is refused: {reason}"
                where = {"rule": each.key, "offset": each.offset, "reason": each.reason}
                say("rule_refused", told, logging.ERROR, **where)
        self._told.update(refused)
        versions = tuple(version for version, _ in found)
        return RuleSet(revision, settings, versions, disabled, tuple(refused))

    def _compiled_of(self, version: RuleVersion) -> _Compiled:
        # A topic that was made anew may give the same name to another text.
        key = version.key, version.hash
        if key not in self._compiled:
            self._compiled[key] = _Compiled(*self._compile(version))
        return self._compiled[key]
