"""The sample files as the tests read them."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any, Final

from tests.shared import ROOT

SAMPLES: Final = ROOT / "samples"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One event with the number of its line, from 1."""

    line: int
    type: str
    ts: int
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> str:
        value = self.fields[name]
        assert isinstance(value, str)
        return value

    @property
    def amount(self) -> Decimal:
        """The amount, exactly as written."""
        value = self.fields["amount"]
        assert isinstance(value, Decimal)
        return value

    def at(self, zone: tzinfo) -> datetime:
        """The time of the event on the clocks of a zone."""
        return datetime.fromtimestamp(self.ts / 1000, UTC).astimezone(zone)


@dataclass(frozen=True, slots=True)
class Truth:
    """One line of `truth.jsonl`."""

    case: str
    rule: str
    key: Mapping[str, str]
    should_alert: bool
    lines: tuple[int, ...]
    context: tuple[int, ...]
    ts_from: int
    ts_to: int
    emit: str | None
    outcome: str | None
    deadline: int | None
    note: str


@cache
def sample_text() -> str:
    """The text of the committed events."""
    return gzip.decompress((SAMPLES / "events.jsonl.gz").read_bytes()).decode()


@cache
def sample_rows() -> tuple[Row, ...]:
    """The committed events in the order of the file."""
    rows = []
    for number, line in enumerate(sample_text().splitlines(), start=1):
        fields = json.loads(line, parse_float=Decimal)
        rows.append(Row(number, fields.pop("type"), fields.pop("ts"), fields))
    return tuple(rows)


@cache
def sample_truth() -> tuple[Truth, ...]:
    """The committed truth about the planted cases."""
    cases = []
    for line in (SAMPLES / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        rest = {name: told.pop(name, None) for name in ("emit", "outcome", "deadline")}
        lines, context = tuple(told.pop("lines")), tuple(told.pop("context"))
        cases.append(Truth(**told, **rest, lines=lines, context=context))
    return tuple(cases)
