"""Diagnostics for people, in colour where that helps, and for programs, a line of JSON each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from cep.cli.line import Text
from cep.cli.terminal import clean
from cep.cli.words import counted
from cep.errors import Diagnostic, Severity, render

STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_HEAD: Final = re.compile(r"(?P<place>.*:\d+:\d+): (?P<kind>\w+\[\w+\]): (?P<message>.*)", re.DOTALL)


def problem_text(diagnostic: Diagnostic) -> Text:
    """One diagnostic as `errors.render` writes it, without its line end."""
    style = STYLES[diagnostic.severity]
    text = Text()
    for i, line in enumerate(clean(render(diagnostic)).split("\n")):
        if i:
            text.append("\n")
        head = _HEAD.fullmatch(line) if i == 0 else None
        if head is not None:
            text.append(f"{head['place']}: ", style="bold")
            text.append(head["kind"], style=style)
            text.append(f": {head['message']}", style="bold")
        elif line.startswith("      |"):
            text.append(line[:7], style="dim")
            text.append(line[7:], style=style)
        elif line.startswith("      = "):
            text.append(line, style="cyan")
        else:
            text.append(line)
    return text


def problem_line(diagnostic: Diagnostic) -> str:
    """One diagnostic as a line of JSON; lines and columns count from 1, the end is one past the last sign."""
    source, span = diagnostic.source, diagnostic.span
    place, end = diagnostic.place, source.place(span.end)
    record = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": source.name,
        "line": place.line,
        "column": place.column,
        "end_line": end.line,
        "end_column": end.column,
        "label": diagnostic.label,
        "help": diagnostic.help,
    }
    return json.dumps(record, ensure_ascii=False)


def tally(diagnostics: Sequence[Diagnostic]) -> str:
    """How many errors and warnings.

    >>> tally([])
    'no problems'
    """
    counts = [(sum(d.severity == severity for d in diagnostics), severity) for severity in STYLES]
    return ", ".join(counted(number, severity) for number, severity in counts if number) or "no problems"
