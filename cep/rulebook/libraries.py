"""Files of definitions that rules import: finding them, reading each once, naming what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from cep.errors import Diagnostic, InputError, Source, Span, has_errors
from cep.language.check_library import check_library
from cep.language.definitions import Library
from cep.language.parser import parse_library
from cep.language.syntax import Definition
from cep.rulebook.rule_file import RuleText
from cep.rulebook.yaml_text import Scalar
from cep.schema import Schema
from cep.values import mutable


def read_text(path: Path, name: str) -> str:
    """The text of a file; InputError if it cannot be opened or is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: byte {error.start + 1} cannot be read") from error
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


@mutable
class Libraries:
    """The libraries read so far. `places` are folders or files where a rule's `use` is looked for.

    `texts`: each `use` with its text, for rules that come with what they use; then no file is read.
    """

    places: tuple[Path, ...] = ()
    schema: Schema = field(default_factory=Schema)
    texts: Mapping[str, str] | None = None
    found: list[Diagnostic] = field(default_factory=list)
    _read: dict[Path, Mapping[str, Definition] | None] = field(default_factory=dict)

    def of_rule(self, rule: RuleText, folder: Path, problems: list[Diagnostic]) -> Library | None:
        """All that a rule imports, by `file.name`; None if some of it is missing or broken.

        What is missing goes to `problems`; what is wrong inside a library to `found`, once.
        """
        library: dict[str, Definition] = {}
        owners: dict[str, Scalar] = {}
        complete = True
        for use in rule.use:
            path = self._locate(use.text, folder)
            if path is None:
                problems.append(_missing(rule, use, (folder, *self.places)))
                complete = False
                continue
            definitions = self.definitions(path)
            if definitions is None:
                complete = False
                continue
            if path.stem in owners and owners[path.stem].text != use.text:
                message = f"two libraries are called `{path.stem}`"
                label = f"`{owners[path.stem].text}` is the first"
                problems.append(
                    Diagnostic(
                        "M104", "error", message, rule.source, use.span, label, "rename one of the files"
                    )
                )
            owners[path.stem] = use
            library.update({f"{path.stem}.{name}": each for name, each in definitions.items()})
        return library if complete else None

    def definitions(self, path: Path) -> Mapping[str, Definition] | None:
        """What a file defines, by name; None if it has errors, which are noted in `found`."""
        known = path.resolve() if self.texts is None else path
        if known not in self._read:
            source = Source.whole(path.as_posix(), self._text(path))
            definitions, problems = read_definitions(source, self.schema, path.stem)
            self.found += problems
            self._read[known] = None if has_errors(problems) else definitions
        return self._read[known]

    def used_texts(self, rule: RuleText, folder: Path) -> dict[str, str]:
        """The text of each library that a rule imports and that is there, by the words of its `use`."""
        places = {use.text: self._locate(use.text, folder) for use in rule.use}
        return {name: self._text(path) for name, path in places.items() if path is not None}

    def _text(self, path: Path) -> str:
        return read_text(path, path.as_posix()) if self.texts is None else self.texts[path.as_posix()]

    def _locate(self, name: str, folder: Path) -> Path | None:
        if self.texts is not None:
            return Path(name) if Path(name).as_posix() in self.texts else None
        candidates = [folder / name]
        for place in self.places:
            candidates += [place / name] if place.is_dir() else []
            candidates += [place] if place.name == Path(name).name and place.is_file() else []
        return next((path for path in candidates if path.is_file()), None)


def read_definitions(
    source: Source, schema: Schema, home: str
) -> tuple[Mapping[str, Definition], list[Diagnostic]]:
    """The definitions of the library called `home` by name, and what is wrong. A library uses only itself."""
    syntax, problems = parse_library(source)
    definitions: dict[str, Definition] = {}
    for each in syntax.definitions if syntax is not None else ():
        if each.name in definitions:
            message = f"`{each.name}` is defined twice in this file"
            problems.append(
                Diagnostic(
                    "M104", "error", message, source, _first_line(source, each.span), "", "rename one of them"
                )
            )
        definitions.setdefault(each.name, each)
    if syntax is not None and not has_errors(problems):
        own = {f"{home}.{name}": each for name, each in definitions.items()}
        problems += check_library(syntax, source, schema, own, home)
    return definitions, problems


def _first_line(source: Source, span: Span) -> Span:
    return Span(span.start, min(span.end, source.row_end(span.start)))


def _missing(rule: RuleText, use: Scalar, places: Iterable[Path]) -> Diagnostic:
    looked = ", ".join(dict.fromkeys(place.as_posix() for place in places))
    message = f"there is no library `{use.text}`"
    help_ = "write the path from the rule's folder, or name its folder under `library` in cep.yaml"
    return Diagnostic("M105", "error", message, rule.source, use.span, f"looked in {looked}", help_)
