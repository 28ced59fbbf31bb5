"""A text while it is mended: it knows where each of its characters stood at first."""

from __future__ import annotations

from cep.errors import Span
from cep.language.problem import Edit
from cep.values import value


@value
class Draft:
    """`origin[i]` is the first place of character i, with one more entry for the end."""

    text: str
    origin: tuple[int, ...]

    @staticmethod
    def of(text: str) -> Draft:
        """A text as it came."""
        return Draft(text, tuple(range(len(text) + 1)))

    def edited(self, edits: tuple[Edit, ...]) -> Draft:
        """The draft with edits that do not overlap. New characters stand where the edit begins.

        >>> draft = Draft.of("a && b").edited((Edit(2, 4, "AND"),))
        >>> draft.text, draft.at_first(Span(6, 7))
        ('a AND b', Span(start=5, end=6))
        """
        text, origin = self.text, self.origin
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
            new = (origin[edit.start],) * len(edit.text)
            origin = origin[: edit.start] + new + origin[edit.end :]
        return Draft(text, origin)

    def at_first(self, span: Span) -> Span:
        """Where the characters of a span stood at first. A span may reach one past the end."""
        last = len(self.origin) - 1
        start = self.origin[min(span.start, last)]
        end = self.origin[min(max(span.end - 1, span.start), last)] + 1
        return Span(start, max(end, start + 1))
