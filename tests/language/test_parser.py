"""What texts mean: the tree of each construct, where its parts stand, and that no text is a crash."""

import logging
from datetime import timedelta
from decimal import Decimal
from importlib import resources

import lark
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cep.errors import Diagnostic, LoadError, Place, Source, Span, render_all
from cep.event import Timestamp, Value
from cep.language.expressions import (
    ArithExpr,
    CallExpr,
    CountSyntax,
    Expr,
    FieldExpr,
    LiteralExpr,
    NameExpr,
    Node,
)
from cep.language.parser import PROBLEMS_MAX, parse, parse_library, parse_pattern
from cep.language.printer import show
from cep.language.reader import DEPTH_MAX
from cep.language.syntax import EventSyntax, PatternSyntax, QuantSyntax, SeqSyntax, SkipSyntax
from cep.language.words import KEYWORDS
from tests.language.examples import LIBRARIES, PATTERNS
from tests.language.strategies import RELAXED


def errors(text: str) -> list[Diagnostic]:
    tree, diagnostics = parse_pattern(Source.whole("p", text))
    assert tree is None
    assert diagnostics
    return diagnostics


def condition(text: str) -> Expr:
    core = parse(f"A[{text}]").unit.core
    assert isinstance(core, EventSyntax)
    assert core.filter is not None
    return core.filter


def constant(text: str) -> Value:
    literal = condition(text)
    assert isinstance(literal, LiteralExpr)
    return literal.value


# ------------------------------------------------------------------------------------------- the grammar


def grammar() -> str:
    return resources.files("cep.language").joinpath("grammar.lark").read_text(encoding="utf-8")


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    # lark takes the shift and only mentions it in its log; two reductions it refuses itself.
    level = lark.logger.level
    lark.logger.addHandler(caplog.handler)
    lark.logger.setLevel(logging.DEBUG)
    try:
        lark.Lark(grammar(), parser="lalr", start=["pattern", "library"], debug=True)
    finally:
        lark.logger.setLevel(level)
        lark.logger.removeHandler(caplog.handler)
    assert "Shift/Reduce conflict" not in caplog.text


def test_every_terminal_has_a_name_and_every_keyword_is_known() -> None:
    table = lark.Lark(grammar(), parser="lalr", start=["pattern", "library"])
    terminals = {terminal.name: terminal for terminal in table.terminals}
    assert not [name for name in terminals if name.startswith("__")]
    assert {name for name, terminal in terminals.items() if terminal.priority == 4} == KEYWORDS


# ------------------------------------------------------------------------------------------ whole patterns


def test_a_pattern_with_every_clause() -> None:
    pattern = parse(
        "Login l FROM Login, Logout BY user_id, device.ip WHERE l.ok WITHIN 1h HOP 10m GAP 5m UNLESS Reset r "
        "UNLESS EVENT PICK EACH AFTER MATCH SKIP TO FIRST l LIMIT 3 PER $every SAMPLE 12.5% EMIT (a = 1) "
        "ON CLOSE EMIT Closed(l.ip)"
    )
    assert [str(path) for path in pattern.from_types] == ["Login", "Logout"]
    assert [str(path) for path in pattern.by] == ["user_id", "device.ip"]
    assert pattern.where == FieldExpr(NameExpr("l"), "ok")
    assert pattern.within is not None
    assert pattern.within.duration is not None
    assert pattern.within.hop is not None
    assert (pattern.within.duration.ms, pattern.within.hop.ms) == (3_600_000, 600_000)
    assert pattern.gap is not None
    assert pattern.gap.ms == 300_000
    assert [(unless.event.types != (), unless.name) for unless in pattern.unless] == [
        (True, "r"),
        (False, None),
    ]
    assert pattern.pick is not None
    assert pattern.pick.pick == "each"
    assert pattern.after == SkipSyntax("to_first", "l")
    assert pattern.limit is not None
    assert pattern.limit.per is not None
    assert (pattern.limit.count.number, pattern.limit.per.param) == (3, "every")
    assert pattern.sample is not None
    assert pattern.sample.percent.value == Decimal("0.125")
    assert [(emit.moment, emit.type and str(emit.type)) for emit in pattern.emits] == [
        (None, None),
        ("close", "Closed"),
    ]
    assert [item.name for emit in pattern.emits for item in emit.items] == ["a", None]


