"""An attempt: all runs that start at one event, and what an event or a deadline does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from cep.engines.automaton import Automaton
from cep.engines.runs import Arrival, Taken, arrive, begin, due_ms, future, in_time, lives, step
from cep.engines.snapshot import Run
from cep.event import Key, Position
from cep.values import mutable, replaced


@mutable
class Attempt:
    """The runs that start at one event, best first.

    `found` is a match that a better run may still beat; `cut` the longest run that a deadline has ended while
    others went on, kept where time-outs are told.
    """

    start: Position
    runs: list[Run]
    found: Run | None = None
    cut: Run | None = None

    @property
    def live(self) -> bool:
        """Whether anything can still come of it."""
        return bool(self.runs) or self.found is not None


@mutable
class News:
    """What one event or one deadline brought about: runs that are matches, runs whose window ended."""

    completed: list[tuple[Attempt, Run]] = field(default_factory=list)
    expired: list[tuple[Attempt, Run]] = field(default_factory=list)


def offer(auto: Automaton, attempt: Attempt, now: Arrival, news: News) -> None:
    """Hold an event against every run of an attempt."""
    runs: list[Run] = []
    gone: list[Run] = []
    for run in attempt.runs:
        if auto.within_events is not None and now.ordinal - run.ordinal >= auto.within_events:
            _window_over(auto, attempt, run, news, gone)
            continue
        stepped = step(auto, run, now)
        rest = stepped.rest
        if auto.closes_late and run.may_end and stepped.taken:
            attempt.found = run  # what it goes on with may come to nothing
        for taken in stepped.taken:
            if auto.leftmost and rest is not None:
                # What waits for something better stands before what is taken.
                runs += _better(rest, taken.arc, now.event.ts_ms)
                rest = rest.at(rest.open, [index for index, _ in rest.open if index < taken.arc])
            if _arrive(auto, attempt, taken, now.key, runs, news):
                attempt.runs = runs
                return
        if rest is not None and lives(rest, now.event.ts_ms):
            runs.append(rest)
        if auto.closes_late and run.may_end and stepped.rest is None and not stepped.taken:
            news.completed.append((attempt, run))
    attempt.runs = distinct(auto, runs)
    fall_back(auto, attempt, news)
    _note_expired(auto, attempt, gone, news)


def start(auto: Automaton, now: Arrival, allowed: Sequence[int], news: News) -> Attempt | None:
    """A new attempt, if the event begins one through the allowed arcs of the start state."""
    taken = begin(auto, now, allowed)
    if not taken:
        return None
    attempt = Attempt(now.event.position, [])
    runs: list[Run] = []
    for each in taken:
        if _arrive(auto, attempt, each, now.key, runs, news):
            break
    attempt.runs = distinct(auto, runs)
    return attempt


def fire(auto: Automaton, attempt: Attempt, ms: int, news: News) -> None:
    """What a deadline does to an attempt: absences that have lasted, runs whose time is over."""
    runs: list[Run] = []
    gone: list[Run] = []
    for run in attempt.runs:
        if due_ms(auto, run) > ms:
            runs.append(run)
            continue
        arcs = auto.arcs[run.state]
        fired = [index for index, at_ms in run.waiting if arcs[index].step is None and at_ms <= ms]
        left = in_time(auto, run, run.open, ms + 1)
        if fired and auto.leftmost:
            runs += _better(run.at(left), fired[0], ms + 1)
            attempt.found = run
            break
        if fired:
            news.completed.append((attempt, run))
            left = auto.further(run.state, left, fired[0])
            more = replaced(run, open=left, may_end=True)
            runs += [more] if auto.goes_on and lives(more, ms + 1) else []
        elif lives(rest := run.at(left), ms + 1):
            runs.append(rest)
        else:
            _window_over(auto, attempt, run, news, gone)
    attempt.runs = runs
    fall_back(auto, attempt, news)
    _note_expired(auto, attempt, gone, news)


def distinct(auto: Automaton, runs: list[Run]) -> list[Run]:
    """Without runs that a better one of the same start makes needless; under `PICK ALL` none is."""
    if len(runs) < 2 or auto.picks_all:
        return runs
    kept: dict[tuple[object, ...], Run] = {}
    for run in runs:
        kept.setdefault(future(auto, run), run)
    return list(kept.values())


def merge(auto: Automaton, attempts: Sequence[Attempt]) -> None:
    """Drop runs that can only ever follow an older attempt's run; see `Automaton.merges`."""
    seen: set[tuple[object, ...]] = set()
    for attempt in attempts:
        kept = []
        for run in attempt.runs:
            signature = future(auto, run)
            if signature not in seen:
                seen.add(signature)
                kept.append(run)
        attempt.runs = kept


def _arrive(auto: Automaton, attempt: Attempt, taken: Taken, key: Key, runs: list[Run], news: News) -> bool:
    """Open a new run; note a match. True if all that would follow is beaten (`PICK LEFTMOST`)."""
    run, ends = arrive(auto, taken, key)
    if ends is None:
        runs += [run] if run.open else []
        return False
    if auto.leftmost:
        runs += _better(run, ends, run.last_ms)
        attempt.found = run
        return True
    more = replaced(run, open=auto.further(run.state, run.open, ends), may_end=True)
    goes_on = lives(more, run.last_ms)
    if auto.closes_late and goes_on:
        attempt.found = None
        runs.append(more)
    else:
        news.completed.append((attempt, run))
        if goes_on and auto.goes_on:
            runs.append(more)
    return False


def _better(run: Run, than: int, from_ms: int) -> list[Run]:
    """The run as far as it waits for something better than an arc; the rest is left aside."""
    better = run.at(run.open, [index for index, _ in run.open if index >= than])
    return [better] if lives(better, from_ms) else []


def fall_back(auto: Automaton, attempt: Attempt, news: News) -> None:
    """What a match (`ON CLOSE`) went on with has come to nothing: it is given as it was before that."""
    found = attempt.found if auto.closes_late and not attempt.runs else None
    if found is not None and all(other is not attempt for other, _ in news.completed):
        news.completed.append((attempt, found))
        attempt.found = None


def _window_over(auto: Automaton, attempt: Attempt, run: Run, news: News, gone: list[Run]) -> None:
    """The time of a run is over: its deadline has come, or the event is outside its window of `n EVENTS`."""
    if auto.closes_late and run.may_end:
        news.completed.append((attempt, run))
    elif not run.may_end:
        gone.append(run)


def _note_expired(auto: Automaton, attempt: Attempt, gone: list[Run], news: News) -> None:
    """Under `PICK ALL` every partial match; else the longest, once nothing else is left of the start."""
    if not gone:
        return
    if not auto.picks_all:
        longest = max([attempt.cut, *gone] if attempt.cut else gone, key=lambda run: run.size)
        if attempt.live or any(other is attempt for other, _ in news.completed):
            attempt.cut = longest if auto.tells_timeouts else None
            return
        gone = [longest]
    news.expired += [(attempt, run) for run in gone]
