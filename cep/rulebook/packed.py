"""A rule as one value, with the text of all that it uses: it can be sent away and compiled without files.

files ─▶ loader ─▶ LoadedRule ─▶ pack ─▶ PackedRule ─▶ … ─▶ unpack ─▶ Rule, or what is wrong with it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from cep.errors import Diagnostic, InputError, Span, has_errors
from cep.rulebook.libraries import Libraries
from cep.rulebook.loader import LoadedRule, Settings, load_document, rule_roots
from cep.rulebook.pattern_files import PATTERN_ENDING
from cep.rulebook.rule_file import read_rule
from cep.rulebook.yaml_text import read_document
from cep.schema import FieldType, Schema
from cep.stream.alert import Rule
from cep.values import value


@value
class PackedRule:
    """`text` is its YAML document, `libraries` the text of each library by the words of `use`.

    `types` are the declared fields of the event types that it reads, as they were when it was checked.
    """

    name: str
    text: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def pack(loaded: LoadedRule, settings: Settings) -> PackedRule:
    """The rule with all that it uses; InputError for a bare pattern, which has no name of its own."""
    text = loaded.text
    path = Path(text.source.name)
    if path.suffix == PATTERN_ENDING:
        raise InputError(f"{path}: a bare pattern is no rule\n  write a rule file: rule: NAME, pattern: …")
    whole, start = text.source.text, text.whole.start
    # An indented document keeps its indentation, also in its first line.
    line = whole.rfind("\n", 0, start) + 1
    start = line if not whole[line:start].strip() else start
    libraries = Libraries(settings.libraries, settings.schema).used_texts(text, path.parent)
    types = _types(settings.schema, loaded.rule.plan.types)
    return PackedRule(text.name, whole[start : text.whole.end].rstrip() + "\n", libraries, types)


def unpack(packed: PackedRule, schema: Schema) -> tuple[Rule | None, list[Diagnostic]]:
    """The rule compiled against these types; None and why, where that cannot be done."""
    document = read_document(f"{packed.name}.yaml", packed.text)
    found = list(document.problems)
    roots = rule_roots(document)
    if len(roots) != 1 or has_errors(found):
        return None, found or [document.diagnostic("M101", Span(0, 0), "this is not one rule")]
    text = read_rule(document, roots[0], found)
    libraries = Libraries((), schema, packed.libraries)
    settings = Settings(schema)
    one = None if text is None else load_document(text, document, Path(), libraries, settings, found)
    found += libraries.found
    if one is None or has_errors(found):
        return None, found
    return one.rule, found


def _types(schema: Schema, names: tuple[str, ...] | None) -> dict[str, dict[str, str]]:
    wanted = schema.types if names is None else [name for name in names if schema.declares(name)]
    return {
        name: {field: type_text(each) for field, each in schema.types[name].items()}
        for name in sorted(wanted)
    }


def type_text(declared: FieldType) -> str:
    """A type of a field as it is declared.

    >>> type_text(FieldType.parse("enum(debit|credit)?"))
    'enum(debit|credit)?'
    """
    values = f"({'|'.join(declared.values)})" if declared.values else ""
    return f"{declared.kind}{values}{'?' if declared.nullable else ''}"
