"""Values of parameters as they stand in YAML or behind `--set`, read as constants of the pattern language."""

from __future__ import annotations

import re
from typing import Final

from cep.errors import Span
from cep.language.expressions import LiteralExpr
from cep.language.literals import literal
from cep.language.problem import Problem, Word

# The kinds that need no quotes, in the order they are tried; each is a token of the language.
_FORMS: Final = (
    ("DURATION", re.compile(r"(\d+(ms|[smhdw]))+")),
    ("PERCENT", re.compile(r"\d[\d_]*(\.\d+)?%")),
    ("FLOAT", re.compile(r"\d[\d_]*\.\d+([eE][+-]?\d+)?")),
    ("INT", re.compile(r"\d[\d_]*")),
    ("TYPED", re.compile(r"(ts|ip|re|dec)'([^']|'')*'")),
    ("STRING", re.compile(r"'([^']|'')*'")),
    ("TRUE", re.compile(r"true", re.IGNORECASE)),
    ("FALSE", re.compile(r"false", re.IGNORECASE)),
    ("NULL", re.compile(r"null", re.IGNORECASE)),
)


def param_literal(text: str) -> tuple[LiteralExpr, Problem | None]:
    """The constant that plain text stands for: what looks like none of the other kinds is a string.

    >>> [param_literal(text)[0].kind for text in ("3", "10m", "30%", "1.5", "-2", "true", "EUR")]
    ['int', 'duration', 'percent', 'float', 'int', 'bool', 'string']
    """
    text = text.strip()
    negative = text.startswith("-")
    body = text[1:] if negative else text
    for kind, form in _FORMS:
        if form.fullmatch(body) and (not negative or kind in {"INT", "FLOAT", "PERCENT"}):
            problems: list[Problem] = []
            found = literal(Word(kind, body, Span(0, len(body))), problems)
            if negative and found.value is not None:
                found = LiteralExpr(found.kind, -found.value, f"-{found.text}", span=found.span)
            return found, problems[0] if problems else None
    return string_literal(text), None


def string_literal(text: str) -> LiteralExpr:
    """A string whatever it looks like: what stands in quotes in YAML.

    >>> string_literal("3").value
    '3'
    """
    return LiteralExpr("string", text, text.replace("'", "''"))
