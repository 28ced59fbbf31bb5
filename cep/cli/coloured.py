"""What rich does for us: it colours lines, if the terminal can, and shows that work goes on."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.status import Status
from rich.text import Text as Styled

from cep.cli.line import Text


def console(*, stderr: bool, color: str) -> Console:
    """One end of the output; `color` is a word of `terminal.Color`."""
    if color == "always":
        return Console(
            stderr=stderr,
            highlight=False,
            emoji=False,
            markup=False,
            soft_wrap=True,
            force_terminal=True,
            color_system="standard",
            no_color=False,
        )
    system: Literal["auto"] | None = None if color == "never" else "auto"
    return Console(
        stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True, color_system=system
    )


def painted(end: Console, line: Text) -> str:
    """The line as that end of the output shows it, with its line end."""
    if end.color_system is None:
        return f"{line.plain}\n"
    # Captured, and written by others: when a pipe breaks, rich would end the process in its own way.
    with end.capture() as captured:
        end.print(Styled.assemble(*line.parts), soft_wrap=True)
    return captured.get()


def status(text: str, end: Console) -> Status:
    """A sign that work goes on, with a text that may change."""
    return Status(text, console=end)
