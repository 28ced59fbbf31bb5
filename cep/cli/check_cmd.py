"""`cep check`: everything that is wrong with rules and patterns, before any event is read."""

from __future__ import annotations

import sys
from pathlib import Path

from cep.cli.given import CheckFormat
from cep.cli.problem_text import problem_line, problem_text, tally
from cep.cli.rules import Checked, check_paths
from cep.cli.terminal import FINDINGS, OK, Terminal, drop_stdout
from cep.cli.words import counted
from cep.errors import CepError, Diagnostic
from cep.language import codes as pattern_codes
from cep.language.suggest import nearest
from cep.rulebook import codes as rule_codes

CODES = {**rule_codes.CODES, **pattern_codes.CODES}
"""Every code that `check` can give, with its meaning."""


def check(
    terminal: Terminal,
    paths: list[str],
    config: Path | None,
    output: CheckFormat,
    strict: bool,
    code: str | None,
) -> int:
    """Check files and folders, or what the project file names; the exit code is 1 if there is an error."""
    if code is not None:
        terminal.data(explain_code(code))
        return OK
    checked = check_paths(config, paths)
    failing = [
        d for d in checked.diagnostics if d.severity == "error" or (strict and d.severity == "warning")
    ]
    shown = [d for d in checked.diagnostics if terminal.verbosity >= 0 or d in failing]
    try:
        _tell(terminal, output, checked, shown)
    except BrokenPipeError:
        # What was found counts, whether or not somebody reads all of it.
        drop_stdout()
    return FINDINGS if failing else OK


def _tell(terminal: Terminal, output: CheckFormat, checked: Checked, shown: list[Diagnostic]) -> None:
    for diagnostic in shown:
        if output is CheckFormat.json:
            terminal.data(problem_line(diagnostic))
        else:
            terminal.data(problem_text(diagnostic))
            terminal.data("")
    what = counted(checked.rules, "rule")
    what += f" and {counted(checked.definitions, 'definition')}" if checked.definitions else ""
    summary = f"Checked {what} in {counted(len(checked.files), 'file')}: {tally(checked.diagnostics)}"
    if output is CheckFormat.json:
        terminal.note(summary)
    elif terminal.verbosity >= 0:
        terminal.data(summary)
    sys.stdout.flush()


def explain_code(code: str) -> str:
    """What a code means, in a line; CepError if there is no such code."""
    known = code.strip().upper()
    if known not in CODES:
        close = nearest(known, CODES)
        guess = f"did you mean {close[0]}?" if close else f"the codes are {', '.join(sorted(CODES))}"
        raise CepError(f"there is no code {code}; {guess}")
    return f"{known}: {CODES[known]}"
