"""The package keeps to the table of layers, and the table to its own order."""

import pytest

from tests.tidy.imports import names
from tests.tidy.layers import LAYERS, Layer, forbidden_imports, no_layer, upward_rows
from tests.tidy.sources import modules, require_none, snippet


def test_every_module_has_a_layer() -> None:
    require_none(finding for module in modules("cep") for finding in no_layer(module))


def test_imports_keep_to_the_layers() -> None:
    package = modules("cep")
    known = names(package)
    require_none(finding for module in package for finding in forbidden_imports(module, known))


def test_table_stands_in_its_own_order() -> None:
    assert upward_rows() == []


def test_row_against_the_order_is_found() -> None:
    upward = (Layer("L0", "a", ("cep.a",), ("cep.b",)), Layer("L1", "b", ("cep.b",), ("cep.a",)))
    assert upward_rows(upward) == ["L0 may import cep.b, which stands below it"]
    itself = (Layer("L0", "a", ("cep.a",), ("cep",)), Layer("L1", "b", ("cep.b",)))
    assert upward_rows(itself) == ["L0 may import cep, which stands below it"]


def test_module_without_a_layer_is_found() -> None:
    assert [f.text for f in no_layer(snippet("", "cep/stray.py"))] == [
        "`cep.stray` is in no layer: give it one in tests/tidy/layers.py"
    ]
    assert list(no_layer(snippet("", "cep/__init__.py"))) == []


# Importer, import, whether the table allows it: at least one of each for every layer.
CASES = [
    ("cep/errors.py", "from cep.language import parser", False),
    ("cep/columns.py", "from cep.event import Event", True),
    ("cep/language/parser.py", "from cep.errors import Span", True),
    ("cep/language/parser.py", "from cep.plan.nfa import Nfa", False),
    ("cep/plan/nfa.py", "from cep.language.syntax import StepSyntax", False),
    ("cep/plan/lower.py", "from cep.language.syntax import StepSyntax", True),
    ("cep/plan/lower_expr.py", "from cep.language.syntax import StepSyntax", True),
    ("cep/plan/lower.py", "from cep.language.parser import parse", True),
    ("cep/engines/vector.py", "from cep.plan.nfa import Nfa", True),
    ("cep/engines/vector.py", "from cep.language.syntax import StepSyntax", False),
    ("cep/state/codec.py", "from cep.engines.matcher import Snapshot", True),
    ("cep/state/codec.py", "from cep.plan.nfa import Nfa", False),
    ("cep/stream/detector.py", "import cep.state.store", True),
    ("cep/stream/detector.py", "import cep.ports.files", False),
    ("cep/ports/files.py", "from cep.stream.alert import Alert", True),
    ("cep/ports/files.py", "from cep.stream import alert", True),
    ("cep/ports/files.py", "from cep.stream.detector import Detector", False),
    ("cep/ports/files.py", "from cep.stream import detector", False),
    ("cep/runtimes/replay.py", "from cep.ports.files import FileSource", True),
    ("cep/runtimes/replay.py", "from cep.plan.nfa import Nfa", False),
    ("cep/rulebook/loader.py", "from cep.language.parser import parse", True),
    ("cep/rulebook/loader.py", "from cep.engines.matcher import Match", False),
    ("cep/cli/main.py", "from cep.rulebook.loader import load", True),
    ("cep/cli/about.py", "from cep import __version__", True),
    ("cep/plan/nfa.py", "from cep import __version__", False),
]


@pytest.mark.parametrize(("path", "text", "allowed"), CASES)
def test_forbidden_import_is_found(path: str, text: str, allowed: bool) -> None:
    known = frozenset({"cep.stream", "cep.stream.alert", "cep.stream.detector", "cep.language.parser"})
    assert (list(forbidden_imports(snippet(text, path), known)) == []) == allowed


def test_every_layer_has_a_case() -> None:
    importers = {path.split("/")[1].removesuffix(".py") for path, _, _ in CASES}
    for layer in LAYERS:
        assert importers & {member.split(".")[1] for member in layer.members}, layer.name
