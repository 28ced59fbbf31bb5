"""The layers of `cep`, lowest first, and what each may import. ARCHITECTURE.md draws this table.

A place in the table is a dotted name and covers all that is under it; a `*` at its end leaves the rest of
the last name open. Inside one layer imports are free, as long as they make no circle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tests.tidy.imports import Import, imports_of
from tests.tidy.sources import Finding, Module


@dataclass(frozen=True, slots=True)
class Layer:
    """`members` are the places of the layer, `imports` the places above it in the table it may use.

    `extra` widens that for single members: (member, place).
    """

    name: str
    title: str
    members: tuple[str, ...]
    imports: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


FACTS: Final = (
    "cep.values",
    "cep.errors",
    "cep.event",
    "cep.columns",
    "cep.concat",
    "cep.schema",
    "cep.inputs",
    "cep.limits",
    "cep.live",
    "cep.compiled",
)

LAYERS: Final = (
    Layer("L0", "facts", FACTS),
    Layer("L1", "language", ("cep.language",), FACTS),
    # Only lowering may see the language: all sugar ends there.
    Layer("L2", "plan", ("cep.plan",), FACTS, extra=(("cep.plan.lower*", "cep.language"),)),
    Layer("L3", "engines", ("cep.engines",), (*FACTS, "cep.plan")),
    Layer("L4", "state", ("cep.state",), (*FACTS, "cep.engines")),
    Layer("L5", "stream", ("cep.stream",), (*FACTS, "cep.plan", "cep.engines", "cep.state")),
    # Sources and sinks know nothing of who drives them.
    Layer("L6", "ports", ("cep.ports",), (*FACTS, "cep.stream.alert")),
    Layer(
        "L7", "runtimes", ("cep.runtimes",), (*FACTS, "cep.engines", "cep.state", "cep.stream", "cep.ports")
    ),
    Layer("L8", "rulebook", ("cep.rulebook",), (*FACTS, "cep.language", "cep.plan", "cep.stream.alert")),
    # The one layer that wires the others together.
    Layer("L9", "cli", ("cep.cli", "cep.__main__"), ("cep",)),
)

# The package itself (`cep/__init__.py`) holds the version; only the command line reads it.
FACADE: Final = "cep"


def covers(place: str, name: str) -> bool:
    """Whether the dotted `name` lies in that place.

    >>> covers("cep.plan", "cep.plan.nfa"), covers("cep.plan", "cep.planner")
    (True, False)
    >>> covers("cep.plan*", "cep.planner")
    True
    """
    if place.endswith("*"):
        return name.startswith(place[:-1])
    return name == place or name.startswith(place + ".")


def layer_of(name: str, layers: tuple[Layer, ...] = LAYERS) -> Layer | None:
    """The layer that holds the module; None if the table forgot it.

    >>> layer_of("cep.plan.nfa").name
    'L2'
    """
    return next((layer for layer in layers if any(covers(m, name) for m in layer.members)), None)


def no_layer(module: Module) -> Iterator[Finding]:
    """A module that the table does not place."""
    if module.name != FACADE and layer_of(module.name) is None:
        text = f"`{module.name}` is in no layer: give it one in tests/tidy/layers.py"
        yield Finding(module.path, 1, text)


def forbidden_imports(module: Module, known: frozenset[str]) -> Iterator[Finding]:
    """Imports of `cep` modules that the layer of this module may not see; `known` are all module names."""
    layer = layer_of(module.name)
    if layer is None:
        return
    for imported in imports_of(module, known):
        if covers("cep", imported.name) and not _may_import(layer, module.name, imported):
            above = layer_of(imported.name)
            of = f"{above.name} {above.title}" if above else "no layer"
            text = f"{layer.name} {layer.title} may not import `{imported.name}` ({of}): see LAYERS"
            yield Finding(module.path, imported.line, text)


def upward_rows(layers: tuple[Layer, ...] = LAYERS) -> list[str]:
    """Rows of the table that allow what stands below them, so that the order of the table would lie."""
    return [
        f"{layer.name} may import {place}, which stands below it"
        for layer in layers
        for place in (*layer.imports, *(place for _, place in layer.extra))
        if not _stands_above(place, layer, layers)
    ]


def _stands_above(place: str, layer: Layer, layers: tuple[Layer, ...]) -> bool:
    seen = list(takewhile(lambda other: other is not layer, layers))
    everything_above = place == "cep" and layer is layers[-1]
    return everything_above or any(covers(m, place.rstrip("*")) for other in seen for m in other.members)


def _may_import(layer: Layer, importer: str, imported: Import) -> bool:
    extra = (place for member, place in layer.extra if covers(member, importer))
    return any(covers(place, imported.name) for place in (*layer.members, *layer.imports, *extra))
