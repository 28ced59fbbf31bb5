"""What of an input is no event for the rules: which line, why, and its bytes, so that nothing gets lost."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cep.columns import Batch
from cep.ports.alert_lines import json_text
from cep.values import value

ReasonCode = Literal[
    "unreadable", "no_time", "bad_time", "no_type", "unknown_type", "bad_field", "unmatched", "late"
]
"""`unmatched` occurs only where an input says `unmatched: reject`."""

SHOWN_BYTES_MAX: Final = 200


@value
class Reject:
    """A record that was refused. `line` counts from 1, `raw` is all of it (for `late`, what was decoded)."""

    source: str
    line: int
    reason_code: ReasonCode
    reason: str
    raw: bytes

    def shown(self, bytes_max: int = SHOWN_BYTES_MAX) -> str:
        r"""The record on one line for a person, cut at `bytes_max`; what is no text is escaped.

        >>> Reject("a.log", 7, "unreadable", "not UTF-8", b"id=\xff\n" + b"x" * 99).shown(8)
        'id=\\xff\\nxxx… (104 bytes)'
        """
        text = self.raw[:bytes_max].decode("utf-8", "backslashreplace")
        text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
        return text if len(self.raw) <= bytes_max else f"{text}… ({len(self.raw):,} bytes)"


def reject_line(reject: Reject) -> str:
    """The reject as one line of JSON with the whole record; one that is no UTF-8 comes as `raw_base64`."""
    try:
        raw = {"raw": reject.raw.decode("utf-8")}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(reject.raw).decode("ascii")}
    head = {"source": reject.source, "line": reject.line, "code": reject.reason_code, "reason": reject.reason}
    return json_text({**head, **raw})


def late_rejects(late: Batch, max_lateness_ms: int, *, may_be_idle: bool = False) -> list[Reject]:
    """Events that came too late, as rejects; their `raw` is JSON of the fields that rules read."""
    idle = ", or time went on while its topic was silent" if may_be_idle else ""
    rejects = []
    for row in range(len(late)):
        event = late.event(row, sorted(late.columns))
        when = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=event.ts_ms)
        reason = (
            f"its time {when.isoformat(timespec='milliseconds')} is more than {max_lateness_ms / 1000:g}s"
            f" before the newest event of its file so far{idle}"
        )
        raw = json_text({"type": event.type, "ts": event.ts_ms, **event.fields}).encode()
        rejects.append(Reject(event.source, event.line, "late", reason, raw))
    return rejects
