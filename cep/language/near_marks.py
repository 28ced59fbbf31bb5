"""Near misses of signs: quotes, brackets, commas and operators as other languages write them."""

from __future__ import annotations

import re
from typing import Final

from cep.errors import Span
from cep.language.failure import CLOSERS, Failure
from cep.language.problem import Edit, Problem
from cep.language.words import CLAUSES

_QUOTES: Final = {'"': '"', "“": "”", "„": "“”", "\u2018": "\u2019", "«": "»"}


def other_quotes(failure: Failure) -> Problem | None:
    """`"US"` and other quotes than the single one."""
    mark = failure.rest[:1]
    if mark not in _QUOTES or not mark:
        return None
    text = re.match(rf"{mark}([^\n{mark}]*?)[{_QUOTES[mark]}]", failure.rest)
    if not text:
        return failure.problem("texts stand in single quotes, and this one is not closed", "opened here")
    single = "'" + text[1].replace("'", "''") + "'"
    span = Span(failure.at, failure.at + text.end())
    return Problem(
        span, "texts stand in single quotes", help=single, edits=(Edit(span.start, span.end, single),)
    )


def open_quote(failure: Failure) -> Problem | None:
    """A text or a backquoted name without its end."""
    mark = failure.rest[:1]
    if mark not in {"'", "`"} or not mark or len(failure.found.text) > 1:
        return None
    what = "text" if mark == "'" else "name"
    return Problem(Span(failure.at, failure.at + 1), f"this {what} is not closed", "opened here")


def quote_inside(failure: Failure) -> Problem | None:
    """`'it's'`: the text ended before it should."""
    tail = re.match(r"(\w[^'\n]*)'", failure.rest)
    if not failure.said("STRING") or failure.words[-1].span.end != failure.at or not tail:
        return None
    start = failure.words[-1].span.start
    whole = failure.text[start : failure.at - 1] + "''" + tail[0]
    span = Span(start, failure.at + tail.end())
    edits = (Edit(span.start, span.end, whole),)
    return Problem(span, "a quote inside a text is written twice", help=whole, edits=edits)


_PREFIXES: Final = {
    "ts": ("date", "time", "datetime", "timestamp", "t"),
    "ip": ("cidr", "inet", "net", "ipv4", "ipv6"),
    "re": ("r", "regex", "regexp", "rx"),
    "dec": ("d", "decimal", "money", "numeric"),
}


def unknown_prefix(failure: Failure) -> Problem | None:
    """`date'2026-01-01'`: a constant of a kind that is not known."""
    # A single quote alone is a text that is not closed, which is another problem.
    if not failure.said("NAME") or not failure.rest.startswith("'") or failure.found.text == "'":
        return None
    word = failure.words[-1]
    known = [prefix for prefix, others in _PREFIXES.items() if word.text.lower() in (prefix, *others)]
    if word.span.end != failure.at and not known:
        return None
    text = failure.found.text
    message = f"`{word.text}` is no kind of constant"
    edits = (Edit(word.span.start, failure.at, known[0]),) if known else ()
    help_text = f"{known[0]}{text}" if known else "ts'…', ip'…', re'…' or dec'…'"
    return Problem(word.span, message, help=help_text, edits=edits)


def open_bracket(failure: Failure) -> Problem | None:
    """The text ends, or goes on with a clause, while a bracket is open."""
    if not failure.openings or failure.is_balanced:
        return None
    word = failure.found.text.upper()
    is_clause = word in CLAUSES and word not in failure.expected
    is_next = word == "," and not failure.in_group
    if not (failure.is_end or is_clause or is_next):
        return None
    closed = failure.openings[-1:] if is_next else failure.openings[::-1]
    closers = "".join(CLOSERS[failure.words[i].text] for i in closed)
    edit = Edit(failure.at, failure.at, f"{closers} ")
    if not failure.is_end and not failure.gets_further(edit):
        return None
    opening = failure.words[failure.openings[-1]]
    help_text = f"close it: {closers}" if failure.is_end else f"close it before `{failure.found.text}`"
    return Problem(opening.span, f"this `{opening.text}` is never closed", "opened here", help_text, (edit,))


