"""What loads much, imported when it is called: a help text needs no engine, and a pipe no colours."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_PLACES: Final = {
    "about": "cep.cli.about",
    "check": "cep.cli.check_cmd",
    "console": "cep.cli.coloured",
    "explain": "cep.cli.explain_cmd",
    "main": "cep.cli.main",
    "painted": "cep.cli.coloured",
    "replay": "cep.cli.replay_cmd",
    "run_rule_tests": "cep.cli.rule_tests_cmd",
    "spread_over": "cep.runtimes.spread",
    "status": "cep.cli.coloured",
}


def __getattr__(name: str) -> Callable[..., Any]:
    """The function, from its own module; that of a verb gives the exit code, `about` a text."""
    if name not in _PLACES:
        raise AttributeError(name)
    verb: Callable[..., Any] = getattr(import_module(_PLACES[name]), name)
    return verb
