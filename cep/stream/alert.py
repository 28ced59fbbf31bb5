"""What a rule is, what an alert is, and the id that makes an alert recognisable when it comes twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from hashlib import blake2b
from typing import Literal, TypeAlias, TypeVar

from cep.engines.evaluate import Scope, value_of
from cep.engines.match import Evidence, Match, Outcome, plain_key, wanted
from cep.engines.matcher import Limits
from cep.event import Event, Value
from cep.plan.compile import Plan
from cep.plan.expr import Expr, KeyPart, Ref
from cep.plan.pattern import Emit, Path
from cep.values import value

T = TypeVar("T")

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")

Status = Literal["live", "shadow"]
STATUSES: tuple[Status, ...] = ("live", "shadow")

Saying: TypeAlias = Callable[[Match], Mapping[str, Value]]
"""What an alert says of a match, by name."""


@value
class Rule:
    """A compiled rule: its plan and everything an alert says about it. `order` breaks ties between rules."""

    name: str
    version: int
    plan: Plan
    title: str = ""
    severity: Severity = "medium"
    description: str = ""
    tags: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    path: str = ""
    order: int = 0
    status: Status = "live"
    """A `shadow` rule runs as all others do; its alerts say that nobody is to act on them."""
    number: int = 0
    """Which version it is of those in a topic of rules; 0 for a rule of a file."""


@value
class Wording:
    """How a rule tells its matches: what the parts of the key are called, types and fields by outcome."""

    rule: Rule
    names: tuple[str, ...]
    types: Mapping[Outcome, str]
    says: Mapping[Outcome, Saying]

    @staticmethod
    def of(rule: Rule) -> Wording:
        """As the pattern of the rule says it."""
        pattern = rule.plan.pattern
        emits: dict[Outcome, Emit | None] = {"match": pattern.emit, "timeout": pattern.emit_timeout}
        return Wording(
            rule,
            key_names(pattern.by, rule),
            {outcome: (emit and emit.type) or rule.name for outcome, emit in emits.items()},
            {outcome: _saying(emit) for outcome, emit in emits.items()},
        )


class Alert:
    """What leaves the system: a match in the words of its rule, each worked out when somebody asks."""

    __slots__ = ("_fields", "match", "wording")

    def __init__(self, wording: Wording, match: Match) -> None:
        """Nothing is worked out yet."""
        self.wording = wording
        self.match = match
        self._fields: Mapping[str, Value] | None = None

    @property
    def alert_id(self) -> str:
        """The same for the same rule, version, key, events and outcome, on every run and in every process."""
        rule = self.wording.rule
        return digest(f"{rule.name}\x00{rule.version}\x00{self.match.identity}")

    @property
    def rule(self) -> Rule:
        """The rule that was matched."""
        return self.wording.rule

    @property
    def type(self) -> str:
        """The type that `EMIT` names, else the name of the rule."""
        return self.wording.types[self.match.outcome]

    @property
    def key(self) -> Mapping[str, Value]:
        """The key by the names of its parts."""
        return dict(zip(self.wording.names, plain_key(self.match.key), strict=True))

    @property
    def ts_ms(self) -> int:
        """The time of the match."""
        return self.match.ts_ms

    @property
    def first_ms(self) -> int:
        """The time of the first event."""
        return self.match.start.ts_ms

    @property
    def last_ms(self) -> int:
        """The time of the last event."""
        return self.match.last.ts_ms

    @property
    def detected_ms(self) -> int:
        """When it was decided."""
        return self.match.detected.ts_ms

    @property
    def outcome(self) -> Outcome:
        """Whether it is whole, or what was there when its window ended."""
        return self.match.outcome

    @property
    def events(self) -> tuple[Evidence, ...]:
        """All events in order."""
        return self.match.evidence

    def each(self, work: Callable[[str, Event], T]) -> Sequence[T]:
        """What a function makes of each event and its variable; rules that have the same match share it."""
        return self.match.each(work)

    @property
    def fields(self) -> Mapping[str, Value]:
        """What `EMIT` says."""
        if self._fields is None:
            self._fields = self.wording.says[self.match.outcome](self.match)
        return self._fields

    @property
    def incomplete(self) -> bool:
        """Whether a limit had dropped partial matches of the key."""
        return self.match.incomplete


def digest(text: str) -> str:
    """The short name of a text: 20 hexadecimal digits."""
    return blake2b(text.encode(), digest_size=10).hexdigest()


def key_names(by: tuple[Path, ...], rule: Rule) -> tuple[str, ...]:
    """What the parts of a rule's key are called in its alerts: the `BY` paths, or those of the first step."""
    paths = by or next((step.by for step in rule.plan.pattern.steps if step.by), ())
    return tuple(".".join(path) for path in paths)


def _saying(emit: Emit | None) -> Saying:
    """What `EMIT` says; fields of first and last events, the commonest kind, are read all at once."""
    items = () if emit is None else emit.items
    if not items:
        return lambda _: {}
    where = tuple(
        (expr.var, expr.path[0], expr.index) for _, expr in items if isinstance(expr, Ref) and _is_plain(expr)
    )
    if len(where) == len(items):
        plain = wanted(tuple(name for name, _ in items), where)
        return lambda match: match.taken.record(plain)
    parts = [(name, _of_match(expr)) for name, expr in items]
    return lambda match: {name: part(match) for name, part in parts}


def _is_plain(expr: Ref) -> bool:
    """Whether it reads a root field of a first or last event."""
    return len(expr.path) == 1 and expr.path != ("ts",) and expr.index in (0, -1)


def _of_match(expr: Expr) -> Callable[[Match], Value]:
    """An expression over what a match took; where that will do, no events are made of it."""
    match expr:
        case Ref(var, (name,), index) if _is_plain(expr):
            return lambda match: match.taken.field(var, name, index)
        case KeyPart(index):
            return lambda match: plain_key(match.key)[index]
        case _:
            value = value_of(expr)
            return lambda match: value(Scope(None, match.bindings, plain_key(match.key)))
