"""Where output goes: data to stdout, notes to stderr, colour only where somebody looks, nothing that bites.

Text from events and rule files may hold control characters; `clean` makes them visible, so that no event can
move the cursor of whoever reads an alert.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from enum import StrEnum
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cep.values import value

OK = 0
FINDINGS = 1
USAGE = 2
FAILURE = 3
INTERRUPTED = 130


class Color(StrEnum):
    """When to colour: `auto` is on a terminal that does not ask for none with `NO_COLOR`."""

    auto = "auto"
    always = "always"
    never = "never"


@value
class Terminal:
    """Both ends of the output. `verbosity`: -1 quiet (errors only), 0 normal, 1 and more tell details."""

    out: Console
    err: Console
    verbosity: int = 0

    def data(self, line: Text | str) -> None:
        """A line of what was asked for, to stdout."""
        _write(self.out, line)

    def note(self, line: Text | str) -> None:
        """A remark about the work, to stderr; not when quiet."""
        if self.verbosity >= 0:
            _write(self.err, line)

    def detail(self, line: Text | str) -> None:
        """A remark for those who asked with -v."""
        if self.verbosity > 0:
            _write(self.err, line)

    def error(self, line: Text | str) -> None:
        """What went wrong, to stderr, even when quiet."""
        _write(self.err, line)

    @property
    def looked_at(self) -> bool:
        """Whether stdout is a terminal."""
        return _is_tty(sys.stdout)

    @property
    def watched(self) -> bool:
        """Whether stderr is a terminal, where progress may be shown."""
        return _is_tty(sys.stderr) and self.verbosity >= 0


def make_terminal(color: Color = Color.auto, verbosity: int = 0) -> Terminal:
    """A terminal on this process' stdout and stderr."""
    return Terminal(_console(color, stderr=False), _console(color, stderr=True), verbosity)


def drop_stdout() -> None:
    """Whoever read our output has seen enough; nothing more can be said there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def clean(text: str) -> str:
    r"""The text with control and direction characters spelt out.

    >>> clean("a\x1b[2Jb\u202ec\td")
    'a\\x1b[2Jb\\u202ec\td'
    """
    if text.isprintable():
        return text
    return "".join(char if char in "\t\n" or not _bites(char) else _spelt(char) for char in text)


def clean_line(text: str) -> str:
    r"""As `clean`, for what must stay on one line.

    >>> clean_line("a\nb")
    'a\\nb'
    """
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def _bites(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _spelt(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _console(color: Color, *, stderr: bool) -> Console:
    if color is Color.auto and os.environ.get("NO_COLOR"):
        color = Color.never
    match color:
        case Color.auto:
            return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)
        case Color.always:
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
        case Color.never:
            return Console(
                stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True, color_system=None
            )


def _write(console: Console, line: Text | str) -> None:
    """Plain text goes out as it is; rich would fold it at the width it guesses for a pipe."""
    if console.color_system is None or isinstance(line, str):
        console.file.write(f"{line.plain if isinstance(line, Text) else line}\n")
        return
    # Captured and written here: when a pipe breaks, rich would end the process in its own way.
    with console.capture() as captured:
        console.print(line, soft_wrap=True)
    console.file.write(captured.get())


def _is_tty(stream: TextIO) -> bool:
    return stream.isatty()
