"""Lines of JSON, one object each, row by row: what every quicker way to read them must agree with."""

from __future__ import annotations

from cep.ports.json_values import inexact, parse, parse_exact
from cep.ports.lines import Lines
from cep.ports.rows import Rows


def add_lines(rows: Rows, group: Lines, line_bytes_max: int) -> None:
    """Make a row of each line, or refuse it. Blank lines are passed over."""
    # One look at the whole group is cheaper than one at each line, and most groups hold no long number.
    suspect = inexact(b"\n".join(group.lines))
    for number, line in enumerate(group.lines, start=group.first):
        if len(line) > line_bytes_max:
            rows.reject(number, "unreadable", too_long(line_bytes_max), line)
            continue
        try:
            record = parse_exact(line) if suspect and inexact(b" " + line) else parse(line)
        except ValueError as error:
            if line.strip():
                rows.reject(number, "unreadable", str(error), line)
            continue
        if type(record) is dict:
            rows.add(number, record, line)
        else:
            rows.reject(number, "unreadable", "JSON, but no object with fields", line)


def too_long(line_bytes_max: int) -> str:
    """The reason to refuse a line of which only the beginning was kept."""
    return f"longer than {line_bytes_max:,} bytes; the rest of it is not kept"
