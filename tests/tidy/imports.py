"""The graph of imports: what a module imports and where, circles in it, and files that hang outside it."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

from tests.tidy.sources import Finding, Module

# Foreign libraries that several modules may import, with the package they must stay in and the reason.
SPREAD: Final[Mapping[str, str]] = {
    "numpy": "cep",  # columns are numpy arrays from decode to match
    "typer": "cep.cli",  # every command declares its own options
    "rich": "cep.cli",  # every command draws its own output
}


@dataclass(frozen=True, slots=True)
class Import:
    """A module that another one imports, by its full name, and the line of the import."""

    name: str
    line: int


def imports_of(module: Module, known: frozenset[str]) -> Iterator[Import]:
    """All that a module imports, wherever the import stands.

    `from cep.plan import nfa` names the module `cep.plan.nfa` if `known` has it, else `cep.plan`.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield Import(full if full in known else node.module, node.lineno)


def deferred_imports(module: Module) -> Iterator[Finding]:
    """Imports in functions or classes, under TYPE_CHECKING, by call, or relative."""
    for node in ast.walk(module.tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                inner = (n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom))
                yield from (Finding(module.path, n.lineno, f"import inside `{node.name}`") for n in inner)
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                text = "TYPE_CHECKING: a circle of imports means that a type lives too high, move it down"
                yield Finding(module.path, node.lineno, text)
            case ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"):
                text = "import by call: import at the top; an optional library with try … except ImportError"
                yield Finding(module.path, node.lineno, text)
            case ast.ImportFrom(level=level) if level:
                yield Finding(module.path, node.lineno, "relative import: write the full name")


def circles(modules: Iterable[Module]) -> Iterator[Finding]:
    """One finding for a circle of imports among the modules; the next shows when this one is cut."""
    modules = list(modules)
    known = names(modules)
    graph = {m.name: {i.name for i in imports_of(m, known) if i.name in known} for m in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        path = next(m.path for m in modules if m.name == circle[0])
        yield Finding(path, 1, "circle of imports: " + " ← ".join(circle))


def spread_libraries(modules: Iterable[Module]) -> Iterator[Finding]:
    """Foreign libraries that more than one module imports, so that replacing one would touch many files."""
    modules = list(modules)
    known = names(modules)
    places: defaultdict[str, dict[str, Finding]] = defaultdict(dict)
    for module in modules:
        for imported in imports_of(module, known):
            library = imported.name.split(".")[0]
            if library == "cep" or library in sys.stdlib_module_names:
                continue
            package = SPREAD.get(library, "")
            if not package:
                text = f"`{library}` is imported by another module too: one module wraps one library"
            elif f"{module.name}.".startswith(f"{package}."):
                continue
            else:
                text = f"`{library}` belongs into {package} only"
            places[library][module.path] = Finding(module.path, imported.line, text)
    for library, found in places.items():
        if len(found) > 1 or library in SPREAD:
            yield from found.values()


def unused_modules(modules: Iterable[Module], entries: frozenset[str]) -> Iterator[Finding]:
    """Modules that no other module imports and that are no way in (`entries`, packages, `__main__`)."""
    modules = list(modules)
    known = names(modules)
    used = {i.name for m in modules for i in imports_of(m, known) if i.name != m.name} | entries
    for module in modules:
        if module.name not in used and not module.is_package and not module.name.endswith(".__main__"):
            yield Finding(module.path, 1, "nothing in cep imports this module: use it or delete it")


def names(modules: Iterable[Module]) -> frozenset[str]:
    """The names of all the modules."""
    return frozenset(module.name for module in modules)
