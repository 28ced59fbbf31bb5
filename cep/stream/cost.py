"""What each rule costs: seconds by a clock that somebody hands in, events held against it, and matches.

What rules share (decoding, tests that several of them ask) is nobody's; of what an engine works out once for
rules that are alike, the first of them pays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from cep.values import mutable


@mutable
class Spent:
    """The sums of one rule."""

    seconds: float = 0.0
    events: int = 0
    matches: int = 0


@mutable
class RuleCost:
    """The sums of all rules by name, in the order in which they were first seen; tasks may share it."""

    time_s: Callable[[], float]
    rules: dict[str, Spent] = field(default_factory=dict)

    def add(self, rule: str, seconds: float, events: int, matches: int) -> None:
        """What one batch cost one rule."""
        spent = self.rules.setdefault(rule, Spent())
        spent.seconds += seconds
        spent.events += events
        spent.matches += matches
