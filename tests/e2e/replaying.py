"""A replay of files with the rules and the settings of one folder, as the command line does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cep.errors import has_errors, render_all
from cep.ports.lines import Bounds
from cep.rulebook.loader import Settings, load, rule_files
from cep.rulebook.project import load_project
from cep.runtimes.replay import Input, Options, Summary, replay
from cep.stream.alert import Alert

DEFAULTS = Options()


def replayed(
    project_file: Path, rules: Path, events: Sequence[Path], options: Options = DEFAULTS
) -> tuple[list[Alert], Summary]:
    """All alerts and the summary; AssertionError if a rule is refused."""
    project = load_project(project_file)
    book = load(rule_files([rules]), Settings(schema=project.schema, libraries=project.library))
    assert not has_errors(book.diagnostics), render_all(book.diagnostics)
    summary = Summary()
    inputs = [Input(str(path), project.inputs[0]) for path in events]
    alerts = list(replay([each.rule for each in book.rules], inputs, summary, project.schema, options))
    return alerts, summary


def small_chunks(rows: int) -> Options:
    """Read that many lines at a time."""
    return Options(bounds=Bounds(chunk_rows=rows))


def lines(alerts: Sequence[Alert], rule: str) -> list[tuple[int, ...]]:
    """The input lines of each alert of a rule, sorted."""
    found = [tuple(item.event.line for item in alert.events) for alert in alerts if alert.rule.name == rule]
    return sorted(found)
