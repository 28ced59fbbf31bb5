"""Clauses: windows and what must fit in them, numbers in reach, choices that exclude each other."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from cep.errors import Span
from cep.event import duration_text
from cep.language.expressions import DurationSyntax
from cep.language.printer import show
from cep.language.report import Report, used_at
from cep.language.sites import Survey, is_loop, steps_of
from cep.language.suggest import listed
from cep.language.syntax import (
    BySuffix,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    PatternSyntax,
    UnitSyntax,
    WindowSyntax,
    WithinSuffix,
)
from cep.language.tree import outline
from cep.schema import Schema


def check_clauses(pattern: PatternSyntax, survey: Survey, schema: Schema, report: Report) -> None:
    """The clauses of the whole, and the windows of steps against them."""
    window_ms = _window(pattern.within, report)
    if pattern.gap is not None:
        _duration(pattern.gap, "GAP", report)
        _fits(pattern.gap, "GAP", window_ms, report)
    _suffixes(pattern.unit, window_ms, report)
    _limit(pattern, report)
    _sample(pattern, report)
    _emits(pattern, report)
    _picks(pattern, report)
    _key(pattern, survey, schema, report)


# --------------------------------------------------------------------------------------------- windows


def _window(window: WindowSyntax | None, report: Report) -> int | None:
    """The length of the pattern's window in ms, if it has one that bounds its parts."""
    if window is None:
        return None
    if window.events is not None:
        number = window.events.number
        if number is not None and number < 1:
            message = "a window of no events holds no match"
            report.error("E309", window.events.span, message, "at least 1", "WITHIN 100 EVENTS")
        return None
    assert window.duration is not None
    _duration(window.duration, "WITHIN", report)
    if window.tumbling or window.hop is not None:
        word = "TUMBLING" if window.tumbling else "HOP"
        message = f"{word} windows are not supported yet"
        repair = f"WITHIN {show(window.duration)} slides with the events"
        report.error("E501", window.span, message, "windows that start by the clock", repair)
    if window.hop is not None:
        _duration(window.hop, "HOP", report)
        if (
            window.hop.ms is not None
            and window.duration.ms is not None
            and window.hop.ms > window.duration.ms
        ):
            label = f"the window is {show(window.duration)}"
            report.error(
                "E305",
                window.hop.span,
                "HOP is larger than the window",
                label,
                f"HOP {show(window.duration)}",
            )
    return window.duration.ms


def _duration(duration: DurationSyntax, word: str, report: Report) -> None:
    if duration.ms == 0:
        message = f"{word} of no time"
        label = _NOTHING.get(word, "only events of the very same millisecond would fit")
        report.error("E305", duration.span, message, label, f"{word} 10m")


_NOTHING: Final = {
    "FOR": "an absence of no time",
    "PER": "a limit per no time",
    "HOP": "it would never move on",
}


def _fits(duration: DurationSyntax, word: str, window_ms: int | None, report: Report) -> None:
    if duration.ms is None or window_ms is None or duration.ms <= window_ms:
        return
    if used_at(duration.span, report.source):
        # A definition may be used in a smaller window than its own.
        return
    window = duration_text(window_ms)
    message = f"{word} {duration.text or show(duration)} is larger than the window around it"
    report.error(
        "E305", duration.span, message, f"WITHIN {window} ends it sooner", f"{word} {window} or less"
    )


def _suffixes(unit: UnitSyntax, window_ms: int | None, report: Report) -> None:
    """The windows of all steps in a unit, each against the windows around it."""
    for step in steps_of(unit.core):
        inside_ms = window_ms
        for suffix in step.suffixes:
            match suffix:
                case WithinSuffix(duration, of):
                    _duration(duration, "WITHIN", report)
                    _fits(duration, "WITHIN", window_ms, report)
                    if of is None and duration.ms is not None:
                        inside_ms = duration.ms if inside_ms is None else min(inside_ms, duration.ms)
                case GapSuffix(duration):
                    _duration(duration, "GAP", report)
                    _fits(duration, "GAP", window_ms, report)
                case ForSuffix(duration):
                    _duration(duration, "FOR", report)
                case BySuffix():
                    pass
        _suffixes(step.unit, inside_ms, report)


# --------------------------------------------------------------------------------- numbers and outputs


