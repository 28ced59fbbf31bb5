"""JSON text to values; the only importer of orjson.

Numbers with a point become floats, which hold any fifteen digits exactly. `inexact` finds a line with longer
ones, or with an integer beyond 64 bits, or with an exponent of three digits; `parse_exact` reads such a line
more slowly, with integers of any size and `JsonNumber` in the place of floats.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Final

import orjson

from cep.event import Value

_INEXACT: Final = re.compile(rb"[:,\[\s]-?[0-9](?:[0-9.]{15}|[0-9.]*[eE][-+]?[0-9]{3})")


class JsonNumber(Decimal):
    """A number with all digits that the text had."""

    __slots__ = ()


def inexact(text: bytes) -> bool:
    """Whether a number in the text may have more digits than `parse` keeps. True for a few that have not."""
    return _INEXACT.search(text) is not None


def parse(text: bytes) -> Value:
    """The value of one JSON text; ValueError says what is wrong and at which column.

    >>> parse(b'{"amount": 66.30}')
    {'amount': 66.3}
    >>> parse(b'{"n": NaN}')
    Traceback (most recent call last):
    ValueError: not JSON: unexpected character, expected a JSON value at column 7
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None


def parse_exact(text: bytes) -> Value:
    """As `parse`, but no digit is lost.

    >>> str(parse_exact(b"[0.12345678901234567890]")[0])
    '0.12345678901234567890'
    """
    parse(text)  # what one reading refuses, the other must refuse too
    try:
        return json.loads(text, parse_float=JsonNumber)
    except (InvalidOperation, RecursionError):
        raise ValueError("not JSON: a number too small, or values nested too deep") from None
