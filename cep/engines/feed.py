"""From a batch to what one plan reads of it: the rows that matter, their keys, and the tests they pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cep.columns import Batch, Bools, distinct_of
from cep.engines.answers import Answers
from cep.engines.key_codes import whole_key
from cep.engines.key_table import KeyTable, Words
from cep.engines.predicates import PredicateTable
from cep.event import Key
from cep.plan.compile import KeyGroup, Plan, Test

Offer: TypeAlias = tuple[int, Key, int]


class Tests:
    """The tests of all plans of a worker: each distinct one is asked once per batch."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        """Collect the tests; plans that share one share its answer. So it is with keys and their numbers."""
        self._tests: dict[Test, int] = {}
        for plan in plans:
            for test in plan.tests:
                self._tests.setdefault(test, len(self._tests))
        locals_ = [test.local for test in self._tests if test.local is not None]
        self._table = PredicateTable(locals_)
        self._keys = {group.paths: KeyTable(group.paths) for plan in plans for group in plan.key_groups}
        self._words = Words()

    def masks(self, batch: Batch) -> Answers:
        """For each test the rows that pass it."""
        self._words.begin()
        for table in self._keys.values():
            table.tidy()
        answers = Answers(batch, self._keys, self._words, self._tests)
        within = [answers.of_types(test.types) for test in self._tests if test.local is not None]
        found = iter(self._table.masks(batch, within, answers.field))
        answers.masks = {
            test: answers.of_types(test.types) if test.local is None else next(found) for test in self._tests
        }
        return answers


@dataclass(frozen=True)
class Feed:
    """The rows of a batch that concern one plan, in order, made when an engine asks for them one by one.

    A row stands here once for each key it has: steps with a `BY` of their own may give it several. `only`
    leaves out all other rows.
    """

    plan: Plan
    answers: Answers
    since_ms: int | None = None
    """How far back history reaches: a leading absence cannot be judged before it has its length."""
    only: Bools | None = None

    @property
    def batch(self) -> Batch:
        """The events."""
        return self.answers.batch

    @cached_property
    def offers(self) -> Sequence[Offer]:
        """Row, key and tests passed, in order; bit i says that test i of the plan holds."""
        if len(self.plan.key_groups) == 1:
            return self._offers(self.plan.key_groups[0])
        merged: dict[tuple[int, Key], int] = {}
        for group in self.plan.key_groups:
            for row, key, passed in self._offers(group):
                merged[row, key] = merged.get((row, key), 0) | passed
        ordered = sorted(merged.items(), key=lambda item: item[0][0])
        return [(row, key, passed) for (row, key), passed in ordered]

    @cached_property
    def null_keys(self) -> int:
        """Rows that matter and have a null in their key: they never match."""
        groups = [g for g in self.plan.key_groups if self.answers.has_nulls(g.paths)]
        return max((self._nulls(group) for group in groups), default=0)

    @cached_property
    def count(self) -> int:
        """How many rows there are for a plan with one key."""
        (group,) = self.plan.key_groups
        if not self.plan.reads_all and self.only is None and not self.answers.has_nulls(group.paths):
            return self.answers.count(frozenset(self.plan.tests))
        codes, _ = self.answers.codes(group.paths)
        return int(np.count_nonzero(self._matters(group) & (codes >= 0)))

    def _offers(self, group: KeyGroup) -> list[Offer]:
        plan, batch = self.plan, self.batch
        bits = _bits([self.answers[test] for test in plan.tests], len(batch)) & group.tests
        codes, values = self.answers.codes(group.paths)
        rows = np.flatnonzero(self._matters(group) & (codes >= 0))
        keys = {code: whole_key(group.paths, values[code]) for code in distinct_of(codes[rows]).tolist()}
        if plan.pattern.sample_ppm is not None:
            kept = {code for code, key in keys.items() if _sampled(key, plan.pattern.sample_ppm)}
            rows = rows[[code in kept for code in codes[rows].tolist()]]
        of_rows = map(keys.__getitem__, codes[rows].tolist())
        return list(zip(rows.tolist(), of_rows, bits[rows].tolist(), strict=True))

    def _nulls(self, group: KeyGroup) -> int:
        codes, _ = self.answers.codes(group.paths)
        return int(np.count_nonzero(self._matters(group) & (codes < 0)))

    def _matters(self, group: KeyGroup) -> Bools:
        """Rows of the plan's types that pass a test of the group; all of them if even misfits matter."""
        found = self.answers.of_types(self.plan.types)
        if not self.plan.reads_all:
            tests = [test for i, test in enumerate(self.plan.tests) if group.tests >> i & 1]
            found = found & self.answers.union(frozenset(tests))
        return found if self.only is None else found & self.only


def make_feed(plan: Plan, batch: Batch, answers: Answers, since_ms: int | None = None) -> Feed:
    """The rows of a batch that a plan must see, with key and test bits, in order."""
    if since_ms is None and len(batch):
        since_ms = int(batch.ts_ms[0])
    return Feed(plan, answers, since_ms)


def _bits(masks: list[Bools], length: int) -> NDArray[np.object_]:
    """Bit i of each row is mask i; Python ints when there are too many for a machine word."""
    small = len(masks) < 63
    bits = np.zeros(length, dtype=np.int64 if small else object)
    for i, mask in enumerate(masks):
        bits |= mask.astype(bits.dtype) << i if small else np.where(mask, 1 << i, 0).astype(object)
    return bits


def _sampled(key: Key, ppm: int) -> bool:
    """Whether a key is in the sample: by its hash, so the same on every machine."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 1_000_000 < ppm
