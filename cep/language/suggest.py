"""What was probably meant: the nearest of the names there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known names most like `name`, the most likely first; case does not count.

    >>> nearest("amout", ["amount", "ip"]), nearest("USERID", ["user_id"]), nearest("x", ["amount"])
    (['amount'], ['user_id'], [])
    """
    by_lower: dict[str, str] = {}
    for each in known:
        by_lower.setdefault(each.lower(), each)
    # Of three letters one may be wrong; in longer words that much would find strangers.
    cutoff = 0.6 if len(name) <= 3 else 0.75
    found = get_close_matches(name.lower(), by_lower, n=count, cutoff=cutoff)
    return [by_lower[each] for each in found]


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in backquotes for a sentence; `…` stands for those beyond `most`.

    >>> listed(["a", "b"]), listed("abc", most=2)
    ('`a`, `b`', '`a`, `b`, …')
    """
    every = [f"`{name}`" for name in names]
    return ", ".join(every[:most] + (["…"] if len(every) > most else []))
