"""One case through the parser, the checker, the compiler and an engine, and the comparison at the end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.engines.evaluate import Scope, value_of
from cep.engines.feed import Tests, make_feed
from cep.engines.match import Match
from cep.engines.matcher import Limits, Matcher
from cep.engines.operators import is_number
from cep.errors import Diagnostic, Source, has_errors
from cep.event import Event, Value
from cep.plan.compile import Plan
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from tests.conformance import eql, every_once, flink, row_pattern
from tests.conformance.cases import Case, Found, Watermark
from tests.conformance.members import refuse_unknown
from tests.conformance.text import NO_WINDOW_MS, RuleText, UnsayableError

Status = Literal["passed", "failed", "skipped"]

ADAPTERS: Final[Mapping[str, Callable[[Case], RuleText]]] = {
    "all": flink.rule_text,
    "eql": eql.rule_text,
    "every_once": every_once.rule_text,
    "row_pattern": row_pattern.rule_text,
}
"""Semantics of a case → what writes it as a rule of ours."""

REFUSED_BY_DESIGN: Final = frozenset({"E208", "E209", "E305", "E306", "E307", "E501"})
"""What is said against a rule that can be read, and that the language will not have run."""

# No case may pass by a limit that a user would have to set higher.
UNLIMITED: Final = Limits(runs_per_key=1_000_000, events_per_key=1_000_000)

Way = Literal["single", "whole"]
"""How events go in: one at a time with time told before each, or all that a watermark releases at once."""

WAYS: Final[tuple[Way, ...]] = ("single", "whole")

Cells: TypeAlias = tuple[Value, ...]
"""The values of a row, column by column."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case. `reason` says why it failed or was skipped; `text` is the rule it became."""

    case: Case
    status: Status
    reason: str = ""
    text: str = ""
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events in the order of time, and how far event time has come behind them."""

    events: tuple[Event, ...]
    watermark_ms: int


def run_case(case: Case, engine: str = "reference", way: Way = "single") -> Outcome:
    """Run one case. What goes wrong in it, whatever it is, is a failure of this case only."""
    try:
        rule = write(case)
    except UnsayableError as reason:
        return Outcome(case, "skipped", str(reason))
    except Exception as error:  # noqa: BLE001 - one case must not keep the others from being run
        return Outcome(case, "failed", f"could not be written: {type(error).__name__}: {error}")
    try:
        return _judge(case, rule, engine, way)
    except Exception as error:  # noqa: BLE001 - see above
        return Outcome(case, "failed", f"broke with {type(error).__name__}: {error}", rule.text)


def write(case: Case) -> RuleText:
    """The case as a rule of ours; UnsayableError with the reason if there is none."""
    if case.broken:
        raise UnsayableError(f"it breaks the format: {case.broken}")
    adapter = ADAPTERS.get(case.semantics)
    if adapter is None:
        raise UnsayableError(f"no adapter for semantics `{case.semantics}`")
    refuse_unknown(case)
    return adapter(case)


def _judge(case: Case, rule: RuleText, engine: str, way: Way) -> Outcome:
    plan, diagnostics = compile_rule(rule.text)
    if case.expect_error is not None:
        expected = f"refused ({case.expect_error})"
        if has_errors(diagnostics):
            return Outcome(case, "passed", "", rule.text, expected, errors_text(diagnostics))
        return Outcome(case, "failed", "not refused", rule.text, expected, "accepted")
    if plan is None:
        codes = {each.code for each in diagnostics if each.severity == "error"}
        if codes <= REFUSED_BY_DESIGN:
            return Outcome(
                case, "skipped", f"refused when it is loaded: {errors_text(diagnostics)}", rule.text
            )
        return Outcome(case, "failed", "refused", rule.text, "accepted", errors_text(diagnostics))
    (matcher,) = ENGINES[engine]([(plan, rule.limits or UNLIMITED)])
    given = match_all(as_fed(case, rule), plan, matcher, way, rule)
    for outcome, wanted in (("match", case.expect), ("timeout", case.expect_timeout)):
        if wanted is None:
            continue
        got = [found(match, rule) for match in given if match.outcome == outcome]
        if outcome == "match":
            got += [{} for _ in blanks(case, got, rule)]
        if counted(got) != counted(wanted):
            what = "other matches" if outcome == "match" else "other timeouts"
            return Outcome(case, "failed", what, rule.text, matches_text(wanted), matches_text(got))
    if rule.columns:
        expected_rows, got_rows = rows_wanted(case, rule), rows_given(plan, given, rule)
        for event in blanks(case, [found(match, rule) for match in given], rule):
            got_rows.append(
                tuple((rule.blank or {}).get(name, event.fields.get(name)) for name in rule.columns)
            )
        if not alike(expected_rows, got_rows):
            return Outcome(case, "failed", "other rows", rule.text, str(expected_rows), str(got_rows))
    return Outcome(case, "passed", "", rule.text)


# --- the engine, and nothing of it anywhere else ----------------------------------------------------------


@lru_cache(maxsize=1)
def compile_rule(text: str) -> tuple[Plan | None, list[Diagnostic]]:
    """The plan of a rule's text, None if it is refused; and what was said about it. Kept for the next way."""
    return compile_text(Source.whole("case", text), Schema())