def stray_bracket(failure: Failure) -> Problem | None:
    """A closing bracket that closes nothing, or another kind of bracket than was opened."""
    found = failure.found.text
    if found not in {")", "]", "}"}:
        return None
    if not failure.openings:
        span = failure.found.span
        opener = next((each for each, closer in CLOSERS.items() if closer == found), None)
        repair = "remove it" if opener is None else f"remove it, or open a `{opener}` before it"
        return failure.problem(f"this `{found}` closes nothing", "", repair, Edit(span.start, span.end, ""))
    opening = failure.words[failure.openings[-1]].text
    if found == CLOSERS[opening]:
        return None
    closer = CLOSERS[opening]
    message = f"`{found}` cannot close what `{opening}` opened"
    inserted = Edit(failure.at, failure.at, closer)
    if len(failure.openings) > 1 and failure.gets_further(inserted):
        return failure.problem(message, f"`{closer}` is missing before it", "", inserted)
    return failure.replaced(message, closer)


_AT_LEAST: Final = {
    "SEQ": "SEQ needs a step at least: SEQ(Login a, Transfer b)",
    "AND": "AND needs two branches at least: AND(Login a, Transfer b)",
    "OR": "OR needs two branches at least: OR(Login a, Transfer b)",
    "ATLEAST": "ATLEAST needs a number and a branch at least: ATLEAST(2, Login a, Transfer b, Payout c)",
    "EMIT": "EMIT needs a value at least: EMIT (user_id)",
    "[": "nothing stands in these brackets: give a condition, or leave them out",
}


def too_few(failure: Failure) -> Problem | None:
    """`SEQ()`, `AND(A a)`: a group with less than it needs."""
    found = failure.found.text
    if (
        not failure.openings
        or found != CLOSERS[failure.words[failure.openings[-1]].text]
        or failure.said("COMMA")
    ):
        return None
    first = failure.words[failure.openings[-1]].span
    span = first.cover(failure.found.span)
    empty = failure.said("LPAR") or failure.said("LSQB")
    if failure.owner in _AT_LEAST and (empty or {"COMMA", "RPAR"} & failure.expected == {"COMMA"}):
        return Problem(span, _AT_LEAST[failure.owner])
    edit = Edit(span.start, span.end, "")
    if empty and failure.gets_further(edit):
        return Problem(span, "nothing stands in these brackets", help="leave them out", edits=(edit,))
    return None


def spare_comma(failure: Failure) -> Problem | None:
    """A comma with nothing behind it, or two in a row."""
    comma = next((word for word in reversed(failure.words[-2:]) if word.kind == "COMMA"), None)
    if failure.found.text == "," and failure.said("COMMA"):
        edit = Edit(failure.at, failure.at + 1, " ")
        return failure.problem("one comma is enough", "", "", edit)
    if not comma:
        return None
    edit = Edit(comma.span.start, comma.span.end, " ")
    # `BY a, WHERE x`: WHERE was read as a name, since only a name can follow the comma.
    is_read_as_name = failure.words[-1].text in CLAUSES
    closes = failure.found.text in {")", "]", ";", ""} and failure.said("COMMA")
    if (is_read_as_name or closes) and (failure.is_end or failure.gets_further(edit)):
        return Problem(comma.span, "nothing follows this comma", help="leave it out", edits=(edit,))
    return None


def missing_comma(failure: Failure) -> Problem | None:
    """Two steps, values or names side by side."""
    edit = Edit(failure.at, failure.at, ", ")
    if not re.match(r"[\w'$`(\[-]", failure.rest) or "COMMA" not in failure.expected:
        return None
    if not failure.openings and failure.words[-1].kind != "NAME":
        return None
    if not failure.gets_further(edit):
        return None
    found = failure.found
    message = f"perhaps a comma is missing before `{found.text}`"
    return Problem(found.span, message, help=f"…, {found.text} …", edits=(edit,))


# What is written, what the message says, what is meant.
_OPERATORS: Final = (
    (r"!\s+=", "`{}` is written !=", "!="),
    (r"&&?", "`{}` is written AND", " AND "),
    (r"\|\|?", "`{}` is written OR", " OR "),
    (r"!(?!=)", "`!` is written NOT", " NOT "),
    (r"≠", "`{}` is written !=", "!="),
    (r"≤", "`{}` is written <=", "<="),
    (r"≥", "`{}` is written >=", ">="),
    (r"~", "`{}` is written MATCHES", " MATCHES "),
    (r":=?", "a value is named with `=`, not with `{}`", "="),
)


