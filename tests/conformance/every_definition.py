"""Siddhi's patterns by their conventions: runs as closures that listen for events and timers.

Nothing of ours is in it: neither the language nor an engine. It is given a case of semantics `every_once`.
What a node does when it starts is said in `_Query.start`, one function for each kind of node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias

from tests.conformance.cases import Json
from tests.conformance.row_definition import compute
from tests.conformance.text import nodes_below

Bound: TypeAlias = dict[str, list[int]]


@dataclass(eq=False)
class Life:
    """Whether something still listens; what it belongs to may have ended before."""

    within: Life | None = None
    over: bool = False
    first_ms: int | None = None
    """When something in it took its first event."""
    takes: Callable[[Json], bool] = lambda _: False
    """Of a counted step: whether it would take an event more."""

    @property
    def on(self) -> bool:
        """Whether neither it nor what it belongs to is over."""
        return not self.over and (self.within is None or self.within.on)

    def begin(self, ms: int) -> None:
        """Something in it has taken an event."""
        self.first_ms = ms if self.first_ms is None else self.first_ms
        if self.within is not None:
            self.within.begin(ms)


@dataclass(eq=False)
class Run:
    """What a run has taken. `collects`: counted steps that go on until the next event is taken."""

    bound: Bound
    collects: list[Life] = field(default_factory=list)

    @property
    def indexes(self) -> list[int]:
        """All that it has taken."""
        return [index for taken in self.bound.values() for index in taken] or [0]

    def copy(self) -> Run:
        """The same events; nothing that is done to one shows in the other."""
        return Run({var: list(taken) for var, taken in self.bound.items()}, list(self.collects))


Done: TypeAlias = Callable[[Run, int], None]


def every_once_matches(case: Json) -> list[Bound]:
    """The matches of a case."""
    key = case.get("key")
    queries: dict[Any, _Query] = {}
    for index, event in enumerate(case["events"]):
        if "_watermark" in event:
            for query in queries.values():
                query.pass_time(event["_watermark"])
            continue
        value = event.get(key) if key else None
        if value not in queries:
            queries[value] = _Query(case, event["_ts"] if key else 0)
        for query in queries.values():
            query.pass_time(event["_ts"])
        queries[value].offer(index, event)
    return [
        {var: taken for var, taken in match.items() if taken}
        for query in queries.values()
        for match in query.found
    ]


class _Query:
    def __init__(self, case: Json, start_ms: int) -> None:
        self.case, self.found = case, list[Bound]()
        self.within = case["pattern"].get("within")
        self.listeners: list[tuple[int, int, Life, Callable[[int, Json], None]]] = []
        self.timers: list[tuple[int, int, Life, Callable[[int], None]]] = []
        self.turns: list[tuple[Life, Callable[[int], None]]] = []
        self.ids, self.now = count(), start_ms
        root = case["pattern"]
        self.types = {node.get("type") for node in nodes_below(root)}
        self.start(
            root, Run({}), start_ms, Life(), 0, lambda run, _: self.found.append(run.copy().bound), last=True
        )

    # --- the world ---------------------------------------------------------------------------------------

    def offer(self, index: int, event: Json) -> None:
        """An event; what waits for later steps has it first."""
        for life, again in list(self.turns):
            late = (
                self.within is not None
                and life.first_ms is not None
                and event["_ts"] - life.first_ms > self.within
            )
            if late and life.on:
                life.over = True
                again(event["_ts"])
        self.turns = [each for each in self.turns if each[0].on]
        waiting = sorted(self.listeners, key=lambda each: (-each[0], each[1]))
        for _, _, life, hear in waiting:
            if life.on:
                hear(index, event)
        self.listeners = [each for each in self.listeners if each[2].on]

    def pass_time(self, ms: int) -> None:
        """Timers fire at their own time, and before an event of that time."""
        while self.timers and self.timers[0][0] <= ms:
            at, _, life, fire = heappop(self.timers)
            if life.on:
                self.now = at
                fire(at)
        self.now = max(self.now, ms)

    def listen(self, depth: int, life: Life, hear: Callable[[int, Json], None]) -> None:
        """Be told of every event from the next one on."""
        self.listeners.append((depth, next(self.ids), life, hear))

    def _in_window(self, run: Run, ms: int) -> bool:
        if self.within is None or not any(run.bound.values()):
            return True
        return bool(ms - self.case["events"][min(run.indexes)]["_ts"] <= self.within)

    def fits(self, node: Json, run: Run, event: Json, *, bounded: bool = True) -> bool:
        """Whether an event is what a node asks for, and (`bounded`) in the window of the run."""
        if event["_type"] != node["type"] or (bounded and not self._in_window(run, event["_ts"])):
            return False
        where = node.get("where")
        return where is None or self._value(where, run, event) is True

    def _value(self, expr: Json, run: Run, event: Json) -> Json:
        match expr:
            case ["field", name]:
                return event.get(name)
            case ["ref", var, name, *index]:
                taken = run.bound.get(var, [])
                place = index[0] if index else -1
                inside = -len(taken) <= place < len(taken)
                return self.case["events"][taken[place]].get(name) if inside else None
            case [op, *operands]:
                return compute(op, [self._value(each, run, event) for each in operands])
            case _:
                return expr

    # --- nodes -------------------------------------------------------------------------------------------

    def start(
        self, node: Json, run: Run, ms: int, life: Life, depth: int, done: Done, *, last: bool = False
    ) -> None:
        """Begin to look for a node; `done` is told of each match of it."""
        match node:
            case {"seq": nodes}:
                self._seq(nodes, run, ms, life, depth, done, last=last)
            case {"every": inner}:
                self._every(inner, run, ms, life, depth, done, last=last)
            case {"event": _}:
                self._event(node, run, life, depth, done, last=last)
            case {"not": absent, "for": int(wait)}:
                self._absent(absent, wait, run, ms, Life(life), depth, lambda at: done(run.copy(), at))
            case {"or": nodes}:
                own = Life(life)

                def first(found: Run, at: int) -> None:
                    own.over = True
                    done(found, at)

                for each in nodes:
                    self.start({"follow": node.get("follow"), **each}, run, ms, own, depth, first, last=True)
            case {"and": nodes}:
                sides = [each if "not" in each else {"follow": node.get("follow"), **each} for each in nodes]
                self._and(sides, run, ms, life, depth, done)
            case _:
                raise AssertionError(node)

    def _seq(self, nodes: Json, run: Run, ms: int, life: Life, depth: int, done: Done, *, last: bool) -> None:
        if not nodes:
            done(run, ms)
            return
        ends = last and len(nodes) == 1

        def more(found: Run, at: int) -> None:
            self._seq(nodes[1:], found, at, life, depth + 1, done, last=last)

        self.start(nodes[0], run, ms, life, depth, more, last=ends)

    def _event(self, node: Json, run: Run, life: Life, depth: int, done: Done, *, last: bool) -> None:
        low, high = node.get("min", 1), node.get("max", 1)
        high = low if last else high
        own, mine = Life(life), run
        taken: list[int] = []

        def hear(index: int, event: Json) -> None:
            nonlocal mine
            if not self.fits(node, mine, event):
                strict = node.get("inner" if taken else "follow") == "strict" and event["_type"] in self.types
                if strict and not any(
                    each.takes(event) for each in run.collects if each is not own and each.on
                ):
                    own.over = True
                return
            if not taken:
                own.begin(event["_ts"])
                for each in run.collects:
                    each.over = each is not own
                # What the run had until now is final: steps before, which may still have collected, are over.
                mine = run.copy() if low else run
                mine.bound[node["event"]], mine.collects = taken, [own]
            taken.append(index)
            own.over = len(taken) == high
            if len(taken) == low:
                done(mine, event["_ts"])

        if (low, high) != (1, 1):
            own.takes = lambda event: self.fits(node, mine, event)
        self.listen(depth, own, hear)
        if low == 0:
            run.collects = [*run.collects, own]
            done(run, self.now)

    def _and(self, nodes: Json, run: Run, ms: int, life: Life, depth: int, done: Done) -> None:
        own, parts, missing = Life(life), list[Bound](), [len(nodes)]

        def side(node: Json) -> None:
            def there(found: Run, at: int) -> None:
                parts.append(found.bound)
                missing[0] -= 1
                if not missing[0]:
                    own.over = True
                    for each in run.collects:
                        each.over = True
                    whole = Run({var: taken for part in parts for var, taken in part.items()})
                    if self._in_window(whole, max(self.case["events"][i]["_ts"] for i in whole.indexes)):
                        done(whole, at)

            match node:
                case {"not": absent, "for": int(wait)}:
                    self._absent(absent, wait, run, ms, own, depth, lambda at: there(run, at))
                case {"not": absent}:
                    missing[0] -= 1
                    self.listen(depth, own, lambda _, event: self._end(own, absent, run, event))
                case _:
                    self.start(node, run, ms, own, depth, there, last=True)

        # Absences first: an event that ends the wait does not end it well.
        for node in sorted(nodes, key=lambda each: "not" not in each):
            side(node)

    def _end(self, life: Life, absent: Json, run: Run, event: Json) -> None:
        life.over = life.over or self.fits(absent, run, event)

    def _every(
        self, inner: Json, run: Run, ms: int, life: Life, depth: int, done: Done, *, last: bool
    ) -> None:
        if "not" in inner:
            self._absent(
                inner["not"],
                inner["for"],
                run,
                ms,
                Life(life),
                depth,
                lambda at: done(run.copy(), at),
                every=True,
            )
            return

        def turn(at: int) -> None:
            mine, complete = Life(life), [False]

            def again(when: int) -> None:
                if not complete[0]:
                    turn(when)

            def more(found: Run, when: int) -> None:
                if not complete[0]:
                    complete[0] = True
                    turn(when)
                done(found, when)

            if not run.bound:
                self.turns.append((mine, again))
            self.start(inner, run, at, mine, depth, more, last=last)

        turn(ms)

    def _absent(
        self,
        absent: Json,
        wait: int,
        run: Run,
        ms: int,
        life: Life,
        depth: int,
        fire: Callable[[int], None],
        *,
        every: bool = False,
    ) -> None:
        """Tell when none came for so long; at the very start of the query each one starts the wait again."""
        resets = not run.bound and not depth
        clock = Life(life)

        def arm(at: int) -> None:
            mine = clock

            def ring(now: int) -> None:
                mine.over = not every
                if every:
                    arm(now)
                fire(now)

            heappush(self.timers, (at + wait, next(self.ids), mine, ring))

        def hear(_: int, event: Json) -> None:
            nonlocal clock
            if clock.on and self.fits(absent, run, event, bounded=False):
                clock.over = True
                if resets:
                    clock = Life(life)
                    arm(event["_ts"])
                else:
                    life.over = True

        arm(ms)
        self.listen(depth, life, hear)
