"""What is wrong with a text before it has a place in a file: a span, the words for it, and how to mend it."""

from __future__ import annotations

from cep.errors import Diagnostic, Source, Span
from cep.values import value


@value
class Edit:
    """Replace the characters from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str


@value
class Problem:
    """One thing to tell the user about. `edits`, if any, make of the text what was probably meant."""

    span: Span
    message: str
    label: str = ""
    help: str = ""
    edits: tuple[Edit, ...] = ()
    first: Span | None = None
    """Where the same thing stood before, if this is about something said twice."""

    def diagnostic(self, source: Source) -> Diagnostic:
        """The problem at its place in `source`."""
        label = self.label
        if self.first:
            place = source.place(self.first.start)
            label = f"{label}; the first one is at {place.line}:{place.column}"
        return Diagnostic("E101", "error", self.message, source, self.span, label, self.help)


@value
class Word:
    """A token of the text: `kind` is its name in the grammar, which no user ever reads."""

    kind: str
    text: str
    span: Span
