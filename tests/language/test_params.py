"""Parameters: what is put in the place of `$name`, by what is needed there."""

from cep.errors import Source
from cep.language.params import params_in, substitute
from cep.language.parser import parse
from cep.language.printer import show
from tests.language.checking import constant

TEXT = "SEQ(Login l{$n,$m}, Transfer[amount > $limit] t GAP $gap) WITHIN $span LIMIT $n PER $gap"
GIVEN = {"n": "3", "m": "5", "limit": "99.5", "gap": "10m", "span": "1h"}


def test_every_parameter_is_filled_in() -> None:
    params = {name: constant(text) for name, text in GIVEN.items()}
    filled, found = substitute(parse(TEXT), params, Source.whole("rule.cep", TEXT))
    assert found == []
    assert show(filled) == (
        "SEQ(Login l{3,5}, Transfer[amount > dec'99.5'] t GAP 10m) WITHIN 1h LIMIT 3 PER 10m"
    )


def test_what_stays_open_is_told_at_its_first_use() -> None:
    filled, found = substitute(parse(TEXT), {}, Source.whole("rule.cep", TEXT))
    assert show(filled) == TEXT
    assert [TEXT[each.span.start : each.span.end] for each in found] == [
        f"${name}" for name in params_in(filled)
    ]
    assert {each.code for each in found} == {"E207"}


def test_a_value_of_the_wrong_kind_is_an_error_and_an_unused_one_advice() -> None:
    params = {"span": constant("3"), "other": constant("3")}
    text = "Login l{3,} WITHIN $span"
    _, found = substitute(parse(text), params, Source.whole("rule.cep", text))
    assert [(each.code, each.severity) for each in found] == [("E207", "warning"), ("E207", "error")]
