"""Every module of the tree and every public name of the package tells what it is."""

import pytest

from tests.tidy.docstrings import first_sentence, missing_docstrings, missing_module_docstring
from tests.tidy.sources import modules, require_none, snippet


def test_public_names_have_docstrings() -> None:
    require_none(finding for module in modules("cep") for finding in missing_docstrings(module))


def test_test_modules_have_docstrings() -> None:
    others = modules("tests", "samples", "bench")
    require_none(finding for module in others for finding in missing_module_docstring(module))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", "no docstring: open"),
        ('"""no end"""', "does not open with a sentence"),
        ('"""M."""\ndef f(): ...', "public function `f`"),
        ('"""M."""\nasync def f(): ...', "public function `f`"),
        ('"""M."""\nclass C: ...', "public class `C`"),
        ('"""M."""\nclass C:\n  "C."\n  @property\n  def f(self): ...', "public function `C.f`"),
    ],
)
def test_missing_docstring_is_found(text: str, expected: str) -> None:
    assert [expected in finding.text for finding in missing_docstrings(snippet(text))] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "def _f(): ...",
        "class _C:\n  def f(self): ...",
        'class C:\n  "C."\n  def __init__(self): ...\n  def _f(self): ...',
        'class C:\n  "C."\n  @f.setter\n  def f(self, x): ...',
        "@overload\ndef f(x: int) -> int: ...",
        'def f():\n  "F."\n  def inner(): ...',
    ],
)
def test_private_and_repeated_names_need_no_docstring(text: str) -> None:
    require_none(missing_docstrings(snippet(f'"""M."""\n{text}')))


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One. Two.", "One."),
        ("Over two\nlines. Two.", "Over two lines."),
        ("Such as e.g. JSON (RFC 8259). Two.", "Such as e.g. JSON (RFC 8259)."),
        ("After SASE (Wu 2006.) Two.", "After SASE (Wu 2006.)"),
        ("Version 1.5 of it. `x` is two.", "Version 1.5 of it."),
        ("Only a head line\n\nOne.", ""),
    ],
)
def test_first_sentence(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence
