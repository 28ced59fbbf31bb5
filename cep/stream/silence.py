"""Topics that were silent: what a clock on the wall decided, kept so that nobody has to decide it again.

    records of a task   p p p p p p p p p p p p p │ p p p p p p p p p p │ p l p p l …
                                                  ▲                     ▲
    silences                     0: {logins} at p 13, l 0     1: {} at p 23, l 0

A silence is a fact of the log like a record: it is written down before it counts, it has a number, and a
place among the records. Whoever makes state again takes it where it stands. So how far a task has come counts
its silences beside its offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cep.state.store import Offsets
from cep.values import value

SILENCES: Final = "(silences)"
"""Where the number of silences stands among the offsets of topics; no topic can be called so."""


@value
class Silence:
    """From the place `at` on these topics are silent, and no others."""

    number: int
    at: Offsets
    topics: frozenset[str]


def overtaken(place: Offsets, silences: Sequence[Silence]) -> bool:
    """Whether a silence lies before the place that the place does not count: nobody has come there so.

    >>> quiet = Silence(0, {"a": 5}, frozenset("b"))
    >>> [overtaken(place, [quiet]) for place in ({"a": 5}, {"a": 6}, {"a": 6, SILENCES: 1})]
    [False, True, False]
    """
    return any(
        offset > silence.at.get(topic, offset)
        for silence in silences
        if silence.number >= place.get(SILENCES, 0)
        for topic, offset in place.items()
        if topic != SILENCES
    )


def stretches(
    since: Offsets, until: Offsets, silences: Sequence[Silence]
) -> Iterator[tuple[Offsets, Offsets, Silence | None]]:
    """The way from one place to another: stretches from a place to a place, most with a silence at their end.

    >>> quiet = Silence(0, {"a": 5}, frozenset("b"))
    >>> [(begin, end) for begin, end, _ in stretches({"a": 3}, {"a": 9, SILENCES: 1}, [quiet])]
    [({'a': 3}, {'a': 5}), ({'a': 5}, {'a': 9})]
    """
    at = {topic: offset for topic, offset in since.items() if topic != SILENCES}
    numbers = range(since.get(SILENCES, 0), until.get(SILENCES, 0))
    for silence in (each for each in silences if each.number in numbers):
        # A topic that the silence does not know of was not read yet.
        end = {topic: max(offset, silence.at.get(topic, offset)) for topic, offset in at.items()}
        yield at, end, silence
        at = end
    yield at, {topic: until.get(topic, offset) for topic, offset in at.items()}, None
