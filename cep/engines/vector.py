"""The fast engine: patterns whose runs are each at one place, matched by array operations over batches.

    answers ──▶ kernel ──candidates──▶ chooser ──▶ matches     a kernel for rules that differ in choice only
                   └──── crowded keys ──▶ stepped engine ──▶   limits are its business

What a pattern must be for that is said in `vector_track`; any other is stepped by `reference`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Final

from cep.columns import Bools, Ints
from cep.engines.automaton import Automaton
from cep.engines.feed import Feed
from cep.engines.history import extend
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Counters, Limits, Matcher
from cep.engines.matches import NO_MATCHES, Matches
from cep.engines.reference import ReferenceMatcher
from cep.engines.runs import Arrival, Taken, arrive, take
from cep.engines.snapshot import Begun, Overall, Run, Snapshot
from cep.engines.vector_choose import BEFORE_ALL, Chooser
from cep.engines.vector_compiled import Bench
from cep.engines.vector_compiled import bench as make_bench
from cep.engines.vector_found import Found, Handed, Story
from cep.engines.vector_kernel import Kernel
from cep.engines.vector_track import Track, UnfitError, track_of
from cep.engines.vector_union import Lane, bundles, shape_of, together
from cep.event import Key, Position
from cep.plan.compile import Plan
from cep.plan.pattern import Pattern
from cep.values import replaced, value


@value
class Choice:
    """How a plan is matched: as arrays with its track, or stepped for a reason."""

    track: Track | None
    reason: str


def choice(plan: Plan, limits: Limits | None = None) -> Choice:
    """Whether a plan fits the vector engine."""
    if limits is not None and limits.overflow == "stop_rule":
        return Choice(None, "overflow: stop_rule")
    try:
        return Choice(track_of(plan), "every run is at one place")
    except UnfitError as error:
        return Choice(None, str(error))


def matchers(rules: Sequence[tuple[Plan, Limits]], *, compiled: bool = True) -> list[Matcher]:
    """A matcher for each rule: on tracks where the plan fits, else stepped.

    The compiled stepper steps tracks if it was built and `compiled` does not forbid it, else arrays do.
    """
    numbers: dict[object, int] = {}
    cores = [numbers.setdefault(_core(plan.pattern), len(numbers)) for plan, _ in rules]
    chosen = _choices(rules, cores)
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, ((plan, limits), one) in enumerate(zip(rules, chosen, strict=True)):
        if one.track is not None:
            groups.setdefault((cores[i], *_likeness(plan, limits, one.track)), []).append(i)
    shapes: dict[object, list[Lane]] = {}
    for (_, *alike), members in groups.items():
        lane = _lane(members, rules, chosen)
        shapes.setdefault((shape_of(lane), *alike), []).append(lane)
    bench = make_bench() if compiled else None
    made: dict[int, Matcher] = {}
    for bundle in chain.from_iterable(map(bundles, shapes.values())):
        made |= _matchers_of(bundle, rules, bench)
    return [made[i] if i in made else ReferenceMatcher(*rule) for i, rule in enumerate(rules)]


def _lane(members: Sequence[int], rules: Sequence[tuple[Plan, Limits]], chosen: Sequence[Choice]) -> Lane:
    widest = max(members, key=lambda i: rules[i][0].pattern.within_ms or 0)
    track = chosen[widest].track
    assert track is not None
    return Lane(tuple(members), rules[widest][0], track)


def _matchers_of(
    bundle: Sequence[Lane], rules: Sequence[tuple[Plan, Limits]], bench: Bench | None
) -> Iterator[tuple[int, Matcher]]:
    """The matchers of rules that share a kernel, by the number of the rule."""
    numbers = [i for lane in bundle for i in lane.members]
    fields = sorted({name for i in numbers for name in rules[i][0].fields})
    windows = [lane.plan.pattern.within_ms for lane in bundle]
    within_ms = None if windows[0] is None else max(window or 0 for window in windows)
    track = together([lane.track for lane in bundle])
    kernel = Kernel([lane.plan for lane in bundle], track, within_ms, rules[numbers[0]][1], fields, bench)
    for variant, lane in enumerate(bundle):
        for i in lane.members:
            yield i, VectorMatcher(*rules[i], kernel, variant)


def _choices(rules: Sequence[tuple[Plan, Limits]], cores: Sequence[int]) -> list[Choice]:
    """The choice for each rule, made once for rules that differ in nothing that a track knows."""
    made: dict[object, Choice] = {}
    chosen = []
    for (plan, limits), core in zip(rules, cores, strict=True):
        known = core, plan.pattern.pick, plan.pattern.after, limits.overflow
        if known not in made:
            made[known] = choice(plan, limits)
        chosen.append(made[known])
    return chosen


def matcher(plan: Plan, limits: Limits | None = None) -> Matcher:
    """The matcher of one rule."""
    return matchers([(plan, limits or Limits())])[0]


def _core(pattern: Pattern) -> object:
    """All of a pattern but what rules choose by, and how long the window is if there is one."""
    return pattern.within_ms is None, _CORE(pattern)


_CHOSEN: Final = frozenset({"within_ms", "pick", "after", "after_var", "limit", "emit"})
_CORE: Final = attrgetter(*(each.name for each in fields(Pattern) if each.name not in _CHOSEN))


def _likeness(plan: Plan, limits: Limits, track: Track) -> tuple[object, ...]:
    """Rules of one core for which this is equal have the same candidates, windows aside."""
    windowed = any(stage.whole for stage in track.stages)
    return plan.pattern.within_ms if windowed else None, limits.runs_per_key, limits.events_per_key


def _sorted(matches: Matches, stepped: Sequence[Match]) -> Sequence[Match]:
    return sorted([*matches, *stepped], key=lambda match: match.sort_key) if stepped else matches


class VectorMatcher:
    """See `Matcher`: one plan, every key, on the candidates of a kernel."""

    def __init__(self, plan: Plan, limits: Limits, kernel: Kernel, variant: int) -> None:
        """A matcher with no state yet, for one of the variants that the kernel steps side by side."""
        self.counters = Counters()
        self._plan = plan
        self._limits = limits
        self._kernel = kernel
        self._variant = variant
        self._chooser = Chooser(plan.pattern, variant)
        self._seen: Found | None = None
        self._watermark_ms = -FOREVER_MS
        self._touched: set[Key] | None = None
        kernel.clients.append(self)

    def process(self, feed: Feed) -> Sequence[Match]:
        """What a batch completes; crowded keys go to the stepped engine with all they have."""
        found = self._kernel.process(feed.answers)
        null_keys, offered = self._kernel.counted(feed, self._variant)
        self.counters.null_keys += null_keys
        self.counters.offered += offered
        self._touch(found)
        matches = self._chooser.matches(found)
        for handed in found.handed:
            self.adopt(handed)
        if found.held is not None:
            only = Feed(feed.plan, feed.answers, feed.since_ms, found.held)
            stepped = self._stepped.process(only)
            self.counters.dropped_runs = self._stepped.counters.dropped_runs
            return _sorted(matches, stepped)
        return matches

    def advance(self, watermark_ms: int) -> Sequence[Match]:
        """What time completes."""
        self._watermark_ms = max(watermark_ms, self._watermark_ms)
        found = self._kernel.advance(watermark_ms)
        fresh = found is not self._seen
        self._seen = found
        matches = self._chooser.matches(found) if fresh else NO_MATCHES
        if fresh:
            self._touch(found)
        self._chooser.prune(watermark_ms)
        return _sorted(matches, self._stepped.advance(watermark_ms)) if self._steps else matches

    def deadline_ms(self, key: Key) -> int | None:
        """The next time `advance` can matter for this key."""
        if self._kernel.is_held(key):
            return self._stepped.deadline_ms(key)
        runs = self._kernel.runs_of(key, self._variant)
        mine = self._mine(key, runs.start_ms, runs.start_seq)
        due_ms = self._kernel.due_ms(runs, self._within_ms)[mine]
        # The kernel sweeps now and then: what is over for this rule may still be there.
        due_ms = due_ms[(due_ms > self._watermark_ms) & (due_ms < FOREVER_MS)]
        return int(due_ms.min()) if len(due_ms) else None

    def open_runs(self) -> int:
        """How many partial matches there are now, over all keys."""
        gone = self._chooser.horizons()
        count = self._kernel.open_runs(self._variant, self._within_ms, self._watermark_ms, gone)
        return count + (self._stepped.open_runs() if self._steps else 0)

    @cached_property
    def _auto(self) -> Automaton:
        return Automaton(self._plan)

    @cached_property
    def _stepped(self) -> ReferenceMatcher:
        """For keys that are stepped: most rules never have any."""
        stepped = ReferenceMatcher(self._plan, self._limits)
        if self._touched is not None:
            stepped.touched()
        return stepped

    @property
    def _steps(self) -> bool:
        return "_stepped" in self.__dict__

    # --- state as a value --------------------------------------------------------------------------------

    def touched(self) -> set[Key]:
        """Keys whose state may have changed since the last call; the first call starts the count."""
        self._kernel.tracks = True
        self._kernel.expire(self._watermark_ms)
        touched = self._touched or set()
        self._touched = set()
        return touched | self._stepped.touched() if self._steps else touched

    def snapshot(self, key: Key) -> Snapshot | None:
        """What lives of a key, in the words of the automaton."""
        return next(self.snapshots([key]))[1]

    def snapshots(self, keys: Collection[Key]) -> Iterator[tuple[Key, Snapshot | None]]:
        """`snapshot` of each of these keys as it is now: their runs are copied at once, and told later."""
        stopped = self._chooser.stopped
        kept: list[tuple[Key, Snapshot | None]] = []
        free: list[Key] = []
        for key in keys:
            if self._kernel.is_held(key):
                kept.append((key, self._stepped.snapshot(key)))
            elif key in stopped:
                kept.append((key, Snapshot(stopped=True)))
            else:
                free.append(key)
        horizons = dict(self._chooser.horizons())
        stories = self._kernel.stories_of(free, self._variant, self._within_ms, self._watermark_ms)

        def told() -> Iterator[tuple[Key, Snapshot | None]]:
            yield from kept
            for key, runs in stories:
                begun = self._begun(key, runs, horizons.get(key, BEFORE_ALL))
                yield key, Snapshot(begun=begun) if begun else None

        return told()

    def restore(self, key: Key, snapshot: Snapshot) -> None:
        """Go on with a key from a snapshot: stepped, until there is nothing left of it."""
        self._kernel.hold(key)
        self._chooser.forget(key)
        self._stepped.restore(key, snapshot)

    def overall(self) -> Overall:
        """What is held beside the keys."""
        return self._stepped.overall() if self._steps else Overall()

    def restore_overall(self, overall: Overall) -> None:
        """Go on from that; before the first event."""
        if overall != Overall():
            self._stepped.restore_overall(overall)

    # --- keys that are stepped ---------------------------------------------------------------------------

    def idle(self, key: Key) -> bool:
        """Whether the stepped engine has nothing of a key."""
        return not (self._steps and self._stepped.holds(key))

    def adopt(self, handed: Handed) -> None:
        """Have a key stepped from now on."""
        stopped = handed.key in self._chooser.stopped
        begun = () if stopped else self._begun(handed.key, handed.runs, self._chooser.horizon(handed.key))
        if begun or stopped:
            self._stepped.restore(handed.key, Snapshot(begun=begun, stopped=stopped))

    @property
    def _within_ms(self) -> int:
        within_ms = self._plan.pattern.within_ms
        return FOREVER_MS if within_ms is None else within_ms

    def _mine(self, key: Key, start_ms: Ints, start_seq: Ints) -> Bools:
        """Which of the kernel's runs no match of this rule has taken away."""
        at = self._chooser.horizon(key)
        mine: Bools = (start_ms > at.ts_ms) | ((start_ms == at.ts_ms) & (start_seq > at.seq))
        return mine

    def _begun(self, key: Key, runs: Sequence[tuple[Position, Story]], at: Position) -> tuple[Begun, ...]:
        """The runs of this rule: of its variant, within its window, and taken away by no match."""
        return tuple(
            Begun(start, (self._run(key, story),))
            for start, story in runs
            if story[0][0].variant == self._variant
            and story[-1][1].ts_ms - start.ts_ms <= self._within_ms
            and start > at
        )

    def _run(self, key: Key, story: Story) -> Run:
        """A run that has taken these events, as the automaton tells it."""
        arcs = [self._auto.arcs[move.state][move.place] for move, _ in story]
        run = Run(0, (), None, story[0][1].position, 0)
        if any(arc.effects for arc in arcs):
            for arc, (_, event) in zip(arcs, story, strict=True):
                run = take(run, arc, Arrival(event, key, 0, 0))
        else:
            cell = None
            for move, event in story:
                cell = extend(cell, move.var, event)
            run = Run(arcs[-1].target, (), cell, run.start, 0, story[-1][1].ts_ms)
        run, _ = arrive(self._auto, Taken(story[-1][0].place, run), key)
        return replaced(run, fresh=False)

    def touch(self, keys: Iterable[Key]) -> None:
        """Runs of these keys are over."""
        if self._touched is not None:
            self._touched.update(keys)

    def _touch(self, found: Found) -> None:
        if self._touched is not None:
            self._touched |= found.touched()
