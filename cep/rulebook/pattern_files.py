"""Files with the ending `.cep`, checked on their own: one pattern, or a library of definitions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from cep.errors import Diagnostic, Source
from cep.rulebook.libraries import read_definitions
from cep.rulebook.pipeline import Stages, compile_stages
from cep.schema import Schema
from cep.values import value

PATTERN_ENDING: Final = ".cep"

# Blank lines and comments, then the word that only a library begins with.
_LIBRARY: Final = re.compile(r"(?:\s|(?:#|--)[^\n]*\n?)*DEFINE\b", re.IGNORECASE)


@value
class PatternFile:
    """What a file holds: `stages` of its one pattern, or the number of its definitions."""

    definitions: int
    stages: Stages | None
    diagnostics: tuple[Diagnostic, ...]


def read_pattern_file(source: Source, schema: Schema) -> PatternFile:
    """A pattern is compiled; each pattern of a library is checked with the defaults of its parameters.

    >>> read_pattern_file(Source.whole("a.cep", "DEFINE PATTERN b = A a{3,};"), Schema()).definitions
    1
    """
    if not _LIBRARY.match(source.text):
        stages, found = compile_stages(source, schema)
        return PatternFile(0, stages, tuple(found))
    definitions, found = read_definitions(source, schema, Path(source.name).stem)
    return PatternFile(len(definitions), None, tuple(found))
