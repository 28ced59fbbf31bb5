"""Banned names, calls and marks, each with what to write instead."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.tidy.sources import Finding, Module


@dataclass(frozen=True, slots=True)
class Banned:
    """A name that may be used only in the packages of `allowed`; `instead` says what to do elsewhere."""

    name: str
    instead: str
    allowed: tuple[str, ...] = ()


CLOCK: Final = ("cep.runtimes", "cep.cli")
TIME_IS_INPUT: Final = "pass event time in as `ts_ms` or `watermark_ms`"
NO_CHANCE: Final = "results must repeat: derive the value from the input"

BANNED: Final = (
    Banned("time.time", TIME_IS_INPUT, CLOCK),
    Banned("time.time_ns", TIME_IS_INPUT, CLOCK),
    Banned("time.monotonic", TIME_IS_INPUT, CLOCK),
    Banned("time.monotonic_ns", TIME_IS_INPUT, CLOCK),
    Banned("time.perf_counter", "measure in the runtime or the command", CLOCK),
    Banned("time.perf_counter_ns", "measure in the runtime or the command", CLOCK),
    Banned("time.sleep", "wait in the runtime", CLOCK),
    Banned("datetime.datetime.now", TIME_IS_INPUT, CLOCK),
    Banned("datetime.datetime.utcnow", TIME_IS_INPUT),  # naive, wrong in a runtime too
    Banned("datetime.datetime.today", TIME_IS_INPUT),
    Banned("datetime.date.today", TIME_IS_INPUT, CLOCK),
    Banned("random", NO_CHANCE, CLOCK),
    Banned("numpy.random", NO_CHANCE, CLOCK),
    Banned("secrets", NO_CHANCE, CLOCK),
    Banned("uuid.uuid1", NO_CHANCE, CLOCK),
    Banned("uuid.uuid4", NO_CHANCE, CLOCK),
    Banned("print", "return the text; the command line prints", ("cep.cli",)),
)

# Words that say a class or function has no noun of its own.
EMPTY_WORDS: Final = frozenset(
    {"base", "factory", "helper", "helpers", "manager", "managers", "util", "utils"}
)

# Spelt with brackets so that this file holds none of them.
MARKS: Final = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b")


def banned_calls(module: Module) -> Iterator[Finding]:
    """Uses of banned names, also as a value: a clock passed on as a default is a clock."""
    origins = _origins(module)
    inner = {id(n.value) for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(module.tree):
        # Only the whole of `a.b.c` is looked at, not `a.b` in it once more.
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            name = _full_name(node, origins)
            for banned in BANNED:
                if _is_or_under(name, banned.name) and not _is_under_any(module.name, banned.allowed):
                    where = f"; allowed in {', '.join(banned.allowed)}" if banned.allowed else ""
                    text = f"`{banned.name}` is banned: {banned.instead}{where}"
                    yield Finding(module.path, node.lineno, text)


def empty_names(module: Module) -> Iterator[Finding]:
    """Modules, classes and functions with a version or a word without meaning in their name."""
    yield from _empty_name(module.path, 1, module.name.rpartition(".")[2])
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _empty_name(module.path, node.lineno, node.name)


def marks(path: str, text: str) -> Iterator[Finding]:
    """Notes to do something later: do it now or write an issue."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := MARKS.search(line):
            yield Finding(path, number, f"{found.group()}: do it now, or write it down as an issue")


def _empty_name(path: str, line: int, name: str) -> Iterator[Finding]:
    if re.search(r"_v\d+$", name):
        yield Finding(path, line, f"`{name}` has a version in its name: replace the old one and delete it")
    for word in words(name):
        if word in EMPTY_WORDS:
            yield Finding(path, line, f"`{word}` in `{name}` says nothing: name the thing or what it does")


def words(name: str) -> list[str]:
    """The words of a name in either spelling, in lower case.

    >>> words("HTTPBase_tableOfUtils")
    ['http', 'base', 'table', 'of', 'utils']
    """
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def _origins(module: Module) -> dict[str, str]:
    """Where each imported name comes from: `from time import time as t` gives `t` → `time.time`."""
    origins = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds `a`; `import a.b as c` binds `c` to `a.b`.
                first = alias.name.split(".")[0]
                origins[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return origins


def _full_name(node: ast.expr, origins: dict[str, str]) -> str:
    match node:
        case ast.Name(id="print"):
            return "print"
        case ast.Name(id=name):
            return origins.get(name, "")
        case ast.Attribute(value=value, attr=attr):
            owner = _full_name(value, origins)
            return f"{owner}.{attr}" if owner else ""
        case _:
            return ""


def _is_or_under(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


def _is_under_any(name: str, places: tuple[str, ...]) -> bool:
    return any(_is_or_under(name, place) for place in places)
