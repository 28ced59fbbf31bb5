"""Where output goes: data to stdout, notes to stderr, colour only where somebody looks, nothing that bites.

Text from events and rule files may hold control characters; `clean` makes them visible, so that no event can
move the cursor of whoever reads an alert.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from enum import StrEnum
from typing import Any, Final, TextIO

from cep.cli import verbs
from cep.cli.line import Text
from cep.values import mutable, value

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


@mutable
class End:
    """One end of the output. What colours is loaded only for a line that may be coloured."""

    color: Color
    is_err: bool
    _console: Any = None

    @property
    def stream(self) -> TextIO:
        """Where it goes."""
        return sys.stderr if self.is_err else sys.stdout

    @property
    def console(self) -> Any:  # noqa: ANN401 - a console of rich, which is not loaded here
        """What colours it."""
        if self._console is None:
            self._console = verbs.console(stderr=self.is_err, color=self.color)
        return self._console

    def write(self, line: Text | str) -> None:
        """A line. Plain text goes out as it is; rich would fold it at the width it guesses for a pipe."""
        if isinstance(line, str):
            self.stream.write(f"{line}\n")
        elif self._is_plain():
            self.stream.write(f"{line.plain}\n")
        else:
            self.stream.write(verbs.painted(self.console, line))

    def _is_plain(self) -> bool:
        """Whether it is sure that nothing is coloured; else rich decides."""
        if self.color is not Color.auto:
            return self.color is Color.never
        return not (_is_tty(self.stream) or any(os.environ.get(name) for name in _ASKING))


_ASKING: Final = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""What asks rich for colours where it sees no terminal."""


@value
class Terminal:
    """Both ends of the output. `verbosity`: -1 quiet (errors only), 0 normal, 1 and more tell details."""

    out: End
    err: End
    verbosity: int = 0

    def data(self, line: Text | str) -> None:
        """A line of what was asked for, to stdout."""
        self.out.write(line)

    def note(self, line: Text | str) -> None:
        """A remark about the work, to stderr; not when quiet."""
        if self.verbosity >= 0:
            self.err.write(line)

    def detail(self, line: Text | str) -> None:
        """A remark for those who asked with -v."""
        if self.verbosity > 0:
            self.err.write(line)

    def error(self, line: Text | str) -> None:
        """What went wrong, to stderr, even when quiet."""
        self.err.write(line)

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
    if color is Color.auto and os.environ.get("NO_COLOR"):
        color = Color.never
    return Terminal(End(color, is_err=False), End(color, is_err=True), verbosity)


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


def _is_tty(stream: TextIO) -> bool:
    return stream.isatty()
