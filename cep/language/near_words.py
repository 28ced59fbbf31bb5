"""Near misses of words: misspelt keywords, keywords used as names, and what other languages call things."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from cep.errors import Span
from cep.language.draft import Draft
from cep.language.expected import expected_text
from cep.language.failure import Failure
from cep.language.problem import Edit, Problem, Word
from cep.language.words import CLAUSES, GROUPS, KEYWORDS


def misspelt(failure: Failure) -> Problem | None:
    """A word close to a keyword, here or just before, that makes the text readable once it is put right."""
    here = failure.found
    if re.fullmatch(r"[^\W\d]\w*", here.text):
        near = [word for word in KEYWORDS & failure.expected if word != here.text.upper()]
        problem = _respelt(failure, here, near)
        if problem:
            return problem
    for word in reversed(failure.words[-3:]):
        if word.kind == "NAME" and word.text.upper() not in KEYWORDS:
            problem = _respelt(failure, word, list(KEYWORDS))
            if problem:
                return problem
    return None


def _respelt(failure: Failure, word: Word, near: list[str]) -> Problem | None:
    if len(word.text) < 3:
        return None
    # In three letters a single slip is already a third of the word.
    cutoff = 0.6 if len(word.text) == 3 else 0.7
    for keyword in get_close_matches(word.text.upper(), near, n=3, cutoff=cutoff):
        edit = Edit(word.span.start, word.span.end, keyword)
        if failure.gets_further(edit):
            message = f"did you mean {keyword}?"
            return Problem(word.span, f"`{word.text}` is unknown here", message, edits=(edit,))
    return None


def keyword_as_name(failure: Failure) -> Problem | None:
    """A field or variable that is called like a keyword: in small letters, and readable in backquotes."""
    for word in (failure.found, *reversed(failure.words[-2:])):
        if word.text.upper() in KEYWORDS and not word.text.isupper() and word.kind != "NAME":
            meant = f"`{word.text}`"
            edit = Edit(word.span.start, word.span.end, meant)
            if failure.gets_further(edit):
                message = f"{meant} is a word of the language here"
                return Problem(word.span, message, "as a name it stands in backquotes", meant, (edit,))
    return None


# What stands between two steps in other languages, and the group that says it here.
_JOINTS: Final = {
    "->": "SEQ",
    "=>": "SEQ",
    ",": "SEQ",
    "then": "SEQ",
    "followed": "SEQ",
    "or": "OR",
    "||": "OR",
    "and": "AND",
    "&&": "AND",
}
_INFIX: Final = {
    "SEQ": "steps that follow each other stand in SEQ(…)",
    "OR": "OR stands before what it joins",
    "AND": "AND stands before what it joins",
}


def infix(failure: Failure) -> Problem | None:
    """`A -> B`, `A followed by B`, `A OR B`, `A, B` outside of an expression."""
    joint = _joint(failure)
    if not joint:
        return None
    group = _JOINTS[joint.text.lower()]
    span = joint.span
    by = re.compile(r"\s+by\b", re.IGNORECASE).match(failure.text, span.end)
    if joint.text.lower() == "followed" and by:
        span = Span(span.start, by.end())
    if not failure.openings:
        return _as_group(failure, group, span)
    comma = Edit(span.start, span.end, ", ")
    if group == failure.owner == "SEQ" and joint.text != "," and failure.gets_further(comma):
        return Problem(span, "a comma stands between two steps", help=",", edits=(comma,))
    return Problem(span, _INFIX[group], help=f"{group}(Login a, Transfer b)") if failure.in_group else None


def _joint(failure: Failure) -> Word | None:
    """The sign or word between two steps that stopped the reading; `followed by` was read over first."""
    if {"CMP", "PLUS", "STRING"} & failure.expected:
        return None
    tail = failure.words[-3:]
    for i, word in enumerate(tail):
        last = tail[i + 1] if i + 1 < len(tail) else None
        by = failure.found.text if last is None else last.text
        if word.kind == "NAME" and word.text.lower() == "followed" and by.lower() == "by":
            return word
        if word.kind == "NAME" and word.text.lower() in {"then", "or", "and"}:
            return word
    # A second comma in a group is no joint, only one too many.
    is_joint = failure.found.text.lower() in _JOINTS and not (failure.found.text == "," and failure.openings)
    return failure.found if is_joint and failure.words and failure.begin_of_clause() is None else None


def _as_group(failure: Failure, group: str, span: Span) -> Problem:
    """What stands around the joints of this kind, as the branches of a group."""
    joints = {joint for joint, other in _JOINTS.items() if other == group}
    depth, end = 0, len(failure.text)
    edits = [Edit(0, 0, f"{group}(")]
    for word in failure.lexemes(0):
        depth += (word.text in {"(", "["}) - (word.text in {")", "]"})
        if depth == 0 and word.text.lower() in joints:
            edits.append(Edit(word.span.start, word.span.end, ","))
        elif depth == 0 and word.text == "by" and "followed" in failure.text[edits[-1].start :][:8].lower():
            edits.append(Edit(word.span.start, word.span.end, ""))
        elif depth == 0 and word.text in CLAUSES:
            end = word.span.start
            break
    edits.append(Edit(end, end, ") "))
    meant = Draft.of(failure.text[:end]).edited(tuple(edits)).text
    meant = re.sub(r"\s+([,)])", r"\1", " ".join(meant.split()))
    return Problem(span, _INFIX[group], help=meant, edits=tuple(edits))


def clause_first(failure: Failure) -> Problem | None:
    """The text begins with a clause, which was read as the name of a type."""
    first = failure.words[0] if failure.words else failure.found
    if first.text not in CLAUSES or first.kind in CLAUSES or failure.start != "pattern":
        return None
    if len(failure.words) > 3:
        return None
    message = "a pattern begins with what it looks for"
    return Problem(first.span, message, help=f"Login l {first.text} …")


def definition_in_pattern(failure: Failure) -> Problem | None:
    """DEFINE where a pattern is read."""
    first = failure.words[0] if failure.words else failure.found
    if failure.start == "pattern" and first.text.upper() == "DEFINE" and len(failure.words) <= 2:
        message = "DEFINE stands in a library file, not in a pattern"
        return Problem(first.span, message, help="a rule names its libraries in `use`")
    return None


def not_a_definition(failure: Failure) -> Problem | None:
    """A bare pattern, or anything else, in a library."""
    if failure.start == "library" and failure.expected <= {"DEFINE", "$END"}:
        return failure.problem("a library holds definitions", "", "DEFINE PATTERN name = …;")
    return None


def order_of_follow(failure: Failure) -> Problem | None:
    """`NOT NEXT B`, and NEXT or ANY where there is no order of steps."""
    for i, word in enumerate(failure.words[-3:], max(0, len(failure.words) - 3)):
        if word.kind != "NAME" or word.text not in {"NEXT", "ANY"}:
            continue
        if i and failure.words[i - 1].kind == "NOT":
            span = failure.words[i - 1].span.cover(word.span)
            edit = Edit(span.start, span.end, f"{word.text} NOT")
            if failure.gets_further(edit):
                return Problem(span, f"{word.text} stands before NOT", help=edit.text, edits=(edit,))
        edit = Edit(word.span.start, word.span.end, "")
        if failure.gets_further(edit):
            label = "branches of AND, OR and ATLEAST have no order"
            return Problem(word.span, f"{word.text} stands before a step of SEQ", label, edits=(edit,))
    return None


def misplaced_in_unit(failure: Failure) -> Problem | None:
    """`Login l[x > 1]`, `Login{3} l`, `UNTIL Logout x`: parts of a step in another order."""
    before = failure.words[-1] if failure.words else failure.found
    found = failure.found
    if found.text == "[" and before.kind in {"NAME", "QUANT"} and "WITHIN" in failure.expected:
        return _late_condition(failure)
    if before.kind == "QUANT" and re.fullmatch(r"[^\W\d]\w*", found.text):
        edit = Edit(before.span.start, found.span.end, f" {found.text}{before.text}")
        if failure.gets_further(edit):
            span = before.span.cover(found.span)
            message = "the variable stands before the number of times"
            return Problem(span, message, help=edit.text.strip(), edits=(edit,))
    one_event = failure.words[-2:-1]
    if one_event and one_event[0].kind in {"UNTIL", "UNLESS"} and before.text.upper() in GROUPS:
        message = f"{one_event[0].kind} takes one event, not a group"
        return Problem(before.span, message, help=f"{one_event[0].kind} Logout|Timeout")
    if one_event and one_event[0].kind == "UNTIL" and re.match(r"\w", found.text):
        edit = Edit(found.span.start, found.span.end, "")
        if failure.gets_further(edit):
            return failure.problem("the event behind UNTIL has no variable", "leave it out", "", edit)
    return None


def _late_condition(failure: Failure) -> Problem | None:
    """`Login l+[x > 1]`: variable and quantifier go behind the condition."""
    closing = _closing(failure)
    if closing is None:
        return None
    moved = failure.words[-1].span.start
    if failure.said("NAME", "NAME", "QUANT") or failure.said("RSQB", "NAME", "QUANT"):
        moved = failure.words[-2].span.start
    tail = failure.text[moved : failure.at].strip()
    edits = (Edit(moved, failure.at, ""), Edit(closing, closing, f" {tail}"))
    if not failure.gets_further(*edits):
        return None
    span = Span(failure.at, closing)
    before = next((word for word in reversed(failure.words) if word.span.end <= moved), None)
    kind = before.text if before and before.kind == "NAME" else "…"
    meant = f"{kind}{failure.text[failure.at : closing]}{' ' * tail[0].isalpha()}{tail}"
    return Problem(span, "the condition stands right behind the type", help=meant, edits=edits)


def keyword_too_early(failure: Failure) -> Problem | None:
    """`WHERE WITHIN 10m`, `[AND a]`: something is missing before a keyword, which was read as a name so."""
    word = failure.words[-1] if failure.words else failure.found
    if word.kind != "NAME" or word.text not in KEYWORDS:
        return None
    earlier = failure.read(failure.text[: word.span.start])
    placeholder = Edit(word.span.start, word.span.start, "x ")
    if not earlier or not failure.gets_further(placeholder):
        return None
    message = f"expected {expected_text(earlier)}, found `{word.text}`"
    return Problem(word.span, message, edits=(placeholder,))


def _closing(failure: Failure) -> int | None:
    """Where the bracket that opens at the failure is closed."""
    depth = 0
    for word in failure.lexemes(failure.at):
        depth += (word.text in {"(", "["}) - (word.text in {")", "]"})
        if depth == 0:
            return word.span.end
    return None
