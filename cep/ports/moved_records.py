"""Records on their way to the partition of another key, and the marks of time that go with them.

    payments/3 offset 17 ──▶ fraud.payments.by.card/0   its own bytes, keyed by card, `cep-from: 3/17`
                             fraud.payments.by.card/…   no bytes, `cep-time: 1700000000000`

A moved record is still known by where it came from. The rows of a partition that records were moved to say
nothing of time: one source may be far ahead of another. The marks do, in every partition: no record behind a
mark is of that time or before it, unless it is late.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from cep.ports.topic_records import Outgoing, Part, Records
from cep.values import mutable

HEADER_FROM: Final = "cep-from"
HEADER_TIME: Final = "cep-time"


def moved_out(topic: str, key: bytes, value: bytes, partition: int, offset: int) -> Outgoing:
    """A record of a partition, to be written to the topic of another key."""
    return Outgoing(topic, value, key, ((HEADER_FROM, f"{partition}/{offset}".encode()),))


def time_out(topic: str, partition: int, watermark_ms: int) -> Outgoing:
    """A mark: so far has time come in all that was moved."""
    return Outgoing(topic, b"", None, ((HEADER_TIME, str(watermark_ms).encode()),), partition)


@mutable
class Origin:
    """Records of one partition they came from, and the furthest mark before each of them."""

    records: Records
    before_ms: list[int]


@mutable
class Origins:
    """What a stretch of a partition of moved records holds."""

    found: list[Origin]
    after_ms: int
    """The furthest mark, that before the stretch included."""
    strange: list[int]
    """Rows that were not moved here."""


def origins(records: Records, topic: str, before_ms: int) -> Origins:
    """Undo the move from a topic; `before_ms` is the furthest mark before these records."""
    rows: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    furthest_ms, strange = before_ms, []
    for row in range(len(records.offsets)):
        headers = records.headers(row)
        try:
            if HEADER_FROM in headers:
                partition, _, offset = headers[HEADER_FROM].partition(b"/")
                rows[int(partition)].append((int(offset), row, furthest_ms))
            else:
                furthest_ms = max(furthest_ms, int(headers[HEADER_TIME]))
        except (KeyError, ValueError):
            strange.append(row)
    found = []
    for number, taken in sorted(rows.items()):
        offsets, places, marks = (list(each) for each in zip(*taken, strict=True))
        values, messages = [records.values[row] for row in places], [records.messages[row] for row in places]
        found.append(Origin(Records(Part(topic, number), offsets, values, messages), marks))
    return Origins(found, furthest_ms, strange)
