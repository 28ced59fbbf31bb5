"""Row patterns by definition: every way to match is tried in order of preference, from left to right.

Nothing of ours is in it: neither the language nor an engine. It is given a case, with the conventions of
the case files, and takes exponential time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias

from tests.conformance.cases import Json

Labels: TypeAlias = Mapping[int, str]
"""Row → the variable that took it."""

STEPS_MAX: Final = 2_000

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


class TooLongError(Exception):
    """The case has too many ways to match."""


class NoTargetError(Exception):
    """A skip to a row that the match has not, or to its first one: SQL fails there."""


def row_matches(case: Json) -> tuple[list[dict[str, list[int]]], list[dict[str, Any]]]:
    """The matches of a case, by index of event, and measures; an empty match reads a row of nulls."""
    partitions: dict[Any, list[tuple[int, int]]] = {}
    for index, event in enumerate(case["events"]):
        key = event.get(case["key"]) if case.get("key") else ()
        if key is not None:
            partitions.setdefault(key, []).append((event["_ts"], index))
    found: list[dict[str, list[int]]] = []
    rows: list[dict[str, Any]] = []
    for order in partitions.values():
        indexes = [index for _, index in sorted(order)]
        table = [case["events"][index] for index in indexes]
        for labels in _in_partition(case, table):
            match: dict[str, list[int]] = {}
            for row, var in sorted(labels.items()):
                match.setdefault(var, []).append(indexes[row])
            found.append(match)
            last = _Row(case, [*table, {}], labels, max(labels, default=len(table)))
            rows.append({name: last.value(expr) for name, expr in case.get("measures", {}).items()})
    return found, rows


def _in_partition(case: Json, table: Sequence[Json]) -> Iterator[Labels]:
    start = 0
    while start < len(table):
        found = next(_Search(case, table, start).node(case["pattern"], start, {}), None)
        if found is None:
            start += 1
            continue
        end, labels = found
        yield labels
        start = max(start + 1, _next_start(case, start, end, labels)) if labels else start + 1


def _next_start(case: Json, start: int, end: int, labels: Labels) -> int:
    kind, _, var = case["skip"].partition(":")
    if kind in ("past_last", "to_next"):
        return end if kind == "past_last" else start + 1
    rows = [row for row, label in labels.items() if label in _union(case, var)]
    target = (min(rows) if kind == "to_first" else max(rows)) if rows else start
    if target == start:
        raise NoTargetError
    return target


def _union(case: Json, var: str) -> Sequence[str]:
    found: Sequence[str] = case.get("subset", {}).get(var, [var])
    return found


@dataclass
class _Search:
    """Matches from one start, as (row behind the match, labels), the preferred one first."""

    case: Json
    table: Sequence[Json]
    start: int
    steps: list[int] = field(default_factory=lambda: [0])

    def node(self, node: Json, row: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        low, high = node.get("min", 1), node.get("max", 1)
        if (low, high) == (1, 1):
            yield from self._once(node, row, labels)
        else:
            yield from self._rounds(node, 0, row, labels)

    def _rounds(self, node: Json, count: int, row: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        self.steps[0] += 1
        if self.steps[0] > STEPS_MAX:
            raise TooLongError
        low, high, greedy = node.get("min", 1), node.get("max", 1), node.get("greedy") is not False
        if count >= low and not greedy:
            yield row, labels
        if high is None or count < high:
            for end, more in self._once(node, row, labels):
                if end == row and count >= low:
                    yield end, more  # a round without a row ends the loop
                else:
                    yield from self._rounds(node, count + 1, end, more)
        if count >= low and greedy:
            yield row, labels

    def _once(self, node: Json, row: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        match node:
            case {"event": var}:
                if row < len(self.table) and self._in_window(row):
                    more = {**labels, row: var}
                    where = node.get("where")
                    if where is None or _Row(self.case, self.table, more, row).value(where) is True:
                        yield row + 1, more
            case {"seq": parts}:
                yield from self._sequence(parts, row, labels)
            case {"anchor": at}:
                if row == (0 if at == "start" else len(self.table)):
                    yield row, labels
            case {"or": branches}:
                for branch in branches:
                    yield from self.node(branch, row, labels)
            case {"permute": parts}:
                for order in permutations(parts):
                    yield from self._sequence(order, row, labels)
            case _:
                raise AssertionError(node)

    def _sequence(self, parts: Sequence[Json], row: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        if not parts:
            yield row, labels
            return
        for end, more in self.node(parts[0], row, labels):
            yield from self._sequence(parts[1:], end, more)

    def _in_window(self, row: int) -> bool:
        within = self.case["pattern"].get("within")
        return within is None or self.table[row]["_ts"] - self.table[self.start]["_ts"] <= within


@dataclass
class _Row:
    """Values of expressions at a row, when the rows of `labels` have been taken."""

    case: Json
    table: Sequence[Json]
    labels: Labels
    row: int

    def value(self, expr: Json) -> Json:
        match expr:
            case ["field", name]:
                return self.table[self.row].get(name)
            case ["classifier"]:
                return self.labels.get(self.row)
            case ["classifier", var]:
                return self.value(["last", var, ["classifier"], 0])
            case ["first" | "last" as end, var, what, steps]:
                rows = self._rows(var)[:: 1 if end == "first" else -1]
                return self._at(rows[steps], what) if steps < len(rows) else None
            case ["prev_row", what, steps]:
                return self._at(self.row - steps, what) if self.row >= steps else None
            case ["count", var, None]:
                return len(self._rows(var))
            case ["sum" | "avg" | "min" | "max" | "count" as name, var, what]:
                values = [self._at(row, what) for row in self._rows(var)]
                return aggregate(name, [value for value in values if value is not None])
            case [op, *operands]:
                return compute(op, [self.value(each) for each in operands])
            case _:
                return expr

    def _at(self, row: int, what: Json) -> Json:
        if isinstance(what, str):
            return self.table[row].get(what)
        return _Row(self.case, self.table, self.labels, row).value(what)

    def _rows(self, var: str | None) -> list[int]:
        wanted = None if var is None else _union(self.case, var)
        return sorted(row for row, label in self.labels.items() if wanted is None or label in wanted)


def aggregate(name: str, values: Sequence[Any]) -> Json:
    """Over values that are not null."""
    if name == "count" or not values:
        return len(values) if name == "count" else None
    match name:
        case "sum":
            return sum(values)
        case "avg":
            return sum(values) / len(values)
        case _:
            return min(values) if name == "min" else max(values)


def compute(op: str, values: Sequence[Any]) -> Json:
    """An operator over values, three-valued."""
    match op:
        case "and" | "or":
            decisive = op == "or"
            if decisive in [value for value in values if value is not None]:
                return decisive
            return None if None in values else not decisive
        case "isnull":
            return values[0] is None
        case _ if None in values:
            return None
        case "not":
            return not values[0]
        case "+":
            return sum(values)
        case "in":
            return values[0] in values[1:]
        case _:
            one, other = values
            return COMPARE[op](one, other)
