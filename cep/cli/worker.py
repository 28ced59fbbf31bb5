"""The live worker as `faust -A cep.cli.worker worker` starts it; `cep run` does the same with its options.

Everything is told by `CEP_CONFIG` (the project file), `CEP_RULES`, `CEP_SELECT`, `CEP_SET`, and the settings
of `cep.live`.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
import time

from cep.cli.live_setup import open_live, start_block, start_rows
from cep.errors import CepError, InputError
from cep.runtimes.faust_app import WorkerApp, make_app
from cep.runtimes.log_lines import event_line


@functools.cache
def load_app() -> WorkerApp:
    """The one app of this process, as the environment describes it; tells on stderr what will run."""
    try:
        live = open_live(os.environ)
        require_free(live.settings.web)
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


def require_free(web: str) -> None:
    """Refuse pages where somebody else has his, or where we may not: Faust would show a traceback."""
    if not web:  # no pages
        return
    host, _, port = web.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), int(port)), family=family).close()
    except OSError as error:
        raise InputError(
            f"web: {web}: {os.strerror(error.errno or 0)}\n"
            "  another worker? --web names another place, CEP_WEB= (empty) serves no pages"
        ) from None


def __getattr__(name: str) -> WorkerApp:
    """The app is made when the framework asks for it, not whenever something imports this module."""
    if name == "app":
        return load_app()
    raise AttributeError(name)
