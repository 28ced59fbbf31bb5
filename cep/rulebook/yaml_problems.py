"""What is wrong with a text as YAML, in words that name the repair; code E102."""

from __future__ import annotations

import re
from typing import Final

from cep.errors import Diagnostic, Source, Span
from cep.values import value

CODE: Final = "E102"


@value
class _Words:
    """What to say when the parser's complaint fits `complaint`; `at_context`: about where the thing began."""

    complaint: str
    message: str
    help: str = ""
    at_context: bool = False


_QUOTE: Final = "put the value in quotes"
_WORDS: Final = (
    _Words(
        r"mapping values are not allowed here",
        "a `:` where no key can stand",
        "put the value in quotes if the `:` belongs to it; if this is a key, give it the indentation of its"
        " neighbours",
    ),
    _Words(r"found character '\\t'", "a tab at the start of a line", "indent with spaces"),
    _Words(r"found character ('.')", r"a value cannot begin with \1", _QUOTE),
    _Words(
        r"could not find expected ':'",
        "this line is neither `key: value` nor the end of a value",
        "add a `:` behind the key, or indent the line to carry on the value above",
        at_context=True,
    ),
    _Words(
        r"expected ',' or '[\]}]', but got '\?'",
        "inside `{…}` and `[…]` a `?` cannot stand in a plain word",
        'put the value in double quotes: "string?"',
    ),
    _Words(
        r"expected ',' or '\]'",
        "this `[` is not closed, or a comma is missing in it",
        "close it: ]",
        at_context=True,
    ),
    _Words(
        r"expected ',' or '}'",
        "this `{` is not closed, or a comma is missing in it",
        "close it: }",
        at_context=True,
    ),
    _Words(r"but found '([\]}])'", r"this `\1` closes nothing", r"take the `\1` out"),
    _Words(
        r"expected '<document start>'",
        "text behind the end of a document",
        "documents in one file are parted by a line `---`",
    ),
    _Words(
        r"but found '<scalar>'",
        "more text behind a value that has ended",
        "inside '…' a single quote is written twice: ''",
    ),
    _Words(
        r"expected <block end>",
        "this line stands elsewhere than its neighbours",
        "keys and `-` of one list begin in the same column",
    ),
    _Words(r"sequence entries are not allowed", "a list cannot begin here", "begin it on the next line"),
    _Words(r"mapping keys are not allowed", "a value cannot begin with `?`", _QUOTE),
    _Words(
        r"found unexpected end of stream", "this quote is not closed", "add it at the end", at_context=True
    ),
    _Words(
        r"found unknown escape character '(.)'",
        r"`\\\1` means nothing inside double quotes",
        "single quotes leave backslashes as they are",
    ),
    _Words(r"found undefined alias '(.*)'", r"`*\1` stands for nothing: no `&\1` comes before it"),
    _Words(r"second occurrence", "this anchor is named twice"),
    _Words(r"undefined tag handle '(.*)'", r"the tag `\1` is not known", _QUOTE),
    _Words(
        r"expected chomping or indentation indicators",
        "only `-`, `+` or a digit may follow `|` and `>` on their line",
        "begin the text on the next line",
    ),
    _Words(
        r"special characters are not allowed",
        "a character that no text holds",
        "is this a text file, in UTF-8?",
    ),
)


def syntax_problem(
    source: Source, complaint: str, at: int, context: str = "", begun: int | None = None
) -> Diagnostic:
    """The YAML parser's complaint about offset `at` in our words; `begun` is where `context` began."""
    for words in _WORDS:
        if found := re.search(words.complaint, complaint) or re.search(words.complaint, context):
            start = begun if words.at_context and begun is not None else at
            message, repair = found.expand(words.message), found.expand(words.help)
            return Diagnostic(CODE, "error", message, source, _one(source, start), help=repair)
    message = f"this is not YAML: {complaint}" + (f", {context}" if context else "")
    return Diagnostic(CODE, "error", message, source, _one(source, at))


def _one(source: Source, start: int) -> Span:
    """One character; behind the end of the text, the one that would follow its last."""
    start = min(start, len(source.text.rstrip()))
    return Span(start, start + 1)
