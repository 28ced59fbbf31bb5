"""An alert as one line of JSON: the same bytes for the same alert on every run.

Times are int milliseconds UTC, durations int milliseconds, decimals are written with all their digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Final

from cep.event import Event, Value, duration_ms
from cep.stream.alert import Alert


def alert_line(alert: Alert) -> str:
    """The alert as JSON without a line end; members stand in a fixed order."""
    rule = alert.rule
    heading = _heading(rule.name, rule.version, rule.title, rule.severity, alert.type, rule.tags, rule.status)
    return (
        f'{{"alert_id":"{alert.alert_id}",{heading},"key":{_record(alert.key)},"ts":{alert.ts_ms:d},'
        f'"first_ts":{alert.first_ms:d},"last_ts":{alert.last_ms:d},"detected_ts":{alert.detected_ms:d},'
        f'"outcome":"{alert.outcome}","events":[{",".join(alert.each(_evidence))}],'
        f'"fields":{_record(alert.fields)},"incomplete":{"true" if alert.incomplete else "false"}}}'
    )


@lru_cache(maxsize=4096)
def _heading(
    name: str, version: int, title: str, severity: str, type_: str, tags: tuple[str, ...], status: str
) -> str:
    """The members that are the same in all alerts of a rule and a type."""
    members = {
        "rule": name,
        "version": version,
        "title": title,
        "severity": severity,
        "type": type_,
        "tags": tags,
        "status": status,
    }
    return _record(members)[1:-1]


@lru_cache(maxsize=1024)
def _evidence(var: str, event: Event) -> str:
    return (
        f'{{"var":{_word(var)},"line":{event.line:d},"source":{_word(event.source)},'
        f'"type":{_word(event.type)},"ts":{event.ts_ms:d},'
        f'"fields":{_record(dict(sorted(event.fields.items())))}}}'
    )


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
    return "{" + ",".join([f"{_word(str(k))}:{json_text(v)}" for k, v in value.items()]) + "}"


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


_word: Final = lru_cache(maxsize=4096)(_string)
"""Names of fields, variables, types and sources: few, and in every line."""

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
