"""The live worker as `faust -A cep.cli.worker worker` starts it; `cep run` does the same with its options.

Everything is told by `CEP_CONFIG` (the project file), `CEP_RULES`, `CEP_SELECT`, `CEP_SET`, and the settings
of `cep.live`.
"""

from __future__ import annotations

import functools
import os
import sys
import time

from cep.cli.live_setup import open_live, start_block, start_rows
from cep.errors import CepError
from cep.runtimes.faust_app import WorkerApp, make_app
from cep.runtimes.log_lines import event_line


@functools.cache
def load_app() -> WorkerApp:
    """The one app of this process, as the environment describes it; tells on stderr what will run."""
    try:
        live = open_live(os.environ)
        rebuild = bool(os.environ.get("CEP_REBUILD"))
        app = make_app(live.settings, live.tasks, live.secrets, live.moves, rules=live.rules, rebuild=rebuild)
    except CepError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    if live.settings.log_format == "json":
        told = event_line("started", "a worker starts", "info", start_rows(live), time.time())
        sys.stderr.write(told + "\n")
    else:
        sys.stderr.write(start_block(live) + "\n")
    return app


def __getattr__(name: str) -> WorkerApp:
    """The app is made when the framework asks for it, not whenever something imports this module."""
    if name == "app":
        return load_app()
    raise AttributeError(name)
