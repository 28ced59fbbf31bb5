"""Values of formats with types of their own, as JSON has them: times as milliseconds, bytes as text."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from uuid import UUID

from cep.event import Timestamp, Value
from cep.ports.times import datetime_ms


def plain(value: Value, zone: tzinfo) -> Value:
    """The value; `zone` counts for times that name none. ValueError for a time that is out of all reason.

    >>> from datetime import UTC
    >>> plain({"at": date(1970, 1, 2), "raw": b"ok"}, UTC)
    {'at': Timestamp(86400000), 'raw': 'ok'}
    """
    match value:
        case str() | int() | float() | None:
            return value
        case dict():
            return {name: plain(item, zone) for name, item in value.items()}
        case list():
            return [plain(item, zone) for item in value]
        case datetime():
            return Timestamp(datetime_ms(value, zone))
        case date():
            return Timestamp(datetime_ms(datetime.combine(value, time()), zone))
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case time():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value
