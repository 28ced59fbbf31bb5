"""What a command line may say: the choices of its options, and `cep replay` as it was given.

Apart from the verbs, which are imported when they are called.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from cep.limits import BATCH_ROWS
from cep.values import value


class CheckFormat(StrEnum):
    """Text for people, or a line of JSON for each finding."""

    text = "text"
    json = "json"


class ExplainFormat(StrEnum):
    """Text for people, Graphviz, or JSON."""

    text = "text"
    dot = "dot"
    json = "json"


class ReplayFormat(StrEnum):
    """Text for people, or a line of JSON for each alert."""

    table = "table"
    json = "json"


class AtEnd(StrEnum):
    """What becomes of absences that are still pending when the events end."""

    wait = "wait"
    flush = "flush"


@value
class ReplayOptions:
    """The command line as it was given."""

    events: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    config: Path | None = None
    as_input: str | None = None
    out: Path | None = None
    output: ReplayFormat | None = None
    rejects: Path | None = None
    params: tuple[str, ...] = ()
    select: str | None = None
    engine: str = "auto"
    chunk: int = BATCH_ROWS
    jobs: int = 1
    since: str | None = None
    until: str | None = None
    at_end: AtEnd = AtEnd.wait
