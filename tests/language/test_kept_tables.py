"""The tables of the grammar are kept for the next process, and only those of this grammar are taken."""

from pathlib import Path
from typing import Any

import pytest

from cep.language import tables as module
from cep.language.reader import read
from cep.language.tables import Tables, keep_tables, tables


def taken(monkeypatch: pytest.MonkeyPatch, path: Path, *, made: bool) -> Tables:
    """The tables of a process that keeps them there, and whether it has to make them."""
    made_here: list[dict[str, Any]] = []
    make = module._made

    def counted() -> dict[str, Any]:
        made_here.append(make())
        return made_here[-1]

    monkeypatch.setattr(module, "KEPT", path)
    monkeypatch.setattr(module, "_made", counted)
    found = tables.__wrapped__()
    monkeypatch.undo()
    assert bool(made_here) is made
    return found


def test_tables_are_kept_and_are_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "tables"
    first = taken(monkeypatch, path, made=True)
    assert [each.name for each in tmp_path.iterdir()] == ["tables"]
    assert taken(monkeypatch, path, made=False) == first


def test_tables_of_another_grammar_are_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "tables"
    taken(monkeypatch, path, made=True)
    key, _, text = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(f"{key[::-1]}\n{text.replace('WITHIN', 'WITHOUT')}", encoding="utf-8")
    assert "WITHOUT" not in taken(monkeypatch, path, made=True).keywords
    assert path.read_text(encoding="utf-8").startswith(key)


def test_tables_that_cannot_be_kept_are_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert taken(monkeypatch, tmp_path / "file" / "tables", made=True).rules


def test_an_install_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "KEPT", tmp_path / "tables")
    assert keep_tables() == tmp_path / "tables"
    monkeypatch.undo()
    assert taken(monkeypatch, tmp_path / "tables", made=False).states


def test_all_that_is_folded_up_has_a_name_or_grows_a_list() -> None:
    for rule in tables().rules:
        assert rule.name or rule.origin.startswith("_")
        assert not (rule.is_bracket and any(is_list for _, is_list, _ in rule.kept))
    assert read("A", "pattern", []) is not None
