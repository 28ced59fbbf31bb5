"""The events a run has bound, as shared cells: extending a run copies nothing.

    run 1 ──▶ (b, e4) ──▶ (a, e1) ──▶ None
    run 2 ──▶ (b, e5) ──────┘                  two runs, one prefix, kept once

A cell lives as long as some run points at it; there is no buffer of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cep.event import Event
from cep.values import value


@value
class Cell:
    """Variable `var` took `event`; `before` is what the run had bound until then; `size` counts the cells."""

    var: str
    event: Event
    before: Cell | None
    size: int

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def extend(before: Cell | None, var: str, event: Event) -> Cell:
    """One more event bound."""
    return Cell(var, event, before, 1 if before is None else before.size + 1)


class Bound(Mapping[str, list[Event]]):
    """The bindings of a run, read from its cells only if somebody asks: most tests of an event do not."""

    __slots__ = ("_cell", "_read")

    def __init__(self, cell: Cell | None) -> None:
        """Remember where to read."""
        self._cell = cell
        self._read: dict[str, list[Event]] | None = None

    def __getitem__(self, var: str) -> list[Event]:
        """The events of a variable, oldest first."""
        if self._read is None:
            self._read = bindings(self._cell)
        return self._read[var]

    def __iter__(self) -> Iterator[str]:
        """The variables in order of first binding."""
        return iter(bindings(self._cell))

    def __len__(self) -> int:
        """How many variables are bound."""
        return len(bindings(self._cell))


def bindings(cell: Cell | None) -> dict[str, list[Event]]:
    """Variables in order of first binding, the events of each oldest first.

    >>> bindings(extend(extend(None, "a", Event("A", 1, 0, {})), "b", Event("B", 2, 1, {}))).keys()
    dict_keys(['a', 'b'])
    """
    cells = []
    while cell is not None:
        cells.append(cell)
        cell = cell.before
    found: dict[str, list[Event]] = {}
    for each in reversed(cells):
        taken = found.get(each.var)
        if taken is None:
            found[each.var] = [each.event]
        else:
            taken.append(each.event)
    return found
