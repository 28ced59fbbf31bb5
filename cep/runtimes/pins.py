"""Which rules a task runs from which place of the log on: committed with the offsets, so decided once.

    records of a task   ────────────────┬──────────────────────────┬────────▶
    pins                revision 4, from │ revision 7, from here on │ revision 8 …
                        the beginning    at                         at
                                   ▲─────┘
                                 begin: rules that are new in 7 have read the log from there on, silently

A worker hears of new rules whenever it hears of them. Where they take over is decided by the worker that owns
the task, between two batches, and becomes true with the commit of the next batch or not at all. So whoever
comes to these records again, after a crash, a rebalance or a loss of state, runs the same rules over them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from cep.state.store import Offsets
from cep.stream.silence import SILENCES
from cep.values import value

PINS_MAX: Final = 50
"""So many changes of rules are remembered; rules that came before are taken to have been there always."""

RULES: Final = "(rules)"
"""Where the mark of a pin stands among the offsets of stored state; no topic can be called so."""


@value
class Pin:
    """From `at` on a task runs the rules of a revision; what is new in it has read the log from `begin`."""

    revision: int
    at: Offsets
    begin: Offsets


@value
class Changes:
    """`newest` is the revision that tasks should run; None where rules never change while a worker runs.

    Rules that are new at a change read up to `warm_up_records` of each topic again, shared by the partitions.
    """

    newest: Callable[[], int | None]
    warm_up_records: int = 0


NO_CHANGES: Final = Changes(lambda: None)


def in_force(pins: Sequence[Pin], place: Offsets) -> Pin | None:
    """The pin that state standing at a place was made under: a pin at the place itself comes after it.

    >>> pins = [Pin(4, {"a": 0}, {}), Pin(7, {"a": 5}, {})]
    >>> [in_force(pins, {"a": offset}).revision for offset in (0, 5, 6)]
    [4, 4, 7]
    """
    return next((pin for pin in reversed(pins) if _before(pin.at, place)), pins[0] if pins else None)


def due(pins: Sequence[Pin], place: Offsets) -> list[Pin]:
    """The pins that come after a place, or at it."""
    return [pin for pin in pins[1:] if not _before(pin.at, place)]


def marked(place: Offsets, pin: Pin | None) -> Offsets:
    """The place of state that was made under a pin. That it is this one and no other, the mark tells.

    All pins before it are committed when a pin is made, so it stands for them too.

    >>> pins = Pin(7, {"a": 5}, {"a": 0}), Pin(7, {"a": 6}, {"a": 0})
    >>> [marked({"a": 9}, pin) == marked({"a": 9}, pins[0]) for pin in pins], marked({"a": 9}, None)
    ([True, False], {'a': 9})
    """
    if pin is None:
        return place
    # A place without silences is one where none was counted.
    places = pin.at, pin.begin
    told = [sorted((topic, n) for topic, n in at.items() if n or topic != SILENCES) for at in places]
    mark = blake2b(json.dumps([pin.revision, *told]).encode(), digest_size=6)
    return {**place, RULES: int.from_bytes(mark.digest())}


def unmarked(place: Offsets) -> Offsets:
    """The place alone."""
    return {topic: offset for topic, offset in place.items() if topic != RULES}


def pinned(pins: Sequence[Pin], pin: Pin) -> tuple[Pin, ...]:
    """The pins with one more. One at the same place never came true; at the bound the oldest two are one."""
    kept = [each for each in pins if each.at != pin.at or each is pins[0]]
    if len(kept) == PINS_MAX:
        kept[:2] = [replace(kept[1], at=kept[0].at, begin=kept[0].begin)]
    return (*kept, pin)


def pins_text(pins: Sequence[Pin], topic: str) -> str:
    """Pins as they stand beside the offsets of one topic; those from before it was read are left out.

    >>> pins_text([Pin(4, {"a": 0}, {"a": 0}), Pin(7, {"a": 90, SILENCES: 2}, {"a": 50})], "a")
    '4:0:0:0:0 7:90:50:2:0'
    """
    told = []
    for pin in pins:
        if topic in pin.at:
            silences = pin.at.get(SILENCES, 0), pin.begin.get(SILENCES, 0)
            told.append(":".join(map(str, (pin.revision, pin.at[topic], pin.begin[topic], *silences))))
    return " ".join(told)


def pins_of(texts: Mapping[str, str]) -> tuple[Pin, ...]:
    """The pins of a task, from what stands beside the offsets of its topics: the last of each are the same.

    >>> [pin.at for pin in pins_of({"a": "4:0:0:0:0 7:90:50:2:0", "b": "7:5:5:2:0"})]
    [{'a': 0, '(silences)': 0}, {'a': 90, '(silences)': 2, 'b': 5}]
    """
    pins: list[Pin] = []
    for topic, text in texts.items():
        for back, each in enumerate(reversed(text.split())):
            revision, at, begin, silences, before = map(int, each.split(":"))
            if back == len(pins):
                pins.append(Pin(revision, {}, {}))
            known = pins[back]
            places = {topic: at, SILENCES: silences}, {topic: begin, SILENCES: before}
            pins[back] = Pin(revision, {**known.at, **places[0]}, {**known.begin, **places[1]})
    return tuple(reversed(pins))


def _before(place: Offsets, other: Offsets) -> bool:
    """Whether a place comes before another one: no topic further, and some not as far."""
    both = [(offset, other[topic]) for topic, offset in place.items() if topic in other]
    return all(mine <= its for mine, its in both) and any(mine < its for mine, its in both)
