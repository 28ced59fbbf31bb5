"""When ordinary things happen: more by day than by night, and not on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from samples.world import DAY, HOUR, START_MS, SampleEvent

# By hour of the day, UTC; the bank's people live an hour ahead of it.
_HOUR_WEIGHTS = (1, 1, 1, 1, 1, 2, 6, 9, 10, 10, 10, 11, 11, 10, 9, 9, 10, 11, 11, 9, 7, 5, 3, 2)
_HOUR_SUMS = tuple(accumulate(_HOUR_WEIGHTS))


@dataclass(frozen=True, slots=True)
class Episode:
    """Events that belong together; `topic` and `owner` are what a quiet time is asked for by."""

    topic: str
    owner: str
    events: Sequence[SampleEvent]


def moment_of(rng: Random, day: int) -> int:
    """Draw a moment of the day as people live it, as epoch ms."""
    draw = rng.randrange(_HOUR_SUMS[-1])
    hour = next(hour for hour, below in enumerate(_HOUR_SUMS) if draw < below)
    return START_MS + day * DAY + hour * HOUR + rng.randrange(HOUR)


def spaced(rng: Random, day: int, count: int, least_ms: int) -> list[int]:
    """Draw up to `count` moments of a day in order, `least_ms` apart and as far from either midnight."""
    moments: list[int] = []
    first_ms, last_ms = START_MS + day * DAY + least_ms // 2, START_MS + (day + 1) * DAY - least_ms // 2
    for moment in sorted(moment_of(rng, day) for _ in range(count)):
        if first_ms <= moment < last_ms and (not moments or moment - moments[-1] >= least_ms):
            moments.append(moment)
    return moments