def _limit(pattern: PatternSyntax, report: Report) -> None:
    limit = pattern.limit
    if limit is None:
        return
    if limit.count.number == 0:
        report.error(
            "E309", limit.count.span, "LIMIT 0 lets no alert through", "at least 1", "LIMIT 1 PER 1h"
        )
    if limit.per is not None:
        _duration(limit.per, "PER", report)


def _sample(pattern: PatternSyntax, report: Report) -> None:
    if pattern.sample is None:
        return
    percent = pattern.sample.percent
    share = percent.value
    assert isinstance(share, Decimal)
    if not 0 < share <= 1:
        message = f"SAMPLE {percent.text.rstrip('%')}% keeps " + (
            "no key at all" if share <= 0 else "more than all keys"
        )
        report.error("E309", percent.span, message, "more than 0% and at most 100%", "SAMPLE 10%")


def _emits(pattern: PatternSyntax, report: Report) -> None:
    moments: dict[str, Span] = {}
    for emit in pattern.emits:
        moment = emit.moment or "match"
        kind = "timeout" if moment == "timeout" else "match"
        head = Span(emit.span.start, emit.span.start + 4)
        if kind in moments:
            place = report.source.place(moments[kind].start)
            report.error(
                "E310", head, f"a {kind} is told once", f"the first EMIT is at {place.line}:{place.column}",
                "keep one EMIT, and beside it at most one ON TIMEOUT EMIT",
            )  # fmt: skip
        moments.setdefault(kind, emit.span)
        if moment in {"timeout", "close"} and not _has_deadline(pattern):
            message, label = f"ON {moment.upper()} without a window", "nothing in this pattern ends by time"
            report.error("E310", head, message, label, "WITHIN 1h")
        if moment in {"update", "close"} and pattern.pick is not None and pattern.pick.pick == "leftmost":
            message = f"PICK LEFTMOST and ON {moment.upper()} exclude each other"
            label = "LEFTMOST decides a match once, when all is known"
            report.error("E310", pattern.pick.span, message, label, "remove PICK LEFTMOST, or write ON MATCH")


def _has_deadline(pattern: PatternSyntax) -> bool:
    if pattern.within is not None or pattern.gap is not None:
        return True
    return any(isinstance(node, WithinSuffix | GapSuffix | ForSuffix) for node in outline(pattern.unit))


def _picks(pattern: PatternSyntax, report: Report) -> None:
    pick, after = pattern.pick, pattern.after
    if pick is None or after is None:
        return
    if pick.pick in {"all", "each"} and after.kind == "past_last":
        word = pick.pick.upper()
        message = f"PICK {word} changes nothing with SKIP PAST LAST"
        label = "the first match takes its events from the others"
        report.warning("W406", pick.span, message, label, "AFTER MATCH NO SKIP")


# ------------------------------------------------------------------------------------------------- key

_LIKELY_KEYS: Final[tuple[str, ...]] = (
    "user_id",
    "account",
    "account_id",
    "card",
    "customer",
    "host",
    "session_id",
    "ip",
)


def _key(pattern: PatternSyntax, survey: Survey, schema: Schema, report: Report) -> None:
    if pattern.by or any(place.by for place in survey.places) or _is_filter(pattern):
        return
    taken = [place for place in survey.places if not place.negated]
    fields: list[set[str]] = [
        set(schema.types[str(path)])
        for place in taken
        for path in place.event.types
        if schema.declares(str(path))
    ]
    common = set.intersection(*fields) if fields else set()
    likely = [name for name in _LIKELY_KEYS if name in common] or sorted(
        n for n in common if n.endswith("_id")
    )
    start = pattern.unit.core.span.start
    # The word that begins the pattern, or the type: the whole of it would be a long line of carets.
    head = re.match(r"[^(\[\s]*", report.source.text[start:])
    span = Span(start, start + max(1, head.end() if head else 1))
    label = "events of different users, cards or hosts can make one match"
    if common and not likely:
        label += f"; all have {listed(sorted(common))}"
    report.warning("W402", span, "this pattern has no BY", label, f"BY {likely[0] if likely else 'user_id'}")


def _is_filter(pattern: PatternSyntax) -> bool:
    """Whether one event is the whole match: it is looked at alone, and no key is needed."""
    unit = pattern.unit
    single = isinstance(unit.core, EventSyntax) and (unit.quant is None or not is_loop(unit.quant))
    return single and pattern.limit is None and not pattern.unless
