"""The example patterns of `patterns.txt`: each kind of rule that the language is for, once."""

from pathlib import Path
from typing import Final

_TEXTS: Final = Path(__file__).with_name("patterns.txt").read_text(encoding="utf-8").split("\n---\n")

PATTERNS: Final = tuple(text for text in _TEXTS if "DEFINE" not in text)
"""One pattern each, with a comment that says what it looks for."""

LIBRARIES: Final = tuple(text for text in _TEXTS if "DEFINE" in text)
"""Files of definitions."""
