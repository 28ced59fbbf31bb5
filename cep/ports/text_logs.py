r"""Log lines matched by named regular expressions, one for each event type, into chunks.

The expressions are tried in their order and may match anywhere in a line; `(?P<name>…)` groups are fields.
A line that none matches is counted, or refused where the input says so. Bytes that are no UTF-8 become
`\xff` in the text: an attacker who sends such a byte must not hide a line by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cep.errors import InputError
from cep.ports.json_lines import too_long
from cep.ports.lines import Bounds, group_lines
from cep.ports.open_file import read_blocks
from cep.ports.rows import Chunk, Reading, Rows


def text_chunks(reading: Reading, bounds: Bounds) -> Iterator[Chunk]:
    """The chunks of a log; InputError if its input has no patterns or one that cannot be read."""
    patterns = _compiled(reading)
    rows = Rows(reading, textual=True)
    reject_unmatched = reading.settings.unmatched == "reject"
    for group in group_lines(read_blocks(reading.path, reading.progress), bounds):
        for number, line in enumerate(group.lines, start=group.first):
            if len(line) > bounds.line_bytes_max:
                rows.reject(number, "unreadable", too_long(bounds.line_bytes_max), line)
                continue
            text = line.rstrip(b"\r").decode("utf-8", "backslashreplace")
            for name, pattern in patterns:
                if found := pattern.search(text):
                    rows.add(number, found.groupdict(), line, name)
                    break
            else:
                if reject_unmatched:
                    rows.reject(number, "unmatched", "no pattern of the input matches", line)
                else:
                    rows.skip()
        yield rows.take()


def _compiled(reading: Reading) -> list[tuple[str, re.Pattern[str]]]:
    settings = reading.settings
    if not settings.patterns:
        raise InputError(
            f"{reading.path}: a text log needs `patterns`, a regular expression for each event type\n"
            "  in cep.yaml: inputs: [{name: …, files: […], patterns: {Login: '(?P<ts>…) …'}}]"
        )
    compiled = []
    for name, text in settings.patterns:
        try:
            compiled.append((name, re.compile(text)))
        except re.error as error:
            raise InputError(f"input `{settings.name}`, pattern `{name}`: {error}") from None
    return compiled
