"""What becomes of a run when an event arrives.

    open arcs of the run        the event …
    ────────────────────        ───────────────────────────────────────────────
    past their time             closed
    killed                      an absence forbids it: closed
    fits, chosen                a new run behind the arc; the run itself keeps what contiguity allows
    fits not                    strict closes, relaxed and `any` stay open

`step` is pure. Which of several fitting arcs are chosen is the only difference between the ways to pick:
`FIRST LAST EACH` do one thing at a time (`eager`), `ALL` and `LEFTMOST` do everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from cep.engines.automaton import Automaton, guarded
from cep.engines.evaluate import Scope
from cep.engines.history import Bound, extend
from cep.engines.snapshot import Open, Run
from cep.event import Event, Key
from cep.plan.nfa import Arc
from cep.values import replaced, value


@value
class Taken:
    """The run behind an arc, and arcs of its state that are not to open: see `Arc.kept`."""

    arc: int
    run: Run
    shut: frozenset[int] = frozenset()


@value
class Stepped:
    """What an event made of a run: the runs behind the chosen arcs, best first, and what is left of it."""

    taken: tuple[Taken, ...]
    rest: Run | None


@value
class Arrival:
    """The event under test: with its key, the bits of the tests it passes, its ordinal in the key."""

    event: Event
    key: Key
    bits: int
    ordinal: int


def step(auto: Automaton, run: Run, now: Arrival) -> Stepped:
    """Offer one event to one run."""
    event = now.event
    scope = Scope(event, Bound(run.cell), now.key)
    run = _until(auto, run, now, scope)
    arcs = auto.arcs[run.state]
    alive, suspects = _survivors(auto, run, now, scope)
    fits = [
        index
        for index, limit_ms in run.open
        if arcs[index].step is not None
        and event.ts_ms <= limit_ms
        and _takes(auto, run, arcs[index], now, scope)
    ]
    chosen = auto.choose(run.state, fits, [index for index, limit_ms in alive if event.ts_ms <= limit_ms])
    # What the event forbids was still hoped for when it came.
    waiting = [index for index, limit_ms in run.open if event.ts_ms <= limit_ms]
    taken = tuple(
        _keep(auto, run, _behind(auto, run, index, now, scope), now, alive, suspects)
        for index in chosen
        if index not in run.aside
    )
    left = tuple(
        (index, limit_ms) for index, limit_ms in alive if _stays(auto, run, index, chosen, waiting, event)
    )
    left = in_time(auto, run, left, event.ts_ms)
    if left == run.open and suspects == run.suspects and not run.fresh:
        return Stepped(taken, run)
    if not left:
        return Stepped(taken, None)
    return Stepped(taken, replaced(run.at(left), suspects=suspects, fresh=False))


def begin(auto: Automaton, now: Arrival, allowed: Sequence[int]) -> tuple[Taken, ...]:
    """The runs that start with this event, through the arcs of the start state that are allowed."""
    nothing = Run(0, (), None, now.event.position, now.ordinal)
    scope = Scope(now.event, {}, now.key)
    arcs = auto.arcs[0]
    fits = [i for i in allowed if arcs[i].step is not None and _takes(auto, nothing, arcs[i], now, scope)]
    return tuple(Taken(i, take(nothing, arcs[i], now)) for i in auto.choose(0, fits, list(allowed)))


def arrive(auto: Automaton, taken: Taken, key: Key) -> tuple[Run, int | None]:
    """Open the arcs of the state a run has come to; also the index of the arc that ends it here and now.

    An arc to ACCEPT with an absence pending stays open until its time; one without is given back.
    """
    run = taken.run
    opened: list[Open] = []
    ends: int | None = None
    bound = Bound(run.cell)
    for index, arc in enumerate(auto.arcs[run.state]):
        if index in taken.shut or not guarded(arc.guards, run):
            continue
        if arc.step is None:
            if not auto.all_true(arc.conditions, Scope(None, bound, key)):
                continue
            if not arc.absents:
                ends = index if ends is None else ends
                continue
            opened.append((index, auto.fires_ms(arc, run.start.ts_ms, run.last_ms)))
        else:
            limit_ms = auto.limit_ms(arc, run.start.ts_ms, run.last_ms, dict(run.scopes), bound)
            opened.append((index, limit_ms))
    return run.at(in_time(auto, run, tuple(opened), run.last_ms)), ends


def in_time(auto: Automaton, run: Run, opened: tuple[Open, ...], from_ms: int) -> tuple[Open, ...]:
    """Without the arcs whose time is over, unless what is still open may set their time anew."""
    renewed = auto.renewed[run.state]
    left = tuple(pair for pair in opened if pair[1] >= from_ms or pair[0] in renewed)
    return left if not renewed or lives(run.at(left), from_ms) else ()


def lives(run: Run, from_ms: int) -> bool:
    """Whether it may go on itself at that time or later."""
    return any(limit_ms >= from_ms for _, limit_ms in run.waiting)


def due_ms(auto: Automaton, run: Run) -> int:
    """When time alone next does something to the run: an absence has lasted, or its last arc is over."""
    arcs = auto.arcs[run.state]
    fires = [ms for index, ms in run.waiting if arcs[index].step is None]
    if fires:
        return min(fires)
    return max((ms for _, ms in run.waiting), default=run.last_ms)


def _until(auto: Automaton, run: Run, now: Arrival, scope: Scope) -> Run:
    """Close the loops that this event ends, and with them the arcs that go on in them."""
    closing = frozenset(
        loop
        for loop, until in auto.untils[run.state]
        if loop not in run.closed and auto.fits(until, now.bits, scope)
    )
    if not closing:
        return run
    arcs = auto.arcs[run.state]
    still = tuple(
        (index, limit_ms)
        for index, limit_ms in run.open
        if not any(guard.kind == "open" and guard.loop in closing for guard in arcs[index].guards)
    )
    return replaced(run.at(still), closed=run.closed | closing)


def _survivors(
    auto: Automaton, run: Run, now: Arrival, scope: Scope
) -> tuple[tuple[Open, ...], tuple[tuple[int, Event], ...]]:
    """The arcs that no absence closes behind the event; an arc may take the event that would close it, since
    what is taken is not between. Also notes new suspects.
    """
    if not auto.has_absents[run.state]:
        return run.open, run.suspects
    alive: list[Open] = []
    suspects = dict.fromkeys(run.suspects)
    for index, limit_ms in run.open:
        arc = auto.arcs[run.state][index]
        killed = False
        for absent in arc.absents:
            if absent.next_only and not run.fresh:
                continue
            if absent.for_ms is not None and now.event.ts_ms > run.last_ms + absent.for_ms:
                continue
            if arc.step is None and absent.for_ms is None and now.event.ts_ms > limit_ms:
                continue
            if not auto.may_fit(absent.step, now.bits):
                continue
            if auto.looks_ahead(absent.step, arc):
                suspects[absent.step.index, now.event] = None
            elif auto.fits(absent.step, now.bits, scope):
                killed = True
        if not killed:
            alive.append((index, limit_ms))
    return tuple(alive), tuple(suspects)


def _takes(auto: Automaton, run: Run, arc: Arc, now: Arrival, scope: Scope) -> bool:
    """Whether the arc takes the event, its time limits aside."""
    assert arc.step is not None
    if not auto.may_fit(arc.step, now.bits):
        return False
    if arc.hold_ms and now.event.ts_ms <= run.last_ms + arc.hold_ms:
        return False
    if auto.within_events is not None and now.ordinal - run.ordinal >= auto.within_events:
        return False
    if any(auto.fits(barrier, now.bits, scope) for barrier in arc.barriers):
        return False
    if run.fresh and any(a.next_only and auto.fits(a.step, now.bits, scope) for a in arc.absents):
        return False
    if not auto.fits(arc.step, now.bits, scope):
        return False
    if not arc.conditions and not run.suspects:
        return True
    bound = dict(scope.bound)
    bound[arc.step.var] = [*bound.get(arc.step.var, ()), now.event]
    if not auto.all_true(arc.conditions, Scope(now.event, bound, now.key)):
        return False
    waiting = {absent.step.index: absent.step for absent in arc.absents}
    return not any(
        index in waiting and auto.suspect_fits(waiting[index], Scope(event, bound, now.key))
        for index, event in run.suspects
        if event is not now.event
    )


def take(run: Run, arc: Arc, now: Arrival) -> Run:
    """The run behind the arc, its registers set; `arrive` opens its arcs."""
    assert arc.step is not None
    counts, scopes, closed = dict(run.counts), dict(run.scopes), run.closed
    for effect in arc.effects:
        match effect.kind:
            case "enter":
                counts[effect.index] = 1
                closed -= {effect.index}
            case "again":
                counts[effect.index] = counts.get(effect.index, 0) + 1
            case "scope":
                scopes[effect.index] = now.event.ts_ms
            case "ready":
                closed -= {effect.index}
    return Run(
        state=arc.target,
        open=(),
        cell=extend(run.cell, arc.step.var, now.event),
        start=run.start,
        ordinal=run.ordinal,
        last_ms=now.event.ts_ms,
        counts=tuple(sorted(counts.items())),
        scopes=tuple(sorted(scopes.items())),
        closed=closed,
    )


def _behind(auto: Automaton, run: Run, index: int, now: Arrival, scope: Scope) -> Taken:
    """The run behind an arc; an AND that forbids the event between its first and last is over, or lost."""
    arc = auto.arcs[run.state][index]
    shut = frozenset(new for new, absent in arc.between if auto.fits(absent.step, now.bits, scope))
    return Taken(index, take(run, arc, now), shut)


def _keep(
    auto: Automaton,
    run: Run,
    taken: Taken,
    now: Arrival,
    alive: Sequence[Open],
    suspects: tuple[tuple[int, Event], ...],
) -> Taken:
    """Other branches of an AND have not moved: what is closed there stays closed, what is suspect suspect."""
    arc, fresh = auto.arcs[run.state][taken.arc], taken.run
    if not arc.kept:
        return taken
    standing = {index for index, _ in alive}
    old_arcs, new_arcs = auto.arcs[run.state], auto.arcs[fresh.state]
    # What is strict to the step before the AND has waited with it; what is strict in its branch is over.
    shut = taken.shut.union(
        new
        for new, old in arc.kept
        if (old not in standing and not _outlives(auto, run, now, old_arcs[old], new_arcs[new]))
        or old_arcs[old].follow == new_arcs[new].follow == "strict"
    )
    waiting = {a.step.index for new, _ in arc.kept for a in new_arcs[new].absents}
    return Taken(taken.arc, replaced(fresh, suspects=tuple(s for s in suspects if s[0] in waiting)), shut)


def _outlives(auto: Automaton, run: Run, now: Arrival, old: Arc, new: Arc) -> bool:
    """Whether what the event closes is open behind it: it was forbidden up to the AND, which it begins."""
    ongoing = [absent for absent in old.absents if absent in new.absents]
    if len(ongoing) == len(old.absents) or all(auto.arcs[run.state][i] is not old for i, _ in run.open):
        return False
    scope = Scope(now.event, Bound(run.cell), now.key)
    return not any(auto.fits(absent.step, now.bits, scope) for absent in ongoing)


def _stays(
    auto: Automaton, run: Run, index: int, chosen: Sequence[int], waiting: Sequence[int], event: Event
) -> bool:
    """Whether an arc is still open behind an event that the run did not take through it."""
    arc = auto.arcs[run.state][index]
    if arc.step is not None and arc.follow == "strict":
        in_wait = arc.hold_ms > 0 and event.ts_ms <= run.last_ms + arc.hold_ms
        if not in_wait:
            return False
    return not any(auto.closes(run, taken, index, waiting, chosen) for taken in chosen)


def future(auto: Automaton, run: Run) -> tuple[object, ...]:
    """Two runs that agree on this take the same events from now on."""
    bound = Bound(run.cell)
    needed = tuple(
        (var, tuple(event.seq for event in bound.get(var, ()))) for var in sorted(auto.needs[run.state])
    )
    ordinal = run.ordinal if auto.within_events is not None else 0
    counts = tuple((loop, min(rounds, auto.enough.get(loop, rounds))) for loop, rounds in run.counts)
    return (
        run.state, run.open, counts, run.scopes, run.closed, run.fresh, run.may_end, ordinal, needed,
        run.last_ms if auto.has_absents[run.state] else 0,
        tuple((index, event.seq) for index, event in run.suspects),
        run.aside,
    )  # fmt: skip
