"""`cep run`, `dlq`, `state` and `rules`: options become environment, and another Python takes over from this.

No other command may pay for importing Faust and the Kafka client.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cep.errors import CepError
from cep.values import value

SEPARATOR: Final = "\n"
"""Between several values in one variable."""

NEEDS: Final = ("faust", "confluent_kafka", "prometheus_client")

WORKER: Final = "cep.cli.worker"
LETTERS: Final = "cep.cli.letters"
STORED: Final = "cep.cli.stored_state"
PUSHED: Final = "cep.cli.pushed_rules"


@value
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
    level = ("warning", "info", "debug")[max(0, min(2, options.verbosity + 1))]
    return _become(["faust", "-A", WORKER, "worker", "--loglevel", level], options)


def dead_letters(verb: str, options: RunOptions) -> int:
    """`list` or `replay` them; never returns either."""
    return _become([LETTERS, verb], options)


def stored_state(key: Sequence[str], options: RunOptions) -> int:
    """Print what is stored of a key; never returns either."""
    return _become([STORED, *key], options, ("msgpack", "confluent_kafka"))


def pushed_rules(words: Sequence[str], options: RunOptions) -> int:
    """Look at the rules in their topic or change them: a verb with its names or files; never returns."""
    return _become([PUSHED, *words], options)


def config_of(environment: Mapping[str, str]) -> Path | None:
    """The project file that the environment names."""
    name = environment.get("CEP_CONFIG")
    return Path(name) if name else None


def _become(module: Sequence[str], options: RunOptions, needs: Sequence[str] = NEEDS) -> int:
    # Faust has no spec once it is imported, and asking for it would fail.
    if any(name not in sys.modules and find_spec(name) is None for name in needs):
        raise CepError("running live needs more libraries: pip install '.[live]' in your clone of cep")
    command = [sys.executable, "-m", *module]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, {**os.environ, **options.environment()})  # noqa: S606 - our own Python