@pytest.mark.parametrize("text", [*PATTERNS, *LIBRARIES])
def test_case_of_keywords_blanks_and_comments_do_not_matter(text: str) -> None:
    def read(variant: str) -> object:
        reader = parse_library if "DEFINE" in text else parse_pattern
        tree, diagnostics = reader(Source.whole("p", variant))
        assert not diagnostics, render_all(diagnostics)
        return tree

    words = [word for word in text.split("\n") if not word.startswith("#")]
    spaced = " -- a comment\r\n\t".join(words)
    lower = text
    for keyword in KEYWORDS:
        lower = lower.replace(f"{keyword} ", f"{keyword.lower()} ").replace(
            f"{keyword}(", f"{keyword.lower()}("
        )
    assert read(text) == read(spaced) == read(lower)


@pytest.mark.parametrize(
    ("word", "low", "high", "greed"),
    [
        ("", None, None, ""),
        ("+", 1, None, "eager"),
        ("*", 0, None, "eager"),
        ("?", 0, 1, "eager"),
        ("+?", 1, None, "reluctant"),
        ("++", 1, None, "possessive"),
        ("*?", 0, None, "reluctant"),
        ("*+", 0, None, "possessive"),
        ("??", 0, 1, "reluctant"),
        ("?+", 0, 1, "possessive"),
        ("{3}", 3, 3, "eager"),
        ("{3,}", 3, None, "eager"),
        ("{,5}", 0, 5, "eager"),
        ("{2,5}", 2, 5, "eager"),
        ("{ 2 , 5 }", 2, 5, "eager"),
        ("{,}", 0, None, "eager"),
        ("{2,}+", 2, None, "possessive"),
        ("{2}?", 2, 2, "reluctant"),
    ],
)
@pytest.mark.parametrize(
    "place", ["Login l{0}", "Login l {0}", "Login{0}", "SEQ(Login l{0}, B b)", "Login[x+1>a*b]{0}"]
)
def test_how_often(word: str, low: int | None, high: int | None, greed: str, place: str) -> None:
    unit = parse(place.replace("{0}", word)).unit
    if isinstance(unit.core, SeqSyntax):
        unit = unit.core.steps[0].unit
    if low is None:
        assert unit.quant is None
    else:
        assert unit.quant is not None
        assert (unit.quant.min.number, unit.quant.max and unit.quant.max.number) == (low, high)
        assert unit.quant.greed == greed


def test_how_often_by_parameter() -> None:
    assert parse("A a{$n,}").unit.quant == QuantSyntax(CountSyntax(None, "n"), None)
    assert parse("A a{$n}").unit.quant == QuantSyntax(CountSyntax(None, "n"), CountSyntax(None, "n"))
    assert parse("A a{2,$n}").unit.quant == QuantSyntax(CountSyntax(2, None), CountSyntax(None, "n"))


# --------------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("sum(a)+1", "sum(a) + 1"),
        ("a*b", "a * b"),
        ("a+b*c", "a + (b * c)"),
        ("a-b-c", "(a - b) - c"),
        ("a/b/c", "(a / b) / c"),
        ("-a*b", "(-a) * b"),
        ("-a.b[1]", "-((a.b)[1])"),
        ("NOT a = b", "NOT (a = b)"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("a OR b AND c", "a OR (b AND c)"),
        ("a AND b BETWEEN 1 AND 2 AND c", "(a AND (b BETWEEN 1 AND 2)) AND c"),
        ("a == b", "a = b"),
        ("a <> b", "a != b"),
        ("a NOT IN (1, 2)", "a NOT IN [1, 2]"),
        ("x + 1 IS NOT NULL", "(x + 1) IS NOT NULL"),
        ("a not like 'x%'", "a NOT LIKE 'x%'"),
        ("t[k AT ts].f", "(t[k AT ts]).f"),
    ],
)
def test_how_tightly_operators_hold(text: str, same: str) -> None:
    assert condition(text) == condition(same)