def other_operator(failure: Failure) -> Problem | None:
    """`&&`, `||`, `!`, `≤` and others: they have another spelling here."""
    for pattern, message, meant in _OPERATORS:
        written = re.match(pattern, failure.rest)
        if written:
            edit = Edit(failure.at, failure.at + written.end(), meant)
            if not failure.gets_further(edit):
                return None
            span = Span(failure.at, failure.at + written.end())
            return Problem(span, message.format(written[0]), help=meant.strip(), edits=(edit,))
    return None


_TWO_SIGNS: Final = {
    "=>": ">=",
    "=<": "<=",
    "===": "=",
    "!==": "!=",
    "><": "!=",
    "=!": "!=",
    "=~": " MATCHES ",
    "->": ".",
    "||": "|",
}


def split_operator(failure: Failure) -> Problem | None:
    """`=>`, `=<`, `===`: an operator of other languages whose first sign is one here."""
    if not failure.words or failure.words[-1].kind not in {"CMP", "ASSIGN", "MINUS", "BAR"}:
        return None
    before = failure.words[-1]
    meant = _TWO_SIGNS.get(before.text + failure.rest[:1])
    if not meant or before.span.end != failure.at:
        return None
    end = failure.at + (2 if failure.rest.startswith("!=") else 1)
    span = Span(before.span.start, end)
    edits = (Edit(span.start, span.end, meant),)
    written = failure.text[span.start : span.end]
    return Problem(span, f"`{written}` is written `{meant.strip()}`", help=meant.strip(), edits=edits)


def chained_test(failure: Failure) -> Problem | None:
    """`a < b < c`."""
    test = re.match(r"<=|>=|==|!=|<>|=|<|>", failure.rest)
    if not test or "PLUS" not in failure.expected or "CMP" in failure.expected:
        return None
    help_text = "join two tests with AND: a < b AND b < c"
    return failure.problem("a test has two sides, so tests do not chain", "", help_text)


def semicolon(failure: Failure) -> Problem | None:
    """A `;` at the end of a pattern, or none at the end of a definition."""
    if failure.found.text == ";" and failure.start == "pattern" and not failure.openings:
        edits = (Edit(failure.at, failure.at + 1, " "),)
        ends = failure.gets_further(*edits) and not failure.rest[1:].strip()
        return failure.problem(
            "a pattern has no `;` at its end", "leave it out", "", *(edits if ends else ())
        )
    if "SEMICOLON" in failure.expected and (failure.is_end or failure.found.text.upper() == "DEFINE"):
        end = failure.words[-1].span.end
        edit = Edit(end, end, ";")
        return Problem(Span(end, end + 1), "a definition ends with `;`", help="put `;` here", edits=(edit,))
    return None


def wrong_braces(failure: Failure) -> Problem | None:
    """`l{2`, `l{3 times}`, `Login{x > 1}`: braces hold numbers only."""
    braces = re.match(r"\{([^{}\n]*)\}?", failure.rest)
    if not braces or "QUANT" not in failure.expected:
        return None
    span = Span(failure.at, failure.at + braces.end())
    if re.search(r"[<>=]|\b(AND|OR|NOT)\b", braces[1]):
        edit = Edit(span.start, span.end, f"[{braces[1]}]")
        return Problem(span, "a condition stands in square brackets", help=edit.text, edits=(edit,))
    edit = Edit(span.start, span.end, "")
    message = "braces say how often, in numbers or parameters"
    return Problem(span, message, help="{3}, {3,}, {,5} or {3,$most}", edits=(edit,))


def parameter_sign(failure: Failure) -> Problem | None:
    """`${n}`, `{{n}}`, `:n`, `@n`: parameters as templates write them."""
    written = re.match(r"(\$\{|\{\{?|[:@%])\s*([^\W\d]\w*)\s*\}{0,2}", failure.rest)
    if not written or not {"PARAM", "STRING"} & failure.expected:
        return None
    meant = f"${written[2]}"
    edit = Edit(failure.at, failure.at + written.end(), meant)
    if not failure.gets_further(edit):
        return None
    span = Span(failure.at, failure.at + written.end())
    return Problem(span, "a parameter is a name behind `$`", help=meant, edits=(edit,))


def no_sign_of_ours(failure: Failure) -> Problem | None:
    """A sign that means nothing anywhere."""
    sign = failure.rest[:1]
    if not sign or sign.isalnum() or sign in "_'\"`()[]{},;.+-*/=<>!$|?":
        return None
    label = "there is no operator for the remainder" if sign == "%" else ""
    return failure.problem(f"`{sign}` means nothing here", label)
