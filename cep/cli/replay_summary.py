"""What a replay did, in a few lines: how much, how fast, what was left out and why, what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from cep.cli.line import Text
from cep.cli.terminal import clean_line
from cep.cli.words import counted, span_text, time_text
from cep.ports.rejects import Reject
from cep.runtimes.replay import Summary
from cep.stream.alert import Rule

LABEL_WIDTH = 11
WIDTH = 100
NAMES_MAX = 8
RAW_BYTES_MAX = 80


def summary_lines(summary: Summary, rules: Sequence[Rule], seconds: float, verbosity: int = 0) -> list[Text]:
    """The summary; parts that have nothing to say are left out, unless -v asks for all."""
    lines = [_head(summary, rules, seconds)]
    for label, style, texts in _parts(summary, rules, verbosity):
        for i, text in enumerate(texts):
            head = label if i == 0 else ""
            lines.append(Text.assemble((head.ljust(LABEL_WIDTH), style), clean_line(text)))
    return lines


def _head(summary: Summary, rules: Sequence[Rule], seconds: float) -> Text:
    rate = f"{summary.records / seconds:,.0f} events/s" if seconds > 0 else ""
    parts = [
        counted(summary.events, "event"),
        counted(sum(summary.alerts.values()), "alert"),
        counted(len(rules), "rule"),
    ]
    if summary.first_ms is not None and summary.last_ms is not None:
        parts.append(f"event time {span_text(summary.span_ms)}")
    parts += [f"{seconds:.2f}s", rate]
    text = Text(" · ".join(part for part in parts if part), style="bold")
    if not summary.complete:
        text.append("  interrupted: this is not all", style="bold red")
    return text


def _parts(
    summary: Summary, rules: Sequence[Rule], verbosity: int
) -> Iterator[tuple[str, str, Sequence[str]]]:
    """(label, style, lines) of what there is to say."""
    if summary.first_ms is not None and summary.last_ms is not None:
        yield "time", "dim", [f"{time_text(summary.first_ms)} to {time_text(summary.last_ms)}"]
    if summary.alerts:
        given = [f"{rule.name} {summary.alerts[rule.name]:,}" for rule in rules if summary.alerts[rule.name]]
        yield "alerts", "dim", wrap(" · ".join(given), WIDTH, break_long_words=False)
    silent = [rule.name for rule in rules if not summary.alerts[rule.name]]
    if silent and verbosity > 0:
        yield "no alert", "dim", [", ".join(silent)]
    if summary.suppressed:
        yield "held back", "dim", [f"by LIMIT: {by_rule(summary.suppressed)}"]
    if summary.outside:
        yield "left out", "dim", [f"{counted(summary.outside, 'event')} outside of --from and --to"]
    if summary.skipped:
        yield "skipped", "dim", [f"{counted(summary.skipped, 'event')} of types that no rule reads"]
    if summary.unmatched:
        yield "skipped", "dim", [f"{counted(summary.unmatched, 'line')} that no pattern of the input matches"]
    yield from _rejects(summary)
    yield from _limits(summary)
    yield from _open(summary, rules, verbosity)


def _rejects(summary: Summary) -> Iterator[tuple[str, str, Sequence[str]]]:
    bad = {code: number for code, number in summary.rejects.items() if code != "late"}
    if bad:
        codes = ", ".join(f"{number:,} {code}" for code, number in bad.items())
        lines = [f"{counted(sum(bad.values()), 'record')} that cannot be used: {codes}"]
        for code in bad:
            lines += [f"  {_reject(reject)}" for reject in summary.examples[code]]
        yield "rejected", "bold yellow", lines
    if summary.rejects["late"]:
        lines = [f"{counted(summary.rejects['late'], 'event')} that came too late to count"]
        lines += [f"  {_reject(reject)}" for reject in summary.examples["late"]]
        yield "late", "bold yellow", lines


def _reject(reject: Reject) -> str:
    where = f"{reject.source}:{reject.line}"
    raw = "" if reject.reason_code == "late" else f"  {reject.shown(RAW_BYTES_MAX)}"
    return f"{where} {reject.reason}{raw}"


def _limits(summary: Summary) -> Iterator[tuple[str, str, Sequence[str]]]:
    """What a limit or a null kept from matching."""
    null_keys = {name: each.null_keys for name, each in summary.counters.items() if each.null_keys}
    if null_keys:
        yield "null keys", "yellow", [f"events without a key, which match nothing: {by_rule(null_keys)}"]
    dropped = {name: each.dropped_runs for name, each in summary.counters.items() if each.dropped_runs}
    if dropped:
        hint = "raise the limits of the rule, or narrow the pattern"
        yield "dropped", "bold yellow", [f"partial matches at a limit: {by_rule(dropped)}; {hint}"]
    stopped = [name for name, each in summary.counters.items() if each.stopped]
    if stopped:
        yield (
            "stopped",
            "bold red",
            [f"rules that reached a limit (overflow: stop_rule): {', '.join(stopped)}"],
        )
    if summary.forced:
        text = f"{counted(summary.forced, 'event')} went on early: too many waited for late ones"
        yield "forced", "bold yellow", [f"{text}; lower max_lateness of the input"]


def _open(
    summary: Summary, rules: Sequence[Rule], verbosity: int
) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Partial matches at the end: those that time alone would decide, and with -v the others."""
    timed = {rule.name for rule in rules if decided_by_time(rule)}
    waiting = {name: number for name, number in summary.waiting.items() if number and name in timed}
    if waiting:
        hint = "not decided when the events ended; --at-end flush lets time go on"
        yield "waiting", "cyan", [f"{by_rule(waiting)}: {hint}"]
    others = {name: number for name, number in summary.waiting.items() if number and name not in timed}
    if others and verbosity > 0:
        yield "open", "dim", [f"partial matches that wait for another event: {by_rule(others)}"]


def decided_by_time(rule: Rule) -> bool:
    """Whether the passing of time alone can complete a match of the rule."""
    plan = rule.plan
    ends = (arc for state in plan.nfa.states for arc in state.arcs if arc.step is None)
    pattern = plan.pattern
    return pattern.moment == "close" or pattern.emit_timeout is not None or any(arc.absents for arc in ends)


def by_rule(numbers: Mapping[str, int], names_max: int = NAMES_MAX) -> str:
    """Rules with a number each, as many as fit a line.

    >>> by_rule({"a": 2, "b": 1_000, "c": 1}, names_max=2)
    'a 2 · b 1,000 · … (3 rules)'
    """
    words: Iterable[str] = (f"{name} {number:,}" for name, number in numbers.items())
    shown = list(words)[:names_max]
    if len(numbers) > names_max:
        shown.append(f"… ({len(numbers)} rules)")
    return " · ".join(shown)