def as_fed(case: Case, rule: RuleText) -> Case:
    """The case with the events that the rule needs beside its own, and flushed if nothing comes after it."""
    first = starts(case, rule.start) if rule.start is not None else ()
    last = ends(case, rule.end) if rule.end is not None else ()
    return replace(case, entries=(*first, *case.entries, *last), flush=case.flush or rule.complete)


def starts(case: Case, kind: str) -> Iterator[Event]:
    """The start of the query: at time 0, or for each key, and of a table, just before its first event."""
    if not case.key and case.semantics != "row_pattern":
        yield Event(kind, 0, -1, {})
        return
    seen: set[tuple[Value, ...]] = set()
    for event in _in_order(case.events):
        key = tuple(event.fields.get(name) for name in case.key)
        if key not in seen and None not in key:
            seen.add(key)
            yield Event(kind, event.ts_ms, -len(seen), dict(zip(case.key, key, strict=True)))


def ends(case: Case, kind: str) -> Iterator[Event]:
    """The end of the log: just behind its last event, for each key behind its own."""
    newest = {tuple(event.fields.get(name) for name in case.key): event for event in _in_order(case.events)}
    for key, event in newest.items():
        seq = len(case.entries) + event.seq
        yield Event(kind, event.ts_ms, seq, dict(zip(case.key, key, strict=True)))


def match_all(case: Case, plan: Plan, matcher: Matcher, way: Way, rule: RuleText) -> list[Match]:
    """Everything the matcher gives for the entries of a case, in order of completion, behind the pipes."""
    tests = Tests([plan])
    given: list[Match] = []
    # Nothing is missing in front of a complete log, so an absence there is known for as long as it asks.
    first_ms = min((event.ts_ms for event in case.events), default=0)
    since_ms = first_ms - NO_WINDOW_MS if rule.complete else None
    for delivery in deliveries(case, way):
        if delivery.events:
            batch = Batch.of(delivery.events)
            given += matcher.process(make_feed(plan, batch, tests.masks(batch), since_ms))
        given += matcher.advance(delivery.watermark_ms)
    return piped(given, rule.pipes)


def piped(given: list[Match], pipes: Sequence[tuple[str, int]]) -> list[Match]:
    """What is left of matches, in the order of their last events, behind `head` and `tail`."""
    if pipes:
        given = sorted(given, key=lambda match: match.last)
    for name, count in pipes:
        given = given[:count] if name == "head" else given[max(len(given) - count, 0) :]
    return given


# --- time -------------------------------------------------------------------------------------------------


def deliveries(case: Case, way: Way) -> Iterator[Delivery]:
    """The entries of a case as an engine gets them."""
    for delivery in _released(case):
        if way == "single":
            for event in delivery.events:
                # Others of the same millisecond may still come, so time stands just before it.
                yield Delivery((), event.ts_ms - 1)
                yield Delivery((event,), event.ts_ms - 1)
            yield Delivery((), delivery.watermark_ms)
        else:
            yield delivery


