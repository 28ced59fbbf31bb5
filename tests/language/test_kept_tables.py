"""The tables of the grammar are kept for the next process, and are the same when they come back."""

from pathlib import Path

import lark

from cep.language.parser import _keep, _lark


def test_tables_that_are_kept_read_as_the_grammar_does(tmp_path: Path) -> None:
    made = _lark.__wrapped__()
    _keep(made, b"key", tmp_path / "tables")
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]
    with (tmp_path / "tables").open("rb") as file:
        assert file.read(3) == b"key"
        kept = lark.Lark.load(file)
    for text in ("SEQ(A a, NOT B b, C c{2,}) BY u WITHIN 5m", "A[x > 1 AND y IN (1, 2)] a"):
        assert kept.parse(text, start="pattern") == made.parse(text, start="pattern")


def test_tables_that_cannot_be_kept_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _keep(_lark(), b"key", tmp_path / "file" / "tables")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
