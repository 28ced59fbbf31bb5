"""Rules that differ in constants share a kernel: each gives what it gives alone, state and limits apart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import pytest

from cep.columns import Batch
from cep.engines import feed
from cep.engines.matcher import FOREVER_MS, Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.engines.vector import VectorMatcher
from cep.event import Event, Key, Position
from cep.plan.compile import Plan
from tests.engines.engines import ALL, FAST
from tests.engines.story import plan_of
from tests.engines.test_agree import ENDS, counted, stream, told

TEMPLATES: Final = (
    "SEQ(A a, B[x > {n}] b)", "SEQ(A[x >= {n}] a, NOT C n, B b)", "SEQ(A a, NOT B[x < {n}] b FOR {d}ms, C c)",
    "SEQ(A a, B b, NOT C[x > {n}] n FOR {d}ms)", "SEQ(A a, NOT C[x > {n}] n)", "A[x > {n}] a{{2,}}",
    "SEQ(A a+, B b) WHERE sum(a.x) > {n}", "SEQ(A a+, B b) WHERE b.x > {n}", "A[x != {n}] a",
    "SEQ(A[x > {n}] a, A[x > a.x] b)", "SEQ STRICT(A a, B[x > {n}] b)", "SEQ(A a, B b GAP {d}ms)",
    "SEQ(A a, B[s = '{s}'] b)", "SEQ(AND(A[x > {n}] a, B b), NOT C n, A d)", "OR(A[x > {n}] a, B[x < {n}] b)",
    "SEQ(A a, B[x > {n}] b) UNLESS C[x < {n}] c", "SEQ(A a, B[x > a.x + {n}] b)",
    "SEQ(A[s = '{s}'] a, B b?, C c)", "SEQ(A a, A b{{2,3}}, B[x > {n}] c)",
)  # fmt: skip
KEYS: Final = [(letter,) for letter in "klmn"]


def plans_of(rng: random.Random, template: str) -> list[Plan]:
    """Copies of a rule, each with constants, a window and a choice of its own."""
    end = rng.choice(ENDS)
    if " a+" in template or "a{{" in template:
        end = rng.choice(ENDS[:8])
    body, unless, cancel = template.partition(" UNLESS")
    head, where, condition = body.partition(" WHERE")
    found = []
    for _ in range(rng.choice([2, 5, 12])):
        text = f"{head} BY u{where}{condition} WITHIN {rng.choice([3, 6, 12, 30])}ms{unless}{cancel}"
        filled = text.format(n=rng.choice([0, 0.5, 1, 2, 3]), d=rng.choice([2, 3, 4]), s=rng.choice("pqr"))
        found.append(plan_of(f"{filled} {end if rng.random() < 0.5 else rng.choice(ENDS[:8])}"))
    return found


def begun(matcher: Matcher) -> dict[Key, list[Position]]:
    """The starts of the partial matches of each key."""
    found = ((key, snapshot) for key, snapshot in matcher.snapshots(KEYS) if snapshot is not None)
    return {key: [one.start for one in snapshot.begun] for key, snapshot in found}


class Twins:
    """The same rules on an engine and alone on the stepped one, held against each other at every batch."""

    def __init__(self, plans: Sequence[Plan], engine: str, limits: Limits) -> None:
        self.plans, self._engine, self._limits = plans, engine, limits
        self.fast = self._made()
        self.alone: list[Matcher] = [ReferenceMatcher(plan, limits) for plan in plans]
        self._tests = feed.Tests(plans)
        self._found: list[list[list[object]]] = [[[], []] for _ in plans]

    def _made(self) -> list[Matcher]:
        return ALL[self._engine]([(plan, self._limits) for plan in self.plans])

    def process(self, events: list[Event], told_ms: int) -> None:
        batch = Batch.of(events)
        for which, matchers in enumerate((self.fast, self.alone)):
            answers = self._tests.masks(batch)
            for matcher, plan, found in zip(matchers, self.plans, self._found, strict=True):
                # That a NOT has lasted may be seen by an event of another rule, before time is told.
                now = [*matcher.process(feed.make_feed(plan, batch, answers, 0)), *matcher.advance(told_ms)]
                found[which] += map(told, sorted(now, key=attrgetter("sort_key")))

    def agree(self) -> None:
        for fast, alone, found in zip(self.fast, self.alone, self._found, strict=True):
            assert found[0] == found[1]
            assert fast.open_runs() == alone.open_runs()
            assert begun(fast) == begun(alone)

    def resume(self) -> None:
        """Take the fast ones down and set them up again."""
        fresh = self._made()
        for old, new in zip(self.fast, fresh, strict=True):
            new.restore_overall(old.overall())
            for key, snapshot in old.snapshots(KEYS):
                if snapshot is not None:
                    new.restore(key, snapshot)
        self.fast = fresh

    def counted(self) -> list[list[tuple[int, int, int]]]:
        return [[counted(matcher) for matcher in matchers] for matchers in (self.fast, self.alone)]


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("seed", range(2))
def test_rules_with_other_constants(seed: int, engine: str) -> None:
    rng = random.Random(3000 + seed)
    for template in TEMPLATES:
        limits = Limits(runs_per_key=rng.choice([2, 256, 256]), events_per_key=rng.choice([3, 1000]))
        twins = Twins(plans_of(rng, template), engine, limits)
        events, step = stream(rng, 40, "klmn"), rng.choice([1, 7, 40])
        resumes = rng.choice([0, 0, 14])
        for low in range(0, len(events), step):
            now = events[low : low + step]
            twins.process(now, now[-1].ts_ms - 1)
            twins.agree()
            if resumes and low == resumes:
                twins.resume()
        twins.process([Event("D", events[-1].ts_ms, 99, {})], FOREVER_MS - 1)
        twins.agree()
        if not resumes:
            fast, alone = twins.counted()
            assert fast == alone, template


def test_rules_of_one_shape_share_a_kernel() -> None:
    """As many as there are bits for their tests, and none that is asked of other kinds of values."""
    texts = [f"SEQ(A a, B[x > {n}] b) BY u WITHIN 9ms" for n in range(40)]
    texts += ["SEQ(A a, B[x > 1] b, C c) BY u WITHIN 9ms", "SEQ(A a, B[x > 1] b) BY s WITHIN 9ms"]
    shared = ALL["vector"]([(plan_of(text), Limits()) for text in texts])
    kernels = [id(one._kernel) for one in shared if isinstance(one, VectorMatcher)]
    assert [kernels.count(kernel) for kernel in dict.fromkeys(kernels)] == [30, 10, 1, 1]


def test_a_run_beyond_the_window_of_a_rule_is_not_handed_to_it() -> None:
    """Another rule that shares the kernel has a longer window, and the key is too crowded for it."""
    plans = [
        plan_of(f"SEQ(A a, B b, NOT C n FOR 9ms) BY u WITHIN {ms}ms PICK EACH AFTER MATCH NO SKIP")
        for ms in (6, 30)
    ]
    for engine in FAST:
        twins = Twins(plans, engine, Limits(runs_per_key=2))
        for kind, ms in (("A", 1), ("B", 8), ("A", 9), ("A", 16), ("D", 90)):
            twins.process([Event(kind, ms, ms, {"u": "k"})], ms - 1)
            twins.agree()


def test_a_crowded_key_of_one_rule_leaves_the_others_as_they_are() -> None:
    plans = [plan_of(f"SEQ(A[x > {n}] a, B b) BY u WITHIN 90ms PICK EACH") for n in (0, 5)]
    twins = Twins(plans, "vector", Limits(runs_per_key=2))
    events = [Event("A", ms, ms, {"u": "k", "x": 6 if ms == 3 else 1}) for ms in range(1, 6)]
    twins.process([*events, Event("B", 9, 9, {"u": "k"})], 8)
    twins.agree()
    fast, alone = twins.counted()
    assert fast == alone
    assert [dropped for _, _, dropped in fast] == [3, 0]
