"""Who is silent, by a clock on the wall; and silences as records of a topic, so that a decision is made once.

A topic of a task is silent once it has brought nothing for its `idle_timeout` and all that it holds was read.
It stays so until it brings something. Where all topics of a task are silent, the one whose time has come
furthest is not called so: time goes as far as it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from cep.ports.alert_lines import json_text
from cep.ports.topic_records import Outgoing, Part, Records
from cep.stream.silence import Silence


class SilenceWatch:
    """What the topics of some tasks brought and when, in seconds of any clock that only rises."""

    def __init__(self, timeout_s: Mapping[str, float | None]) -> None:
        """After how long each topic is silent; None: never."""
        self._timeout_s = timeout_s
        self._since: dict[Part, float] = {}

    @property
    def watches(self) -> bool:
        """Whether any topic may be silent."""
        return any(timeout_s is not None for timeout_s in self._timeout_s.values())

    def heard(self, part: Part, now_s: float) -> None:
        """The partition brought something, or was taken up."""
        self._since[part] = now_s

    def silent(
        self,
        number: int,
        known: frozenset[str],
        brought: Collection[str],
        furthest: str,
        now_s: float,
        read_to_end: Callable[[Part], bool],
    ) -> frozenset[str]:
        """The silent topics of a task: `known` were so before, `brought` something now, `furthest` is one."""
        found = {
            topic
            for topic, timeout_s in self._timeout_s.items()
            if timeout_s is not None and self._is_silent(Part(topic, number), timeout_s, now_s, read_to_end)
        }
        found |= {topic for topic in known if self._timeout_s[topic] is not None}
        found -= set(brought)
        return frozenset(found - {furthest} if len(found) == len(self._timeout_s) else found)

    def _is_silent(
        self, part: Part, timeout_s: float, now_s: float, read_to_end: Callable[[Part], bool]
    ) -> bool:
        return now_s - self._since[part] >= timeout_s and read_to_end(part)


def silence_out(topic: str, group: str, partition: int, silence: Silence) -> Outgoing:
    """A silence as a record of the topic that all groups share."""
    value = {
        "group": group,
        "number": silence.number,
        "at": dict(silence.at),
        "silent": sorted(silence.topics),
    }
    return Outgoing(topic, json_text(value).encode(), partition=partition)


def silences_of(group: str, batches: Iterable[Sequence[Records]]) -> list[Silence]:
    """The silences of a group, of all records of a partition."""
    values = (
        json.loads(value) for batch in batches for records in batch for value in records.values if value
    )
    return [
        Silence(value["number"], value["at"], frozenset(value["silent"]))
        for value in values
        if value["group"] == group
    ]
