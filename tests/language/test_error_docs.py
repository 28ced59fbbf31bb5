"""`docs/errors.md`: every code, its meaning and an error as the user reads it. `make golden` writes it."""

from collections.abc import Iterator

from cep.errors import Source, render, render_all
from cep.language.codes import CODES
from cep.rulebook import codes as rule_codes
from cep.rulebook.pipeline import compile_text
from tests.golden import check_golden
from tests.language.checking import SCHEMA, problems
from tests.language.test_checker import ELSEWHERE, FILES
from tests.language.test_syntax_goldens import texts
from tests.shared import ROOT

INTRODUCTION = """\
# Errors and advice

Every problem has a code, a place, the words of the rule, and where there is one a repair to paste.
`cep check --explain-code E203` prints the line below the heading. All problems of a file are told at once. An
error (`E`) stops a rule; a warning (`W`) does not, unless `cep check --strict` is asked for.
"""

# What only the parser and the automaton can find.
BROKEN = {
    "E101": "SEQ(Login l Transfer t) BY user_id WITHIN 1h",
    "E301": "SEQ(Login l, Transfer t) BY user_id",
    "E302": "SEQ(Login l, NOT Transfer t) BY user_id",
    "W401": "SEQ(Payment p+, Payment[amount > 100] q) BY user_id WITHIN 1h",
    "W405": "SEQ STRICT(Login l, Payment p++, Payment q) BY user_id WITHIN 1h",
}


def test_the_page_is_what_is_said() -> None:
    check_golden(ROOT / "docs" / "errors.md", "\n".join(page()))


def test_every_code_found_elsewhere_has_an_example() -> None:
    assert set(BROKEN) == ELSEWHERE
    for code, text in BROKEN.items():
        _, found = compile_text(Source.whole("rule.cep", text), SCHEMA)
        assert code in {problem.code for problem in found}, render_all(found)


def page() -> Iterator[str]:
    yield INTRODUCTION
    for code, meaning in sorted(CODES.items()):
        yield f"## {code}\n\n{meaning}\n\n```\n{example(code)}\n```\n"
    yield "## Rule files\n\n| code | meaning |\n|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in sorted(rule_codes.CODES.items()))
    yield ""


def example(code: str) -> str:
    """The first case of the code, and what is said about it with that code."""
    if code in BROKEN:
        _, found = compile_text(Source.whole("rule.cep", BROKEN[code]), SCHEMA)
    else:
        path = next(path for path in FILES if path.stem == code)
        found = problems(next(texts(path)))
    return render(next(problem for problem in found if problem.code == code))
