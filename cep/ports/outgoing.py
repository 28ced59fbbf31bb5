"""What a worker writes: alerts, and records that it could not use, with where they came from and why."""

from __future__ import annotations

from typing import Final

from cep.ports.alert_lines import alert_line, json_text
from cep.ports.rejects import Reject
from cep.ports.rule_records import Refused
from cep.ports.topic_records import Outgoing, Part, Records
from cep.stream.alert import Alert
from cep.values import value

HEADER_CODE: Final = "cep-code"
HEADER_REASON: Final = "cep-reason"
HEADER_TOPIC: Final = "cep-topic"
HEADER_PARTITION: Final = "cep-partition"
HEADER_OFFSET: Final = "cep-offset"

REASON_CHARS_MAX: Final = 500

REFUSED_RULE: Final = "refused_rule"
"""The code of a record of the topic of rules that cannot be used."""


@value
class Topics:
    """Where each kind of record goes."""

    alerts: str
    dead_letters: str
    late: str
    shadow: str
    """Alerts of shadow rules."""


def alert_out(topics: Topics, alert: Alert) -> Outgoing:
    """An alert as a record; alerts of one key keep their order because they have one record key."""
    topic = topics.shadow if alert.rule.status == "shadow" else topics.alerts
    return Outgoing(topic, alert_line(alert).encode(), json_text(alert.key).encode())


def refused_out(topics: Topics, reject: Reject, records: Records, row: int) -> Outgoing:
    """A record that is no event, or came too late: its own bytes and key, the rest in headers."""
    headers = _headers(reject.reason_code, reject.reason, records.part, records.offsets[row])
    topic = topics.late if reject.reason_code == "late" else topics.dead_letters
    return Outgoing(topic, records.values[row] or b"", records.key(row), headers)


def rule_refused_out(topics: Topics, part: Part, refused: Refused) -> Outgoing:
    """A record of the topic of rules that cannot be used, in the same form."""
    headers = _headers(REFUSED_RULE, refused.reason, part, refused.offset)
    return Outgoing(topics.dead_letters, refused.value, refused.key.encode(), headers)


def _headers(code: str, reason: str, part: Part, offset: int) -> tuple[tuple[str, bytes], ...]:
    return (
        (HEADER_CODE, code.encode()),
        (HEADER_REASON, reason[:REASON_CHARS_MAX].encode("utf-8", "backslashreplace")),
        (HEADER_TOPIC, part.topic.encode()),
        (HEADER_PARTITION, str(part.partition).encode()),
        (HEADER_OFFSET, str(offset).encode()),
    )
