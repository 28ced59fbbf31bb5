"""A matcher that is taken down and set up again from bytes around every call: nothing may come of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from cep.engines.feed import Feed
from cep.engines.match import Match
from cep.engines.matcher import Counters, Matcher
from cep.engines.snapshot import Overall, Snapshot
from cep.event import Key
from cep.plan.compile import Plan
from cep.plan.fingerprint import fingerprint
from cep.state.codec import Kept, SnapshotCodec


class Resumed:
    """See `Matcher`. Between two calls it holds bytes only, and only those of keys that were touched."""

    def __init__(self, plan: Plan, make: Callable[[Plan], Matcher]) -> None:
        self._plan = plan
        self._make = make
        self._codec = SnapshotCodec(fingerprint(plan), plan.fields, {step.var for step in plan.nfa.takes()})
        self._kept: dict[Key, bytes] = {}
        self._overall = Overall()
        self.counters = Counters()

    def process(self, feed: Feed) -> Sequence[Match]:
        return self._call(lambda matcher: matcher.process(feed))

    def advance(self, watermark_ms: int) -> Sequence[Match]:
        return self._call(lambda matcher: matcher.advance(watermark_ms))

    def deadline_ms(self, key: Key) -> int | None:
        return self._woken().deadline_ms(key)

    def open_runs(self) -> int:
        return self._woken().open_runs()

    def touched(self) -> set[Key]:
        raise NotImplementedError

    def snapshot(self, key: Key) -> Snapshot | None:
        return self._woken().snapshot(key)

    def snapshots(self, keys: Collection[Key]) -> Iterator[tuple[Key, Snapshot | None]]:
        return self._woken().snapshots(keys)

    def restore(self, key: Key, snapshot: Snapshot) -> None:
        raise NotImplementedError

    def overall(self) -> Overall:
        return self._overall

    def restore_overall(self, overall: Overall) -> None:
        self._overall = overall

    def kept(self) -> dict[Key, bytes]:
        """What a store would hold."""
        return dict(self._kept)

    def _woken(self) -> Matcher:
        matcher = self._make(self._plan)
        matcher.restore_overall(self._overall)
        for key, data in self._kept.items():
            matcher.restore(key, self._codec.unpack(data).snapshot)
        matcher.touched()
        return matcher

    def _call(self, what: Callable[[Matcher], Sequence[Match]]) -> Sequence[Match]:
        matcher = self._woken()
        found = what(matcher)
        for key in matcher.touched():
            snapshot = matcher.snapshot(key)
            if snapshot is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = self._codec.pack(Kept(snapshot, ()))
        self._overall = matcher.overall()
        return found