def _released(case: Case) -> Iterator[Delivery]:
    """Events that may be processed, in order, by watermark.

    An event whose time is not after the watermark is late and dropped. Time then stands 1 ms before the
    watermark of the case: there a window of d is over when d has passed, with us when more than d has passed.
    Without watermarks the events are in order, and time is that of the last one.
    """
    waiting: list[Event] = []
    reached: int | None = None
    end = _end_ms(case)
    if not any(isinstance(entry, Watermark) for entry in case.entries):
        events = _in_order(case.events)
        if events:
            yield Delivery(events, events[-1].ts_ms - 1)
    else:
        for entry in case.entries:
            if isinstance(entry, Watermark):
                reached = min(entry.ts_ms, end)
                ready = [event for event in waiting if event.ts_ms <= reached]
                waiting = [event for event in waiting if event.ts_ms > reached]
                yield Delivery(_in_order(ready), reached - 1)
            elif reached is None or entry.ts_ms > reached:
                waiting.append(entry)
    if case.flush:
        yield Delivery(_in_order(waiting), end)


def _in_order(events: Sequence[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.position))


def _end_ms(case: Case) -> int:
    """Event time at the end of everything: after every real window, before the one that stands for none."""
    return min((event.ts_ms for event in case.events), default=0) + NO_WINDOW_MS - 1


# --- comparison -------------------------------------------------------------------------------------------


def found(match: Match, rule: RuleText) -> Found:
    """A match in the words of the case; events of several variables of ours come in order of position."""
    taken: dict[str, list[Event]] = {}
    for ours, events in match.bindings.items():
        names = rule.variables.get(ours, ours) or ()
        for name in (names,) if isinstance(names, str) else names:
            taken.setdefault(name, []).extend(events)
    return {
        name: tuple(event.seq for event in sorted(events, key=lambda event: event.position))
        for name, events in taken.items()
    }


def blanks(case: Case, matches: Sequence[Found], rule: RuleText) -> list[Event]:
    """The rows at which the source has an empty match: its search came by, and none of `matches` begins.

    After a match the search goes on behind its last row, or at the row after its first one.
    """
    if rule.blank is None:
        return []
    passed: set[int] = set()
    for match in matches:
        rows = sorted(row for taken in match.values() for row in taken)
        passed.update(rows if case.skip == "past_last" else rows[:1])
    return [event for event in case.events if event.seq not in passed]


def counted(matches: Sequence[Found]) -> Counter[tuple[tuple[str, tuple[int, ...]], ...]]:
    """Matches as a multiset: neither their order nor that of their variables matters."""
    return Counter(tuple(sorted(match.items())) for match in matches)


def matches_text(matches: Sequence[Found]) -> str:
    """Matches in one line, sorted, so that two can be compared by eye.

    >>> matches_text([{"a": (1,)}, {"a": (0, 2), "b": (3,)}])
    'a[0, 2] b[3]; a[1]'
    """
    each = sorted(" ".join(f"{var}{list(taken)}" for var, taken in match.items()) for match in matches)
    return "; ".join(each) or "(none)"


def errors_text(diagnostics: Sequence[Diagnostic]) -> str:
    """What a rule was refused for, in one line."""
    return "; ".join(f"{each.code} {each.message}" for each in diagnostics if each.severity == "error")


def rows_wanted(case: Case, rule: RuleText) -> list[Cells]:
    """The columns of `expect_rows` that the rule says too."""
    rows = (case.raw or {}).get("expect_rows") or ()
    return [tuple(row.get(name) for name in rule.columns) for row in rows]


def rows_given(plan: Plan, given: Sequence[Match], rule: RuleText) -> list[Cells]:
    """What `EMIT` says of each match, column by column."""
    assert plan.pattern.emit is not None, "a rule whose columns are compared has an EMIT"
    items = [(name, value_of(expr)) for name, expr in plan.pattern.emit.items]
    rows = []
    for match in given:
        scope = Scope(None, match.bindings, match.key)
        cells = {name: value(scope) for name, value in items}
        rows.append(tuple(cells[name] for name in rule.columns))
    return rows


def alike(wanted: Sequence[Cells], got: Sequence[Cells]) -> bool:
    """Whether two tables hold the same rows, in any order; fractions agree to nine digits."""
    left = list(got)
    for row in wanted:
        place = next((i for i, other in enumerate(left) if all(map(_same, row, other))), None)
        if place is None:
            return False
        del left[place]
    return not left


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return is_number(one) and is_number(other) and math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)
