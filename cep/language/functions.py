"""The catalogue of functions: their group, arguments and results, for the checker and for suggestions."""

from __future__ import annotations

from typing import Literal

from cep.values import value

Group = Literal["loop", "scalar", "later"]
"""loop: over the events of a variable; scalar: of values; later: known, but not supported yet."""

Kind = Literal["any", "number", "text", "bool", "time", "duration", "event", "int", "list", "same"]
"""What an argument must be, or what comes out; `same` is the type of the first argument that can tell."""


@value
class Function:
    """One function: how many arguments (`most` None: any number), of what kinds (the last kind repeats)."""

    name: str
    group: Group
    least: int
    most: int | None
    arguments: tuple[Kind, ...]
    result: Kind

    def argument(self, index: int) -> Kind:
        """The kind that the argument at an index must have."""
        return self.arguments[min(index, len(self.arguments) - 1)] if self.arguments else "any"


def _loop(name: str, argument: Kind, result: Kind, most: int = 1) -> Function:
    return Function(name, "loop", 1, most, (argument, "number"), result)


def _scalar(name: str, arguments: tuple[Kind, ...], result: Kind, least: int | None = None) -> Function:
    return Function(
        name, "scalar", len(arguments) if least is None else least, len(arguments), arguments, result
    )


_LATER = [
    "zscore",
    "ewma",
    "score",
    "distance_km",
    "speed_kmh",
    "before",
    "after",
    "meets",
    "met_by",
    "overlaps",
    "overlapped_by",
    "starts",
    "started_by",
    "during",
    "includes",
    "finishes",
    "finished_by",
    "equals",
]

_ALL = (
    _loop("first", "any", "same"),
    _loop("last", "any", "same"),
    _loop("prev", "any", "same", most=2),
    _loop("count", "any", "int"),
    _loop("sum", "number", "same"),
    _loop("avg", "number", "same"),
    _loop("min", "any", "same"),
    _loop("max", "any", "same"),
    _loop("stddev", "number", "number"),
    _loop("percentile", "number", "same", most=2),
    _loop("collect", "any", "list"),
    _loop("any", "bool", "bool"),
    _loop("all", "bool", "bool"),
    _loop("duration", "event", "duration"),
    _loop("gap", "event", "duration"),
    _scalar("if", ("bool", "any", "any"), "same"),
    Function("coalesce", "scalar", 1, None, ("any",), "same"),
    Function("least", "scalar", 1, None, ("any",), "same"),
    Function("greatest", "scalar", 1, None, ("any",), "same"),
    _scalar("hour", ("time",), "int"),
    _scalar("weekday", ("time",), "int"),
    _scalar("local", ("time", "text"), "time"),
    _scalar("lower", ("text",), "text"),
    _scalar("upper", ("text",), "text"),
    _scalar("trim", ("text",), "text"),
    _scalar("length", ("any",), "int"),
    _scalar("starts_with", ("text", "text"), "bool"),
    _scalar("ends_with", ("text", "text"), "bool"),
    _scalar("contains", ("text", "text"), "bool"),
    _scalar("levenshtein", ("text", "text"), "int"),
    _scalar("abs", ("any",), "same"),
    _scalar("round", ("number", "int"), "same", least=1),
    _scalar("floor", ("number",), "int"),
    _scalar("ceil", ("number",), "int"),
    Function("hash", "scalar", 1, None, ("any",), "int"),
    _scalar("type", ("event",), "text"),
    *(Function(name, "later", 0, None, ("any",), "any") for name in _LATER),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}
"""Every function by its lower-case name."""

AGGREGATES: frozenset[str] = frozenset(function.name for function in _ALL if function.group == "loop") - {
    "first",
    "last",
    "prev",
}
"""Functions over all events that a variable took."""
