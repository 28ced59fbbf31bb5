"""Random syntax trees: everything that a text can say, and nothing that none can."""

from decimal import Decimal
from typing import Final, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cep.errors import Span
from cep.language.expressions import (
    ArithExpr,
    BetweenExpr,
    CallExpr,
    CompareExpr,
    CountSyntax,
    DurationSyntax,
    Expr,
    FieldExpr,
    IndexExpr,
    InExpr,
    IsNullExpr,
    LikeExpr,
    ListExpr,
    LiteralExpr,
    LogicExpr,
    NameExpr,
    NegExpr,
    NotExpr,
    OverSyntax,
    ParamExpr,
    PathSyntax,
    StarExpr,
)
from cep.language.literals import DURATION_MS_MAX, INT_MAX, literal
from cep.language.problem import Problem, Word
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BindSyntax,
    BySuffix,
    Core,
    EmitSyntax,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    ItemSyntax,
    LibrarySyntax,
    LimitSyntax,
    OrSyntax,
    ParamSyntax,
    PatternDefinition,
    PatternSyntax,
    PickSyntax,
    PredicateDefinition,
    QuantSyntax,
    SampleSyntax,
    SeqSyntax,
    SkipSyntax,
    StepSyntax,
    Suffix,
    UnitSyntax,
    UnlessSyntax,
    UseSyntax,
    WindowSyntax,
    WithinSuffix,
)
from cep.language.words import KEYWORDS

T = TypeVar("T")

