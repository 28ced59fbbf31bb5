"""The engines that tests compare: those that can be chosen, and the fast one without its compiled stepper."""

from functools import partial
from typing import Final

from cep.engines import vector
from cep.engines.engines import ENGINES, Engine

ALL: Final[dict[str, Engine]] = {**ENGINES, "arrays": partial(vector.matchers, compiled=False)}
FAST: Final = ("vector", "arrays")