def test_operators_after_a_call_are_no_quantifiers() -> None:
    tree = condition("sum(a)+1")
    assert tree == ArithExpr("+", CallExpr("sum", (NameExpr("a"),)), LiteralExpr("int", 1, "1"))


@pytest.mark.parametrize(
    "name",
    ["if", "any", "all", "first", "last", "count", "least", "match", "each", "limit", "for", "type", "of"],
)
def test_functions_fields_and_variables_called_like_keywords(name: str) -> None:
    assert condition(f"{name}(x)") == CallExpr(name, (NameExpr("x"),))
    assert condition(f"{name} > 1 AND x.{name} = {name}.y") == condition(
        f"`{name}` > 1 AND x.`{name}` = `{name}`.y"
    )
    assert parse(f"SEQ(A `{name}`, B b WITHIN 5m OF {name}) BY {name}").by[0].parts == (name,)


def test_calls() -> None:
    assert condition("now()") == CallExpr("now", ())
    assert condition("auth.risky(x)") == CallExpr("auth.risky", (NameExpr("x"),))
    call = condition("count(DISTINCT a.b OVER 30d BY c, d.e WHERE f)")
    assert isinstance(call, CallExpr)
    assert call.distinct
    assert call.over is not None
    assert [path.parts for path in call.over.by] == [("c",), ("d", "e")]
    assert call.over.where == NameExpr("f")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10_000", 10_000),
        ("0.5", 0.5),
        ("1_000.25", 1_000.25),
        ("1e3", 1_000.0),
        ("30%", Decimal("0.3")),
        ("12.5%", Decimal("0.125")),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1w", timedelta(days=7)),
        ("500ms", timedelta(milliseconds=500)),
        ("'it''s'", "it's"),
        ("''", ""),
        ("ts'1970-01-01T00:00:01.5Z'", Timestamp(1_500)),
        ("ts'1970-01-01'", Timestamp(0)),
        ("ts'1970-01-01T02:00+02:00'", Timestamp(0)),
        ("ts'1970-01-01T00:00:00'", Timestamp(0)),
        ("ip'10.0.0.0/8'", "10.0.0.0/8"),
        ("ip'::1'", "::1"),
        ("re'don''t'", "don't"),
        ("dec'9.99'", Decimal("9.99")),
        ("true", True),
        ("FALSE", False),
        ("Null", None),
    ],
)
def test_constants(text: str, value: Value) -> None:
    read = constant(text)
    assert read == value
    assert type(read) is type(value)


def test_a_regular_expression_that_python_warns_of_is_taken() -> None:
    assert constant("re'[[a]'") == "[[a]"


# --------------------------------------------------------------------------------------------------- spans


def text_at(text: str, node: Node) -> str:
    return text[node.span.start : node.span.end]


def test_every_node_knows_where_it_stands() -> None:
    text = (
        "SEQ(Login[ip != l.ip] f{3,},\n  NOT B b FOR 5m) BY user_id WHERE (a + 1) * 2 > last(f).ip WITHIN 10m"
    )
    pattern = parse(text)
    assert text_at(text, pattern) == text
    core = pattern.unit.core
    assert isinstance(core, SeqSyntax)
    first, second = core.steps
    assert text_at(text, first) == "Login[ip != l.ip] f{3,}"
    assert first.unit.quant is not None
    assert text_at(text, first.unit.quant) == "{3,}"
    assert text[first.unit.name_span.start : first.unit.name_span.end] == "f"
    assert text_at(text, first.unit.core) == "Login[ip != l.ip]"
    assert text_at(text, second) == "NOT B b FOR 5m"
    assert text_at(text, second.suffixes[0]) == "FOR 5m"
    assert pattern.where is not None
    assert text_at(text, pattern.where) == "(a + 1) * 2 > last(f).ip"
    assert pattern.within is not None
    assert text_at(text, pattern.within) == "10m"


