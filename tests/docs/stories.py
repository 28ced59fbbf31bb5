"""The examples of the documents: a pattern, a small stream and the answer, run from text to alerts.

SEQ(Order o, NOT Payment p FOR 1h) BY order_id      the pattern, or definitions and a pattern
0s Order order_id=1   30m Payment order_id=1        events: time, type, fields
2h Order order_id=2   4h watermark                  time has come so far; without it time goes on for ever
=> 3h o=2h                                          an alert: its time, what each variable took
=> 3h o=2h Unpaid(order_id=2) timeout               … type and fields of EMIT, and the outcome
=> nothing                                          no alert
=> error E301, => warning W401                      what the checker says
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cep.cli.words import value_text
from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.errors import Diagnostic, Source, has_errors, render_all
from cep.event import Event, duration_text, parse_duration_ms
from cep.language.definitions import Library
from cep.rulebook.libraries import read_definitions
from cep.rulebook.params import param_literal
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from cep.stream.alert import Alert, Rule
from cep.stream.detector import Detector

ANSWER: Final = "=>"
HOME: Final = "lib"
"""Definitions of an example are those of a file `lib.cep`."""

UNTOLD: Final = frozenset({"W402"})
"""Advice that an example need not show: small streams are easier to read without a key."""

_TIME: Final = r"(?:\d+(?:ms|[smhdw]))+"
_EVENT_LINE: Final = re.compile(rf"{_TIME} +(?:[^\W\d]\w* *|$)")
_WORD: Final = re.compile(r"[\w.]+=(?:'(?:[^']|'')*'|\[[^\]]*\]|\S*)|\S+")
_DEFINITIONS: Final = re.compile(r"(DEFINE\b.*;)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Story:
    """An example in its parts; `until_ms` is the watermark it ends with, None for the end of time."""

    definitions: str
    pattern: str
    events: tuple[Event, ...]
    until_ms: int | None
    answers: tuple[str, ...]


def story_of(text: str) -> Story:
    """Read an example; AssertionError where it is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    cut = next((i for i, line in enumerate(lines) if _EVENT_LINE.match(line)), len(lines))
    stream = [line for line in lines[cut:] if not line.startswith(ANSWER)]
    head = "\n".join(line for line in lines[:cut] if not line.startswith(ANSWER))
    answers = [" ".join(line.removeprefix(ANSWER).split()) for line in lines if line.startswith(ANSWER)]
    assert answers, f"no answer ({ANSWER}) in:\n{text}"
    events, until_ms = _events(" ".join(stream))
    found = _DEFINITIONS.match(head)
    definitions, pattern = (found[1], found[2].strip()) if found else ("", head)
    return Story(definitions, pattern, events, until_ms, tuple(answers))


def _events(stream: str) -> tuple[tuple[Event, ...], int | None]:
    events: list[Event] = []
    at_ms, until_ms, kind = 0, None, ""
    fields: dict[str, Any] = {}
    for word in _WORD.findall(stream):
        assert until_ms is None, f"`{word}` stands behind the watermark"
        if re.fullmatch(_TIME, word):
            at_ms, kind = parse_duration_ms(word), ""
        elif word == "watermark":
            until_ms = at_ms
        elif not kind:
            kind, fields = word, {}
            events.append(Event(kind, at_ms, len(events), fields, line=len(events) + 1))
        else:
            name, equals, value = word.partition("=")
            assert equals, f"`{word}` is neither a time nor a field"
            _put(fields, name.split("."), _value(value))
    return tuple(events), until_ms


def _put(fields: dict[str, Any], path: list[str], value: object) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value


def _value(text: str) -> object:
    if text.startswith("["):
        return [_value(item.strip()) for item in text.strip("[]").split(",")]
    value, problem = param_literal(text)
    assert problem is None, problem
    return value.value


def told(story: Story, engine: str = "reference", *, apart: bool = False) -> list[str]:
    """What comes of an example, in the words of its answers; what is wrong with it if it cannot run.

    `apart`: each event is a batch of its own, else all of them are one.
    """
    library: Library = {}
    found: list[Diagnostic] = []
    if story.definitions:
        source = Source.whole(f"{HOME}.cep", story.definitions)
        definitions, found = read_definitions(source, Schema(), HOME)
        library = {f"{HOME}.{name}": each for name, each in definitions.items()}
    plan = None
    if story.pattern and not has_errors(found):
        plan, more = compile_text(Source.whole("pattern", story.pattern), Schema(), library)
        found = [*found, *more]
    words = [f"{each.severity} {each.code}" for each in found if each.code not in UNTOLD]
    if has_errors(found):
        return words
    assert plan is not None, render_all(found)
    detector = Detector([Rule("story", 1, plan)], ENGINES[engine])
    alerts = list(_alerts(detector, story, apart=apart))
    return [*words, *(map(alert_told, alerts) if alerts or not story.events else ["nothing"])]


def _alerts(detector: Detector, story: Story, *, apart: bool) -> Iterator[Alert]:
    events = sorted(story.events, key=lambda event: event.position)
    for batch in [[event] for event in events] if apart else [events] if events else []:
        # No more is known than that nothing older comes.
        yield from detector.process(Batch.of(batch), batch[-1].ts_ms - 1)
    if story.until_ms is None:
        yield from detector.flush()
    else:
        yield from detector.process(None, story.until_ms)


def alert_told(alert: Alert) -> str:
    """An alert as an answer writes it."""
    taken: dict[str, list[str]] = {}
    for item in alert.events:
        taken.setdefault(item.var, []).append(duration_text(item.event.ts_ms))
    parts = [duration_text(alert.ts_ms), *(f"{var}={','.join(times)}" for var, times in taken.items())]
    if alert.type != alert.rule.name or alert.fields:
        name = alert.type if alert.type != alert.rule.name else ""
        values = ", ".join(f"{field}={value_text(value)}" for field, value in alert.fields.items())
        parts.append(f"{name}({values})")
    parts += ["timeout"] if alert.outcome == "timeout" else []
    parts += ["incomplete"] if alert.incomplete else []
    return " ".join(parts)
