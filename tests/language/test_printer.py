"""What is printed is read back as the same tree, and says no more than it must."""

import re

import pytest
from hypothesis import given

from cep.errors import Source
from cep.language.expressions import DurationSyntax, Expr, OverSyntax, PathSyntax
from cep.language.parser import parse, parse_library, parse_pattern
from cep.language.printer import show
from cep.language.syntax import EventSyntax, LibrarySyntax, PatternSyntax, SeqSyntax, UnitSyntax
from cep.language.words import KEYWORDS
from tests.language import strategies
from tests.language.examples import LIBRARIES, PATTERNS


def read_library(text: str) -> LibrarySyntax:
    library, diagnostics = parse_library(Source.whole("library", text))
    assert library is not None, diagnostics
    return library


def condition(text: str) -> Expr:
    core = parse(f"A[{text}]").unit.core
    assert isinstance(core, EventSyntax)
    assert core.filter is not None
    return core.filter


@pytest.mark.parametrize("text", PATTERNS)
def test_each_example_is_read_back(text: str) -> None:
    tree = parse(text)
    assert parse(show(tree)) == tree


@pytest.mark.parametrize("text", LIBRARIES)
def test_each_example_library_is_read_back(text: str) -> None:
    tree = read_library(text)
    assert read_library(show(tree)) == tree


@strategies.RELAXED
@given(strategies.patterns)
def test_any_pattern_is_read_back(tree: PatternSyntax) -> None:
    text = show(tree)
    assert "\n" not in text
    assert parse(text) == tree


@strategies.RELAXED
@given(strategies.libraries)
def test_any_library_is_read_back(tree: LibrarySyntax) -> None:
    assert read_library(show(tree)) == tree


@strategies.RELAXED
@given(strategies.exprs)
def test_any_expression_is_read_back(tree: Expr) -> None:
    assert condition(show(tree)) == tree


@strategies.RELAXED
@given(strategies.exprs)
def test_no_pair_of_parentheses_can_be_left_out(tree: Expr) -> None:
    text = show(tree)
    for start, end in parentheses(text):
        shorter = f"{text[:start]} {text[start + 1 : end]} {text[end + 1 :]}"
        other, _ = parse_pattern(Source.whole("shorter", f"A[{shorter}]"))
        if other is not None:
            assert isinstance(other.unit.core, EventSyntax)
            assert other.unit.core.filter != tree, (text, shorter)


def parentheses(text: str) -> list[tuple[int, int]]:
    """The places of each pair, outside of quotes and backquotes."""
    bare = re.sub(r"'(?:[^']|'')*'|`[^`]*`", lambda found: "_" * len(found[0]), text)
    stack, pairs = [], []
    for i, char in enumerate(bare):
        if char == "(":
            stack.append(i)
        elif char == ")":
            pairs.append((stack.pop(), i))
    return pairs


@pytest.mark.parametrize(
    "place",
    [
        "{0} a",
        "A|{0} a",
        "A {0}",
        "A UNLESS B {0}",
        "A UNLESS {0}",
        "SEQ({0} a, NOT {0} b, {0})",
        "A[{0} = 1 AND x.{0} > {0}.y AND f({0}) AND {0}[1] = y]",
        "A[{0}(x)]",
        "A[x.{0}(y)]",
        "A[count(* OVER 1d BY {0}) > 1]",
        "A FROM {0} BY {0}",
        "A EMIT {0}({0})",
        "A EMIT ({0} = x)",
        "SEQ(A a WITHIN 5m OF {0}, B b BY {0})",
        "A AFTER MATCH SKIP TO LAST {0}",
        "USE {0}({0} = 1)",
        "A WITHIN ${0}",
    ],
)
def test_a_name_spelt_like_a_keyword(place: str) -> None:
    for name in (spelt for word in sorted(KEYWORDS) for spelt in (word, word.lower())):
        quoted = parse(place.replace("${0}", f"${name}").format(f"`{name}`"))
        shown = show(quoted)
        assert parse(shown) == quoted
        # Backquotes appear only where the bare word is read as something else or not at all.
        if "`" not in shown:
            assert parse(place.format(name)) == quoted


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Login `l`", "Login l"),
        ("Login `limit`", "Login `limit`"),
        ("Login first", "Login first"),
        ("Event e", "Event e"),
        ("`event` e", "`event` e"),
        ("event e", "EVENT e"),
    ],
)
def test_backquotes_only_where_needed(text: str, canonical: str) -> None:
    assert show(parse(text)) == canonical


def test_any_node_can_be_shown() -> None:
    pattern = parse("SEQ(Login|Logout a{2,}, NOT B b FOR 5m BY (x, y.z)) WHERE a.n = 1 EMIT (n = a.n)")
    core = pattern.unit.core
    assert isinstance(core, SeqSyntax)
    assert show(UnitSyntax(EventSyntax((PathSyntax(("A",)),)))) == "A"
    assert show(core) == "SEQ(Login|Logout a{2,}, NOT B b FOR 5m BY (x, y.z))"
    assert show(pattern.emits[0].items[0]) == "n = a.n"
    assert pattern.where is not None
    assert show(pattern.where) == "a.n = 1"
    unit, (_, absence) = core.steps[0].unit, core.steps
    assert unit.quant is not None
    assert show(unit.quant) == "{2,}"
    assert show(unit.quant.min) == "2"
    assert [show(suffix) for suffix in absence.suffixes] == ["FOR 5m", "BY (x, y.z)"]
    assert show(PathSyntax(("a", "b c"))) == "a.`b c`"
    assert show(DurationSyntax(5_400_000, None, "90m")) == "1h30m"
    assert show(OverSyntax(DurationSyntax(None, "d", ""))) == "OVER $d"