def test_errors_stand_in_the_file_around_the_pattern() -> None:
    lines = ("rule: x", "pattern: |", "  Login l", "  WHERE l.x >", "tests: []")
    source = Source("r.yaml", "Login l\nWHERE l.x >", lines, (Place(3, 3), Place(4, 3)))
    tree, (problem,) = parse_pattern(source)
    assert tree is None
    assert problem.place == Place(4, 14)


def test_the_caret_stands_behind_the_last_word_when_the_text_ends() -> None:
    (problem,) = errors("Login l WHERE  # and then\n\n")
    assert problem.span == Span(13, 14)


# ---------------------------------------------------------------------------------------------- robustness


def test_an_empty_library_is_a_library() -> None:
    library, diagnostics = parse_library(Source.whole("lib.cep", "# nothing yet\n"))
    assert library is not None
    assert library.definitions == ()
    assert not diagnostics


@pytest.mark.parametrize("unit", ["NOT ", "-(", "f("])
def test_deep_nesting_is_an_error_and_no_crash(unit: str) -> None:
    depth = DEPTH_MAX * 20
    (problem,) = errors(f"A[{unit * depth}x{')' * depth * unit.count('(')}]")
    assert "nested too deeply" in problem.message


def test_parentheses_alone_may_be_deep() -> None:
    depth = DEPTH_MAX * 20
    assert condition("(" * depth + "x" + ")" * depth) == NameExpr("x")


def test_a_chain_as_long_as_allowed_can_be_printed_and_compared() -> None:
    tree = parse("A[" + " OR ".join(f"x = {i}" for i in range(DEPTH_MAX - 10)) + "]")
    assert parse(show(tree)) == tree
    assert hash(tree) == hash(parse(show(tree)))
    (problem,) = errors("A[" + " OR ".join(f"x = {i}" for i in range(DEPTH_MAX + 10)) + "]")
    assert "IN (a, b, …)" in problem.help


def test_many_errors_end_after_the_first_ones() -> None:
    assert len(errors("A[" + " && ".join("x" * 3 * PROBLEMS_MAX) + "]")) == PROBLEMS_MAX


def test_load_error_holds_all_errors() -> None:
    with pytest.raises(LoadError) as caught:
        parse('Login[country == "US"] l WITHIN 10 minutes')
    assert len(caught.value.diagnostics) == 2


_PIECES = st.sampled_from(
    sorted(KEYWORDS)
    + list("()[]{},;.'`$\"#-+*?!&|<>=%@\n")
    + ["a", "l", "10", "5m", "10%", "SEQ(", "Login l"]
)


@RELAXED
@given(st.lists(_PIECES, max_size=25).map(" ".join), st.booleans())
def test_no_text_makes_the_parser_fall(text: str, library: bool) -> None:
    check_any(text, library=library)


@RELAXED
@given(st.text(max_size=60), st.booleans())
def test_no_characters_make_the_parser_fall(text: str, library: bool) -> None:
    check_any(text, library=library)


@RELAXED
@given(st.sampled_from([*PATTERNS, *LIBRARIES]), st.data())
def test_no_damage_makes_the_parser_fall(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    damaged = text[:start] + data.draw(_PIECES) + text[end:]
    check_any(damaged, library="DEFINE" in text)


def check_any(text: str, *, library: bool) -> None:
    """A text is read, or refused at places that lie in it and in words that name no terminal."""
    source = Source.whole("p", text)
    tree, diagnostics = parse_library(source) if library else parse_pattern(source)
    assert (tree is None) == bool(diagnostics)
    if isinstance(tree, PatternSyntax):
        assert parse(show(tree)) == tree
    for problem in diagnostics:
        assert problem.code == "E101"
        assert 0 <= problem.span.start < problem.span.end <= len(text) + 1
        assert not {"LPAR", "RSQB", "QUANT", "NAME", "CMP", "$END"} & set(problem.message.split())
    assert diagnostics == sorted(diagnostics, key=lambda problem: problem.sort_key)
    assert render_all(diagnostics) or tree is not None
