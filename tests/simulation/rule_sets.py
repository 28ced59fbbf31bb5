"""Rules that change while workers run, and what comes of it when nothing else happens: the truth.

The truth is told twice: by one run that changes rules where the pins say so, and rule by rule, where a rule
has given all alerts since it came but those that it would have given before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

from cep.ports.alert_lines import alert_line
from cep.runtimes.pins import Pin
from cep.state.codec import SnapshotCodec
from cep.state.store import Offsets
from cep.stream.alert import Rule
from cep.stream.silence import Silence
from cep.stream.task import ChangedRulesError, Rows, TaskState, codecs_of
from tests.engines.story import plan_of
from tests.stream.test_task import PATTERNS, TOPICS

FIRST: Mapping[str, str] = {f"r{i}": text for i, text in enumerate(PATTERNS)}
SECOND: Mapping[str, str] = {
    **FIRST,
    "r1": "SEQ(Login a, NOT Pay b FOR 4ms) BY u",
    "r2": "SEQ(NOT Login l FOR 3ms, Pay p) BY u LIMIT 1 PER 7ms",
    "r5": "SEQ(Pay p, Login l) BY u WITHIN 12ms",
}
THIRD: Mapping[str, str] = {
    "r0": FIRST["r0"],
    "r1": "SEQ(Login a, NOT Pay b FOR 6ms) BY u",
    "r3": "Pay p{2,} BY u WITHIN 12ms ON CLOSE EMIT (n = count(p))",
    "r4": FIRST["r4"],
    "r5": SECOND["r5"],
}

Read = Callable[[Offsets, Offsets], list[Rows | Silence]]
"""What there is from one place to another."""


@cache
def rule_set(revision: int) -> tuple[Rule, ...]:
    texts = (FIRST, SECOND, THIRD)[revision]
    return tuple(Rule(name, 1, plan_of(text), order=int(name[1:])) for name, text in texts.items())


@cache
def codecs_at(revision: int) -> Mapping[str, SnapshotCodec]:
    return codecs_of(rule_set(revision))


class ChangingTask(TaskState):
    """Forgets the state of rules that are others now."""

    def __init__(self, revision: int) -> None:
        super().__init__(rule_set(revision), TOPICS, codecs=codecs_at(revision))

    def restore(
        self,
        entries: Iterable[tuple[bytes, bytes]],
        to: Offsets,
        begin: Offsets | None = None,
        forget: Collection[str] = (),
    ) -> Offsets:
        stored = dict(entries)
        try:
            return super().restore(stored.items(), to, begin, forget)
        except ChangedRulesError as error:
            return super().restore(stored.items(), to, begin, error.names)


def one_run(pins: Sequence[Pin], ends: Offsets, read: Read) -> tuple[list[str], TaskState]:
    """Alerts of a run that changes rules where it shall, and the task that is left."""
    found: list[str] = []
    stored: dict[bytes, bytes] = {}
    task = ChangingTask(pins[0].revision)
    task.begin(pins[0].at)
    for number, pin in enumerate(pins):
        if stored:
            task = ChangingTask(pin.revision)
            again = task.restore(stored.items(), pin.at)
            task.refill(read(again, pin.at))
            task.warm_up(pin.begin, [read(pin.begin, pin.at)])
        until = pins[number + 1].at if number + 1 < len(pins) else ends
        outcome = task.process(read(pin.at, until))
        found += [alert_line(alert) for alert in outcome.alerts]
        for key, value in outcome.delta.changes.items():
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
    return found, task


def rule_by_rule(pins: Sequence[Pin], ends: Offsets, read: Read) -> Counter[str]:
    """The same alerts, each rule by itself; exact where new rules have read the whole log again."""
    found: Counter[str] = Counter()
    born: dict[str, Pin] = {}
    stretches = pairwise([*(pin.at for pin in pins), ends])
    for pin, (since, until) in zip(pins, stretches, strict=True):
        marks = {name: codec.mark for name, codec in codecs_at(pin.revision).items()}
        for rule in rule_set(pin.revision):
            before = born.get(rule.name)
            if before is None or codecs_at(before.revision)[rule.name].mark != marks[rule.name]:
                born[rule.name] = pin
            begin = born[rule.name].begin
            task = TaskState([rule], TOPICS, codecs=codecs_at(pin.revision))
            task.begin(begin)
            task.process(read(begin, since))
            found.update(alert_line(alert) for alert in task.process(read(since, until)).alerts)
        born = {name: each for name, each in born.items() if name in marks}
    return found
