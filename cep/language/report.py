"""Collects what is wrong with one text."""

from __future__ import annotations

from dataclasses import field

from cep.errors import Diagnostic, Source, Span
from cep.values import mutable


@mutable
class Report:
    """The problems found so far in `source`. Nothing here raises: a checker goes on and finds the rest."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, span: Span, message: str, label: str = "", repair: str = "") -> None:
        """Note an error: the message in the user's words, a label beside the caret, a repair to paste."""
        self.found.append(Diagnostic(code, "error", message, self.source, span, label, repair))

    def warning(self, code: str, span: Span, message: str, label: str = "", repair: str = "") -> None:
        """Note advice."""
        self.found.append(Diagnostic(code, "warning", message, self.source, span, label, repair))

    def sorted(self) -> list[Diagnostic]:
        """Everything found, by position, each thing once."""
        unique = {(d.code, d.span, d.message): d for d in self.found}
        return sorted(unique.values(), key=lambda d: d.sort_key)


def used_at(span: Span, source: Source) -> str:
    """The name behind `USE` if the span is that of a USE, so that what stands there comes from a definition.

    >>> used_at(Span(4, 22), Source.whole("p", "SEQ(USE auth.burst(n = 5) b, Login l)"))
    'auth.burst'
    """
    words = source.text[span.start : span.end].split("(")[0].split()
    return words[1] if len(words) > 1 and words[0].upper() == "USE" else ""
