"""Sizes: lines in a file, in a function, columns in a line. A change here needs a line in docs/decisions."""

import ast
from collections.abc import Iterator
from typing import Final

from tests.tidy.sources import Finding, Module

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60
LINE_COLUMNS_MAX: Final = 110


def long_file(path: str, text: str) -> Iterator[Finding]:
    """A file longer than a reader holds in mind."""
    count = len(text.splitlines())
    if count > FILE_LINES_MAX:
        yield Finding(
            path, count, f"{count} lines, {FILE_LINES_MAX} are allowed: cut the file along its seam"
        )


def long_lines(path: str, text: str) -> Iterator[Finding]:
    """Lines wider than two windows side by side."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LINE_COLUMNS_MAX:
            yield Finding(path, number, f"{len(line)} columns, {LINE_COLUMNS_MAX} are allowed")


def long_functions(module: Module) -> Iterator[Finding]:
    """Functions longer than a screen, docstring included, decorators not."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > FUNCTION_LINES_MAX:
                text = f"`{node.name}` has {count} lines, {FUNCTION_LINES_MAX} are allowed: name its parts"
                yield Finding(module.path, node.lineno, text)
