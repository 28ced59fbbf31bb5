"""The pattern algebra: what is sought, without sugar.

    Take   one event                     Choice  any one branch (OR)
    Absent no such event                 Both    all branches, or n of them, in any order (AND, ATLEAST)
    Chain  parts in order (SEQ)          Repeat  a part again and again; Optional is Repeat 0..1
    Scope  a part with a span of its own (WITHIN on a step)

The last three classes (`Again`, `Inside`, and a `Both` that has begun) are what is left of a part while a run
is in the middle of it. They are made by `derive.py` only; a lowered pattern holds none of them.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from cep.errors import Span
from cep.plan.expr import Expr
from cep.values import value

Follow = Literal["strict", "relaxed", "any"]
Greed = Literal["eager", "reluctant", "possessive"]
Path: TypeAlias = tuple[str, ...]

Since: TypeAlias = tuple[tuple[str, ...], int]
"""Variables, and how many ms the last event that any of them took may be behind."""

NOWHERE = Span(0, 0)


@value
class Step:
    """What one event must be to be taken (or to be forbidden).

    `types` None is any type. `local` reads the event alone, `correlated` reads the run too. `gap_ms` bounds
    the time since the event taken before; `since` bounds the time since the last event of others.
    `index` is unique in a pattern and makes two steps of the same text different.
    """

    index: int
    var: str
    types: tuple[str, ...] | None
    local: Expr | None = None
    correlated: Expr | None = None
    gap_ms: int | None = None
    since: tuple[Since, ...] = ()
    by: tuple[Path, ...] = ()
    named: bool = True
    """False when the writer gave no variable; the name is then made from the type."""
    span: Span = field(default=NOWHERE, compare=False)


@value
class Take:
    """One event that fits the step."""

    step: Step


@value
class Absent:
    """No event that fits the step.

    Between two taken events: none in the open interval. `for_ms`: none until that long after the event taken
    before (or, before the first event, none for that long before it). `next_only`: only the very next event
    is forbidden.
    """

    step: Step
    for_ms: int | None = None
    next_only: bool = False


@value
class Part:
    """A part of a chain and how its first event follows the event before; None is relaxed unless an outer
    part says otherwise.
    """

    node: Node
    follow: Follow | None = None


@value
class Chain:
    """Parts one after the other; the empty chain is what is left when everything has been found."""

    parts: tuple[Part, ...] = ()


@value
class Choice:
    """Any one branch; the order of the branches is the order of preference."""

    index: int
    branches: tuple[Node, ...]


@value
class Both:
    """At least `need` of the branches, in any order, each event used once.

    `absents` forbid events between the first and the last taken event of the whole. `begun` is set once a
    branch has taken something.
    """

    index: int
    branches: tuple[Node, ...]
    need: int
    absents: tuple[Absent, ...] = ()
    begun: bool = False


@value
class Repeat:
    """`min` to `max` (None: no bound) times the node. `inner` is how an iteration follows the one before.

    eager      the loop ends at the first event that the next step takes
    reluctant  it takes no more than it must
    possessive an event that fits the loop is never left to the next step
    `until`: an event that fits it closes the loop once it is under way. A loop that may be left out is so
    from the event before it; each event taken before it, and each round around it, is a new beginning.
    """

    index: int
    node: Node
    min: int
    max: int | None
    greed: Greed = "eager"
    inner: Follow | None = None
    until: Step | None = None
    span: Span = field(default=NOWHERE, compare=False)


@value
class Scope:
    """A node whose first and last event may be at most `within_ms` apart."""

    index: int
    node: Node
    within_ms: int


@value
class Again:
    """What is left of a loop after an iteration: another one, or the end."""

    loop: Repeat


@value
class Inside:
    """What is left of a scope after its first event."""

    scope: Scope
    rest: Node


Node: TypeAlias = Take | Absent | Chain | Choice | Both | Repeat | Scope | Again | Inside

DONE = Chain()

PickKind = Literal["first", "last", "each", "all", "leftmost"]
SkipKind = Literal["past_last", "to_next", "to_first", "to_last", "none", "stop"]
Moment = Literal["match", "close", "update"]


@value
class Condition:
    """A conjunct of `WHERE` that is asked as soon as every variable it names is known or passed over."""

    expr: Expr
    vars: frozenset[str]
    span: Span = field(default=NOWHERE, compare=False)


@value
class Emit:
    """What an alert says: its type and its named values."""

    type: str | None
    items: tuple[tuple[str, Expr], ...]


@value
class Limit:
    """At most `count` alerts of a rule and key within any `per_ms`; without it, of one completing event."""

    count: int
    per_ms: int | None = None


@value
class Pattern:
    """A node with everything that holds for the whole of a match."""

    node: Node
    steps: tuple[Step, ...]
    """Every step that can take an event, in the order written."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names of groups and the variables inside each."""
    conditions: tuple[Condition, ...] = ()
    from_types: tuple[str, ...] | None = None
    by: tuple[Path, ...] = ()
    within_ms: int | None = None
    within_events: int | None = None
    unless: tuple[Step, ...] = ()
    pick: PickKind = "first"
    after: SkipKind = "past_last"
    after_var: str | None = None
    limit: Limit | None = None
    sample_ppm: int | None = None
    """Keys kept, in parts per million by hash; None keeps all."""
    moment: Moment = "match"
    emit: Emit | None = None
    emit_timeout: Emit | None = None
