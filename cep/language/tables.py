"""The tables that texts are read by: kept beside the grammar, made anew when they are of another one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

from cep.values import value

Actions: TypeAlias = Mapping[str, int]
"""In a state: `n` says to go on to state n, `~n` to fold up rule n; by kind of token or origin of a rule."""

_FOLDER: Final = Path(__file__).parent
KEPT: Final = _FOLDER / "grammar.tables"
"""Where they are kept; an install writes them, see `hatch_build.py`."""


NOWHERE: Final = -(10**9)
"""What a state says to do when something comes that cannot."""


@value
class TableRule:
    """How the last `size` symbols become one.

    It is a node called `name`, or without a name the list of children of a repetition. `kept` are the symbols
    that become children: the place, whether it is such a list, and how many optional ones are missing before
    it; `nones` are missing at the end. `is_bracket`: an only child takes the place of the node.
    """

    origin: str
    name: str
    size: int
    kept: tuple[tuple[int, bool, int], ...]
    nones: int
    is_bracket: bool

    is_other_name: bool
    """Whether a symbol goes by another name from now on, and nothing else happens."""

    @staticmethod
    def of(row: list[Any]) -> TableRule:
        """From what Lark's part says of a rule."""
        origin, name, size, kept, nones, is_bracket = row
        places = tuple((at, is_list, missing) for at, is_list, missing in kept)
        is_other_name = is_bracket and size == 1 and not nones and places == ((0, False, 0),)
        return TableRule(origin, name, size, places, nones, is_bracket, is_other_name)


@value
class Tables:
    """`starts` has the first and the last state of each kind of text.

    `keywords` are by their upper case; those with a list are only what is in it. `patterns` are the regular
    expressions of the other tokens; signs of one character have none.
    """

    states: list[Actions]
    rules: list[TableRule]
    starts: Mapping[str, tuple[int, int]]
    keywords: Mapping[str, list[str]]
    patterns: Mapping[str, re.Pattern[str]]


@cache
def tables() -> Tables:
    """The tables of the grammar, from where they are kept if they can be."""
    key = _key()
    with suppress(OSError):
        written, _, text = KEPT.read_text(encoding="utf-8").partition("\n")
        # What was made of another grammar is none of ours.
        if written == key:
            return _of(json.loads(text))
    data = _made()
    with suppress(OSError):
        _keep(key, data, KEPT)
    return _of(data)


def keep_tables() -> Path:
    """Write the tables for every start to come; gives the place."""
    _keep(_key(), _made(), KEPT)
    return KEPT


def _made() -> dict[str, Any]:
    """Lark takes longer to load than a text to be read, so it is loaded only here."""
    made: dict[str, Any] = import_module("cep.language.grammar").tables_of(_read("grammar.lark"))
    return made


def _key() -> str:
    """What the tables depend on: the grammar, and what makes tables of it."""
    return blake2b(f"{_read('grammar.lark')}{_read('grammar.py')}".encode(), digest_size=16).hexdigest()


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _keep(key: str, data: dict[str, Any], path: Path) -> None:
    # Whole or not at all: other processes may start meanwhile.
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(f"{key}\n{json.dumps(data, separators=(',', ':'))}\n", encoding="utf-8")
    part.replace(path)


def _of(data: dict[str, Any]) -> Tables:
    rules = [TableRule.of(row) for row in data["rules"]]
    starts = {name: (first, last) for name, (first, last) in data["starts"].items()}
    patterns = {name: re.compile(text) for name, text in data["patterns"].items()}
    return Tables(data["states"], rules, starts, data["keywords"], patterns)
