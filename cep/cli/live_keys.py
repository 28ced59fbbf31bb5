"""Which key a worker's events are divided by: that of its rules, to which topics of another key are moved."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from cep.errors import InputError
from cep.inputs import InputSettings
from cep.live import LiveSettings
from cep.runtimes.repartition import Move
from cep.stream.alert import Rule
from cep.values import value

_ODD = re.compile(r"[^A-Za-z0-9._-]")
"""What the name of a topic may not hold."""


@value
class Keyed:
    """The rules of one key, and topics that are all divided by it; `moves` say how they come to be."""

    settings: LiveSettings
    rules: list[Rule]
    inputs: tuple[tuple[str, InputSettings], ...]
    moves: tuple[Move, ...] = ()
    apart: tuple[str, ...] = ()
    """Topics in which events of one key of the rules may not meet, because nobody moves them."""


def keyed_alike(
    rules: Sequence[Rule], inputs: Sequence[tuple[str, InputSettings]], settings: LiveSettings
) -> Keyed:
    """Choose the key, the rules that have it, and what must be moved for them.

    Where no input says what its topic is keyed by, everything is left as it is. InputError where the rules
    have several keys and `by` chooses none of them, or where topics cannot be moved.
    """
    plain = Keyed(settings, list(rules), tuple(inputs))
    if not any(one.key for _, one in inputs):
        return plain
    groups: defaultdict[tuple[str, ...], list[Rule]] = defaultdict(list)
    keys = {one.key for _, one in inputs if one.key}
    for rule in rules:
        groups[_key_for(rule, keys)].append(rule)
    key = _chosen(groups, settings)
    # Workers of several keys are several groups, each with state of its own.
    group = settings.group if len(groups) == 1 else f"{settings.group}.by.{_name(key)}"
    other = [(topic, one) for topic, one in inputs if one.key and one.key != key]
    moved = [pair for pair in other if pair[1].repartition == "auto" and key]
    found = replace(
        plain,
        rules=groups[key],
        settings=replace(settings, group=group),
        apart=tuple(topic for topic, one in other if (topic, one) not in moved),
    )
    if not moved:
        return found
    if settings.mode == "agent":
        raise InputError(
            f"the topic {moved[0][0]} is keyed by {_said(moved[0][1].key)}, the rules by {_said(key)}:"
            " moving events to another partition needs `mode: batch`, or say `repartition: off`"
        )
    moves = tuple(Move(topic, f"{settings.group}.{topic}.by.{_name(key)}", key, one) for topic, one in moved)
    to = {move.source: move.to for move in moves}
    topics = tuple((to.get(topic, topic), name) for topic, name in settings.topics)
    # What was moved is read from its beginning on: where to begin is settled when it is moved.
    start = "earliest" if len(moves) == len(inputs) else settings.start
    return replace(
        found,
        settings=replace(found.settings, topics=topics, start=start),
        inputs=tuple((to.get(topic, topic), one) for topic, one in inputs),
        moves=moves,
    )


def _key_for(rule: Rule, keys: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """What events must be divided by so that those of one key of the rule meet; nothing if it has no key.

    The key of a topic is enough if the rule has it among others.
    """
    groups = {group.paths for group in rule.plan.key_groups}
    paths = next(iter(groups))
    if len(groups) > 1 or any(len(path) > 1 for path in paths):
        raise InputError(
            f"the rule {rule.name} takes its key from several fields, or from inside of one: give it one name"
            " by `fields` of the inputs, or leave `key` out of them"
        )
    by = tuple(path[0] for path in paths)
    enough = sorted(key for key in keys if set(key) <= set(by))
    return enough[0] if enough else by


def _chosen(groups: Collection[tuple[str, ...]], settings: LiveSettings) -> tuple[str, ...]:
    names = {_said(key): key for key in sorted(groups)}
    if not settings.by and len(names) == 1:
        return next(iter(names.values()))
    wanted = ",".join(part.strip() for part in settings.by.split(","))
    if wanted in names:
        return names[wanted]
    asked = f"`by: {settings.by}` is none of them" if settings.by else "each needs workers of its own"
    raise InputError(
        f"the rules have these keys: {'; '.join(names)}: {asked}\n"
        f"  CEP_BY={next(iter(names))} cep run   # or by: … under live: in cep.yaml"
    )


def _said(key: Sequence[str]) -> str:
    return ",".join(key) or "none"


def _name(key: Sequence[str]) -> str:
    return _ODD.sub("_", ".".join(key) or "none")
