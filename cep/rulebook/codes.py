"""The codes of everything that can be said against a rule file, each with its meaning in a line."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "E102": "The file is not YAML.",
    "M101": "A rule or a test lacks a key that it must have.",
    "M102": "A key means nothing here: it is misspelt, or stands in the wrong place.",
    "M103": "A key has a value that it cannot have.",
    "M104": "A name is given twice: two rules, two tests of a rule, or two definitions of a library.",
    "M105": "A library that a rule uses cannot be found.",
}
"""Code → meaning. Codes of patterns stand with the language."""
