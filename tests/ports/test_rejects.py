"""A reject names its record for people and keeps all of it for machines."""

import base64
import json

from cep.columns import Batch
from cep.event import Event
from cep.ports.rejects import Reject, late_rejects, reject_line


def test_shown_is_one_short_line() -> None:
    assert Reject("a", 1, "unreadable", "why", b"{\t\x1b[31m\n\xc3\xa9").shown() == "{\\t\\x1b[31m\\né"
    assert Reject("a", 1, "unreadable", "why", b"x" * 1000).shown(5) == "xxxxx… (1,000 bytes)"


def test_line_holds_the_whole_record() -> None:
    raw = b'{"ts": "' + "é".encode() * 1000
    assert json.loads(reject_line(Reject("a.jsonl", 7, "bad_time", "`ts` is …", raw))) == {
        "source": "a.jsonl",
        "line": 7,
        "code": "bad_time",
        "reason": "`ts` is …",
        "raw": raw.decode(),
    }
    found = json.loads(reject_line(Reject("a", 1, "unreadable", "why", b"\xff\n")))
    assert base64.b64decode(found["raw_base64"]) == b"\xff\n"
    assert "raw" not in found


def test_late_events() -> None:
    batch = Batch.of(
        [Event("A", 1769844600125, 5, {"x": 1}, 9, "a.jsonl"), Event("B", -1, 6, {}, 10, "a.jsonl")]
    )
    first, second = late_rejects(batch, 1500)
    assert (first.source, first.line, first.reason_code) == ("a.jsonl", 9, "late")
    assert first.reason == (
        "its time 2026-01-31T07:30:00.125+00:00 is more than 1.5s before the newest event of its file so far"
    )
    assert json.loads(first.raw) == {"type": "A", "ts": 1769844600125, "x": 1}
    assert "1969-12-31T23:59:59.999+00:00" in second.reason
