"""Alerts as text for people: a head line, then what each variable took, then what the rule says of it.

    brute_force  HIGH  user_id=eve                          2026-03-30 16:01:36Z
      │ 15:54:19  f LoginFailed ×12  lines 2731 … 2790  ip=203.0.113.7  longest pause 4s
      │ 16:01:36  l Login            line 2795          ip=192.0.2.4
      └ BruteForce  failures 12 · login_from 192.0.2.4

Nothing in it can move the cursor: see `terminal.clean`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cep.cli.line import Text
from cep.cli.terminal import clean_line
from cep.cli.words import clock_text, span_text, time_text, value_text
from cep.event import Event
from cep.stream.alert import Alert, Severity
from cep.values import value

HEAD_WIDTH: Final = 52
"""Where the time stands, unless the key is long."""

_NOT_KEY: Final = object()

STYLES: Final[dict[Severity, str]] = {
    "info": "cyan",
    "low": "green",
    "medium": "yellow",
    "high": "red",
    "critical": "bold white on red",
}


def alert_lines(alert: Alert) -> list[Text]:
    """The alert as lines, the last one empty."""
    time = time_text(alert.ts_ms)
    lines = [_head(alert, time)]
    body = _evidence(alert, time)
    if alert.ts_ms > alert.last_ms:
        waited = span_text(alert.ts_ms - alert.last_ms)
        body.append(Text(f"{clock_text(alert.ts_ms, time)}  decided by time, {waited} after the last event"))
    if alert.fields or alert.type != alert.rule.name:
        body.append(_said(alert))
    for i, line in enumerate(body):
        mark = "└" if i == len(body) - 1 else "│"
        lines.append(Text.assemble(("  " + mark + " ", "dim"), line))
    return [*lines, Text("")]


def _head(alert: Alert, time: str) -> Text:
    key = " ".join(f"{name}={value_text(value)}" for name, value in alert.key.items()) or "(no key)"
    head = Text.assemble(
        (clean_line(alert.rule.name), "bold"),
        "  ",
        (alert.rule.severity.upper(), STYLES[alert.rule.severity]),
        "  ",
        key,
    )
    if alert.rule.status == "shadow":
        head.append("  SHADOW", style="magenta")
    head.append(" " * max(2, HEAD_WIDTH - len(head.plain)))
    head.append(time)
    if alert.outcome == "timeout":
        head.append("  TIMEOUT", style="yellow")
    if alert.incomplete:
        head.append("  incomplete: a limit dropped partial matches of this key", style="yellow")
    return head


@value
class _Row:
    """The cells of one line of evidence."""

    time: str
    what: str
    lines: str
    fields: str


def _evidence(alert: Alert, time: str) -> list[Text]:
    """A line for each variable, in the order of their first events, the columns aligned."""
    taken: dict[str, list[Event]] = {}
    for item in alert.events:
        taken.setdefault(item.var, []).append(item.event)
    sources = {item.event.source for item in alert.events}
    keys = {name for name in alert.key if "." not in name}
    rows = [
        _Row(
            clock_text(events[0].ts_ms, time),
            _what(var, events),
            _where(events, named=len(sources) > 1),
            _fields(events, keys),
        )
        for var, events in taken.items()
    ]
    columns = zip(*map(_cells, rows), strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    return [
        Text("  ".join(cell.ljust(width) for cell, width in zip(_cells(row), widths, strict=True)).rstrip())
        for row in rows
    ]


def _cells(row: _Row) -> tuple[str, str, str, str]:
    return (row.time, row.what, row.lines, row.fields)


def _what(var: str, events: Sequence[Event]) -> str:
    """The variable, unless the writer gave none, the types it took, how many."""
    types = "|".join(dict.fromkeys(event.type for event in events))
    made_up = var.partition("#")[0] in (types, "EVENT") or "|" in var
    name = types if made_up else f"{var} {types}"
    return clean_line(name if len(events) == 1 else f"{name} ×{len(events)}")


def _where(events: Sequence[Event], *, named: bool) -> str:
    """Where the first and the last of them were read; without the file when all of the alert share one."""
    first, last = events[0], events[-1]
    if named:
        ends = [f"{event.source}:{event.line}" for event in (first, last)]
        return clean_line(ends[0] if len(events) == 1 else " … ".join(ends))
    if len(events) == 1:
        return f"line {first.line}"
    return f"lines {first.line} … {last.line}"


def _fields(events: Sequence[Event], keys: set[str]) -> str:
    """The fields that the rule reads; of several events the first and the last value; the longest pause."""
    words = []
    for name in sorted({name for event in events for name in event.fields} - keys):
        values = [value_text(event.fields.get(name)) for event in events]
        words.append(f"{clean_line(name)}={_ends(values)}")
    if len(events) > 1:
        pause_ms = max(b.ts_ms - a.ts_ms for a, b in pairwise(events))
        words.append(f"longest pause {span_text(pause_ms)}")
    return "  ".join(words)


def _ends(values: Sequence[str]) -> str:
    """The first and the last value, and how many there are where these two do not tell."""
    distinct = len(set(values))
    if distinct == 1:
        return values[0]
    ends = f"{values[0]} … {values[-1]}"
    return f"{ends} ({distinct} distinct)" if distinct > 2 or values[0] == values[-1] else ends


def _said(alert: Alert) -> Text:
    """The type and the fields of the alert; parts of the key stand in the head already."""
    items = " · ".join(
        f"{clean_line(name)} {value_text(value)}"
        for name, value in alert.fields.items()
        if alert.key.get(name, _NOT_KEY) != value
    )
    return Text.assemble((clean_line(alert.type), "bold"), "  " if items else "", items)
