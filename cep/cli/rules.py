"""What every verb begins with: the project file, the rules of some paths, parameters given by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from cep.errors import CepError, Diagnostic, LoadError, Source
from cep.language.expressions import LiteralExpr
from cep.language.suggest import nearest
from cep.ports.schema_types import with_schema_files
from cep.rulebook.libraries import read_text
from cep.rulebook.loader import RULE_ENDINGS, Rulebook, Settings, load, rule_files
from cep.rulebook.params import param_literal
from cep.rulebook.pattern_files import PATTERN_ENDING, read_pattern_file
from cep.rulebook.project import PROJECT_FILE, Project, load_project, read_project
from cep.values import mutable, value


@value
class OpenProject:
    """The project and the folder its file stands in; without a file the empty project of the folder here."""

    project: Project
    folder: Path
    file: Path | None = None

    @property
    def libraries(self) -> tuple[Path, ...]:
        """Where rules look for what they use, besides their own folder."""
        return (*self.project.library, self.folder) if self.file is not None else ()


@mutable
class Checked:
    """What `check` looked at, and what it found."""

    files: list[str] = field(default_factory=list)
    rules: int = 0
    definitions: int = 0
    diagnostics: list[Diagnostic] = field(default_factory=list)


def open_project(config: Path | None) -> OpenProject:
    """The project of a file, or of the nearest `cep.yaml` from here upwards, or the empty one."""
    if config is not None:
        return OpenProject(_with_types(load_project(config)), config.parent, config)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).is_file():
            file = Path(os.path.relpath(folder / PROJECT_FILE, here))
            return OpenProject(_with_types(load_project(file)), file.parent, file)
    return OpenProject(Project(), Path())


def _with_types(project: Project) -> Project:
    """The project with the event types that schema files of its inputs declare; InputError if one is none."""
    return replace(project, schema=with_schema_files(project.schema, project.inputs))


def chosen_paths(project: OpenProject, given: Sequence[str]) -> list[Path]:
    """The paths given, or else those of the project file; CepError if there are none."""
    paths = [Path(path) for path in given] or list(project.project.rules)
    if not paths:
        where = f"under `rules` in {project.file}" if project.file else f"in a {PROJECT_FILE}: rules: [rules]"
        raise CepError(f"there are no rules; name files or folders, or write them {where}")
    return paths


def load_rules(
    project: OpenProject, paths: Sequence[Path], params: Mapping[str, LiteralExpr] | None = None
) -> Rulebook:
    """The rules of files and folders. CepError if a parameter is given that no rule has."""
    settings = Settings(project.project.schema, project.libraries, params or {})
    book = load(rule_files(paths), settings)
    for name in params or {}:
        if name not in book.declared:
            close = nearest(name, book.declared)
            known = ", ".join(sorted(book.declared)) or "none"
            guess = f"did you mean {close[0]}?" if close else f"the parameters are: {known}"
            raise CepError(f"--set {name}: no rule has such a parameter; {guess}")
    return book


def overrides(given: Sequence[str]) -> dict[str, LiteralExpr]:
    """The values of `--set NAME=VALUE`; CepError if one cannot be read.

    >>> overrides(["n=5", "span=10m"])["span"].kind
    'duration'
    """
    values: dict[str, LiteralExpr] = {}
    for text in given:
        name, equals, written = text.partition("=")
        name = name.strip().removeprefix("$")
        if not equals or not name.isidentifier():
            raise CepError(f"--set {text}: write NAME=VALUE, such as n=5")
        value, problem = param_literal(written)
        if problem is not None:
            raise CepError(f"--set {text}: {problem.message}")
        values[name] = value
    return values


def check_paths(config: Path | None, given: Sequence[str]) -> Checked:
    """Check files and folders, or all that the project file names, itself included."""
    checked = Checked()
    try:
        project = open_project(config)
    except LoadError as error:
        # Without its settings nothing true can be said of the rules.
        checked.diagnostics += error.diagnostics
        checked.files += sorted({d.source.name for d in error.diagnostics})
        return checked
    paths = [Path(path) for path in given]
    if not paths:
        paths = [*chosen_paths(project, ()), *project.project.library]
        checked.files += [project.file.as_posix()] if project.file is not None else []
    rules: list[Path] = []
    for path in rule_files(paths, (*RULE_ENDINGS, PATTERN_ENDING)):
        if path.suffix == PATTERN_ENDING:
            _check_pattern(path, project, checked)
        elif path.name == PROJECT_FILE:
            _check_project(path, checked)
        else:
            rules.append(path)
    book = load(rules, Settings(project.project.schema, project.libraries))
    checked.files += book.files
    checked.rules += book.seen
    checked.diagnostics += book.diagnostics
    # A library may have been read twice: as a file, and for a rule that uses it.
    unique = {(d.code, d.source.name, d.place, d.message): d for d in checked.diagnostics}
    checked.diagnostics = sorted(unique.values(), key=lambda d: d.sort_key)
    return checked


def _check_pattern(path: Path, project: OpenProject, checked: Checked) -> None:
    name = path.as_posix()
    found = read_pattern_file(Source.whole(name, read_text(path, name)), project.project.schema)
    checked.files.append(name)
    checked.rules += found.stages is not None
    checked.definitions += found.definitions
    checked.diagnostics += found.diagnostics


def _check_project(path: Path, checked: Checked) -> None:
    name = path.as_posix()
    checked.files.append(name)
    checked.diagnostics += read_project(name, read_text(path, name), path.parent)[1]
