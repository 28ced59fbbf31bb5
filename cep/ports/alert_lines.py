"""An alert as one line of JSON: the same bytes for the same alert on every run.

Times are int milliseconds UTC, durations int milliseconds, decimals are written with all their digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final

from cep.event import Event, Value, duration_ms
from cep.stream.alert import Alert


def alert_line(alert: Alert) -> str:
    """The alert as JSON without a line end; members stand in a fixed order."""
    return json_text(alert_record(alert))


def alert_record(alert: Alert) -> dict[str, Value]:
    """What the line says, as a mapping."""
    rule = alert.rule
    return {
        "alert_id": alert.alert_id,
        "rule": rule.name,
        "version": rule.version,
        "title": rule.title,
        "severity": rule.severity,
        "type": alert.type,
        "tags": list(rule.tags),
        "status": rule.status,
        "key": dict(alert.key),
        "ts": alert.ts_ms,
        "first_ts": alert.first_ms,
        "last_ts": alert.last_ms,
        "detected_ts": alert.detected_ms,
        "outcome": alert.outcome,
        "events": [_evidence(item.var, item.event) for item in alert.events],
        "fields": dict(alert.fields),
        "incomplete": alert.incomplete,
    }


def _evidence(var: str, event: Event) -> dict[str, Value]:
    return {
        "var": var,
        "line": event.line,
        "source": event.source,
        "type": event.type,
        "ts": event.ts_ms,
        "fields": dict(sorted(event.fields.items())),
    }


def json_text(value: Value) -> str:
    """A value as JSON without spaces; what JSON cannot say (NaN, infinity) is null.

    >>> json_text({"amount": Decimal("1.50"), "wait": timedelta(seconds=2), "to": ["é", None, True]})
    '{"amount":1.50,"wait":2000,"to":["é",null,true]}'
    """
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    match value:
        case int():
            return str(int(value))
        case float():
            return _float(value)
        case Decimal():
            return str(value) if value.is_finite() else "null"
        case str():
            return _string(value)
        case timedelta():
            return str(duration_ms(value))
        case Mapping():
            return _record(value)
        case list() | tuple():
            return _list(value)
        case Event():
            return json_text({"type": value.type, "ts": value.ts_ms, **dict(sorted(value.fields.items()))})
        case _:
            return _string(str(value))


def _record(value: Mapping[str, Value]) -> str:
    return "{" + ",".join([f"{_string(str(k))}:{json_text(v)}" for k, v in value.items()]) + "}"


def _list(value: Sequence[Value]) -> str:
    return "[" + ",".join([json_text(item) for item in value]) + "]"


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _string(text: str) -> str:
    """Readable as it is; a lone surrogate, which UTF-8 cannot carry, is escaped."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return json.dumps(text)
    return encode_basestring(text)


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    str: _string,
    int: str,
    float: _float,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    dict: _record,
    list: _list,
    tuple: _list,
}
"""The common kinds, found at once; what is made of them is written like them, see `json_text`."""
