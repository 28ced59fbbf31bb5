"""The block `live:` of the project file, every value checked where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cep.language.suggest import listed, nearest
from cep.live import CHOICES, KEYS, NUMBERS, LiveSettings
from cep.rulebook.fields import Fields
from cep.rulebook.yaml_text import ListNode

EXAMPLE: Final = (
    "live: {brokers: localhost:9092, topics: {payments: events}, state: redis://localhost:6379/0}"
)

_DEFAULT: Final = LiveSettings()


def read_live(top: Fields, inputs: tuple[str, ...]) -> LiveSettings:
    """The settings of a live worker; `inputs` are the names a topic may be read as."""
    fields = top.mapping("live", "block", EXAMPLE)
    if fields is None:
        return _DEFAULT
    fields.check_keys(KEYS)
    changed: dict[str, object] = {}
    for key in KEYS:
        example = f"{key}: {getattr(_DEFAULT, key)}"
        if fields.entry(key) is None:
            continue
        if key == "topics":
            changed[key] = _topics(fields, inputs)
        elif key == "kafka":
            changed[key] = _pairs(fields)
        elif key in NUMBERS:
            changed[key] = fields.number(key, NUMBERS[key], getattr(_DEFAULT, key), example)
        elif key in CHOICES:
            changed[key] = fields.choice(key, CHOICES[key], getattr(_DEFAULT, key))
        else:
            changed[key] = fields.text(key, example) or getattr(_DEFAULT, key)
    return replace(_DEFAULT, **changed)  # type: ignore[arg-type]


def _topics(fields: Fields, inputs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """`[payments, logins]`, or with the input that says how each is read: `{payments: events}`."""
    example = "topics: {payments: events}"
    entry = fields.entry("topics")
    assert entry is not None
    if isinstance(entry.value, ListNode):
        return tuple((scalar.text, "") for scalar in fields.texts("topics", example))
    inner = fields.inside("topics", entry.value, "set of topics", example)
    pairs = []
    for topic in inner.node.entries if inner is not None else ():
        assert inner is not None
        name = inner.scalar(topic.key.text, topic.value, example)
        if name is None:
            continue
        if name.text not in inputs:
            close = nearest(name.text, inputs)
            label = f"did you mean `{close[0]}`?" if close else ""
            known = f"the inputs are {listed(inputs)}" if inputs else "inputs: [{name: events, …}]"
            inner.error("M103", name, f"no input is called `{name.text}`", label, known)
        pairs.append((topic.key.text, name.text))
    return tuple(pairs)


def _pairs(fields: Fields) -> tuple[tuple[str, str], ...]:
    example = "kafka: {security.protocol: SASL_SSL}"
    inner = fields.mapping("kafka", "set of client settings", example)
    if inner is None:
        return ()
    values = (
        (entry.key.text, inner.scalar(entry.key.text, entry.value, example)) for entry in inner.node.entries
    )
    return tuple((name, scalar.text) for name, scalar in values if scalar is not None)
