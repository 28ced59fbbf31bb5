"""USE replaced by what it names: the pattern that comes out, and how it reads in an alert."""

import pytest

from cep.errors import Source, has_errors
from cep.language.definitions import predicates
from cep.language.expand import expand
from cep.language.parser import parse, parse_library
from cep.language.printer import show
from cep.language.syntax import UnitSyntax
from cep.language.tree import walk
from tests.language.checking import LIBRARY, problems


def expanded(text: str) -> str:
    tree, found = expand(parse(text), LIBRARY, Source.whole("rule.cep", text))
    assert not has_errors(found), found
    return show(tree)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "SEQ(USE auth.burst(n = 5) b, Transfer t) BY user_id WITHIN 1h",
            "SEQ(LoginFailed b{5,} WITHIN 10m, Transfer t) BY user_id WITHIN 1h",
            id="a definition of one step takes the name of the USE",
        ),
        pytest.param(
            "SEQ(USE auth.burst b, Transfer t WITHIN 5m OF b) WITHIN 1h",
            "SEQ(LoginFailed b{3,} WITHIN 10m, Transfer t WITHIN 5m OF b) BY user_id WITHIN 1h",
            id="the key of the definition becomes that of a pattern that has none",
        ),
        pytest.param(
            "SEQ(USE auth.spread(users = 4) s, Login l) BY ip WHERE l.ip = last(s).ip WITHIN 1h",
            "SEQ(LoginFailed s+, Login l) BY ip"
            " WHERE l.ip = last(s).ip AND count(DISTINCT s.user_id) >= 4 WITHIN 1h",
            id="conditions are joined and speak of the new name",
        ),
        pytest.param(
            "SEQ(USE auth.change c, Transfer t) BY user_id WHERE c.l.ip != '10.0.0.1' WITHIN 1h",
            "SEQ(SEQ(Logout `c.o`, Login `c.l`) c WITHIN 5m, Transfer t) BY user_id"
            " WHERE `c.l`.ip != '10.0.0.1' AND `c.l`.trusted WITHIN 1h",
            id="variables of a larger definition are named under the USE",
        ),
        pytest.param(
            "SEQ(USE auth.burst b{2,} WITHIN 1h, Transfer t) BY user_id WITHIN 2h",
            "SEQ(SEQ(LoginFailed `b.f`{3,} WITHIN 10m) b{2,} WITHIN 1h, Transfer t) BY user_id WITHIN 2h",
            id="a repeated definition is a loop of groups, each with its own window",
        ),
        pytest.param(
            "SEQ(USE auth.burst b WITHIN 2m, Transfer t) BY user_id WITHIN 2h",
            "SEQ(SEQ(LoginFailed b{3,} WITHIN 10m) WITHIN 2m, Transfer t) BY user_id WITHIN 2h",
            id="the window of the step and that of the definition both hold",
        ),
        pytest.param(
            "SEQ(USE auth.burst, USE auth.burst, Transfer burst3) BY user_id WITHIN 2h",
            "SEQ(LoginFailed burst{3,} WITHIN 10m, LoginFailed burst2{3,} WITHIN 10m, Transfer burst3)"
            " BY user_id WITHIN 2h",
            id="a USE without a name takes that of the definition, numbered",
        ),
        pytest.param(
            "OR(Logout o, USE auth.spread(users = 4) s) BY ip WITHIN 1h",
            "OR(Logout o, LoginFailed s+) BY ip WHERE s IS NULL OR count(DISTINCT s.user_id) >= 4 WITHIN 1h",
            id="a branch that was not taken has no condition",
        ),
        pytest.param(
            "SEQ(USE auth.twice d, Transfer t WITHIN 5m OF d) BY user_id"
            " WHERE d.second.l.ip = d.first.l.ip WITHIN 1h",
            "SEQ(SEQ(SEQ(Logout `d.first.o`, Login `d.first.l`) `d.first` WITHIN 5m,"
            " SEQ(Logout `d.second.o`, Login `d.second.l`) `d.second` WITHIN 5m) d,"
            " Transfer t WITHIN 5m OF d) BY user_id"
            " WHERE `d.second.l`.ip = `d.first.l`.ip AND `d.first.l`.trusted AND `d.second.l`.trusted"
            " WITHIN 1h",
            id="a definition may use others",
        ),
        pytest.param(
            "auth.alert",
            "Login l BY user_id WITHIN 1h LIMIT 1 PER 1h EMIT Alert(user_id)",
            id="a pattern that is only a name is the definition with all its clauses",
        ),
        pytest.param(
            "USE auth.alert EMIT Other(l.ip)",
            "Login l BY user_id WITHIN 1h LIMIT 1 PER 1h EMIT Other(l.ip)",
            id="clauses written beside a USE win",
        ),
        pytest.param(
            "USE auth.change c WHERE c.o.session = 's1'",
            "SEQ(Logout `c.o`, Login `c.l`) c BY user_id"
            " WHERE `c.o`.session = 's1' AND `c.l`.trusted WITHIN 5m",
            id="a pattern that is one USE with a name",
        ),
        pytest.param(
            "USE auth.burst(n = $n, span = $span) b",
            "LoginFailed b{$n,} BY user_id WITHIN $span",
            id="a parameter of the rule is passed on",
        ),
        pytest.param(
            "Payment[risky(this)] p",
            "Payment[risky(this, 0.8)] p",
            id="an argument left out of a predicate is its default",
        ),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expanded(text) == expected


