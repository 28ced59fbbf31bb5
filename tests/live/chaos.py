"""Faults for running workers, drawn from a seed: killed, told to end, frozen and woken, and started again."""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from samples.live.processes import Program
from tests.live.workers import Workers

FROZEN_SECONDS = 5.0
"""Longer than a session: a frozen worker wakes up as one who has lost its partitions and does not know."""


@dataclass
class Chaos:
    """Hurts one worker after another; `faults` counts what was done."""

    workers: Workers
    seed: int
    names: tuple[str, ...] = ("one", "two", "three")
    pause: tuple[float, float] = (0.3, 1.9)
    faults: Counter[str] = field(default_factory=Counter)
    _frozen: list[tuple[float, Program]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def begin(self) -> None:
        for name in self.names:
            self.workers.start(name)

    def strike(self) -> None:
        """Wait, hurt one worker, and put everything back to work that can work."""
        time.sleep(self._chance.uniform(*self.pause))
        self.mend()
        asleep = [program for _, program in self._frozen]
        awake = [name for name in self.names if self.workers.running[name] not in asleep]
        name = self._chance.choice(awake)
        program = self.workers.running[name]
        kind = self._chance.choices(("kill", "term", "freeze"), (5, 3, 2))[0]
        if kind == "freeze" and self._frozen:
            kind = "kill"
        self.faults[kind] += 1
        if kind == "kill":
            program.kill()
        elif kind == "term":
            program.signal(signal.SIGTERM)
        else:
            program.signal(signal.SIGSTOP)
            self._frozen.append((time.monotonic() + FROZEN_SECONDS, program))
        self.mend()

    def mend(self, *, all_awake: bool = False) -> None:
        """Wake those whose time is over, and start again whatever has ended."""
        now = time.monotonic()
        for wake_at, program in list(self._frozen):
            if all_awake or wake_at <= now:
                program.signal(signal.SIGCONT)
                self._frozen.remove((wake_at, program))
        for name in self.names:
            if not self.workers.running[name].running():
                self.workers.start(name)
