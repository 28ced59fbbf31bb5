"""The open partial matches of a key, as people want to know them: which rule, how far, since and until when.

They are read from stored state, so nobody has to ask the worker that holds the key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product

from cep.engines.automaton import Automaton
from cep.engines.history import bindings
from cep.engines.matcher import FOREVER_MS
from cep.engines.runs import due_ms
from cep.event import Event, Key, Value
from cep.state.codec import Kept, OtherPlanError
from cep.state.store import StateStore, TaskId
from cep.stream.alert import Rule, key_names
from cep.stream.task import codecs_of, entry
from cep.values import value


@value
class OpenMatch:
    """One partial match. `left` is what is still sought, in the words of `cep explain`.

    `until_ms` is when time alone ends or completes it; None if it may wait for ever.
    """

    rule: str
    task: TaskId
    key: tuple[tuple[str, Value], ...]
    bound: tuple[tuple[str, tuple[Event, ...]], ...]
    left: str
    since_ms: int
    until_ms: int | None
    number: int = 0
    """Which version of the rule, of those in a topic."""

    @property
    def step(self) -> str:
        """The step reached: the variable of the newest event."""
        return max(self.bound, key=lambda pair: pair[1][-1].position)[0]


def open_matches(rule: Rule, task: TaskId, key: Key, kept: Kept) -> list[OpenMatch]:
    """Those of a rule and key, oldest first."""
    auto = Automaton(rule.plan)
    named = tuple(zip(key_names(rule.plan.pattern.by, rule), key, strict=True))
    found = []
    for begun in kept.snapshot.begun:
        for run in begun.runs:
            due = due_ms(auto, run)
            bound = tuple((var, tuple(events)) for var, events in bindings(run.cell).items())
            found.append(
                OpenMatch(
                    rule=rule.name,
                    task=task,
                    key=named,
                    bound=bound,
                    left=rule.plan.nfa.states[run.state].text,
                    since_ms=run.start.ts_ms,
                    until_ms=None if due >= FOREVER_MS else due,
                    number=rule.number,
                )
            )
    return found


def stored_matches(
    store: StateStore, group: str, rules: Sequence[Rule], parts: Sequence[str]
) -> Iterator[OpenMatch]:
    """What a store holds of a key that a person wrote; rules with keys of other lengths are passed over.

    Of a rule there may be several versions: the first of those that the state may be of counts.
    """
    entries: defaultdict[bytes, list[tuple[Rule, Key]]] = defaultdict(list)
    for rule in rules:
        if len(key_names(rule.plan.pattern.by, rule)) == len(parts):
            for key in product(*(meanings(part) for part in parts)):
                entries[entry(rule.name, key)].append((rule, key))
    for task in store.tasks(group):
        for name, data in store.look(task, list(entries)).items():
            rule, key, kept = _unpacked(entries[name], data)
            yield from open_matches(rule, task, key, kept)


def _unpacked(choice: Sequence[tuple[Rule, Key]], data: bytes) -> tuple[Rule, Key, Kept]:
    """The version of a rule that the state is of, with its key and the state."""
    for rule, key in choice[:-1]:
        with suppress(OtherPlanError):
            return rule, key, codecs_of([rule])[rule.name].unpack(data)
    rule, key = choice[-1]
    return rule, key, codecs_of([rule])[rule.name].unpack(data)


def meanings(text: str) -> list[Value]:
    """The values that a part of a key may have been meant as.

    >>> meanings("alice"), meanings("42"), meanings("true")
    (['alice'], ['42', 42, 42.0], ['true', True])
    """
    found: list[Value] = [text]
    if text in {"true", "false"}:
        found.append(text == "true")
    for read in (int, float):
        try:
            found.append(read(text))
        except ValueError:
            continue
    return found
