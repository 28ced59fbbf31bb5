"""`cep replay`: files of events through the rules, alerts out as a table or as lines of JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from cep.cli import verbs
from cep.cli.alert_table import alert_lines
from cep.cli.given import AtEnd, ReplayFormat, ReplayOptions
from cep.cli.problem_text import problem_text, tally
from cep.cli.replay_inputs import find_inputs
from cep.cli.replay_summary import summary_lines
from cep.cli.rules import OpenProject, chosen_paths, load_rules, open_project, overrides
from cep.cli.selection import parse_time, select_rules
from cep.cli.terminal import INTERRUPTED, OK, USAGE, Terminal, clean
from cep.cli.words import counted, span_text, time_text
from cep.engines.engines import ENGINES
from cep.errors import CepError, InputError, has_errors
from cep.ports.alert_lines import alert_line
from cep.ports.rejects import Reject, reject_line
from cep.runtimes import replay as runtime
from cep.runtimes.replay import Here, Input, Options, Summary
from cep.stream.alert import Alert, Rule


def replay(terminal: Terminal, options: ReplayOptions) -> int:
    """Replay; the exit code is 0 whether there are alerts or not, 2 if a rule or every record is broken."""
    settings = _settings(options)
    project = open_project(options.config)
    book = load_rules(project, chosen_paths(project, options.rules), overrides(options.params))
    if has_errors(book.diagnostics):
        errors = [d for d in book.diagnostics if d.severity == "error"]
        for diagnostic in errors:
            terminal.error(problem_text(diagnostic))
            terminal.error("")
        terminal.error(f"nothing was replayed: {tally(errors)} in the rules")
        return USAGE
    if book.diagnostics:
        terminal.detail(f"{tally(book.diagnostics)} in the rules; cep check shows them")
    rules = select_rules([one.rule for one in book.rules], options.select)
    inputs = find_inputs(project, options.events, options.as_input)
    _keep_inputs(options, inputs)
    for one in inputs:
        terminal.detail(f"reads {one.path} as input {one.settings.name}")
    return _run(terminal, options, settings, project, rules, inputs)


def _settings(options: ReplayOptions) -> Options:
    if options.engine not in ENGINES:
        raise CepError(f"--engine {options.engine}: the engines are {', '.join(sorted(ENGINES))}")
    from_ms = None if options.since is None else parse_time(options.since, "--from")
    to_ms = None if options.until is None else parse_time(options.until, "--to")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise CepError(f"--from {options.since} --to {options.until}: nothing lies between them")
    jobs = options.jobs or _processors()
    return Options(
        engine=ENGINES[options.engine],
        batch_rows=options.chunk,
        from_ms=from_ms,
        to_ms=to_ms,
        flush=options.at_end is AtEnd.flush,
        detector=Here if jobs == 1 else verbs.spread_over(jobs),
    )


def _processors() -> int:
    """How many processors this process may use."""
    may = getattr(os, "sched_getaffinity", None)
    return len(may(0)) if may is not None else os.cpu_count() or 1


def _keep_inputs(options: ReplayOptions, inputs: list[Input]) -> None:
    """Refuse to write over what is about to be read."""
    read = {Path(one.path).resolve() for one in inputs}
    for option, path in (("--out", options.out), ("--rejects", options.rejects)):
        if path is not None and path.resolve() in read:
            raise CepError(f"{option} {path} would be written over the events that are read from it")
    if (
        options.out is not None
        and options.rejects is not None
        and options.out.resolve() == options.rejects.resolve()
    ):
        raise CepError("--out and --rejects name the same file")


def _run(
    terminal: Terminal,
    options: ReplayOptions,
    settings: Options,
    project: OpenProject,
    rules: list[Rule],
    inputs: list[Input],
) -> int:
    summary, code = Summary(), OK
    started = time.perf_counter()
    as_table = _as_table(terminal, options)
    with ExitStack() as files:
        out = files.enter_context(_writer(options.out)) if options.out is not None else None
        rejects = files.enter_context(_writer(options.rejects)) if options.rejects is not None else None
        on_reject = _reject_to(rejects) if rejects is not None else None
        tick = files.enter_context(_progress(terminal, summary, hidden=out is None and terminal.looked_at))
        try:
            found = runtime.replay(rules, inputs, summary, project.project.schema, settings, on_reject, tick)
            for alert in found:
                _give(terminal, alert, out, as_table=as_table)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except InputError as error:
            terminal.error(clean(f"error: {error}"))
            code = USAGE
    seconds = time.perf_counter() - started
    say = terminal.data if as_table and out is None else terminal.note
    # An error before the first record has said it all.
    if terminal.verbosity >= 0 and (summary.records or code == OK):
        for line in summary_lines(summary, rules, seconds, terminal.verbosity):
            say(line)
    if code == OK and 0 < summary.records == summary.rejects.total():
        terminal.error(
            f"error: none of the {summary.records:,} records could be used: does their input in cep.yaml fit?"
        )
        return USAGE
    return code


def _as_table(terminal: Terminal, options: ReplayOptions) -> bool:
    if options.output is not None:
        return options.output is ReplayFormat.table
    return options.out is None and terminal.looked_at


def _give(terminal: Terminal, alert: Alert, out: TextIO | None, *, as_table: bool) -> None:
    if not as_table:
        (out or sys.stdout).write(f"{alert_line(alert)}\n")
        return
    for line in alert_lines(alert):
        if out is None:
            terminal.data(line)
        else:
            out.write(f"{line.plain}\n")


def _reject_to(file: TextIO) -> Callable[[Reject], None]:
    def write(reject: Reject) -> None:
        file.write(f"{reject_line(reject)}\n")

    return write


@contextmanager
def _writer(path: Path) -> Iterator[TextIO]:
    """A file to write text to, always with the same line ends."""
    try:
        file = path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _progress(terminal: Terminal, summary: Summary, *, hidden: bool) -> Iterator[Callable[[], None]]:
    """How far the replay has come, on a terminal that shows no alerts meanwhile."""
    if hidden or not terminal.watched:
        yield sys.stdout.flush
        return
    started = time.perf_counter()
    with verbs.status("reading", terminal.err.console) as status:

        def tick() -> None:
            sys.stdout.flush()
            status.update(progress_text(summary, time.perf_counter() - started))

        yield tick


def progress_text(summary: Summary, seconds: float) -> str:
    """How far a replay has come: events, how many a second, event time, alerts, and how long it may take.

    >>> progress_text(Summary(records=5000, read=0.25, last_ms=0), 2.0)
    '5,000 events · 2,500/s · 1970-01-01 00:00:00Z · 0 alerts · 6s left'
    """
    parts = [counted(summary.records, "event")]
    if seconds > 0:
        parts.append(f"{summary.records / seconds:,.0f}/s")
    if summary.last_ms is not None:
        parts.append(time_text(summary.last_ms))
    parts.append(counted(sum(summary.alerts.values()), "alert"))
    if summary.read is not None and summary.read > 0:
        left_ms = round(seconds * (1 / summary.read - 1)) * 1000
        parts.append(f"{span_text(left_ms)} left")
    return " · ".join(parts)
