"""What a planted case is, and how its story gets people, a time and quiet around it.

A case of a rule that must alert, or a near miss that must not. Its people also lead an ordinary life:
around the case the part of it that the rule looks at is kept quiet, so that nothing else joins the story.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from samples.world import DAY, HOUR, START_MS, Given, SampleEvent, User, World, late, make


@dataclass(frozen=True, slots=True)
class Quiet:
    """No ordinary episode of `topic` touches `owner` from `from_ms` to `to_ms`, both included."""

    owner: str
    topic: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Case:
    """One planted story. `taken`: what the alert binds, or what came near; `context`: the rest of it."""

    rule: str
    key: Mapping[str, str]
    should_alert: bool
    note: str
    taken: Sequence[SampleEvent]
    context: Sequence[SampleEvent] = ()
    emit: str | None = None
    outcome: str = "match"
    deadline_ms: int | None = None

    def line(self, name: str, lines: Mapping[SampleEvent, int]) -> str:
        """Return the case as one line of `truth.jsonl`; `lines` tells where each event stands in the file."""
        taken = sorted(self.taken, key=lambda event: (event.ts_ms, lines[event]))
        truth = {
            "case": name,
            "rule": self.rule,
            "key": dict(self.key),
            "should_alert": self.should_alert,
            "emit": self.emit,
            "outcome": self.outcome if self.should_alert else None,
            "lines": [lines[event] for event in taken],
            "context": sorted(lines[event] for event in self.context),
            "ts_from": taken[0].ts_ms,
            "ts_to": taken[-1].ts_ms,
            "deadline": self.deadline_ms,
            "note": self.note,
        }
        return json.dumps({name: value for name, value in truth.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Scene:
    """A user and a moment: offsets in the story count from `start_ms`."""

    user: User
    start_ms: int
    rng: Random

    def event(self, event_type: str, at_ms: int, **given: Given) -> SampleEvent:
        """Build an event of the user; one in twenty comes a little late."""
        event = make(self.user, event_type, self.start_ms + at_ms, **given)
        return late(event, self.rng.randrange(1, 8_000)) if self.rng.randrange(20) == 0 else event

    def key(self, name: str) -> dict[str, str]:
        """Return the key of an alert about this user, by the field `name`."""
        return {name: self.user.values[name]}


@dataclass(slots=True)
class Cast:
    """Hands out users and moments for the cases of one rule, and remembers where quiet is asked for."""

    world: World
    rng: Random
    quiet: list[Quiet]

    def moment(self, span_ms: int, *, first_day: int = 2, hour: int | None = None) -> int:
        """Draw a start, by day unless `hour` (UTC) says otherwise; the story ends a day early."""
        last_day = self.world.days - 1 - (span_ms + DAY - 1) // DAY
        assert first_day < last_day, "too few days for this story"
        day = self.rng.randrange(first_day, last_day)
        hour = self.rng.randrange(8, 17) if hour is None else hour
        return START_MS + day * DAY + hour * HOUR + self.rng.randrange(10 * 60_000)

    def scene(
        self, span_ms: int, quiet: Mapping[str, int], *, first_day: int = 2, hour: int | None = None
    ) -> Scene:
        """Bring in a new user for a story of `span_ms`; `quiet`: topic → how many ms before and after."""
        return self.scene_at(self.moment(span_ms, first_day=first_day, hour=hour), span_ms, quiet)

    def scene_at(self, start_ms: int, span_ms: int, quiet: Mapping[str, int]) -> Scene:
        """Bring in a new user for a story that starts at `start_ms`."""
        user = self.world.new_user(subject=True)
        for topic, guard_ms in quiet.items():
            self.hush(user.user_id, topic, start_ms - guard_ms, start_ms + span_ms + guard_ms)
        return Scene(user, start_ms, self.rng)

    def hush(self, owner: str, topic: str, from_ms: int, to_ms: int) -> None:
        """Keep one topic of `owner` quiet."""
        self.quiet.append(Quiet(owner, topic, from_ms, to_ms))

    def spread(self, count: int, span_ms: int) -> list[int]:
        """Return `count` rising offsets from 0 to at most `span_ms`, roughly even, never two alike."""
        step = span_ms // count
        return [0, *(index * step + self.rng.randrange(step // 2) for index in range(1, count))]
