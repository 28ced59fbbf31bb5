"""When state is put down in the simulation: as dice fall."""

from dataclasses import dataclass
from random import Random

from cep.state.store import TaskId


@dataclass
class Dice:
    """See `Turns`: state is cut now and then, and packed in pieces."""

    dice: Random
    put_down: float = 0.6
    """How often a task goes on putting down its state."""
    pauses: float = 0.3
    """How often no more is packed for now, behind each key."""
    pieces: int = 0
    """How often something was left to pack."""

    def falls(self, chance: float) -> bool:
        return self.dice.random() < chance

    def due(self, _: TaskId) -> bool:
        return self.falls(self.put_down)

    def enough(self) -> bool:
        return self.falls(self.pauses)

    def wrote(self, _: TaskId, *, done: bool) -> None:
        self.pieces += not done
