"""What a worker tells of itself: lines for people, or a line of JSON each; no secret is in either.

    say("taken_up", "partition {partition} is taken up at {offsets}", partition=3, offsets={"payments": 120})

    text   partition 3 is taken up at {'payments': 120}
    json   {"time":"…","level":"info","event":"taken_up","message":"…","partition":3,"offsets":{…}}

Lines of libraries come in the same form, with the event `log`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cep.live import LiveSettings
from cep.ports.alert_lines import json_text

LOGGER: Final = logging.getLogger("cep.live")

_COLORED: Final = "colorlog.StreamHandler"


def say(event: str, text: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event; `text` says it to people and names the fields."""
    extra = {"event": event, "fields": fields}
    LOGGER.log(level, "%s", text.format(**fields), extra=extra)


class JsonLines(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return event_line(
            getattr(record, "event", "log"),
            record.getMessage(),
            record.levelname.lower(),
            {
                **getattr(record, "fields", {}),
                **({} if record.name == LOGGER.name else {"logger": record.name}),
                **({"trace": trace} if trace else {}),
            },
            record.created,
        )


def event_line(event: str, message: str, level: str, fields: Mapping[str, object], time_s: float) -> str:
    """An event as a line of JSON."""
    time = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
    head = {"time": time, "level": level, "event": event, "message": message}
    return json_text({**head, **{name: _plain(value) for name, value in fields.items()}})


def _plain(value: object) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


class Unspoken(logging.Filter):
    """Puts stars in the place of secrets, wherever a message or a traceback has them from."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        # The longest first: one may be a part of another.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without secrets."""
        record.msg, record.args = self._starred(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._starred(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if hasattr(record, "fields"):
            record.fields = {name: self._starred_value(value) for name, value in record.fields.items()}
        return True

    def _starred_value(self, value: object) -> object:
        return self._starred(str(value)) if isinstance(value, str | Exception) else value

    def _starred(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def logging_config(settings: LiveSettings, secrets: Collection[str]) -> dict[str, Any]:
    """How the worker's framework is to set up logging: what it does itself, with our form of lines."""
    is_json = settings.log_format == "json"
    return {
        "merge": True,
        "filters": {"unspoken": {"()": Unspoken, "secrets": tuple(secrets)}},
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {
            "default": {
                "class": "logging.StreamHandler" if is_json else _COLORED,
                "formatter": "json" if is_json else "colored",
                "filters": ["unspoken"],
            }
        },
    }
