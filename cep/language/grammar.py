"""Lark's part: it makes the tables of the grammar, which `reader` reads texts by."""

from __future__ import annotations

import re
from typing import Any, Final

from lark import Lark
from lark.grammar import Rule
from lark.lexer import PatternRE, TerminalDef
from lark.parsers.lalr_analysis import Shift

_KEYWORD: Final = re.compile(r"\(?([A-Za-z|]+)\)?\\b")


def lark_of(grammar: str) -> Lark:
    """Lark's own reader of the grammar; tests hold ours to it."""
    return Lark(
        grammar, parser="lalr", lexer="contextual", start=["pattern", "library"], propagate_positions=True
    )


def tables_of(grammar: str) -> dict[str, Any]:
    """The tables as lists and dicts; `Tables` says what is in them."""
    lark = lark_of(grammar)
    found = lark.parser.parser._parse_table  # noqa: SLF001 - Lark makes them and shows them to nobody
    number = {rule: i for i, rule in enumerate(lark.rules)}

    def to(action: tuple[object, Any]) -> int:
        kind, target = action
        return int(target) if kind is Shift else ~number[target]

    states = [found.states[i] for i in range(len(found.states))]
    keywords = {each.name: spelt for each in lark.terminals if (spelt := _spellings(each)) is not None}
    return {
        "states": [{str(name): to(action) for name, action in row.items()} for row in states],
        "rules": [_row(rule) for rule in lark.rules],
        "starts": {str(name): (first, found.end_states[name]) for name, first in found.start_states.items()},
        "keywords": keywords,
        "patterns": {
            each.name: each.pattern.value
            for each in lark.terminals
            if isinstance(each.pattern, PatternRE) and each.name not in keywords
        },
    }


def _row(rule: Rule) -> tuple[object, ...]:
    """See `TableRule`. Lark writes a flag for each symbol and each one that is missing."""
    flags = rule.options.empty_indices or (False,) * len(rule.expansion)
    symbols = iter(enumerate(rule.expansion))
    kept: list[tuple[int, bool, int]] = []
    nones = 0
    for is_missing in flags:
        if is_missing:
            nones += 1
            continue
        at, symbol = next(symbols)
        if not (symbol.is_term and getattr(symbol, "filter_out", False)):
            is_list = not symbol.is_term and symbol.name.startswith("_")
            kept.append((at, is_list, nones))
            nones = 0
    origin = rule.origin.name
    name = "" if origin.startswith("_") else rule.alias or origin
    is_bracket = bool(rule.options.expand1 and not rule.alias)
    return origin, name, len(rule.expansion), kept, nones, is_bracket


def _spellings(terminal: TerminalDef) -> list[str] | None:
    """The only spellings of a keyword, none if case does not matter; None if it is no keyword."""
    found = _KEYWORD.fullmatch(terminal.pattern.value)
    if found is None:
        return None
    return [] if "i" in terminal.pattern.flags else found[1].split("|")
