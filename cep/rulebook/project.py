"""The project file `cep.yaml`: where events come from, what their types hold, where rules and patterns are.

    inputs:  [{name: events, files: ["*.jsonl"], type: {field: type}, time: {field: ts}}]
    types:   {Login: {user_id: string, ip: ip}}
    keep:    90d
    rules:   [rules]
    library: [patterns]
    live:    {brokers: localhost:9092, topics: {payments: events}}

Every key may be left out. Without the file an event has its type in `type` and its time in `ts`, and the
format of a file is told by its ending. All problems of the file are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from cep.errors import Diagnostic, InputError, LoadError, has_errors
from cep.event import parse_duration_ms
from cep.inputs import InputSettings, TypeConstant
from cep.language.suggest import listed, nearest
from cep.live import LiveSettings
from cep.rulebook.fields import Fields
from cep.rulebook.project_inputs import read_input
from cep.rulebook.project_live import read_live
from cep.rulebook.yaml_text import Document, MappingNode, Scalar, read_document
from cep.schema import KINDS, FieldType, Schema, TopicKey
from cep.values import value

PROJECT_FILE: Final = "cep.yaml"
KEYS: Final = ("inputs", "types", "keep", "rules", "library", "live")


@value
class Project:
    """What the project file says. `rules` and `library` are files or folders, from where the command runs."""

    inputs: tuple[InputSettings, ...] = ()
    schema: Schema = field(default_factory=Schema)
    rules: tuple[Path, ...] = ()
    library: tuple[Path, ...] = ()
    live: LiveSettings = field(default_factory=LiveSettings)


def load_project(path: Path) -> Project:
    """The project that a file describes. InputError if it cannot be read, LoadError with all its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {error.start + 1}") from None
    project, problems = read_project(str(path), text, path.parent)
    if has_errors(problems):
        raise LoadError(problems)
    return project


def read_project(name: str, text: str, folder: Path) -> tuple[Project, list[Diagnostic]]:
    """The project that a text describes, as far as it can be read, and all that is wrong with it.

    `folder` is what relative paths in it start from.

    >>> project, problems = read_project("cep.yaml", "rules: [fraud]", Path("shop"))
    >>> project.rules[0].as_posix(), problems
    ('shop/fraud', [])
    """
    document = read_document(name, text)
    found = list(document.problems)
    top = _top(document, found)
    if top is None:
        return Project(), found
    top.check_keys(KEYS)
    inputs = _inputs(top, folder)
    return (
        Project(
            inputs=inputs,
            schema=replace(_schema(top), topic_keys=tuple(_topic_keys(inputs))),
            rules=_paths(top, "rules", "rules: [rules]", folder),
            library=_paths(top, "library", "library: [patterns]", folder),
            live=read_live(top, tuple(settings.name for settings in inputs)),
        ),
        found,
    )


def _top(document: Document, found: list[Diagnostic]) -> Fields | None:
    root = document.root
    if len(document.roots) > 1:
        found.append(document.diagnostic("M103", document.roots[1], "a project file holds one document only"))
    if isinstance(root, MappingNode):
        return Fields(document, root, "project file", found)
    if root is not None and not (isinstance(root, Scalar) and root.value is None):
        help_ = f"its keys are {listed(KEYS)}"
        found.append(document.diagnostic("M103", root, "a project file is a mapping", "", help_))
    return None


def _inputs(top: Fields, folder: Path) -> tuple[InputSettings, ...]:
    example = 'inputs: [{name: events, files: ["*.jsonl"]}]'
    inputs: list[InputSettings] = []
    for node in top.items("inputs", example):
        fields = top.inside("inputs", node, "input", example)
        if fields is None:
            continue
        settings = read_input(fields)
        if settings.schema is not None:
            settings = replace(settings, schema=(folder / settings.schema).as_posix())
        if settings.name and settings.name in {other.name for other in inputs}:
            entry = fields.entry("name")
            assert entry is not None
            fields.error("M103", entry.value, f"an input before this one is called `{settings.name}` too")
        inputs.append(settings)
    return tuple(inputs)


def _topic_keys(inputs: Iterable[InputSettings]) -> Iterator[TopicKey]:
    """What inputs say of the keys of their topics."""
    for settings in inputs:
        if settings.key:
            types = {name for name, _ in settings.patterns}
            if isinstance(settings.type, TypeConstant):
                types = {settings.type.name}
            yield TopicKey(settings.name, settings.key, frozenset(types) or None)


def _paths(top: Fields, key: str, example: str, folder: Path) -> tuple[Path, ...]:
    return tuple(folder / scalar.text for scalar in top.texts(key, example))


def _schema(top: Fields) -> Schema:
    example = "types: {Login: {user_id: string, ip: ip}}"
    declared = top.mapping("types", "set of types", example)
    types: dict[str, Mapping[str, FieldType]] = {}
    for entry in declared.node.entries if declared is not None else ():
        name = entry.key.text
        fields = top.inside(name, entry.value, "type", f"{name}: {{user_id: string}}")
        if fields is not None:
            types[name] = _field_types(fields)
    return _with_keep(top, Schema(types))


def _with_keep(top: Fields, schema: Schema) -> Schema:
    entry = top.entry("keep")
    scalar = top.scalar("keep", entry.value, "keep: 90d") if entry is not None else None
    if scalar is None:
        return schema
    try:
        return replace(schema, keep_ms=parse_duration_ms(scalar.text.strip()), keep_text=scalar.text.strip())
    except ValueError as error:
        top.error("M103", scalar, f"`keep`: {error}", "", "keep: 90d")
        return schema


def _field_types(fields: Fields) -> dict[str, FieldType]:
    types = {}
    for entry in fields.node.entries:
        name = entry.key.text
        scalar = fields.scalar(name, entry.value, f"{name}: string")
        if scalar is None:
            continue
        try:
            types[name] = FieldType.parse(scalar.text)
        except ValueError as error:
            word = scalar.text.partition("(")[0].rstrip("?").strip()
            close = nearest(word, KINDS)
            label = f"did you mean `{close[0]}`?" if close and close[0] != word else ""
            help_ = f"one of {listed(KINDS, most=len(KINDS))}; with ? behind it, it may be null"
            if "enum" in word:
                fields.error("M103", scalar, str(error), label, "enum(debit|credit)")
            else:
                fields.error("M103", scalar, f"`{scalar.text}` is no type of a field", label, help_)
    return types
