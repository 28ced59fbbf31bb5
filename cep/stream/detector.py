"""All rules over one ordered stream: test once, feed each rule's matcher, make alerts. No I/O, no clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from cep.columns import Batch
from cep.engines.engines import ENGINES, Engine
from cep.engines.feed import Tests, make_feed
from cep.engines.match import Match
from cep.engines.matcher import FOREVER_MS, Counters, Matcher
from cep.engines.matches import NO_MATCHES, Matches, in_order
from cep.engines.snapshot import Overall, Snapshot
from cep.event import Key, Position
from cep.plan.pattern import Limit
from cep.state.codec import Kept
from cep.stream.alert import Alert, Rule, Wording
from cep.stream.cost import RuleCost

Found: TypeAlias = tuple[Position, int, Position, Position, int, Alert]
"""An alert after its rank among those of all rules: when it was decided, its rule, its match, a number."""


class Detector:
    """Rules × keys of one worker. `process` is given batches in event-time order, each with a watermark."""

    def __init__(
        self, rules: Sequence[Rule], engine: Engine = ENGINES["reference"], cost: RuleCost | None = None
    ) -> None:
        """One matcher for each rule; what each costs is added to `cost`."""
        self._cost = cost
        self.rules = tuple(rules)
        self.alerts: Counter[str] = Counter()
        self.suppressed: Counter[str] = Counter()
        self._tests = Tests([rule.plan for rule in self.rules])
        made = engine([(rule.plan, rule.limits) for rule in self.rules])
        self._watch = {
            rule.name: _Watch(rule, matcher) for rule, matcher in zip(self.rules, made, strict=True)
        }
        self._limited = [watch for watch in self._watch.values() if watch.is_limited]

    def process(self, batch: Batch | None, watermark_ms: int, since_ms: int | None = None) -> list[Alert]:
        """Alerts that a batch and then the watermark complete, in the order of their detection.

        `since_ms`: how far back history reaches, if that is further than the first event of a batch.
        """
        found: list[tuple[_Watch, Matches]] = []
        answers = self._tests.masks(batch) if batch is not None and len(batch) else None
        for watch in self._watch.values():
            begun_s = 0.0 if self._cost is None else self._cost.time_s()
            offered, matches = watch.matcher.counters.offered, 0
            if answers is not None:
                feed = make_feed(watch.rule.plan, answers.batch, answers, since_ms)
                matches += self._take(watch, watch.matcher.process(feed), found)
            matches += self._take(watch, watch.matcher.advance(watermark_ms), found)
            if self._cost is not None:
                events = watch.matcher.counters.offered - offered
                self._cost.add(watch.rule.name, self._cost.time_s() - begun_s, events, matches)
        for watch in self._limited:
            watch.forget(watermark_ms)
        if not found:
            return []
        whose, ordered = in_order([(watch.rule.order, matches) for watch, matches in found])
        wordings = [watch.wording for watch, _ in found]
        return list(map(Alert, map(wordings.__getitem__, whose), ordered))

    def found(self, batch: Batch | None, watermark_ms: int, since_ms: int | None = None) -> list[Found]:
        """As `process`, with the rank of each alert: ascending."""
        alerts = self.process(batch, watermark_ms, since_ms)
        return [
            (alert.match.detected, alert.rule.order, alert.match.start, alert.match.last, i, alert)
            for i, alert in enumerate(alerts)
        ]

    def _take(self, watch: _Watch, found: Sequence[Match], into: list[tuple[_Watch, Matches]]) -> int:
        """Take what a rule's limit allows of its matches; how many there were."""
        if found is NO_MATCHES or not found:
            return 0
        matches = watch.allowed(Matches.of(found))
        into.append((watch, matches))
        self.alerts[watch.rule.name] += len(matches)
        if len(matches) < len(found):
            self.suppressed[watch.rule.name] += len(found) - len(matches)
        return len(found)

    def flush(self) -> list[Alert]:
        """Event time goes to infinity: every absence that nothing broke is complete."""
        return self.process(None, FOREVER_MS - 1)

    def counters(self) -> dict[str, Counters]:
        """What each rule's matcher counted."""
        return {watch.rule.name: watch.matcher.counters for watch in self._watch.values()}

    def open_runs(self) -> dict[str, int]:
        """Partial matches that each rule holds now."""
        return {watch.rule.name: watch.matcher.open_runs() for watch in self._watch.values()}

    def changes(self) -> Iterator[tuple[str, Key, Kept | None]]:
        """Rule, key and state of all that changed since the last call; None: nothing is left of it.

        The state is that of the moment of the call, whenever it is read. The first call starts the count, as
        in `Matcher.touched`.
        """
        cut = [(name, watch.kept(watch.touched())) for name, watch in self._watch.items()]
        return ((name, key, kept) for name, found in cut for key, kept in found)

    def restore(self, rule: str, key: Key, kept: Kept) -> None:
        """Go on with a rule and key from what was kept of it."""
        self._watch[rule].restore(key, kept)

    def overall(self) -> dict[str, Overall]:
        """What each rule holds beside its keys."""
        return {name: watch.matcher.overall() for name, watch in self._watch.items()}

    def restore_overall(self, rule: str, overall: Overall) -> None:
        """Go on with a rule from that; before the first event."""
        self._watch[rule].matcher.restore_overall(overall)