RELAXED: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests over these trees: the first one loads the grammar, and a busy machine draws slowly."""

_PLAIN: Final = ("a", "b", "amount", "user_id", "_x", "Login", "Event", "café", "this", "notable")
_ODD: Final = ("first name", "x.y", "9lives", "-", "followed", "FOLLOWED", "'", "true-ish")
_SPELT_LIKE_KEYWORDS: Final = tuple(
    spelt for word in sorted(KEYWORDS) for spelt in (word, word.lower(), word.title())
)

identifiers: Final = st.sampled_from(_PLAIN + _SPELT_LIKE_KEYWORDS)
"""Names that are written without backquotes somewhere, keywords among them."""

names: Final = st.one_of(st.sampled_from(_PLAIN), identifiers, st.sampled_from(_ODD))
"""Names of types, fields and variables, some of which need backquotes."""

paths: Final = st.builds(PathSyntax, st.lists(names, min_size=1, max_size=3).map(tuple))

durations: Final = st.one_of(
    st.builds(DurationSyntax, st.integers(0, DURATION_MS_MAX), st.none(), st.just("")),
    st.builds(DurationSyntax, st.sampled_from((1_000, 60_000, 600_000)), st.none(), st.just("")),
    st.builds(DurationSyntax, st.none(), identifiers, st.just("")),
)

counts: Final = st.one_of(
    st.builds(CountSyntax, st.integers(0, 20) | st.just(INT_MAX), st.none()),
    st.builds(CountSyntax, st.none(), identifiers),
)


def _read(kind: str, text: str) -> LiteralExpr:
    problems: list[Problem] = []
    read = literal(Word(kind, text, Span(0, len(text))), problems)
    assert not problems
    return read


_QUOTABLE: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=8)
_TEXTS: Final = _QUOTABLE.map(lambda text: _read("STRING", "'" + text.replace("'", "''") + "'"))
_CONSTANTS: Final = st.sampled_from(
    [
        *(_read("INT", text) for text in ("0", "7", "10_000", str(INT_MAX))),
        *(_read("FLOAT", text) for text in ("0.5", "1_000.25", "1e6", "2.5E-3")),
        *(_read("DURATION", text) for text in ("10m", "1h30m", "500ms", "2w", "60s")),
        *(_read("TYPED", text) for text in ("ts'2026-01-01'", "ts'2026-01-01T10:00:00+02:00'")),
        *(_read("TYPED", text) for text in ("ip'10.0.0.0/8'", "ip'::1'", "dec'9.99'", "dec'-1E+3'")),
        *(_read("TYPED", text) for text in ("re'(?i)gift ?card'", "re'don''t'", "re''")),
        *(_read(word, word.lower()) for word in ("TRUE", "FALSE", "NULL")),
    ]
)
percents: Final = st.decimals(0, 100, places=1).map(lambda share: _read("PERCENT", f"{Decimal(share)}%"))

literals: Final[SearchStrategy[LiteralExpr]] = st.one_of(_CONSTANTS, percents, _TEXTS)


def _tuples(items: SearchStrategy[T], least: int, most: int) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def _calls(args: SearchStrategy[Expr]) -> SearchStrategy[Expr]:
    name = st.one_of(
        names.filter(lambda name: "." not in name), st.builds("{}.{}".format, identifiers, identifiers)
    )
    over = st.builds(OverSyntax, durations, _tuples(paths, 0, 2), st.none() | args)
    full = st.builds(
        CallExpr, name, _tuples(args | st.just(StarExpr()), 1, 3), st.booleans(), st.none() | over
    )
    return full | st.builds(CallExpr, name, st.just(()))


def _larger(parts: SearchStrategy[Expr]) -> SearchStrategy[Expr]:
    flags = st.booleans()
    return st.one_of(
        st.builds(FieldExpr, parts, names),
        st.builds(IndexExpr, parts, parts, st.none() | parts),
        st.builds(NotExpr, parts),
        st.builds(NegExpr, parts),
        st.builds(LogicExpr, st.sampled_from(["AND", "OR"]), parts, parts),
        st.builds(CompareExpr, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), parts, parts),
        st.builds(ArithExpr, st.sampled_from(["+", "-", "*", "/"]), parts, parts),
        st.builds(InExpr, parts, parts, flags),
        st.builds(BetweenExpr, parts, parts, parts, flags),
        st.builds(LikeExpr, st.sampled_from(["LIKE", "MATCHES"]), parts, parts, flags),
        st.builds(IsNullExpr, parts, flags),
        st.builds(ListExpr, _tuples(parts, 1, 3)),
        _calls(parts),
    )


exprs: Final[SearchStrategy[Expr]] = st.recursive(
    st.one_of(literals, st.builds(NameExpr, names), st.builds(ParamExpr, identifiers)), _larger, max_leaves=6
)
"""Expressions of every kind; `*` only as an argument."""

events: Final = st.one_of(
    st.builds(EventSyntax, _tuples(paths, 1, 3), st.none() | exprs),
    st.builds(EventSyntax, st.just(()), st.none() | exprs),
)


@st.composite
def quants(draw: st.DrawFn) -> QuantSyntax:
    """How often a loop goes round; the least is never more than the most."""
    low, high = draw(counts), draw(st.none() | counts)
    if high and high.number is not None and low.number is not None and high.number < low.number:
        low, high = high, low
    return QuantSyntax(low, high, draw(st.sampled_from(["eager", "reluctant", "possessive"])))


def _units(cores: SearchStrategy[Core]) -> SearchStrategy[UnitSyntax]:
    return st.builds(
        UnitSyntax,
        cores,
        st.none() | names,
        quant=st.none() | quants(),
        inner=st.sampled_from([None, "strict", "any"]),
        until=st.none() | events,
    )


_SUFFIXES: Final[SearchStrategy[Suffix]] = st.one_of(
    st.builds(WithinSuffix, durations, st.none() | names),
    st.builds(GapSuffix, durations),
    st.builds(ForSuffix, durations),
    st.builds(BySuffix, _tuples(paths, 1, 3)),
)


def _groups(cores: SearchStrategy[Core]) -> SearchStrategy[Core]:
    suffixes = _tuples(_SUFFIXES, 0, 2)
    branches = st.builds(StepSyntax, _units(cores), st.none(), st.booleans(), suffixes)
    follows = st.sampled_from([None, "strict", "any"])
    steps = st.builds(StepSyntax, _units(cores), follows, st.booleans(), suffixes)
    return st.one_of(
        st.builds(SeqSyntax, st.sampled_from(["strict", "relaxed", "any"]), _tuples(steps, 1, 3)),
        st.builds(AndSyntax, _tuples(branches, 2, 3)),
        st.builds(OrSyntax, _tuples(branches, 2, 3)),
        st.builds(AtLeastSyntax, counts, _tuples(branches, 1, 3)),
    )


_USES: Final = st.builds(UseSyntax, paths, _tuples(st.builds(BindSyntax, names, exprs), 0, 2))

cores: Final[SearchStrategy[Core]] = st.recursive(events | _USES, _groups, max_leaves=4)
"""Events, uses and groups of them."""

_WINDOWS: Final = st.one_of(
    st.builds(WindowSyntax, durations, st.none(), st.booleans()),
    st.builds(WindowSyntax, durations, st.none(), st.just(False), durations),
    st.builds(WindowSyntax, st.none(), counts),
)
_SKIPS: Final = st.one_of(
    st.builds(SkipSyntax, st.sampled_from(["past_last", "to_next", "none", "stop"])),
    st.builds(SkipSyntax, st.sampled_from(["to_first", "to_last"]), names),
)
_EMITS: Final = st.builds(
    EmitSyntax,
    st.sampled_from([None, "match", "close", "update", "timeout"]),
    st.none() | paths,
    _tuples(st.builds(ItemSyntax, st.none() | names, exprs), 1, 3),
)

patterns: Final[SearchStrategy[PatternSyntax]] = st.builds(
    PatternSyntax,
    _units(cores),
    st.booleans(),
    from_types=_tuples(paths, 0, 2),
    by=_tuples(paths, 0, 2),
    where=st.none() | exprs,
    within=st.none() | _WINDOWS,
    gap=st.none() | durations,
    unless=_tuples(st.builds(UnlessSyntax, events, st.none() | names), 0, 2),
    pick=st.none() | st.builds(PickSyntax, st.sampled_from(["first", "last", "each", "all", "leftmost"])),
    after=st.none() | _SKIPS,
    limit=st.none() | st.builds(LimitSyntax, counts, st.none() | durations),
    sample=st.none() | st.builds(SampleSyntax, percents),
    emits=_tuples(_EMITS, 0, 2),
)
"""Whole patterns; what they mean is not looked at, so most of them mean nothing."""

_PARAMS: Final = st.one_of(
    st.builds(ParamSyntax, identifiers, st.just(True), st.none() | literals),
    st.builds(ParamSyntax, names, st.just(False), st.none() | literals),
)

libraries: Final[SearchStrategy[LibrarySyntax]] = st.builds(
    LibrarySyntax,
    _tuples(
        st.one_of(
            st.builds(PatternDefinition, names, _tuples(_PARAMS, 0, 2), patterns),
            st.builds(PredicateDefinition, names, _tuples(_PARAMS, 1, 2), exprs),
        ),
        0,
        2,
    ),
)
