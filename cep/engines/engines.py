"""The engines by name: each makes the matchers of a set of rules, one for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from cep.engines import vector
from cep.engines.matcher import Limits, Matcher
from cep.engines.reference import ReferenceMatcher
from cep.plan.compile import Plan

Engine: TypeAlias = Callable[[Sequence[tuple[Plan, Limits]]], list[Matcher]]


def _reference(rules: Sequence[tuple[Plan, Limits]]) -> list[Matcher]:
    return [ReferenceMatcher(plan, limits) for plan, limits in rules]


ENGINES: Final[dict[str, Engine]] = {
    "reference": _reference,
    "vector": vector.matchers,
    "auto": vector.matchers,
}
"""`reference` steps every run; `vector` and `auto` work on arrays where the pattern allows it."""
