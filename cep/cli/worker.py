"""The live worker as `faust -A cep.cli.worker worker` starts it; `cep run` does the same with its options.

Everything is told by `CEP_CONFIG` (the project file), `CEP_RULES`, `CEP_SELECT`, `CEP_SET`, and the settings
of `cep.live`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from cep.cli.live_setup import open_live, start_block
from cep.errors import CepError
from cep.runtimes.faust_app import BatchApp, make_app


def load_app(environment: Mapping[str, str]) -> BatchApp:
    """The app that the environment describes; tells on stderr what will run."""
    try:
        live = open_live(environment)
    except CepError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    sys.stderr.write(start_block(live) + "\n")
    return make_app(live.settings, live.tasks)


def __getattr__(name: str) -> BatchApp:
    """The app is made when the framework asks for it, not whenever something imports this module."""
    if name == "app":
        return load_app(os.environ)
    raise AttributeError(name)
