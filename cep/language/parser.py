"""Text to syntax tree; what cannot be read comes back as diagnostics, all of them at once.

After an error the text is mended the way the error says and read again, so the next error is a real one:

    text ──▶ read ──▶ tree ──▶ build ──▶ syntax tree
      ▲       │
      └ edits ┴ Failure ──▶ explain ──▶ Problem
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, cast

from lark import Lark, Token, Tree
from lark import __version__ as lark_version
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from cep.errors import Diagnostic, LoadError, Source, Span
from cep.language.build import build
from cep.language.build_expressions import Piece
from cep.language.draft import Draft
from cep.language.failure import END, Failure, Start
from cep.language.messages import explain
from cep.language.problem import Problem, Word
from cep.language.syntax import LibrarySyntax, PatternSyntax

# Deeper trees would exhaust the stack of whoever walks them; nobody reads them either.
DEPTH_MAX: Final = 200
# Who has more errors than this in one text reads the first ones.
PROBLEMS_MAX: Final = 20


class _TooDeepError(Exception):
    """A tree deeper than DEPTH_MAX; carries where."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


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
    draft, tree, problems = _mended(Draft.of(source.text), start)
    node = None
    if tree is not None:
        found: list[Problem] = []
        try:
            node = _built(tree, found, 0)
        except _TooDeepError as error:
            found.append(_too_deep(error.span))
        problems += [_moved(problem, draft) for problem in found]
    diagnostics = sorted((problem.diagnostic(source) for problem in problems), key=lambda d: d.sort_key)
    return (None if diagnostics else node), diagnostics


def _mended(draft: Draft, start: Start) -> tuple[Draft, Tree[Token] | None, list[Problem]]:
    """A draft with its tree, if one can be read, and what was wrong with the first."""
    problems: list[Problem] = []
    left = len(draft.text) + 1
    while isinstance(found := _read(draft.text, start), Failure):
        # No progress: the repair before was a wrong guess, and so would be any message from here on.
        if found.left >= left or len(problems) == PROBLEMS_MAX:
            return draft, None, problems
        left = found.left
        problem = explain(found)
        problems.append(_moved(problem, draft))
        edits = problem.edits if problem.edits and found.gets_further(*problem.edits) else ()
        edits = edits or found.without_this_part()
        if not edits:
            return draft, None, problems
        draft = draft.edited(edits)
    return draft, found, problems


def _read(text: str, start: Start) -> Tree[Token] | Failure:
    """The tree of the text, or why it cannot be read."""
    try:
        return _lark().parse(text, start=start)
    except UnexpectedToken as error:
        # The end of the text has no place of its own.
        at = len(text) if error.token.type == END else error.token.start_pos or 0
    except UnexpectedCharacters as error:
        at = cast("int", error.pos_in_stream)  # lark declares it None
    # Once more up to the place: the parser that failed has already folded up what it had read, and so
    # would tell too little of what could have come.
    reader = _lark().parse_interactive(text, start=start)
    words: list[Word] = []
    with suppress(UnexpectedCharacters, UnexpectedToken):
        for token in reader.iter_parse():
            word = _word(token)
            if word.span.start >= at:
                break
            words.append(word)
    expected: set[str] = reader.accepts()  # type: ignore[no-untyped-call]  # lark left it out
    return Failure(text, start, at, tuple(words), frozenset(expected), lambda other: _failure(other, start))


def _failure(text: str, start: Start) -> Failure | None:
    """Why the text cannot be read; None if it can."""
    found = _read(text, start)
    return found if isinstance(found, Failure) else None


@cache
def _lark() -> Lark:
    """The reader of the grammar; its tables are kept, as Python keeps its compiled modules, and beside them.

    To make them takes longer than a small replay.
    """
    folder = resources.files("cep.language")
    grammar = folder.joinpath("grammar.lark").read_text(encoding="utf-8")
    key = blake2b(f"{lark_version} {sys.version} {grammar}".encode()).digest()
    kept = Path(str(folder)) / "__pycache__" / "grammar.tables"
    with suppress(OSError), kept.open("rb") as file:
        # What was written under another key is none of ours.
        if file.read(len(key)) == key:
            return Lark.load(file)
    made = Lark(
        grammar, parser="lalr", lexer="contextual", start=["pattern", "library"], propagate_positions=True
    )
    if not sys.dont_write_bytecode:
        _keep(made, key, kept)
    return made


def _keep(made: Lark, key: bytes, path: Path) -> None:
    """Write the tables for the next process; where that may not be done it makes its own."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        # Whole or not at all: other processes may start meanwhile.
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(key)
            made.save(file)
        # Whoever may read the package may read its tables; a temporary file is its maker's alone.
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)


def _built(  # the grammar has a type for each rule, as for `build`
    node: Tree[Token] | Token | None, problems: list[Problem], depth: int
) -> Any:  # noqa: ANN401
    """The node of the syntax tree for a node of the parse tree, children first."""
    if node is None:
        return None
    if isinstance(node, Token):
        return _word(node)
    meta = node.meta
    span = Span(0, 0) if meta.empty else Span(meta.start_pos, meta.end_pos)
    if depth > DEPTH_MAX:
        raise _TooDeepError(span)
    kids = [_built(kid, problems, depth + 1) for kid in node.children]
    return build(node.data, Piece(span, kids, problems))


def _word(token: Token) -> Word:
    start = token.start_pos or 0
    return Word(token.type, str(token), Span(start, start + len(token)))


def _too_deep(span: Span) -> Problem:
    message = "this is nested too deeply, or joins too many parts"
    help_text = "give parts a name in a library, or write x IN (a, b, …) for many values"
    return Problem(span, message, f"more than {DEPTH_MAX} levels", help_text)


def _moved(problem: Problem, draft: Draft) -> Problem:
    """The problem at its place in the first text."""
    first = draft.at_first(problem.first) if problem.first else None
    span = draft.at_first(problem.span)
    return Problem(span, problem.message, problem.label, problem.help, problem.edits, first)
