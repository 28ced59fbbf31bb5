"""What an event costs while many partial matches are open, and what each takes: `open_matches.py COUNT…`.

Prints a line for each COUNT: how many are open, microseconds of CPU an event, bytes for each with its
entry in the table of keys. COUNT users have begun what nothing completes, one each; the events that are
timed are of random users, and look at what is open. Reading is left out.
"""

from __future__ import annotations

import sys
import time
import tracemalloc

import numpy as np

from cep.columns import Batch, Coded, Ints, Numbers, Vocabulary
from cep.engines import feed
from cep.engines.engines import ENGINES
from cep.engines.matcher import Limits, Matcher
from cep.errors import Source
from cep.plan.compile import Plan
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema

TEXT = "SEQ(A a, B[x > a.x] b) BY u WITHIN 30d PICK EACH"
ROWS = 65_536
TIMED_BATCHES = 4


def batch_of(kind: str, users: Ints, words: Vocabulary, from_ms: int, x: float) -> Batch:
    """An event a millisecond of each of some users."""
    count = len(users)
    times = np.arange(from_ms, from_ms + count, dtype=np.int64)
    column: Coded = words.column(users.astype(np.int32))
    return Batch(
        type_names=(kind,),
        types=np.zeros(count, dtype=np.int32),
        ts_ms=times,
        seq=times,
        columns={"u": column, "x": Numbers(np.full(count, x), np.zeros(count, dtype=np.bool_))},
        line=times,
        source=np.zeros(count, dtype=np.int32),
    )


def matched(plan: Plan, matcher: Matcher, tests: feed.Tests, batch: Batch) -> float:
    """The seconds of CPU that a batch takes."""
    begun = time.thread_time()
    assert not matcher.process(feed.make_feed(plan, batch, tests.masks(batch), 0))
    matcher.advance(int(batch.ts_ms[-1]))
    return time.thread_time() - begun


def measured(plan: Plan, count: int, *, traced: bool) -> tuple[float, float]:
    """Microseconds of CPU an event and, if memory is traced, bytes for each open match."""
    tests = feed.Tests([plan])
    (matcher,) = ENGINES["auto"]([(plan, Limits())])
    words = Vocabulary()
    words.add([f"user-{number:07d}" for number in range(count)])
    if traced:
        tracemalloc.start()
    now = 0
    for low in range(0, count, ROWS):
        users = np.arange(low, min(low + ROWS, count))
        matched(plan, matcher, tests, batch_of("A", users, words, now, 1.0))
        now += len(users)
    rng, seconds = np.random.default_rng(5), 0.0
    for _ in range(TIMED_BATCHES):
        seconds += matched(plan, matcher, tests, batch_of("B", rng.integers(0, count, ROWS), words, now, 0.0))
        now += ROWS
    assert matcher.open_runs() == count
    # The last batch is let go of when the next one comes.
    matched(plan, matcher, tests, batch_of("B", np.zeros(1, dtype=np.int64), words, now, 0.0))
    held = tracemalloc.get_traced_memory()[0] if traced else 0
    tracemalloc.stop()
    return seconds / TIMED_BATCHES / ROWS * 1e6, held / count


def main() -> None:
    """Run it."""
    plan, problems = compile_text(Source.whole("rule", TEXT), Schema())
    assert plan is not None, problems
    for count in map(int, sys.argv[1:]):
        cost, _ = measured(plan, count, traced=False)
        _, size = measured(plan, count, traced=True)
        print(count, round(cost, 3), round(size))


if __name__ == "__main__":
    main()
