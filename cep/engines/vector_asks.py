"""What conditions read of a run, and the registers that keep it: rows of variables, and running folds.

    last, first    var → row reference of each run     a.x, prev(x)
    folds          aggregate → values of each run      sum(r.amount), count(f), all of a loop

A row reference is a row of the batch, or -1 for none, or -2 - slot for a row kept from an earlier batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch
from cep.engines.arrays import NO, Arr, Asked, boxed, constant, evaluate, joined, with_kept
from cep.engines.field_values import values_at
from cep.engines.folds import FOLDS
from cep.engines.vector_rows import RowStore
from cep.event import Key
from cep.plan.expr import (
    Aggregate,
    Arith,
    Elem,
    Every,
    Expr,
    Field,
    IsNull,
    KeyPart,
    Prev,
    Ref,
    UnlessFirst,
    walk,
)
from cep.values import value

Refs: TypeAlias = NDArray[np.int64]
Folded: TypeAlias = Aggregate | Every

UNBOUND = -1


def unaskable(expr: Expr) -> str | None:
    """Why a condition cannot be asked of many runs at once; None if it can."""
    whole_events = {id(node.operand) for node in walk(expr) if isinstance(node, IsNull)}
    for node in walk(expr):
        match node:
            case Ref(_, path, index) if index not in (0, -1) or (not path and id(node) not in whole_events):
                return "a condition on an event in the middle of a loop"
            case Field(()):
                return "a condition on `this`"
            case Prev(_, operand, back) if back != 1 or any(
                isinstance(n, (Ref, Prev)) for n in walk(operand)
            ):
                return "prev() further back than one"
            case Aggregate(name, _, operand, distinct) if (
                distinct or name not in FOLDS or not _plain(operand)
            ):
                return f"{name}() of a loop"
            case Every(_, operand) if not _plain(operand):
                return "a condition on every event of a loop that reads others"
            case _:
                continue
    return None


def _plain(operand: Expr | None) -> bool:
    """Whether the operand of a fold reads nothing but the event that is folded in."""
    kinds = (Ref, Prev, Aggregate, Every, UnlessFirst, KeyPart, Field)
    whole = operand is not None and any(isinstance(n, Elem) and not n.path for n in walk(operand))
    return operand is None or not (whole or any(isinstance(n, kinds) for n in walk(operand)))


@value
class Needs:
    """The registers that some conditions read."""

    last: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()
    folds: frozenset[Folded] = frozenset()

    @staticmethod
    def of(exprs: Iterable[Expr]) -> Needs:
        """Collect them."""
        nodes = [node for expr in exprs for node in walk(expr)]
        last = {
            n.var
            for n in nodes
            if isinstance(n, (Prev, UnlessFirst)) or (isinstance(n, Ref) and n.index == -1)
        }
        first = {n.var for n in nodes if isinstance(n, Ref) and n.index == 0}
        return Needs(
            frozenset(last),
            frozenset(first),
            frozenset(n for n in nodes if isinstance(n, (Aggregate, Every))),
        )


@dataclass
class Registers:
    """What runs have bound, as far as conditions read it: an entry for each run."""

    last: dict[str, Refs]
    first: dict[str, Refs]
    folds: dict[Folded, Arr]

    @staticmethod
    def empty(needs: Needs, length: int) -> Registers:
        """Of runs that have taken nothing."""
        return Registers(
            {var: np.full(length, UNBOUND, dtype=np.int64) for var in needs.last},
            {var: np.full(length, UNBOUND, dtype=np.int64) for var in needs.first},
            {fold: FOLDS[_name(fold)].nothing(length) for fold in needs.folds},
        )

    def of(self, runs: NDArray[np.intp]) -> Registers:
        """Those of some runs."""
        return Registers(
            {var: refs[runs] for var, refs in self.last.items()},
            {var: refs[runs] for var, refs in self.first.items()},
            {fold: arr.at(runs) for fold, arr in self.folds.items()},
        )

    def put(self, runs: NDArray[np.intp], new: Registers) -> None:
        """Set those of some runs."""
        for var, refs in new.last.items():
            self.last[var][runs] = refs
        for var, refs in new.first.items():
            self.first[var][runs] = refs
        for fold, arr in new.folds.items():
            self.folds[fold] = with_kept(self.folds[fold], runs, arr)

    def followed_by(self, other: Registers) -> Registers:
        """Those of these runs and then of others."""
        return Registers(
            {var: np.concatenate([refs, other.last[var]]) for var, refs in self.last.items()},
            {var: np.concatenate([refs, other.first[var]]) for var, refs in self.first.items()},
            {fold: joined(arr, other.folds[fold]) for fold, arr in self.folds.items()},
        )

    def taken(self, var: str, rows: Refs, read: Reader) -> Registers:
        """After `var` took a row in each run: only what changes by that."""
        first = {}
        if var in self.first:
            first[var] = np.where(self.first[var] == UNBOUND, rows, self.first[var])
        folds: dict[Folded, Arr] = {}
        for fold, state in self.folds.items():
            if fold.var == var:
                operand = (
                    None if fold.operand is None else evaluate(_as_field(fold.operand), OneEvent(read, rows))
                )
                folds[fold] = FOLDS[_name(fold)].add(state, operand)
        return Registers({var: rows} if var in self.last else {}, first, folds)


@value
class Reader:
    """Reads fields at row references: rows of a batch, and rows kept from earlier ones."""

    batch: Batch
    values: Callable[[str], Arr]
    kept: RowStore

    def __call__(self, path: tuple[str, ...], refs: Refs) -> Arr:
        """A field of the rows, null where there is no row."""
        inside = refs >= 0
        if inside.all():
            return values_at(self.batch, path, self.values, refs)
        found = values_at(self.batch, path, self.values, np.where(inside, refs, 0))
        outside = np.flatnonzero(~inside)
        slots = (-2 - refs[outside]).astype(np.int32)
        return with_kept(found, outside, self.kept.read(path, slots))


@value
class OneEvent:
    """Where an event alone is asked: see `arrays.Asked`."""

    read: Reader
    rows: Refs

    def field(self, path: tuple[str, ...]) -> Arr:
        """A field of the event."""
        return self.read(path, self.rows)

    def ref(self, var: str, path: tuple[str, ...], index: int) -> Arr:
        """Nothing is bound here."""
        raise NotImplementedError

    def aggregate(self, expr: Aggregate | Every) -> Arr:
        """Nothing is bound here."""
        raise NotImplementedError

    def behind(self, expr: Prev) -> Asked:
        """Nothing is bound here."""
        raise NotImplementedError

    def key(self, index: int) -> Arr:
        """There is no key here."""
        raise NotImplementedError


@value
class RunsAsked:
    """Where runs are asked, an event under test each: see `arrays.Asked`. `rows` None: there is no event."""

    read: Reader
    rows: Refs | None
    registers: Registers
    keys: Callable[[], list[Key]]

    def field(self, path: tuple[str, ...]) -> Arr:
        """A field of the events under test."""
        return constant(None) if self.rows is None else self.read(path, self.rows)

    def ref(self, var: str, path: tuple[str, ...], index: int) -> Arr:
        """A field of the last or the first event of a variable; the empty path tells whether there is one."""
        refs = (self.registers.last if index == -1 else self.registers.first)[var]
        if not path:
            return Arr("any", boxed([None] * len(refs)), refs == UNBOUND)
        return self.read(path, refs)

    def aggregate(self, expr: Aggregate | Every) -> Arr:
        """What a fold has come to."""
        return FOLDS[_name(expr)].result(self.registers.folds[expr])

    def behind(self, expr: Prev) -> Asked:
        """At the event before."""
        return OneEvent(self.read, self.registers.last[expr.var])

    def key(self, index: int) -> Arr:
        """A part of the key of each run."""
        return Arr("any", boxed([key[index] for key in self.keys()]), NO)


def _name(fold: Folded) -> str:
    return "all" if isinstance(fold, Every) else fold.name


def folded(expr: Expr) -> Expr:
    """The same condition with averages as sums and counts, which fold."""

    def average(node: Expr) -> Expr:
        if isinstance(node, Aggregate) and node.name == "avg" and not node.distinct:
            return Arith("/", replace(node, name="sum"), replace(node, name="count"))
        return node

    return _mapped(expr, average)


def _as_field(expr: Expr) -> Expr:
    """An operand over elements as one over the event itself."""
    return _mapped(expr, lambda node: Field(node.path) if isinstance(node, Elem) else node)


def _mapped(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with every node changed, leaves first."""
    changes: dict[str, Any] = {}
    for f in fields(expr):
        child = getattr(expr, f.name)
        if isinstance(child, Expr):
            changes[f.name] = _mapped(child, change)
        elif isinstance(child, tuple) and any(isinstance(item, Expr) for item in child):
            changes[f.name] = tuple(
                _mapped(item, change) if isinstance(item, Expr) else item for item in child
            )
    return change(replace(expr, **changes) if changes else expr)
