"""A small project of rules and a stream of events for it, with everything that live input brings.

Events come a little out of order; some have to wait for a deadline before they mean something.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CONFIG: Final = """\
inputs:
  - name: events
    files: ["events/*", "other/*"]
    format: json
    type: {field: type}
    time: {field: ts, format: epoch_ms}
    max_lateness: 2s
types:
  A: {k: string, v: int}
  B: {k: string, v: int}
  C: {k: string, v: int}
  End: {k: string}
rules: [rules.yaml]
live:
  topics: {events: events}
"""

RULES: Final = """\
rule: pair
version: 1
severity: high
pattern: |
  SEQ(A a, B b) BY k WHERE b.v > a.v + 80 WITHIN 10s
  EMIT Pair(k, low = a.v, high = b.v)
---
rule: silence
version: 1
severity: low
pattern: |
  SEQ(C c, NOT A a FOR 4s) BY k
  EMIT Silence(k, since = c.ts)
---
rule: burst
version: 1
severity: medium
pattern: |
  B b{4,} BY k WHERE sum(b.v) > 260 WITHIN 5s LIMIT 1 PER 20s
  EMIT Burst(k, n = count(b))
"""

START_MS: Final = 1_700_000_000_000
END_MS: Final = START_MS + 10**9
"""Far behind every deadline: the last event of each partition lets time run on."""


def write_project(folder: Path, config: str = CONFIG, rules: str = RULES) -> Path:
    """The project file and the rules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cep.yaml").write_text(config)
    (folder / "rules.yaml").write_text(rules)
    return folder / "cep.yaml"


def make_events(count: int, seed: int, keys: int = 100, disorder: int = 12) -> list[tuple[bytes, bytes]]:
    """Keys and records, 10 ms apart on average; `disorder` is by how many places an event may be early."""
    chance = random.Random(seed)
    events = []
    for i in range(count):
        kind = chance.choices("ABC", (5, 4, 1))[0]
        key = f"k{chance.randrange(keys)}"
        record = {"type": kind, "ts": START_MS + 10 * i, "k": key, "v": chance.randrange(100)}
        events.append((i + chance.randrange(disorder + 1), i, key, json.dumps(record)))
    events.sort()
    return [(key.encode(), text.encode()) for _, _, key, text in events]


def end_event() -> bytes:
    """An event of no rule, long after all others."""
    return json.dumps({"type": "End", "ts": END_MS, "k": "end"}).encode()


def lines(records: Sequence[bytes | None]) -> bytes:
    """Records as a file, one a line, so that line numbers are offsets."""
    return b"".join((record or b"").replace(b"\n", b" ") + b"\n" for record in records)
