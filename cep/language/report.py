"""Collects what is wrong with one text."""

from __future__ import annotations

from dataclasses import dataclass, field

from cep.errors import Diagnostic, Source, Span


@dataclass(slots=True)
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