class _Watch:
    """A rule with its matcher and its `LIMIT … PER`."""

    def __init__(self, rule: Rule, matcher: Matcher) -> None:
        self.rule = rule
        self.matcher = matcher
        pattern = rule.plan.pattern
        self._limit = (
            pattern.limit if pattern.limit is not None and pattern.limit.per_ms is not None else None
        )
        self._given: dict[Key, deque[int]] = {}
        self._order: list[tuple[int, int, Key]] = []
        self._orders = 0
        self._limited: set[Key] | None = None
        self.wording = Wording.of(rule)

    @property
    def is_limited(self) -> bool:
        """Whether there is a `LIMIT … PER`."""
        return self._limit is not None

    def allowed(self, matches: Matches) -> Matches:
        """Those that `LIMIT n PER d` lets out; it counts when they are decided."""
        if self._limit is None:
            return matches
        return matches.where([self._allows(self._limit, match) for match in matches])

    def _allows(self, limit: Limit, match: Match) -> bool:
        """Whether one more alert of this key may go."""
        assert limit.per_ms is not None
        now_ms = match.detected.ts_ms
        given = self._given.setdefault(match.key, deque())
        while given and given[0] <= now_ms - limit.per_ms:
            given.popleft()
        if len(given) >= limit.count:
            return False
        given.append(now_ms)
        self._note(match.key, now_ms)
        return True

    def forget(self, watermark_ms: int) -> None:
        """Drop what `LIMIT` remembers of keys that it no longer bounds."""
        if self._limit is None or self._limit.per_ms is None:
            return
        while self._order and self._order[0][0] <= watermark_ms - self._limit.per_ms:
            _, _, key = heappop(self._order)
            given = self._given.get(key)
            if given is not None and given[-1] <= watermark_ms - self._limit.per_ms:
                del self._given[key]
                if self._limited is not None:
                    self._limited.add(key)

    def touched(self) -> set[Key]:
        """Keys whose state may have changed since the last call."""
        limited, self._limited = self._limited, set()
        return self.matcher.touched() | (limited or set())

    def kept(self, keys: Collection[Key]) -> Iterator[tuple[Key, Kept | None]]:
        """What has to be kept of each of these keys as they are now; None: nothing."""
        snapshots = self.matcher.snapshots(keys)
        given = {key: tuple(self._given[key]) for key in keys if key in self._given} if self._given else {}

        def told() -> Iterator[tuple[Key, Kept | None]]:
            for key, snapshot in snapshots:
                given_ms = given.get(key, ())
                nothing = snapshot is None and not given_ms
                yield key, None if nothing else Kept(snapshot or Snapshot(), given_ms)

        return told()

    def restore(self, key: Key, kept: Kept) -> None:
        """Go on with a key from there."""
        if kept.snapshot != Snapshot():
            self.matcher.restore(key, kept.snapshot)
        if kept.given_ms:
            self._given[key] = deque(kept.given_ms)
            self._note(key, kept.given_ms[-1])

    def _note(self, key: Key, given_ms: int) -> None:
        self._orders += 1
        heappush(self._order, (given_ms, self._orders, key))
        if self._limited is not None:
            self._limited.add(key)
