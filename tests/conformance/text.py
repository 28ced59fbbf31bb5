"""Parts of a case as text of our language: names, values, conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cep.engines.matcher import Limits
from cep.event import Value
from cep.language.words import KEYWORDS, quoted
from tests.conformance.cases import Json

NO_WINDOW_MS: Final = 36_500 * 86_400_000
"""A hundred years: stands for "no window", which a pattern of ours may not do without."""

RESERVED: Final = frozenset({"this", "ts"})
"""Names that mean the event under test and its time wherever a field may stand."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARE: Final[Mapping[str, str]] = {
    "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_ARITH: Final = frozenset({"+", "-", "*", "/"})


class UnsayableError(Exception):
    """A case that our language cannot express, by design; the text is the reason."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule, and which variable of the case each of its variables stands for.

    None marks one whose event the source does not count as taken, several names one whose event stands for
    all of them. `columns` are outputs of the rule that are compared with `expect_rows`. `complete`: the
    source sees all events at once, so none came before them and none comes after. `pipes` are what it does
    with its matches in the end. `limits` are those of the rule, if it has any. `start` is the type of an
    event that marks the start of the query: at time 0, or, of a key or a table, just before its first event;
    `end` of one that marks the end of a complete log, of a key just behind its last event. `blank`: the
    source has an empty match at each row where its search finds no other, and this is what the columns but
    those of the key say of it; None: the source has no such matches.
    """

    text: str
    variables: Mapping[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    complete: bool = False
    pipes: tuple[tuple[str, int], ...] = ()
    limits: Limits | None = None
    start: str | None = None
    end: str | None = None
    blank: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """How the variables of a case are called in the rule, and which of them may take several events.

    `own` is the variable whose condition is being written.
    """

    written: Mapping[str, str] = field(default_factory=dict)
    several: frozenset[str] = frozenset()
    own: str | None = None

    def variable(self, name: str) -> str:
        """A variable as it is written; one that the pattern does not have keeps its name, to be refused."""
        return name_text(self.written.get(name, name))


def name_text(name: str) -> str:
    """A name in any place, in backquotes when a word of the language is spelt like it.

    >>> name_text("start"), name_text("next"), name_text("first name")
    ('start', '`next`', '`first name`')
    """
    return quoted(name, KEYWORDS)


def duration_text(ms: int) -> str:
    """A time span: whole days as days, everything else in milliseconds.

    >>> duration_text(9), duration_text(NO_WINDOW_MS)
    ('9ms', '36500d')
    """
    days, rest = divmod(ms, 86_400_000)
    return f"{days}d" if days and not rest else f"{ms}ms"


def string_text(value: str) -> str:
    """A string literal.

    >>> string_text("it's")
    "'it''s'"
    """
    if "\n" in value:
        raise UnsayableError("a string with a line end in it")
    return "'" + value.replace("'", "''") + "'"


def time_text(ms: int) -> str:
    """A point in time, in ms since 1970, as a literal.

    >>> time_text(3)
    "ts'1970-01-01T00:00:00.003Z'"
    """
    moment = _EPOCH + timedelta(milliseconds=ms)
    return f"ts'{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03d}Z'"


def literal_text(value: Json) -> str:
    """A JSON value as a literal.

    >>> [literal_text(value) for value in (1.5, -2, "a", True, None)]
    ['1.5', '(-2)', "'a'", 'TRUE', 'NULL']
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value) if value >= 0 else f"(-{-value})"
        case float() if math.isfinite(value):
            return repr(value) if value >= 0 else f"(-{-value!r})"
        case str():
            return string_text(value)
        case _:
            raise UnsayableError(f"a value that no literal says: {value!r}")


def expression_text(expr: Json, names: Names) -> str:
    """An expression, in parentheses wherever it has parts.

    >>> expression_text(["and", ["==", ["field", "name"], "a"], [">", ["sum", "b", "x"], 5]],
    ...     Names({"b": "b"}, frozenset({"b"})))
    "((name = 'a') AND (coalesce(sum(b.x), 0) > 5))"
    """
    if not isinstance(expr, list):
        return literal_text(expr)
    match expr:
        case ["field", str(name)]:
            return _field(name)
        case ["text", str(text)]:
            return text  # written already
        case ["type"]:
            return "type(this)"
        case ["ts"]:
            return "ts"
        case ["ref", str(var), str(name), *index]:
            return _reference(var, name, int(index[0]) if index else -1, names)
        case ["prev", str(name)] if names.own is not None:
            # Not `prev(x)`: a comparison with that is not asked of the first event, here it is null.
            return _reference(names.own, name, -1, names)
        case ["sum" | "avg" | "min" | "max" | "count" as function, str(var), *rest]:
            return _aggregate(function, var, rest[0] if rest else None, names)
        case ["and" | "or" as op, *operands] if operands:
            return "(" + f" {op.upper()} ".join(expression_text(each, names) for each in operands) + ")"
        case ["not", operand]:
            return f"(NOT {expression_text(operand, names)})"
        case ["isnull", operand]:
            return f"({expression_text(operand, names)} IS NULL)"
        case ["like", left, right]:
            return f"({expression_text(left, names)} LIKE {expression_text(right, names)})"
        case ["in", left, list(items)]:
            inside = ", ".join(expression_text(each, names) for each in items)
            return f"({expression_text(left, names)} IN [{inside}])"
        case ["%", left, right]:
            one, two = expression_text(left, names), expression_text(right, names)
            return f"({one} - {two} * floor({one} / {two}))"
        case ["-", operand]:
            return f"(-{expression_text(operand, names)})"
        case [str(op), left, right] if op in _COMPARE:
            return _comparison(op, left, right, names)
        case [str(op), first, *rest] if op in _ARITH and rest:
            parts = [expression_text(each, names) for each in (first, *rest)]
            return "(" + f" {op} ".join(parts) + ")"
        case ["case", *branches, otherwise]:
            text = expression_text(otherwise, names)
            for value, test in zip(branches[-1::-2], branches[-2::-2], strict=True):
                text = f"if({_outer(expression_text(test, names))}, {expression_text(value, names)}, {text})"
            return text
        case ["call", str(name), *arguments]:
            return f"{name_text(name)}({', '.join(expression_text(each, names) for each in arguments)})"
        case _:
            raise UnsayableError(f"an expression this adapter does not know: {expr[0] if expr else expr!r}")


def condition_text(where: Json, names: Names) -> str | None:
    """A `where` as text, None when it lets every event pass."""
    return None if where is None or where is True else _outer(expression_text(where, names))


def event_text(types: str | None, condition: str | None) -> str:
    """An event of a type (None: any) that meets a condition.

    >>> event_text(None, "x > 1"), event_text("Buy", None)
    ('EVENT[x > 1]', 'Buy')
    """
    kind = "EVENT" if types is None else name_text(types)
    return kind if condition is None else f"{kind}[{condition}]"


def quantifier_text(low: int, high: int | None, greed: str = "") -> str:
    """`low` to `high` (None: no bound) times; nothing for exactly once. `greed` is `?`, `+` or nothing.

    >>> [quantifier_text(*each) for each in ((1, None), (0, None), (0, 1), (2, 2), (2, 3), (1, 1))]
    ['+', '*', '?', '{2}', '{2,3}', '']
    """
    match low, high:
        case 1, 1:
            return ""
        case 0, 1:
            return "?" + greed
        case 1, None:
            return "+" + greed
        case 0, None:
            return "*" + greed
        case _, None:
            return f"{{{low},}}{greed}"
        case _ if low == high:
            return f"{{{low}}}{greed}"
        case _:
            return f"{{{low},{high}}}{greed}"


def nodes_below(node: Json) -> Iterator[Json]:
    """A pattern node and all nodes in it, parents first."""
    yield node
    for name in ("seq", "and", "or", "permute"):
        for child in node.get(name, ()):
            yield from nodes_below(child)
    for name in ("not", "every", "until"):
        if isinstance(node.get(name), dict):
            yield from nodes_below(node[name])


def _field(name: str) -> str:
    if name in RESERVED:
        raise UnsayableError(f"an attribute called `{name}`, which means something else here")
    return name_text(name)


def _reference(var: str, name: str, index: int, names: Names) -> str:
    variable, field_name = names.variable(var), name_text(name)
    if var not in names.several:
        if var == names.own:
            return "NULL"  # what it takes is only now being tested
        return f"{variable}.{field_name}" if index in (0, -1) else "NULL"
    return f"last({variable}).{field_name}" if index == -1 else f"{variable}[{index}].{field_name}"


def _aggregate(function: str, var: str, name: str | None, names: Names) -> str:
    """Over nothing a sum is 0 and a count is 0; everything else is null there, as with us."""
    variable = names.variable(var)
    if var == names.own and var not in names.several:
        return "0" if function in ("sum", "count") else "NULL"
    if function == "count":
        return f"count({variable})" if var in names.several else f"if({variable} IS NULL, 0, 1)"
    if name is None:
        raise UnsayableError(f"{function} of no attribute")
    one = f"{variable}.{name_text(name)}"
    value = f"{function}({one})" if var in names.several else one
    return f"coalesce({value}, 0)" if function == "sum" else value


def _comparison(op: str, left: Json, right: Json, names: Names) -> str:
    if right is None and op in {"==", "!="}:
        return f"({expression_text(left, names)} IS {'NOT ' if op == '!=' else ''}NULL)"
    sides = []
    for side, other in ((left, right), (right, left)):
        is_time = other == ["ts"] and isinstance(side, int) and not isinstance(side, bool)
        sides.append(time_text(side) if is_time else expression_text(side, names))
    return f"({sides[0]} {_COMPARE[op]} {sides[1]})"


def _outer(text: str) -> str:
    """The text without the parentheses around the whole of it."""
    if not text.startswith("("):
        return text
    depth, quote = 0, ""
    for position, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if not depth:
                return text[1:-1] if position == len(text) - 1 else text
    return text
