"""Lines for people: text in parts, each with a style or none. Nothing here colours them: see `coloured`."""

from __future__ import annotations

from cep.values import mutable


@mutable
class Text:
    """Parts of a line, each with its style in the words of rich: `bold red`, `dim`, or nothing.

    >>> line = Text("a", style="bold")
    >>> line.append("b", style="red")
    >>> line.plain, line.parts
    ('ab', [('a', 'bold'), ('b', 'red')])
    """

    parts: list[tuple[str, str]]

    def __init__(self, text: str = "", style: str = "") -> None:
        """A line of one part."""
        self.parts = [(text, style)]

    @staticmethod
    def assemble(*parts: Text | tuple[str, str] | str) -> Text:
        """A line of texts, of texts with a style, and of other lines.

        >>> Text.assemble("a", ("b", "dim"), Text("c", style="red")).plain
        'abc'
        """
        line = Text()
        for part in parts:
            if isinstance(part, Text):
                line.parts += part.parts
            else:
                line.parts.append((part, "") if isinstance(part, str) else part)
        return line

    def append(self, text: str, style: str = "") -> None:
        """One more part."""
        self.parts.append((text, style))

    @property
    def plain(self) -> str:
        """The line without its styles."""
        return "".join(text for text, _ in self.parts)
