"""What the verbs share: options that mean the same everywhere, the end of a help text, and the exit code.

Exit codes: 0 all is well, 1 something was found, 2 wrong use or a file that cannot be read, 3 the program
failed, 130 interrupted.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from cep.cli.terminal import (
    FAILURE,
    INTERRUPTED,
    OK,
    USAGE,
    Color,
    Terminal,
    clean,
    drop_stdout,
    make_terminal,
)
from cep.errors import CepError
from cep.limits import JOBS_MAX

EventsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="EVENTS", help="Files, folders, globs, or - for stdin.")
]
InputOption = Annotated[
    str | None, typer.Option("--input", metavar="NAME", help="Read EVENTS as this input of cep.yaml.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The project file; default: cep.yaml here or above."),
]
ColorOption = Annotated[Color, typer.Option("--color", help="When to colour; NO_COLOR is heeded.")]
BrokersOption = Annotated[
    str | None, typer.Option("--brokers", metavar="HOST:PORT,…", help="Where Kafka is.")
]
ChunkOption = Annotated[int, typer.Option("--chunk", min=1, metavar="N", help="Events matched at once.")]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=0,
        max=JOBS_MAX,
        metavar="N",
        help="Spread the keys over N processes; 0: as many as there are processors.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, only results and errors.")]
VerboseOption = Annotated[
    int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Tell more.")
]
RulesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rules", metavar="PATH", help="Rule files or folders; default: those of the project file."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override a parameter of the rules, such as n=5."),
]
SelectOption = Annotated[
    str | None,
    typer.Option(
        "--select", metavar="LIST", help="Only rules that fit, such as rule:brute*,tag:ato,severity:high."
    ),
]

_EXIT_CODES: Final = (
    "Exit code: 0 good, 1 findings, 2 wrong use or unreadable file, 3 failure, 130 interrupt."
)


def epilog(*examples: str) -> str:
    r"""Examples as they are typed; `\b` keeps click from folding them."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in examples), "", _EXIT_CODES])


def guarded(color: Color, quiet: bool, verbose: int, command: Callable[[Terminal], int]) -> None:
    """Run a command and leave with its exit code; whatever goes wrong is told in a line or two."""
    terminal = make_terminal(color, -1 if quiet else verbose)
    try:
        code = command(terminal)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        drop_stdout()
        code = OK
    except CepError as error:
        terminal.error(clean(f"error: {error}"))
        code = USAGE
    except Exception as error:  # noqa: BLE001 - the last stop: nobody shall see a traceback unasked
        terminal.error(clean(f"error: cep failed: {type(error).__name__}: {error}"))
        if verbose:
            terminal.error(clean(traceback.format_exc()))
        else:
            terminal.error("this is a fault of cep, not of your rules; -v shows where it happened")
        code = FAILURE
    raise typer.Exit(code)
