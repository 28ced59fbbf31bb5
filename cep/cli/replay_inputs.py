"""Which files `cep replay` reads, and how each is to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from cep.cli.rules import OpenProject
from cep.errors import CepError, InputError
from cep.inputs import DEFAULT, InputSettings, settings_for
from cep.ports.decode import format_of
from cep.ports.open_file import STDIN
from cep.runtimes.replay import Input


def find_inputs(project: OpenProject, events: Sequence[str], as_input: str | None = None) -> list[Input]:
    """The inputs that files, folders, globs and `-` name; without any, all files of the project's inputs.

    A file stands once in the list, in the order named, files of a folder or glob by name. They are read as
    the input called `as_input` if there is one. CepError if there is nothing to read.
    """
    inputs = project.project.inputs
    if as_input is not None:
        inputs = tuple(each for each in inputs if each.name == as_input)
        if not inputs:
            raise CepError(f"--input {as_input}: the inputs are {_names(project.project.inputs)}")
    found: dict[str, Input] = {}
    for path in _named(project, events) if events else _of_project(project):
        known = path if path == STDIN else str(Path(path).resolve())
        settings = settings_of(inputs, path) if as_input is None else inputs[0]
        found.setdefault(known, Input(path, settings))
    return list(found.values())


def _names(inputs: Sequence[InputSettings]) -> str:
    return ", ".join(each.name for each in inputs) or "none"


def settings_of(inputs: Sequence[InputSettings], path: str) -> InputSettings:
    """The input whose globs fit; else the only one there is, unless it is of another format."""
    if path != STDIN:
        fitting = settings_for(inputs, str(Path(path).resolve()))
        if fitting is not DEFAULT:
            return fitting
    if len(inputs) > 1 and path == STDIN:
        raise CepError(f"standard input may be any of {_names(inputs)}; say which: --input {inputs[0].name}")
    if len(inputs) != 1:
        return DEFAULT
    only = inputs[0]
    if only.format is None or path == STDIN:
        return only
    try:
        return only if format_of(path, DEFAULT) == only.format else DEFAULT
    except InputError:
        return only


def _named(project: OpenProject, events: Sequence[str]) -> Iterator[str]:
    for name in events:
        path = Path(name)
        if name == STDIN or path.is_file():
            yield name
        elif path.is_dir():
            yield from _in_folder(project, path)
        elif has_magic(name):
            files = [each for each in _fitting(name) if Path(each).is_file()]
            if not files:
                raise CepError(f"no file fits {name}")
            yield from files
        elif path.exists():
            yield name  # a pipe or a device
        else:
            raise InputError(f"{name}: there is no such file")


def _in_folder(project: OpenProject, folder: Path) -> list[str]:
    """The files below a folder that an input fits, or without inputs those with an ending that is known."""
    inputs = project.project.inputs
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if inputs:
        found = [path for path in files if settings_for(inputs, str(path.resolve())) is not DEFAULT]
        why = f"no file in it fits an input of {project.file}"
    else:
        found = [path for path in files if _has_format(path)]
        why = "no file in it ends in .jsonl, .json, .csv, .avro or .parquet"
    if not found:
        raise CepError(f"{folder.as_posix()} holds no events: {why}")
    return [path.as_posix() for path in found]


def _has_format(path: Path) -> bool:
    try:
        return format_of(str(path), DEFAULT) != "text"
    except InputError:
        return False


def _of_project(project: OpenProject) -> list[str]:
    inputs = project.project.inputs
    if not inputs:
        raise CepError("there are no events; name files, folders or - for standard input")
    patterns = [(project.folder / pattern).as_posix() for each in inputs for pattern in each.files]
    files = [name for pattern in patterns for name in _fitting(pattern)]
    files = [name for name in dict.fromkeys(files) if Path(name).is_file()]
    if not files:
        raise CepError(f"no file fits the inputs of {project.file}: {', '.join(patterns)}")
    return files


def _fitting(pattern: str) -> list[str]:
    return sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