def test_what_is_put_in_stands_at_the_use() -> None:
    text = "SEQ(USE auth.twice d, Transfer t) WITHIN 1h"
    tree, _ = expand(parse(text), LIBRARY, Source.whole("rule.cep", text))
    units = [node for node in walk(tree.unit) if isinstance(node, UnitSyntax)]
    inner = [unit for unit in units if unit.name and unit.name.startswith("d.")]
    assert len(inner) == 6
    assert {text[unit.span.start : unit.span.end] for unit in inner} == {"USE auth.twice"}


def test_a_pattern_without_use_is_the_same_tree() -> None:
    tree = parse("SEQ(Login l, Transfer t) BY user_id WHERE l.ip = '10.0.0.1' WITHIN 1h")
    assert expand(tree, {}, Source.whole("rule.cep", ""))[0] == tree


def test_each_use_that_is_wrong_is_told_and_left() -> None:
    text = "SEQ(USE auth.nothing a, USE auth.brust b, Transfer t) BY user_id WITHIN 1h"
    tree, found = expand(parse(text), LIBRARY, Source.whole("rule.cep", text))
    assert [problem.code for problem in found] == ["E207", "E207"]
    assert show(tree) == text
    assert [problem.code for problem in problems(text)] == ["E207", "E207"], "one mistake is told once"


def test_uses_that_multiply_are_stopped() -> None:
    doubling = "".join(f"DEFINE PATTERN p{i} = SEQ(USE p{i - 1} a, USE p{i - 1} b);" for i in range(1, 12))
    doubling += "".join(f"DEFINE PREDICATE q{i}(x) = q{i - 1}(x) OR q{i - 1}(x);" for i in range(1, 12))
    text = f"DEFINE PATTERN p0 = Login l; DEFINE PREDICATE q0(x) = x.trusted; {doubling}"
    syntax, found = parse_library(Source.whole("many.cep", text))
    assert syntax is not None, found
    library = {f"many.{each.name}": each for each in syntax.definitions}
    found = problems("SEQ(USE many.p11 p, Login[q11(this)] l) BY user_id WITHIN 1h", library=library)
    messages = {problem.message for problem in found if problem.code == "E207"}
    assert messages == {
        "this makes more than 200 uses of patterns",
        "this makes more than 500 calls of predicates",
    }


def test_predicates_are_known_by_their_short_names_if_those_are_unique() -> None:
    other, _ = parse_library(Source.whole("b.cep", "DEFINE PREDICATE risky(x) = x.risk > 0.5;"))
    assert other is not None
    library = {**LIBRARY, "money.risky": other.definitions[0]}
    assert {"auth.risky", "money.risky", "again"} <= set(predicates(library))
    assert "risky" not in predicates(library)
