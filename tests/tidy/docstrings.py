"""Docstrings: every module and every public name opens with a sentence."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.tidy.sources import Finding, Module

TYPE_OF_DEFINITION: Final = {
    ast.ClassDef: "class",
    ast.FunctionDef: "function",
    ast.AsyncFunctionDef: "function",
}


def missing_docstrings(module: Module) -> Iterator[Finding]:
    """Modules, public functions and classes, and public methods of public classes, without a docstring."""
    yield from missing_module_docstring(module)
    for node in module.tree.body:
        yield from _missing(module, node, "")
        if isinstance(node, ast.ClassDef) and _is_public(node.name):
            for member in node.body:
                yield from _missing(module, member, f"{node.name}.")


def missing_module_docstring(module: Module) -> Iterator[Finding]:
    """A module whose docstring is missing, or does not open with a whole sentence."""
    docstring = ast.get_docstring(module.tree)
    if not docstring:
        yield Finding(module.path, 1, "no docstring: open with the one purpose of this module")
    elif not first_sentence(docstring):
        yield Finding(module.path, 1, "the docstring does not open with a sentence that ends in a full stop")


def first_sentence(docstring: str) -> str:
    r"""The first sentence on one line; empty if the first paragraph holds no end of a sentence.

    >>> first_sentence("Bytes to events,\nand back (e.g. JSON). No I/O.")
    'Bytes to events, and back (e.g. JSON).'
    """
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    # An end is a mark at the very end, or before a blank and a new start, but not the one in "e.g. JSON".
    found = re.match(r".*?[.!?](?<!e\.g\.)(?<!i\.e\.)[)'\"`]*(?=\s+[^\sa-z]|$)", paragraph)
    return found.group() if found else ""


def _missing(module: Module, node: ast.stmt, prefix: str) -> Iterator[Finding]:
    if (
        isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and _is_public(node.name)
        and not _is_repeated(node)
        and not ast.get_docstring(node)
    ):
        text = f"public {TYPE_OF_DEFINITION[type(node)]} `{prefix}{node.name}` has no docstring"
        yield Finding(module.path, node.lineno, text)


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _is_repeated(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether another definition of the name speaks for this one: it is an overload, a setter, a case."""
    marks = {ast.unparse(mark).split("(")[0].rpartition(".")[2] for mark in node.decorator_list}
    return node.name == "_" or bool(marks & {"overload", "setter", "deleter", "register"})
