"""Whether commits tile the log: each begins where the one before it ended, and none goes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cep.state.store import Offsets, TaskId
from tests.simulation.kafka import Interval


def untiled(
    intervals: Iterable[Interval], starts: Mapping[TaskId, Offsets], ends: Mapping[TaskId, Offsets]
) -> list[str]:
    """What is wrong with the commits of some tasks, in their order: gaps, overlaps, steps back."""
    at = dict(starts)
    found = []
    for each in intervals:
        where = f"{each.task.group}/{each.task.partition} by {each.owner}"
        if dict(each.since) != dict(at[each.task]):
            found.append(f"{where}: from {each.since}, but the log was read up to {at[each.task]}")
        if any(offset < each.since[topic] for topic, offset in each.to.items()):
            found.append(f"{where}: back from {each.since} to {each.to}")
        at[each.task] = each.to
    found += [
        f"{task.group}/{task.partition}: read up to {at[task]}, it ends at {end}"
        for task, end in ends.items()
        if dict(at[task]) != dict(end)
    ]
    return found
