"""The syntax tree of patterns: what was written and where, before any meaning is given to it.

PatternSyntax ── unit: UnitSyntax ── core: EventSyntax | SeqSyntax | AndSyntax | OrSyntax
              │                            | AtLeastSyntax | UseSyntax
              └─ clauses                     └─ steps: StepSyntax ── unit …
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from cep.errors import Span
from cep.language.expressions import (
    NOWHERE,
    CountSyntax,
    DurationSyntax,
    Expr,
    LiteralExpr,
    Node,
    PathSyntax,
)
from cep.values import value

Greed = Literal["eager", "reluctant", "possessive"]


@value
class QuantSyntax(Node):
    """`+ * ? {n} {n,} {,m} {n,m}` with `?` (reluctant) or `+` (possessive) behind. `max` None: no bound.

    `?` alone is `{0,1}`, `{n}` is `{n,n}`, `{,m}` is `{0,m}`.
    """

    min: CountSyntax
    max: CountSyntax | None
    greed: Greed = "eager"


@value
class EventSyntax(Node):
    """`Type|Other[filter]`; `types` is empty for `EVENT`, which is any type."""

    types: tuple[PathSyntax, ...]
    filter: Expr | None = None


Contiguity = Literal["strict", "relaxed", "any"]


@value
class SeqSyntax(Node):
    """`SEQ(step, …)`, `SEQ STRICT(…)`, `SEQ ANY(…)`; `mode` is the contiguity of steps that name none."""

    mode: Contiguity
    steps: tuple[StepSyntax, ...]


@value
class AndSyntax(Node):
    """`AND(branch, branch, …)`."""

    branches: tuple[StepSyntax, ...]


@value
class OrSyntax(Node):
    """`OR(branch, branch, …)`."""

    branches: tuple[StepSyntax, ...]


@value
class AtLeastSyntax(Node):
    """`ATLEAST(n, branch, …)`."""

    count: CountSyntax
    branches: tuple[StepSyntax, ...]


@value
class BindSyntax(Node):
    """`name = expr` in `USE`."""

    name: str
    value: Expr


@value
class UseSyntax(Node):
    """`USE lib.name(n = 5)`: a pattern of the library in place."""

    name: PathSyntax
    binds: tuple[BindSyntax, ...] = ()


Core: TypeAlias = EventSyntax | SeqSyntax | AndSyntax | OrSyntax | AtLeastSyntax | UseSyntax


@value
class UnitSyntax(Node):
    """A core with its variable, quantifier and loop modifiers."""

    core: Core
    name: str | None = None
    name_span: Span = field(default=NOWHERE, compare=False)
    quant: QuantSyntax | None = None
    inner: Contiguity | None = None
    """`CONSECUTIVE` is "strict", `COMBINATIONS` is "any", neither is None."""
    until: EventSyntax | None = None


@value
class WithinSuffix(Node):
    """`WITHIN d` (span of this node) or `WITHIN d OF v` (time since v)."""

    duration: DurationSyntax
    of: str | None = None


@value
class GapSuffix(Node):
    """`GAP d`: time from the event taken before."""

    duration: DurationSyntax


@value
class ForSuffix(Node):
    """`FOR d`: how long an absence must last."""

    duration: DurationSyntax


@value
class BySuffix(Node):
    """`BY path` or `BY (path, …)`: the key of this step."""

    paths: tuple[PathSyntax, ...]


Suffix: TypeAlias = WithinSuffix | GapSuffix | ForSuffix | BySuffix


@value
class StepSyntax(Node):
    """A step of `SEQ` or a branch of `AND`, `OR`, `ATLEAST` (there `follow` is None)."""

    unit: UnitSyntax
    follow: Literal["strict", "any"] | None = None
    """`NEXT` is "strict", `ANY` is "any", neither is None."""
    negated: bool = False
    suffixes: tuple[Suffix, ...] = ()


@value
class WindowSyntax(Node):
    """`WITHIN d`, `WITHIN d TUMBLING`, `WITHIN d HOP e` or `WITHIN n EVENTS` (then `events` is set)."""

    duration: DurationSyntax | None
    events: CountSyntax | None = None
    tumbling: bool = False
    hop: DurationSyntax | None = None


@value
class UnlessSyntax(Node):
    """`UNLESS event [name]`."""

    event: EventSyntax
    name: str | None = None


Pick = Literal["first", "last", "each", "all", "leftmost"]


@value
class PickSyntax(Node):
    """`PICK FIRST` and its sisters."""

    pick: Pick


SkipKind = Literal["past_last", "to_next", "to_first", "to_last", "none", "stop"]


@value
class SkipSyntax(Node):
    """`AFTER MATCH …`; `variable` for `SKIP TO FIRST v` and `SKIP TO LAST v`."""

    kind: SkipKind
    variable: str | None = None


@value
class LimitSyntax(Node):
    """`LIMIT n [PER d]`."""

    count: CountSyntax
    per: DurationSyntax | None = None


@value
class SampleSyntax(Node):
    """`SAMPLE 10%`; `percent` is the LiteralExpr of kind percent."""

    percent: LiteralExpr


Moment = Literal["match", "close", "update", "timeout"]


@value
class ItemSyntax(Node):
    """One output of `EMIT`: `name = expr`, or an expression that names itself (`o.order_id` → order_id)."""

    name: str | None
    value: Expr


@value
class EmitSyntax(Node):
    """`[ON moment] EMIT [Type](items)`; `moment` None when no ON is written."""

    moment: Moment | None
    type: PathSyntax | None
    items: tuple[ItemSyntax, ...]


@value
class PatternSyntax(Node):
    """A whole pattern. A root NOT parses (`negated`), so that the checker can explain it."""

    unit: UnitSyntax
    negated: bool = False
    from_types: tuple[PathSyntax, ...] = ()
    by: tuple[PathSyntax, ...] = ()
    where: Expr | None = None
    within: WindowSyntax | None = None
    gap: DurationSyntax | None = None
    unless: tuple[UnlessSyntax, ...] = ()
    pick: PickSyntax | None = None
    after: SkipSyntax | None = None
    limit: LimitSyntax | None = None
    sample: SampleSyntax | None = None
    emits: tuple[EmitSyntax, ...] = ()


@value
class ParamSyntax(Node):
    """A parameter of a definition: `$n = 3` (a value) or `x` (an event, in predicates)."""

    name: str
    dollar: bool
    default: LiteralExpr | None = None


@value
class PatternDefinition(Node):
    """`DEFINE PATTERN name(params) = unit clauses;`"""

    name: str
    params: tuple[ParamSyntax, ...]
    body: PatternSyntax


@value
class PredicateDefinition(Node):
    """`DEFINE PREDICATE name(params) = expr;`"""

    name: str
    params: tuple[ParamSyntax, ...]
    body: Expr


Definition: TypeAlias = PatternDefinition | PredicateDefinition


@value
class LibrarySyntax(Node):
    """The definitions of one `.cep` file, in order."""

    definitions: tuple[Definition, ...]
