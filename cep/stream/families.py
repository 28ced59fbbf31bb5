"""Rules in families that can be held apart by key, and the part of a batch that is one share of a family.

    rules BY user                 ─┐                       Login    ─▶ by user ─┐
    rules AND(A BY card, C BY pan) ├─▶ a family, in which  A        ─▶ by card  ├─▶ share 0 … N - 1
    rules of declines BY bin      ─┘                       Declined ─▶ by bin  ─┘

In a family every event has one key, whatever rule asks: so what a rule knows of a key is known in one share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Coded, Codes
from cep.engines.key_shares import key_shares
from cep.plan.pattern import Path
from cep.stream.alert import Rule
from cep.values import replaced, value

Keys: TypeAlias = Mapping[str | None, tuple[Path, ...]]
"""The paths of the key of each event type; None stands for every type."""


@value
class Family:
    """Rules that agree on the key of every event that they read; without `keys`, rules as they come."""

    keys: Keys
    rules: tuple[Rule, ...]

    def shares(self, batch: Batch, count: int) -> Codes:
        """Which of `count` shares each row falls to; -1 for rows that no rule reads. Without keys it is 0."""
        found: Codes = np.full(len(batch), -1, dtype=np.int32)
        if not self.keys:
            found[_of_types(batch, _types(self.rules))] = 0
        for paths in dict.fromkeys(self.keys.values()):
            names = {name for name, theirs in self.keys.items() if theirs == paths and name is not None}
            rows = _of_types(batch, None if None in self.keys else names)
            found[rows] = key_shares(batch, paths, count)[rows]
        return found

    def part(self, batch: Batch, rows: NDArray[np.intp]) -> Batch:
        """Some rows with the columns that a rule reads, and no value that none of them has."""
        fields = {name for rule in self.rules for name in rule.plan.fields}
        read = {name: column for name, column in batch.columns.items() if name in fields}
        found = replaced(batch, columns=read).take(rows)
        packed = {n: c.compact() if isinstance(c, Coded) else c for n, c in found.columns.items()}
        return replaced(found, columns=packed)


def families(rules: Iterable[Rule]) -> tuple[list[Family], list[Rule]]:
    """As few families as come of putting each rule into the first that it agrees with.

    Beside them the rules that cannot be held apart by key.
    """
    keyed: list[tuple[dict[str | None, tuple[Path, ...]], list[Rule]]] = []
    whole: list[Rule] = []
    for rule in rules:
        keys = keys_of(rule)
        if keys is None:
            whole.append(rule)
            continue
        for theirs, members in keyed:
            if _agree(theirs, keys):
                theirs.update(keys)
                members.append(rule)
                break
        else:
            keyed.append((dict(keys), [rule]))
    return [Family(keys, tuple(members)) for keys, members in keyed], whole


def keys_of(rule: Rule) -> Keys | None:
    """The key that a rule sees each event under.

    None if some event has none or several, or if one key can stop the rule for all.
    """
    plan = rule.plan
    if rule.limits.overflow == "stop_rule" or not all(group.paths for group in plan.key_groups):
        return None
    if len(plan.key_groups) == 1:
        return dict.fromkeys((None,) if plan.types is None else plan.types, plan.key_groups[0].paths)
    if plan.reads_all:
        return None
    found: dict[str | None, tuple[Path, ...]] = {}
    for group in plan.key_groups:
        tests = (test for i, test in enumerate(plan.tests) if group.tests >> i & 1)
        for name in chain.from_iterable(test.types or (None,) for test in tests):
            if found.setdefault(name, group.paths) != group.paths:
                return None
    return None if None in found else found


def _agree(one: Keys, two: Keys) -> bool:
    """Whether no event would have two keys."""
    if None in one or None in two:
        return len({*one.values(), *two.values()}) == 1
    return all(one[name] == two[name] for name in one.keys() & two.keys())


def _types(rules: Sequence[Rule]) -> set[str] | None:
    """The event types that rules read; None is every type."""
    types = [rule.plan.types for rule in rules]
    return None if None in types else set(chain.from_iterable(each or () for each in types))


def _of_types(batch: Batch, types: set[str] | None) -> NDArray[np.intp]:
    """The rows of some event types."""
    if types is None or types.issuperset(batch.type_names):
        return np.arange(len(batch))
    return np.flatnonzero(np.array([*(name in types for name in batch.type_names), False])[batch.types])
