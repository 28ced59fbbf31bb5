"""The repository holds nothing of one machine, nothing big, no gap in its decisions, no package untold."""

import pytest

from tests.shared import ROOT
from tests.tidy.repository import big_files, decision_numbers, machine_paths, untold_packages
from tests.tidy.sources import require_none, texts, tracked_files


def test_no_paths_of_one_machine() -> None:
    require_none(finding for path, text in texts(tracked_files()) for finding in machine_paths(path, text))


def test_no_big_files() -> None:
    require_none(big_files({path: (ROOT / path).stat().st_size for path in tracked_files()}))


def test_decisions_are_numbered() -> None:
    require_none(decision_numbers(tracked_files()))


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "README.md"])
def test_documents_tell_of_every_package(document: str) -> None:
    if document in tracked_files():
        text = (ROOT / document).read_text(encoding="utf-8")
        require_none(untold_packages(tracked_files(), document, text))


@pytest.mark.parametrize("text", ["cd /{}/main", "file:///{}/x", "'/{}/x'", "see `/{}/`"])
@pytest.mark.parametrize("folder", ["work", "root"])
def test_machine_path_is_found(text: str, folder: str) -> None:
    assert [f.line for f in machine_paths("a.md", "fine\n" + text.format(folder))] == [2]


@pytest.mark.parametrize("text", ["/homework/x", "https://example.org/{}/x", "docs/{}/x", "${{X}}/{}/x"])
def test_other_path_is_fine(text: str) -> None:
    require_none(machine_paths("a.md", text.format("work")))


def test_big_file_is_found() -> None:
    require_none(big_files({"a.json": 1_000_000, "samples/a.jsonl": 3_000_000}))
    found = big_files({"a.json": 1_000_001, "samples/a.jsonl": 3_000_001, "tests/samples/a": 3_000_000})
    assert [f.path for f in found] == ["a.json", "samples/a.jsonl", "tests/samples/a"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["README.md", "0001-a.md", "0002-b-2.md"], []),
        (["0001-a.md", "0003-c.md"], ["number 0003 where 0002"]),
        (["0001-a.md", "0001-b.md"], ["number 0001 where 0002"]),
        (["0002-b.md"], ["number 0002 where 0001"]),
        (["first.md"], ["a decision is named do"]),
        (["0001_A.md"], ["a decision is named do"]),
    ],
)
def test_wrong_decision_number_is_found(files: list[str], expected: list[str]) -> None:
    found = decision_numbers(f"docs/decisions/{name}" for name in files)
    assert [f.text[:22] for f in found] == expected


def test_untold_package_is_found() -> None:
    files = ["cep/plan/nfa.py", "cep/plans/a.py", "cep/event.py", "docs/cep/x.md"]
    require_none(untold_packages(files, "README.md", "`cep/plan` and cep/plans."))
    assert [f.text[:28] for f in untold_packages(files, "README.md", "cep/plans")] == [
        "says nothing about cep/plan:"
    ]
