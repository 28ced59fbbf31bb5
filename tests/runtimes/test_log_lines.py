"""Log lines as JSON and as text, with no secret in either, wherever it comes from."""

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from cep.live import LiveSettings, LogFormat, secrets_of
from cep.runtimes.log_lines import LOGGER, JsonLines, Unspoken, event_line, logging_config, say

SETTINGS = LiveSettings(
    state="rediss://cep:p%40ss-word@host:6379/0",
    kafka=(("sasl.password", "hush"), ("sasl.username", "cep"), ("ssl.key.password", "hush-hush")),
)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as JSON lines."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler = Keep()
    handler.setFormatter(JsonLines())
    handler.addFilter(Unspoken(secrets_of(SETTINGS)))
    logging.root.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield found
    LOGGER.setLevel(logging.NOTSET)
    logging.root.removeHandler(handler)


def test_an_event_with_its_fields(lines: list[str]) -> None:
    say("taken_up", "partition {partition} is at {offsets}", partition=3, offsets={"a": 1}, rules=("x",))
    (line,) = map(json.loads, lines)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "event": "taken_up",
        "message": "partition 3 is at {'a': 1}",
        "partition": 3,
        "offsets": {"a": 1},
        "rules": ["x"],
    }


def test_lines_of_libraries(lines: list[str]) -> None:
    logging.getLogger("library").warning("%d things", 3)
    (line,) = map(json.loads, lines)
    assert (line["level"], line["event"], line["logger"], line["message"]) == (
        "warning",
        "log",
        "library",
        "3 things",
    )


def test_no_secret_is_logged(lines: list[str]) -> None:
    """Not from a message, nor an argument, a field, an exception, nor its traceback."""
    say("failed", "{url}", logging.ERROR, url=SETTINGS.state, error=ValueError("hush"))
    logging.getLogger("library").error("as %s and %s", "p@ss-word", {"key": "hush-hush"})
    try:
        int(f"refused {SETTINGS.state} hush")
    except ValueError:
        logging.getLogger("library").exception("cannot connect")
    text = "\n".join(lines)
    assert len(lines) == 3
    assert "Traceback" in text
    assert "rediss://cep:***@host" in text
    for secret in ("hush", "p%40ss-word", "p@ss-word"):
        assert secret not in text


def test_what_is_no_secret() -> None:
    assert secrets_of(SETTINGS) == {"hush", "hush-hush", "p%40ss-word", "p@ss-word"}
    assert secrets_of(LiveSettings()) == frozenset()


def test_a_line_by_itself() -> None:
    line = event_line("started", "a worker starts", "info", {"state": None, "at": {1: {2}}}, 0.0)
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "info",
        "event": "started",
        "message": "a worker starts",
        "state": None,
        "at": {"1": [2]},
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_both_forms_leave_secrets_out(form: LogFormat) -> None:
    """The part of the framework's configuration that is ours, as `logging` reads it."""
    config = logging_config(LiveSettings(log_format=form), {"hush"})
    assert config.pop("merge")
    (handler,) = config["handlers"].values()
    assert handler["filters"] == ["unspoken"]
    assert (handler["formatter"] == "json") is (form == "json")
