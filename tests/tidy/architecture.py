"""The module table of ARCHITECTURE.md, from the first sentence of each module, and the list of decisions.

`python -m tests.tidy.architecture --write` renews both; without `--write` it says whether that is due.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final

from tests.shared import ROOT
from tests.tidy.docstrings import first_sentence
from tests.tidy.layers import FACADE, LAYERS, layer_of
from tests.tidy.sources import Finding, module_name, texts, tracked_files

DOCUMENT: Final = "ARCHITECTURE.md"
BEGIN: Final = "<!-- modules: made from the docstrings by `make fmt`, do not edit -->"
END: Final = "<!-- end of modules -->"
DECISIONS: Final = "docs/decisions/README.md"
LIST: Final = "## The list\n"
HEADINGS: Final = ("The package", *(f"{layer.name} {layer.title}" for layer in LAYERS), "In no layer")


def main(arguments: list[str]) -> int:
    """Renew table and list, or say what is old in them; the exit code is 1 if that was not renewed."""
    path, index = ROOT / DOCUMENT, ROOT / DECISIONS
    text, listed = path.read_text(encoding="utf-8"), index.read_text(encoding="utf-8")
    modules, decisions = described(texts(tracked_files())), titles(texts(tracked_files()))
    if "--write" in arguments:
        path.write_text(with_table(text, modules), encoding="utf-8")
        index.write_text(with_list(listed, decisions), encoding="utf-8")
        return 0
    findings = [*old_rows(text, modules), *old_list(listed, decisions)]
    sys.stderr.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


def described(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What in cep/ speaks for itself, modules and grammars: path to first sentence.

    >>> described([("cep/a.py", '"It is a. Not b."'), ("cep/g.lark", "// The syntax."), ("b.py", "")])
    {'cep/a.py': 'It is a.', 'cep/g.lark': 'The syntax.'}
    """
    sentences = {}
    for path, text in files:
        if path.startswith("cep/") and path.endswith(".py"):
            sentences[path] = first_sentence(ast.get_docstring(ast.parse(text)) or "")
        elif path.startswith("cep/") and path.endswith(".lark"):
            sentences[path] = first_sentence(_head_comment(text))
    return sentences


def table(modules: dict[str, str]) -> str:
    """The tables, one for each layer, from path and sentence."""
    parts = []
    for heading in HEADINGS:
        paths = (path for path in modules if _heading(module_name(path)) == heading)
        # An __init__.py tells of its whole package, so it comes first.
        rows = sorted(paths, key=lambda path: (not path.endswith("/__init__.py"), path))
        if rows:
            head = [f"### {heading}", "", "| module | what it is |", "|---|---|"]
            parts.append("\n".join([*head, *(row(path, modules[path]) for path in rows)]))
    return "\n\n".join(parts)


def row(path: str, sentence: str) -> str:
    """One row of a table; a bar in the sentence is escaped, since it would end the cell.

    >>> row("cep/a.py", "It is a.")
    '| `cep/a.py` | It is a. |'
    """
    cell = sentence.replace("|", "\\|")
    return f"| `{path}` | {cell} |"


def with_table(text: str, modules: dict[str, str]) -> str:
    """The document with a new table between the two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(modules)}\n\n{END}{after}"


def old_rows(text: str, modules: dict[str, str]) -> Iterator[Finding]:
    """Modules without a row, with an old sentence in it, or rows without a module."""
    lines = text.splitlines()
    if BEGIN not in lines or END not in lines:
        yield Finding(DOCUMENT, 1, f"the marks of the module table are gone: {BEGIN} and {END}")
        return
    there = {line: number for number, line in enumerate(lines, start=1) if line.startswith("| `cep/")}
    due = {row(path, sentence): path for path, sentence in modules.items()}
    for line, path in due.items():
        if line not in there:
            yield Finding(DOCUMENT, 1, f"no row, or an old one, for `{path}`: `make fmt` renews the table")
    for line, number in there.items():
        if line not in due:
            yield Finding(DOCUMENT, number, "a row that no module backs: `make fmt` renews the table")
    if due.keys() == there.keys() and with_table(text, modules) != text:
        yield Finding(DOCUMENT, 1, "a row stands in the wrong place: `make fmt` renews the table")


def titles(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    r"""The decisions: file name to title without its number.

    >>> titles([("docs/decisions/0001-layers.md", "# 0001 Layers\n\nText."), ("docs/a.md", "# A")])
    {'0001-layers.md': 'Layers'}
    """
    return {
        path.rpartition("/")[2]: text.partition("\n")[0].removeprefix("# ")[5:]
        for path, text in files
        if path.startswith("docs/decisions/") and path != DECISIONS
    }


def with_list(text: str, decisions: dict[str, str]) -> str:
    """The page with a new list at its end."""
    lines = (f"* {name[:4]} [{title}]({name})\n" for name, title in sorted(decisions.items()))
    return f"{text.partition(LIST)[0]}{LIST}\n{''.join(lines)}"


def old_list(text: str, decisions: dict[str, str]) -> Iterator[Finding]:
    """Whether the list is another one than it should be."""
    if text != with_list(text, decisions):
        yield Finding(DECISIONS, 1, "the list of decisions is old: `make fmt` renews it")


def _heading(name: str) -> str:
    if name == FACADE:
        return HEADINGS[0]
    layer = layer_of(name)
    return f"{layer.name} {layer.title}" if layer else HEADINGS[-1]


def _head_comment(grammar: str) -> str:
    lines = takewhile(lambda line: line.startswith("//"), grammar.splitlines())
    return "\n".join(line.removeprefix("//") for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
