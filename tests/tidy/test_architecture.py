"""ARCHITECTURE.md tells of every module, in the words of its docstring."""

from tests.shared import ROOT
from tests.tidy.architecture import (
    BEGIN,
    DECISIONS,
    DOCUMENT,
    END,
    described,
    old_list,
    old_rows,
    table,
    titles,
    with_list,
    with_table,
)
from tests.tidy.layers import LAYERS
from tests.tidy.sources import require_none, texts, tracked_files

TREE = {
    "cep/errors.py": "The errors.",
    "cep/plan/__init__.py": "The | plan.",
    "cep/plan/Nfa.py": "The automaton.",
    "cep/__init__.py": "The package.",
}
FRAME = f"# Title\n\n{BEGIN}\n{END}\n\nafter\n"


def test_the_table_is_up_to_date() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    require_none(old_rows(text, described(texts(tracked_files()))))


def test_the_list_of_decisions_is_up_to_date() -> None:
    text = (ROOT / DECISIONS).read_text(encoding="utf-8")
    require_none(old_list(text, titles(texts(tracked_files()))))


def test_an_old_list_is_found_and_renewed() -> None:
    decisions = {"0002-b.md": "B", "0001-a.md": "A"}
    once = with_list("# Decisions\n\n", decisions)
    assert once == "# Decisions\n\n## The list\n\n* 0001 [A](0001-a.md)\n* 0002 [B](0002-b.md)\n"
    assert with_list(once, decisions) == once
    require_none(old_list(once, decisions))
    assert [f.path for f in old_list(once, {"0001-a.md": "A"})] == [DECISIONS]


def test_the_document_names_every_layer() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    assert [layer.name for layer in LAYERS if f"| {layer.name} {layer.title} |" not in text] == []


def test_table_is_in_the_order_of_the_layers() -> None:
    lines = [line for line in table(TREE).splitlines() if line.startswith(("###", "| `"))]
    assert lines == [
        "### The package",
        "| `cep/__init__.py` | The package. |",
        "### L0 facts",
        "| `cep/errors.py` | The errors. |",
        "### L2 plan",
        "| `cep/plan/__init__.py` | The \\| plan. |",
        "| `cep/plan/Nfa.py` | The automaton. |",
    ]


def test_writing_twice_changes_nothing_and_keeps_the_rest() -> None:
    once = with_table(FRAME, TREE)
    assert with_table(once, TREE) == once
    assert once.startswith("# Title\n")
    assert once.endswith("\n\nafter\n")
    require_none(old_rows(once, TREE))


def test_missing_and_old_and_dead_rows_are_found() -> None:
    text = with_table(FRAME, TREE)
    missing = [f.text for f in old_rows(text, {**TREE, "cep/event.py": "The events."})]
    assert missing == ["no row, or an old one, for `cep/event.py`: `make fmt` renews the table"]
    assert len(list(old_rows(text, {**TREE, "cep/errors.py": "Other words."}))) == 2
    fewer = {path: sentence for path, sentence in TREE.items() if path != "cep/errors.py"}
    dead = list(old_rows(text, fewer))
    assert [(text.splitlines()[f.line - 1], "no module" in f.text) for f in dead] == [
        ("| `cep/errors.py` | The errors. |", True)
    ]


def test_row_in_the_wrong_place_is_found() -> None:
    text = with_table(FRAME, TREE).replace("### L0 facts", "### L1 language")
    assert [f.text for f in old_rows(text, TREE)] == [
        "a row stands in the wrong place: `make fmt` renews the table"
    ]


def test_document_without_the_marks_is_found() -> None:
    assert ["marks" in f.text for f in old_rows("# Title\n", TREE)] == [True]


def test_sentences_come_from_docstrings_and_grammars() -> None:
    files = [
        ("cep/a.py", "x = 1"),
        ("cep/g.lark", "// The syntax, and\n// no code. More.\na: b\n// Not this."),
    ]
    assert described(files) == {"cep/a.py": "", "cep/g.lark": "The syntax, and no code."}
