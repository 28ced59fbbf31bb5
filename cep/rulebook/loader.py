"""Rule files to compiled rules: reads every file, reports every problem of all of them at once.

    files ─▶ YAML ─▶ RuleText ─▶ libraries, parameters ─▶ pipeline ─▶ LoadedRule with its Rule and its tests
                 └──────┴──────────────┴──────────────────────┴─────▶ diagnostics, by file and position

A rule with an error is left out; what is wrong with it is among the diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from cep.errors import Diagnostic, InputError, Source, Span, has_errors
from cep.language.expressions import LiteralExpr
from cep.plan.compile import Plan
from cep.rulebook.embedded import RuleTest, read_tests
from cep.rulebook.libraries import Libraries, read_text
from cep.rulebook.pattern_files import PATTERN_ENDING, read_pattern_file
from cep.rulebook.pipeline import Stages, compile_stages
from cep.rulebook.project import PROJECT_FILE
from cep.rulebook.rule_file import LimitsText, RuleText, read_rule
from cep.rulebook.yaml_text import Document, Node, Scalar, read_document
from cep.schema import Schema
from cep.stream.alert import Rule
from cep.values import value

RULE_ENDINGS = (".yaml", ".yml")


@value
class Settings:
    """What rules are read with: declared types, places of libraries, parameters that override."""

    schema: Schema = field(default_factory=Schema)
    libraries: tuple[Path, ...] = ()
    params: Mapping[str, LiteralExpr] = field(default_factory=dict)


_PLAIN: Final = Settings()


@value
class LoadedRule:
    """A rule that can run, the text it was made from, what each stage made of it, and its tests."""

    rule: Rule
    text: RuleText
    stages: Stages
    tests: tuple[RuleTest, ...]


@value
class Rulebook:
    """What a set of files holds. `seen` counts rules, broken ones too; `declared` are their parameters."""

    rules: tuple[LoadedRule, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]
    seen: int
    declared: frozenset[str]


def rule_files(paths: Iterable[Path], endings: Sequence[str] = RULE_ENDINGS) -> list[Path]:
    """The files, and in folders all with these endings, sorted; InputError if there is nothing."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if _is_wanted(each, path, endings))
            if not inside:
                wanted = " or ".join(f"*{ending}" for ending in endings)
                raise InputError(f"{path.as_posix()} holds no files {wanted}")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise InputError(f"{path.as_posix()} does not exist")
    return list(found)


def _is_wanted(path: Path, folder: Path, endings: Sequence[str]) -> bool:
    # Settings may stand in a folder of rules; hidden folders hold what tools leave behind.
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in endings and path.name != PROJECT_FILE and not hidden and path.is_file()


def load(files: Sequence[Path], settings: Settings = _PLAIN) -> Rulebook:
    """Every rule of these files. InputError if a file cannot be read at all; all else is a diagnostic."""
    libraries = Libraries(settings.libraries, settings.schema)
    loaded: list[LoadedRule] = []
    problems: list[Diagnostic] = []
    texts: dict[str, RuleText] = {}
    seen, declared = 0, set[str]()
    for path in files:
        name = path.as_posix()
        if path.suffix == PATTERN_ENDING:
            seen += 1
            one = _load_pattern(path, settings, problems)
            if one is not None:
                _refuse_same_name(one.text, texts, problems)
                loaded.append(replace(one, rule=replace(one.rule, order=len(loaded))))
            continue
        document = read_document(name, read_text(path, name))
        problems += document.problems
        roots = rule_roots(document)
        if not roots and not document.problems:
            help_ = "begin with a name and a pattern: rule: my_rule"
            problems.append(document.diagnostic("M101", Span(0, 0), "this file holds no rule", "", help_))
        for root in roots:
            found: list[Diagnostic] = []
            text = read_rule(document, root, found)
            seen += 1
            if text is not None:
                declared |= set(text.params)
                _refuse_same_name(text, texts, found)
                one = load_document(text, document, path.parent, libraries, settings, found)
                if one is not None and not has_errors(found):
                    loaded.append(replace(one, rule=replace(one.rule, order=len(loaded))))
            problems += found
    diagnostics = sorted([*problems, *libraries.found], key=lambda d: d.sort_key)
    names = tuple(path.as_posix() for path in files)
    return Rulebook(tuple(loaded), tuple(diagnostics), names, seen, frozenset(declared))


def _load_pattern(path: Path, settings: Settings, problems: list[Diagnostic]) -> LoadedRule | None:
    """A bare pattern as a rule that is called like its file."""
    source = Source.whole(path.as_posix(), read_text(path, path.as_posix()))
    found = read_pattern_file(source, settings.schema)
    problems += found.diagnostics
    if found.stages is None:
        if not has_errors(found.diagnostics):
            help_ = "name a rule that uses them"
            message = "this file holds definitions, which are no rules"
            problems.append(Diagnostic("M103", "error", message, source, Span(0, 0), "", help_))
        return None
    if found.stages.plan is None:
        return None
    text = RuleText(source, Span(0, 0), path.stem, source)
    return LoadedRule(_rule(text, found.stages.plan), text, found.stages, ())


def rule_roots(document: Document) -> list[Node]:
    """What stands in a rule file, without documents of nothing, such as the one behind a last `---`."""
    return [root for root in document.roots if not (isinstance(root, Scalar) and root.value is None)]


def load_document(
    text: RuleText,
    document: Document,
    folder: Path,
    libraries: Libraries,
    settings: Settings,
    found: list[Diagnostic],
) -> LoadedRule | None:
    """One rule of a document; None if it has an error. All that is wrong goes to `found`."""
    library = libraries.of_rule(text, folder, found)
    if library is None:
        # What it lacks would be told again, as a name that nobody knows.
        read_tests(document, text.tests, settings.schema, None, found)
        return None
    params = {name: param.value for name, param in text.params.items()}
    params |= {name: value for name, value in settings.params.items() if name in params}
    places = {name: (text.source, param.span) for name, param in text.params.items()}
    stages, problems = compile_stages(text.pattern, settings.schema, library, params, places)
    found += [problem for problem in problems if not _is_told(problem, text)]
    tests = read_tests(document, text.tests, settings.schema, stages.plan, found)
    return None if stages.plan is None else LoadedRule(_rule(text, stages.plan), text, stages, tests)


def _is_told(problem: Diagnostic, text: RuleText) -> bool:
    """Whether it says that a parameter has no value whose value was refused in the file."""
    written = problem.source.text[problem.span.start : problem.span.end]
    return problem.code == "E207" and written.startswith("$") and written[1:] in text.refused_params


def _rule(text: RuleText, plan: Plan) -> Rule:
    rule = Rule(
        name=text.name,
        version=text.version,
        plan=plan,
        title=text.title,
        severity=text.severity,
        status=text.status,
        description=text.description,
        tags=text.tags,
        path=text.source.name,
    )
    return replace(rule, limits=replace(rule.limits, **_given(text.limits)))


def _given(limits: LimitsText) -> dict[str, Any]:
    given = {
        "runs_per_key": limits.runs_per_key,
        "events_per_key": limits.events_per_key,
        "overflow": limits.overflow,
    }
    return {name: value for name, value in given.items() if value is not None}


def _refuse_same_name(text: RuleText, texts: dict[str, RuleText], found: list[Diagnostic]) -> None:
    first = texts.setdefault(text.name, text)
    if first is text:
        return
    place = first.source.place(first.span.start)
    label = f"the first one is at {first.source.name}:{place.line}:{place.column}"
    message = f"two rules are called `{text.name}`"
    found.append(Diagnostic("M104", "error", message, text.source, text.span, label, "rename one of them"))
