"""Why a text cannot be read on, in the user's words: a near miss if it is one, else what could stand here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from cep.language import near_clauses, near_durations, near_marks, near_words
from cep.language.expected import expected_text
from cep.language.failure import Failure
from cep.language.problem import Problem

NearMiss: TypeAlias = Callable[[Failure], Problem | None]

# The first that knows the case speaks; so those that are sure stand before those that guess.
NEAR_MISSES: Final[tuple[NearMiss, ...]] = (
    near_words.definition_in_pattern,
    near_words.clause_first,
    near_marks.other_quotes,
    near_marks.quote_inside,
    near_marks.unknown_prefix,
    near_marks.open_quote,
    near_words.infix,
    near_durations.wrong_unit,
    near_durations.quoted_duration,
    near_durations.sample_share,
    near_marks.wrong_braces,
    near_marks.parameter_sign,
    near_marks.split_operator,
    near_marks.other_operator,
    near_marks.semicolon,
    near_marks.too_few,
    near_marks.open_bracket,
    near_marks.stray_bracket,
    near_marks.spare_comma,
    near_clauses.unfinished_skip,
    near_clauses.number_of_branches,
    near_clauses.alias,
    near_clauses.bare_values,
    near_marks.chained_test,
    near_words.order_of_follow,
    near_words.misspelt,
    near_words.keyword_as_name,
    near_words.keyword_too_early,
    near_words.not_a_definition,
    near_durations.no_unit,
    near_clauses.not_null,
    near_clauses.half_between,
    near_clauses.other_clause,
    near_words.misplaced_in_unit,
    near_clauses.clause_in_brackets,
    near_marks.missing_comma,
    near_marks.no_sign_of_ours,
)


def explain(failure: Failure) -> Problem:
    """The problem that stopped the reading."""
    for near_miss in NEAR_MISSES:
        problem = near_miss(failure)
        if problem:
            return problem
    expected = expected_text(failure)
    if failure.is_end and not failure.words:
        return failure.problem("this pattern is empty", "", "SEQ(Login a, Transfer b) WITHIN 10m")
    if failure.is_end:
        return failure.problem(f"the text ends too early: expected {expected}")
    found = failure.found.text if len(failure.found.text) <= 40 else failure.found.text[:37] + "…"
    return failure.problem(f"expected {expected}, found `{found}`")
