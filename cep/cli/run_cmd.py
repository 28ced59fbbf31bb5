"""`cep run`: the live worker. Options become environment, and the process becomes a Faust worker.

No other command may pay for importing Faust and its libraries, so a new Python takes the place of this one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cep.errors import CepError

SEPARATOR: Final = "\n"
"""Between several values in one variable."""

NEEDS: Final = ("faust", "confluent_kafka", "prometheus_client")

WORKER: Final = "cep.cli.worker"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line as it was given; what was not given is left to environment and project file."""

    config: Path | None = None
    rules: Sequence[str] = ()
    params: Sequence[str] = ()
    select: str | None = None
    engine: str | None = None
    verbosity: int = 0
    settings: dict[str, str | None] = field(default_factory=dict)
    """Keys of `live:` with their values."""

    def environment(self) -> dict[str, str]:
        """The options that were given, as variables."""
        given = {
            "config": None if self.config is None else str(self.config),
            "rules": SEPARATOR.join(self.rules),
            "set": SEPARATOR.join(self.params),
            "select": self.select,
            "engine": self.engine,
            **self.settings,
        }
        return {f"CEP_{key.upper()}": value for key, value in given.items() if value}


def run(options: RunOptions) -> int:
    """Never returns: the worker's exit code is that of this process. CepError if a library is missing."""
    if any(find_spec(name) is None for name in NEEDS):
        raise CepError("running live needs more libraries: pip install '.[live]' in your clone of cep")
    level = ("warning", "info", "debug")[max(0, min(2, options.verbosity + 1))]
    command = [sys.executable, "-m", "faust", "-A", WORKER, "worker", "--loglevel", level]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, {**os.environ, **options.environment()})  # noqa: S606 - our own Python
