"""Text to syntax tree; what cannot be read comes back as diagnostics, all of them at once.

After an error the text is mended the way the error says and read again, so the next error is a real one:

    text ──▶ read ──▶ syntax tree
      ▲       │
      └ edits ┴ Failure ──▶ explain ──▶ Problem
"""

from __future__ import annotations

from typing import Final

from cep.errors import Diagnostic, LoadError, Source
from cep.language.draft import Draft
from cep.language.failure import Failure, Start
from cep.language.messages import explain
from cep.language.problem import Problem
from cep.language.reader import read
from cep.language.syntax import LibrarySyntax, PatternSyntax

# Who has more errors than this in one text reads the first ones.
PROBLEMS_MAX: Final = 20


def parse(text: str) -> PatternSyntax:
    """The tree of a pattern; raises LoadError with everything that is wrong with it.

    >>> parse("SEQ(Login a, Transfer b) WITHIN 10m").within.duration.ms
    600000
    """
    pattern, diagnostics = parse_pattern(Source.whole("pattern", text))
    if pattern is None:
        raise LoadError(diagnostics)
    return pattern


def parse_pattern(source: Source) -> tuple[PatternSyntax | None, list[Diagnostic]]:
    """The tree of one pattern, or None and what is wrong, sorted by position."""
    tree, diagnostics = _parse(source, "pattern")
    assert tree is None or isinstance(tree, PatternSyntax)
    return tree, diagnostics


def parse_library(source: Source) -> tuple[LibrarySyntax | None, list[Diagnostic]]:
    """The tree of a file of definitions, or None and what is wrong, sorted by position."""
    tree, diagnostics = _parse(source, "library")
    assert tree is None or isinstance(tree, LibrarySyntax)
    return tree, diagnostics


def _parse(source: Source, start: Start) -> tuple[object, list[Diagnostic]]:
    node, problems = _mended(Draft.of(source.text), start)
    diagnostics = sorted((problem.diagnostic(source) for problem in problems), key=lambda d: d.sort_key)
    return (None if diagnostics else node), diagnostics


def _mended(draft: Draft, start: Start) -> tuple[object, list[Problem]]:
    """The tree of a draft, if one can be read, and what was wrong with the first."""
    problems: list[Problem] = []
    left = len(draft.text) + 1
    found: list[Problem] = []
    while isinstance(tree := read(draft.text, start, found), Failure):
        # No progress: the repair before was a wrong guess, and so would be any message from here on.
        if tree.left >= left or len(problems) == PROBLEMS_MAX:
            return None, problems
        left = tree.left
        problem = explain(tree)
        problems.append(_moved(problem, draft))
        edits = problem.edits if problem.edits and tree.gets_further(*problem.edits) else ()
        edits = edits or tree.without_this_part()
        if not edits:
            return None, problems
        draft, found = draft.edited(edits), []
    return tree, [*problems, *(_moved(problem, draft) for problem in found)]


def _moved(problem: Problem, draft: Draft) -> Problem:
    """The problem at its place in the first text."""
    first = draft.at_first(problem.first) if problem.first else None
    span = draft.at_first(problem.span)
    return Problem(span, problem.message, problem.label, problem.help, problem.edits, first)
