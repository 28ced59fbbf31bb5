"""One task: clock and detector of one partition number of all input topics, and its state as keys and bytes.

    rows of each topic ──▶ clock ──▶ detector ──▶ alerts
                             │           │
                             └── header ─┴─▶ Delta: rule and key → bytes, from offsets `since` to `to`

What comes out is a function of the rows up to `to` and of nothing else: not of the size of batches, nor of
how topics take turns, nor of whether the state was put down and taken up in between.

Rows that still wait for the watermark are not in the state: the log holds them. The header says from which
offset on (`resume`) they must be read once more, and `refill` takes them.

Topics that were silent come as values between the rows: see `cep.stream.silence`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import eq
from typing import Final, NamedTuple

from cep.columns import Batch, Projection
from cep.concat import concat
from cep.engines.engines import ENGINES, Engine
from cep.engines.match import plain_key
from cep.engines.snapshot import Overall
from cep.errors import CepError
from cep.event import Key
from cep.plan.fingerprint import fingerprint
from cep.state.codec import SnapshotCodec, StateFormatError
from cep.state.store import Delta, Offsets
from cep.state.values import pack_value, unpack_value
from cep.stream.alert import Alert, Rule
from cep.stream.clock import BEFORE_ALL_MS, Announced, ClockState, EventClock
from cep.stream.cost import RuleCost
from cep.stream.cut import Cut
from cep.stream.detector import Detector
from cep.stream.keeping import span_ms
from cep.stream.silence import SILENCES, Silence
from cep.values import value

HEADER: Final = b""
"""The key of what belongs to no rule: time, and which rules the state is of."""

VERSION: Final = 2


class ChangedRulesError(CepError):
    """State of rules that are no longer there, or mean something else now; `names` says which."""

    def __init__(self, names: Collection[str]) -> None:
        """The rules in question."""
        super().__init__(f"the stored state is of other versions of these rules: {', '.join(sorted(names))}")
        self.names = frozenset(names)


@value
class Rows:
    """What was read of a topic: the events of its records from offset `first` on, up to before `next`.

    `seq` of the events must follow from topic and offset alone, so that ties are always settled alike.
    """

    topic: str
    batch: Batch
    first: int
    next: int
    announced: Announced | None = None
    """How far time has come, where somebody else tells it; else the rows say it."""


@value
class Outcome:
    """What a batch from `since` on comes to. `late` are rows that came behind the watermark, by topic.

    Where the state is not put down with the batch, `delta` says where it led and holds no changes.
    """

    since: Offsets
    delta: Delta
    alerts: tuple[Alert, ...]
    late: tuple[tuple[str, Batch], ...]


class Mark(NamedTuple):
    """Rows that may still wait: where they begin, the highest time before them, the last one in them."""

    offset: int
    highest_ms: int
    last_ms: int


class TaskState:
    """See above. Begin with `begin` or `restore`, then `refill` if need be, then `process` batch by batch."""

    def __init__(
        self,
        rules: Sequence[Rule],
        lateness_ms: Mapping[str, int],
        engine: Engine = ENGINES["reference"],
        projection: Projection | None = None,
        codecs: Mapping[str, SnapshotCodec] | None = None,
        cost: RuleCost | None = None,
    ) -> None:
        """`lateness_ms`: each topic with the lateness allowed in it, in an order that never changes.

        `codecs` are those of the rules, where several tasks share them.
        """
        self.clock = EventClock(list(lateness_ms.values()), projection=projection)
        self.detector = Detector(rules, engine, cost)
        self.to: dict[str, int] = {}
        """The offset behind the last record taken, by topic; how many silences, if any are counted."""
        self._lateness_ms, self._engine, self._projection = lateness_ms, engine, projection
        self._index = {topic: i for i, topic in enumerate(lateness_ms)}
        self._codecs = codecs_of(rules) if codecs is None else codecs
        self._marks: dict[str, deque[Mark]] = {topic: deque() for topic in lateness_ms}
        self._refilled: dict[str, int] = {}
        self._pending: dict[bytes, bytes | None] = {}
        self._stored: dict[str, set[Key]] = {name: set() for name in self._codecs}
        """The keys of each rule that the store has something of, or will have."""
        self._unknown: frozenset[str] = frozenset()
        self._standing: Offsets = {}
        # The first call starts the count of changes.
        list(self.detector.changes())

    def begin(self, offsets: Offsets) -> None:
        """Begin without state, at these offsets."""
        # Kept as it is: it may know topics that are no longer read.
        self._standing = dict(offsets)
        self.to = {topic: offsets.get(topic, 0) for topic in self._index}
        if SILENCES in offsets:
            self.to[SILENCES] = offsets[SILENCES]
        self._refilled = dict(self.to)

    def restore(
        self,
        entries: Iterable[tuple[bytes, bytes]],
        to: Offsets,
        begin: Offsets | None = None,
        forget: Collection[str] = (),
    ) -> Offsets:
        """Go on from stored state; the offsets from which on rows have to be read again for `refill`.

        `begin`: where topics begin that the state knows nothing of. ChangedRulesError if there is state of
        rules that have changed, unless they are among those to forget.
        """
        stored = dict(entries)
        header = stored.pop(HEADER, None)
        self.begin({**(begin or {}), **to})
        self._standing = dict(to)
        if header is None:
            if stored:
                raise StateFormatError("there is state without a header")
            return dict(self.to)
        marks = self._read_header(header)
        changed = {name for name, mark in marks.items() if not self._knows(name, mark)}
        if not changed <= set(forget):
            raise ChangedRulesError(changed - set(forget))
        for entry, data in stored.items():
            name, key = entry_key(entry)
            if name in changed:
                self._pending[entry] = None
            else:
                self.detector.restore(name, key, self._codecs[name].unpack(data))
                self._stored[name].add(key)
        self._unknown = frozenset(self._codecs.keys() - (marks.keys() - changed))
        first_ms, watermark_ms = self.clock.first_ms, self.clock.watermark_ms
        for name in self._unknown if first_ms is not None and first_ms <= watermark_ms else ():
            # A rule that is new here knows nothing of what went on before; if nothing did, it knows all.
            self.detector.restore_overall(name, Overall(since_ms=watermark_ms + 1))
        list(self.detector.changes())
        return dict(self._refilled)

    @property
    def silent(self) -> frozenset[str]:
        """The topics that are silent now."""
        idle = self.clock.state().idle
        return frozenset(topic for topic, index in self._index.items() if index in idle)

    def wait_for_all(self) -> None:
        """Nobody watches for silent topics any more."""
        if self.silent:
            self.clock.idle(())

    @property
    def furthest(self) -> str:
        """The topic whose time has come furthest; the first of several."""
        return max(self._index, key=lambda topic: self.clock.source_watermark_ms(self._index[topic]))

    def refill(self, rows: Sequence[Rows | Silence]) -> None:
        """Rows that were taken before the state was put down: those that waited then wait again."""
        # The header knows who was silent in the end.
        for each in (one for one in rows if isinstance(one, Rows)):
            assert each.first >= self._refilled[each.topic], "rows are read again in their order"
            assert each.next <= self.to[each.topic], "no new rows before the old ones wait again"
            index = self._index[each.topic]
            before_ms = self.clock.state().highest_ms[index]
            self.clock.refill(index, each.batch, each.announced)
            self._mark(each, before_ms)
            self._refilled[each.topic] = each.next

    def warm_up(self, begin: Offsets, pieces: Iterable[Sequence[Rows | Silence]]) -> None:
        """Show rows once more, from `begin` to where the state stands, to rules that it knew nothing of.

        They then know as much as if they had begun there, and none of their alerts was given. Rules that look
        at one event only have nothing to learn.
        """
        fresh = [rule for rule in self.detector.rules if rule.name in self._unknown]
        rules = [rule for rule in fresh if span_ms(rule.plan) != 0]
        if not rules:
            return
        past = TaskState(rules, self._lateness_ms, self._engine, self._projection, self._codecs)
        past.begin(begin)
        entries: dict[bytes, bytes | None] = {}
        for rows in pieces:
            entries |= past.process(rows).delta.changes
        # What still waits there waits here too, unless time has come further here.
        ready = past.clock.reach(self.clock.watermark_ms)
        past.detector.process(ready, past.clock.watermark_ms, past.clock.first_ms)
        entries |= past.put_down().changes
        for entry, data in entries.items():
            if entry != HEADER and data is not None:
                name, key = entry_key(entry)
                self.detector.restore(name, key, self._codecs[name].unpack(data))
                self._pending[entry] = data
                self._stored[name].add(key)
        for name, overall in past.detector.overall().items():
            if overall.since_ms is not None:
                self.detector.restore_overall(name, overall)
        list(self.detector.changes())

    def process(self, rows: Sequence[Rows | Silence], *, put_down: bool = True) -> Outcome:
        """Take the next rows of some topics: alerts, late rows, and what changed in the state.

        What has changed is told by the next call that puts it down, whenever that is.
        """
        since = dict(self.to)
        ready: list[Batch] = []
        late: list[tuple[str, Batch]] = []
        for each in rows:
            if isinstance(each, Silence):
                released = self._fall_silent(each)
                ready += [] if released is None else [released]
                continue
            assert each.first >= self.to[each.topic], "rows come in the order of their offsets"
            index = self._index[each.topic]
            before_ms = self.clock.state().highest_ms[index]
            released, behind = self.clock.push(index, each.batch, each.announced)
            ready += [] if released is None else [released]
            late += [(each.topic, behind)] if len(behind) else []
            self._mark(each, before_ms)
            self.to[each.topic] = each.next
        batch = concat(ready) if ready else None
        alerts = self.detector.process(batch, self.clock.watermark_ms, self.clock.first_ms)
        delta = self.put_down() if put_down else Delta(since, dict(self.to), {})
        return Outcome(since, delta, tuple(alerts), tuple(late))

    def put_down(self) -> Delta:
        """What has changed since the state was last put down or taken up."""
        delta = self.cut().written()
        assert delta is not None, "all of it"
        return delta

    def cut(self) -> Cut:
        """The same, of this moment, written bit by bit while the task goes on."""
        pending, self._pending = self._pending, {}
        cut = Cut(self._standing, dict(self.to), pending, self._packed(), {HEADER: self._header()})
        self._standing = cut.to
        return cut

    def _packed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What changed up to this call; of keys that come and go in between nothing has to be told."""
        changes = self.detector.changes()

        def packed() -> Iterator[tuple[bytes, bytes | None]]:
            for name, key, kept in changes:
                stored = self._stored[name]
                if kept is not None:
                    stored.add(key)
                    yield entry(name, key), self._codecs[name].pack(kept)
                elif key in stored or not all(map(eq, key, key)):
                    # What is not a number is equal to nothing and found nowhere.
                    stored.discard(key)
                    yield entry(name, key), None

        return packed()

    def resume(self) -> Offsets:
        """From where on rows would have to be read again if the state were taken up now."""
        return {topic: mark.offset for topic, mark in self._resume_marks().items()}

    def _fall_silent(self, silence: Silence) -> Batch | None:
        assert silence.number >= self.to.get(SILENCES, 0), "silences come in the order of their numbers"
        self.to[SILENCES] = silence.number + 1
        return self.clock.idle(self._index[topic] for topic in silence.topics if topic in self._index)

    # --- what waits ---------------------------------------------------------------------------------------

    def _mark(self, rows: Rows, before_ms: int) -> None:
        if len(rows.batch):
            self._marks[rows.topic].append(Mark(rows.first, before_ms, int(rows.batch.ts_ms.max())))

    def _resume_marks(self) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        for topic, marks in self._marks.items():
            while marks and marks[0].last_ms <= self.clock.watermark_ms:
                marks.popleft()
            highest_ms = self.clock.state().highest_ms[self._index[topic]]
            found[topic] = marks[0] if marks else Mark(self.to[topic], highest_ms, highest_ms)
        return found

    # --- as keys and bytes --------------------------------------------------------------------------------

    def _header(self) -> bytes:
        clock = self.clock.state()
        marks = self._resume_marks()
        topics = {
            topic: [marks[topic].offset, marks[topic].highest_ms, clock.floor_ms[i], i in clock.idle]
            for topic, i in self._index.items()
        }
        rules = {
            name: [self._codecs[name].mark, each.since_ms, each.stopped]
            for name, each in self.detector.overall().items()
        }
        return pack_value([VERSION, clock.watermark_ms, clock.first_ms, clock.forced_ms, topics, rules])

    def _knows(self, name: str, mark: bytes) -> bool:
        codec = self._codecs.get(name)
        return codec is not None and codec.mark == mark

    def _read_header(self, data: bytes) -> dict[str, bytes]:
        """Set the clock and the rules; the rules that the state is of, each with its fingerprint."""
        version, *rest = unpack_value(data)
        if version != VERSION:
            raise StateFormatError(f"a header of version {version} cannot be read, only one of {VERSION}")
        watermark_ms, first_ms, forced_ms, topics, rules = rest
        unknown = (0, BEFORE_ALL_MS, BEFORE_ALL_MS, False)
        _, highest, floors, idle = zip(*(topics.get(topic, unknown) for topic in self._index), strict=True)
        silent = frozenset(index for index, is_idle in enumerate(idle) if is_idle)
        self.clock.resume(ClockState(watermark_ms, first_ms, forced_ms, highest, floors, silent))
        for topic in self._index:
            if topic in topics:
                self._refilled[topic] = topics[topic][0]
        for name, (mark, since_ms, stopped) in rules.items():
            if self._knows(name, mark):
                self.detector.restore_overall(name, Overall(since_ms, stopped))
        return {name: mark for name, (mark, *_) in rules.items()}


def codecs_of(rules: Iterable[Rule]) -> dict[str, SnapshotCodec]:
    """What packs the state of each rule."""
    plans = {rule.name: rule.plan for rule in rules}
    return {
        name: SnapshotCodec(fingerprint(plan), plan.fields, {step.var for step in plan.nfa.takes()})
        for name, plan in plans.items()
    }


def entry(rule: str, key: Key) -> bytes:
    r"""Under which key the state of a rule and key stands. Keys that are equal stand in one place.

    >>> entry("brute_force", ("alice",))
    b'brute_force\x00\x91\xa5alice'
    >>> entry("r", (1,)) == entry("r", (1.0,))
    True
    """
    return rule.encode() + b"\x00" + pack_value(list(plain_key(key)))


def entry_key(data: bytes) -> tuple[str, Key]:
    """The rule and key of an entry.

    >>> entry_key(entry("brute_force", ("alice", 7)))
    ('brute_force', ('alice', 7))
    """
    name, _, key = data.partition(b"\x00")
    return name.decode(), tuple(unpack_value(key))
