"""`cep test`: the tests that rules carry, with what went wrong in each that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from cep.cli.line import Text
from cep.cli.problem_text import problem_text
from cep.cli.rules import chosen_paths, load_rules, open_project
from cep.cli.terminal import FINDINGS, OK, Terminal, clean_line
from cep.cli.words import counted, value_text
from cep.errors import CepError, has_errors
from cep.event import Event, Timestamp, Value, duration_text
from cep.rulebook.embedded import RuleTest
from cep.rulebook.loader import LoadedRule
from cep.runtimes.rule_tests import Missing, Verdict, run_rule_test
from cep.stream.alert import Alert

NAME_WIDTH = 56
STORY_MS_MAX = 10 * 366 * 86_400_000
"""Later times were written as dates; no test tells a story of ten years."""


def run_rule_tests(terminal: Terminal, paths: list[str], word: str | None, config: Path | None) -> int:
    """Run every test of these rules whose rule or name holds the word; the exit code is 1 if one fails."""
    project = open_project(config)
    book = load_rules(project, chosen_paths(project, paths), {})
    for diagnostic in book.diagnostics:
        if diagnostic.severity == "error":
            terminal.error(problem_text(diagnostic))
            terminal.error("")
    chosen = [(one, test) for one in book.rules for test in one.tests if _is_wanted(one, test, word)]
    if not chosen and word is not None:
        raise CepError(f"no test has `{word}` in its name or that of its rule")
    failed = 0
    for path, group in groupby(chosen, key=lambda pair: pair[0].text.source.name):
        lines: list[Text | str] = []
        bad = 0
        for one, test in group:
            verdict = run_rule_test(one.rule, test.events, test.expect)
            bad += not verdict.passed
            lines += [] if verdict.passed and terminal.verbosity < 0 else _told(one, test, verdict)
        failed += bad
        if lines:
            terminal.data(Text(path, style="bold"))
            for line in lines:
                terminal.data(line)
    _summary(terminal, len(chosen), failed, [one.rule.name for one in book.rules if not one.tests])
    return FINDINGS if failed or has_errors(book.diagnostics) else OK


def _is_wanted(one: LoadedRule, test: RuleTest, word: str | None) -> bool:
    return word is None or word.lower() in f"{one.rule.name} {test.name}".lower()


def _summary(terminal: Terminal, count: int, failed: int, untested: Sequence[str]) -> None:
    passed = count - failed
    terminal.data(
        Text.assemble(
            f"{counted(count, 'test')}, ",
            (f"{passed} passed", "green" if passed else ""),
            ", ",
            (f"{failed} failed", "bold red" if failed else ""),
        )
    )
    if untested:
        names = ", ".join(untested[:5]) + (", …" if len(untested) > 5 else "")
        terminal.note(f"without a test: {names}")


def _told(one: LoadedRule, test: RuleTest, verdict: Verdict) -> Iterator[Text]:
    """A line for the test, and for one that failed a line for each thing that was not as expected."""
    title = f"{one.rule.name}: {clean_line(test.name)}"
    if verdict.passed:
        yield Text.assemble("  ", ("✓", "green"), f" {title}")
        return
    wanted = counted(len(test.expect), "alert")
    counts = f"expected {wanted}, got {len(verdict.alerts)}"
    yield Text.assemble("  ", ("✗", "bold red"), f" {title.ljust(NAME_WIDTH)}  ", (counts, "red"))
    for missing in verdict.missing:
        yield Text(f"      missing:    {_wish(missing)}")
        for difference in missing.differences:
            name = clean_line(difference.name)
            got = _shown(difference.name, difference.got)
            expected = _shown(difference.name, difference.expected)
            yield Text(f"        in the nearest alert {name} is {got}, not {expected}")
    for alert in verdict.unexpected:
        yield Text(f"      unexpected: {_alert(alert)}")


def _wish(missing: Missing) -> str:
    words = [f"{clean_line(name)} {_shown(name, value)}" for name, value in missing.expected.items()]
    return ", ".join(words) or "any alert"


def _shown(name: str, value: Value) -> str:
    """`at`, and a time soon after 1970, count from the start of the test."""
    is_time = isinstance(value, Timestamp) or (name == "at" and isinstance(value, int))
    return duration_text(value) if is_time and 0 <= value < STORY_MS_MAX else value_text(value)


def _alert(alert: Alert) -> str:
    """Type, key and time, then what each variable took and when."""
    key = ", ".join(f"{name} {value_text(value)}" for name, value in alert.key.items())
    taken: dict[str, list[Event]] = {}
    for item in alert.events:
        taken.setdefault(item.var, []).append(item.event)
    bound = "; ".join(
        f"{clean_line(var)} at {' '.join(duration_text(event.ts_ms) for event in events)}"
        for var, events in taken.items()
    )
    said = "".join(
        f", {clean_line(name)} {_shown(name, value)}"
        for name, value in alert.fields.items()
        if name not in alert.key
    )
    timeout = " (timeout)" if alert.outcome == "timeout" else ""
    head = f"{clean_line(alert.type)}{timeout} at {duration_text(alert.ts_ms)}"
    return f"{head}, {key}{said}  ← {bound}" if key else f"{head}{said}  ← {bound}"
