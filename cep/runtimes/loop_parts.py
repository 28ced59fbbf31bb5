"""What every live loop is given, and the signs it gives to whoever watches it."""

from __future__ import annotations

import threading
import time

from cep.live import LiveSettings
from cep.runtimes.live_metrics import Metrics
from cep.runtimes.live_task import TaskSettings
from cep.runtimes.rule_sets import RuleSets
from cep.state.store import StateStore
from cep.values import value


@value
class Given:
    """What the tasks of a worker need."""

    settings: LiveSettings
    tasks: TaskSettings
    store: StateStore
    metrics: Metrics
    rules: RuleSets | None = None
    """Those of a topic, in place of those of `tasks`."""
    rebuild: bool = False
    """Drop state that cannot be used, and make it again."""


class Signs:
    """Signs of life, and the wish that it ends."""

    def __init__(self) -> None:
        """It begins to live."""
        self.stop = threading.Event()
        """Set by others: finish what is under way."""
        self.ready = threading.Event()
        """Set once partitions were given out and their state is there."""
        self.committed_at = time.monotonic()
        """When there was last nothing to do, or a step done."""

    def alive(self) -> float:
        """A step is done; the time now."""
        self.committed_at = now_s = time.monotonic()
        return now_s
