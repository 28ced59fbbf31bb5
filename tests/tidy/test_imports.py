"""Imports stand at the top, run in no circle, wrap each library once, and reach every module."""

import tomllib

import pytest

from cep.cli import verbs
from cep.language import tables
from tests.shared import ROOT
from tests.tidy.imports import circles, deferred_imports, spread_libraries, unused_modules
from tests.tidy.sources import Module, modules, require_none, snippet


def entries() -> frozenset[str]:
    """Modules that commands and plug-in points of pyproject.toml name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What a live worker drives and nothing else imports yet.
    live = {"cep.stream.keeping", "cep.runtimes.commit"}
    # Loaded when they are needed: a library may be slow to load.
    by_name = {"cep.ports.parquet", "cep.language.grammar", *verbs._PLACES.values()}
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    return frozenset(target.split(":")[0] for group in groups for target in group.values()) | live | by_name


def test_imports_stand_at_the_top() -> None:
    # What a verb needs is imported when it is called: a help text must not load an engine. Lark is needed
    # only where its tables are not kept.
    by_call = {verbs.__name__, tables.__name__}
    places = [module for module in modules("cep", "samples") if module.name not in by_call]
    require_none(finding for module in places for finding in deferred_imports(module))


def test_imports_run_in_no_circle() -> None:
    require_none(circles(modules("cep")))


def test_each_library_is_wrapped_once() -> None:
    require_none(spread_libraries(modules("cep")))


def test_every_module_is_used() -> None:
    require_none(unused_modules(modules("cep"), entries()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n  import json", "import inside `f`"),
        ("class C:\n  from json import loads", "import inside `C`"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import json", "TYPE_CHECKING"),
        ("import typing as t\nif t.TYPE_CHECKING:\n  import json", "TYPE_CHECKING"),
        ("import importlib\nm = importlib.import_module('json')", "import by call"),
        ("m = __import__('json')", "import by call"),
        ("from . import nfa", "relative import"),
        ("from .nfa import Nfa", "relative import"),
    ],
)
def test_deferred_import_is_found(text: str, expected: str) -> None:
    assert [expected in finding.text for finding in deferred_imports(snippet(text))] == [True]


def test_optional_import_at_the_top_is_fine() -> None:
    require_none(deferred_imports(snippet("try:\n  import pyarrow\nexcept ImportError:\n  pyarrow = None")))


def package(**texts: str) -> list[Module]:
    """A package `cep` of one file for each argument."""
    return [snippet(text, f"cep/{name}.py") for name, text in texts.items()]


def test_circle_is_found() -> None:
    require_none(circles(package(a="import cep.b", b="from cep import c", c="import json")))
    found = list(circles(package(a="import cep.b", b="from cep import c", c="from cep.a import x")))
    assert len(found) == 1
    assert all(f"cep.{name}" in found[0].text for name in "abc")
    assert len(list(circles(package(a="import cep.a")))) == 1


def test_spread_library_is_found() -> None:
    twice = package(a="import lark", b="from lark.visitors import Visitor\nimport json, cep.a")
    assert [(f.path, "`lark`" in f.text) for f in spread_libraries(twice)] == [
        ("cep/a.py", True),
        ("cep/b.py", True),
    ]
    require_none(spread_libraries(package(a="import lark\nfrom lark import Tree", b="import numpy")))
    require_none(spread_libraries(package(a="import numpy", b="import numpy")))


def test_library_of_the_command_line_is_found_elsewhere() -> None:
    require_none(
        spread_libraries([snippet("import typer", "cep/cli/a.py"), snippet("import typer", "cep/cli/b.py")])
    )
    found = spread_libraries([snippet("import rich.table", "cep/errors.py")])
    assert [f.text for f in found] == ["`rich` belongs into cep.cli only"]


def test_unused_module_is_found() -> None:
    tree = [
        *package(
            main="import cep.a",
            a="import cep.a",
            stray="import cep.main, cep.stray",
            __main__="",
            __init__="",
        ),
        snippet("", "cep/plan/__init__.py"),
    ]
    assert [f.path for f in unused_modules(tree, frozenset({"cep.main"}))] == ["cep/stray.py"]
    assert "cep/main.py" in {f.path for f in unused_modules(tree[:2], frozenset())}
