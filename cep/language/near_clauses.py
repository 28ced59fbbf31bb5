"""Near misses inside clauses: words of SQL, things in the wrong place, clauses that say too little."""

from __future__ import annotations

import re

from cep.errors import Span
from cep.language.failure import Failure
from cep.language.problem import Edit, Problem
from cep.language.words import CLAUSES

_SKIPS = "SKIP PAST LAST, SKIP TO NEXT, SKIP TO FIRST v, SKIP TO LAST v, NO SKIP or STOP"


def unfinished_skip(failure: Failure) -> Problem | None:
    """`AFTER MATCH SKIP` without where to, and `ROW` as SQL has it."""
    tail = failure.words[-4:]
    if failure.found.text.upper() == "ROW" and tail and tail[-1].kind in {"LAST", "NEXT"}:
        edit = Edit(failure.found.span.start, failure.found.span.end, "")
        return failure.problem("ROW is left out here", "", "", edit)
    starts = [i for i, word in enumerate(tail) if word.kind == "AFTER"]
    if not starts or "MATCH" in failure.expected:
        return None
    after = tail[starts[-1] :]
    if after[-1].kind in {"TO", "SKIP"} and re.match(r"[^\W\d]\w*", failure.rest):
        name = failure.found.text
        if after[-1].kind == "TO":
            edit = Edit(failure.at, failure.at, "LAST ")
            if failure.gets_further(edit):
                help_text = f"SKIP TO FIRST {name} or SKIP TO LAST {name}"
                return failure.problem(f"SKIP TO needs FIRST or LAST before `{name}`", "", help_text, edit)
    span = after[0].span.cover(after[-1].span)
    said = " ".join(word.text.upper() for word in after)
    return Problem(span, f"{said} does not say where to go on", help=f"AFTER MATCH {_SKIPS}")


def clause_in_brackets(failure: Failure) -> Problem | None:
    """`SEQ(Login l WHERE l.x > 1, …)`: a clause of the whole pattern inside a group."""
    word = failure.found.text.upper()
    if not failure.in_group or word not in CLAUSES or not failure.found.text.isupper():
        return None
    if word == "WHERE":
        help_text = "Login[country = 'US'] l, or WHERE behind the whole pattern"
        return failure.problem("a step has its condition in square brackets", "", help_text)
    label = f"this one stands inside {failure.owner}(…)"
    return failure.problem(f"{word} stands behind the whole pattern", label)


def number_of_branches(failure: Failure) -> Problem | None:
    """`ATLEAST(A a, B b)`."""
    if not failure.said("ATLEAST", "LPAR") or failure.found.text in {")", ""}:
        return None
    edit = Edit(failure.at, failure.at, "2, ")
    help_text = "ATLEAST(2, Login a, Transfer b, Payout c)"
    return failure.problem("ATLEAST begins with how many", "", help_text, edit)


def bare_values(failure: Failure) -> Problem | None:
    """`EMIT a, b` and `IN 'a', 'b'` without brackets."""
    if failure.said("EMIT", "NAME") or (failure.said("EMIT") and failure.found.text != "("):
        span = failure.words[-1].span
        return Problem(span, "EMIT has its values in brackets", help="EMIT (user_id) or EMIT Type(user_id)")
    if failure.found.text != "," or failure.owner not in {"", "["}:
        return None
    values = re.search(r"\bIN\s+((?:'[^'\n]*'|[\d.]+))$", failure.text[: failure.at].rstrip(), re.IGNORECASE)
    more = re.match(r"(\s*,\s*(?:'[^'\n]*'|[\d.]+))+", failure.rest)
    if not values or not more:
        return None
    span = Span(values.start(1), failure.at + more.end())
    meant = f"({failure.text[span.start : span.end]})"
    edits = (Edit(span.start, span.start, "("), Edit(span.end, span.end, ")"))
    return Problem(span, "a list stands in brackets", help=meant, edits=edits)


def alias(failure: Failure) -> Problem | None:
    """`EMIT (count(f) AS n)`."""
    name = re.match(r"AS\s+([^\W\d]\w*)", failure.rest, re.IGNORECASE)
    if failure.owner != "EMIT" or not name:
        return None
    depth, begin = 0, failure.words[failure.openings[-1]].span.end
    for word in failure.words[failure.openings[-1] + 1 :]:
        depth += (word.kind in {"LPAR", "LSQB"}) - (word.kind in {"RPAR", "RSQB"})
        if depth == 0 and word.kind == "COMMA":
            begin = word.span.end
    value = failure.text[begin : failure.at].strip()
    span = Span(failure.at, failure.at + name.end())
    meant = f"{name[1]} = {value}"
    edits = (Edit(begin, begin, f" {name[1]} ="), Edit(span.start, span.end, ""))
    return Problem(span, "a value is named with `=`", help=meant, edits=edits)


def not_null(failure: Failure) -> Problem | None:
    """`x IS TRUE`, `x IS NOT 5`: IS is for NULL only."""
    if not (failure.said("IS") or failure.said("IS", "NOT")) or failure.is_end:
        return None
    negated = failure.said("NOT")
    start = failure.words[-2 if negated else -1].span.start
    meant = "!=" if negated else "="
    edit = Edit(start, failure.at, f"{meant} ")
    span = Span(start, failure.found.span.end)
    help_text = f"{meant} {failure.found.text}" if failure.gets_further(edit) else "IS NULL or IS NOT NULL"
    return Problem(span, "IS asks whether a value is NULL, nothing else", help=help_text, edits=(edit,))


def half_between(failure: Failure) -> Problem | None:
    """`x BETWEEN 1, 5`: the second end stands behind AND."""
    if "AND" not in failure.expected or "OR" in failure.expected:
        return None
    edits = (Edit(failure.at, failure.at + 1, " AND "),) if failure.found.text == "," else ()
    return failure.problem("BETWEEN has two ends, joined by AND", "", "x BETWEEN 1 AND 5", *edits)


_SQL = {"HAVING": "WHERE", "PARTITION BY": "BY", "GROUP BY": "BY", "WHEN": "WHERE", "MAXSPAN": "WITHIN"}


def other_clause(failure: Failure) -> Problem | None:
    """Clauses as other languages call them."""
    for words, meant in _SQL.items():
        pattern = re.compile(words.replace(" ", r"\s+") + r"\b", re.IGNORECASE)
        for start in (failure.at, *(word.span.start for word in failure.words[-2:])):
            written = pattern.match(failure.text, start)
            if not written:
                continue
            edit = Edit(start, written.end(), meant)
            if failure.gets_further(edit):
                span = Span(start, written.end())
                return Problem(span, f"{words} is called {meant} here", help=meant, edits=(edit,))
    return None
