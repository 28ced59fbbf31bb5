"""`cep check` on files that are no rules: a clear sentence and exit code 1 or 2, never a traceback."""

from pathlib import Path

import pytest

from tests.cli.shop import cep

pytestmark = pytest.mark.usefixtures("shop")


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("empty.yaml", b"", 1, "holds no rule"),
        ("blank.yaml", b"\n\n# nothing\n", 1, "holds no rule"),
        ("binary.yaml", bytes(range(256)) * 9, 2, "is not UTF-8 text"),
        ("utf16.yaml", "rule: x".encode("utf-16"), 2, "is not UTF-8 text"),
        ("latin.yaml", b"rule: \xe9t\xe9\n", 2, "is not UTF-8 text"),
        ("nul.yaml", b"rule: x\npattern: A\0 a\n", 1, "nul.yaml:2:11: error[E102]"),
        ("tab.yaml", b"rule: x\n\tpattern: Login l\n", 1, "tab.yaml:2:1: error[E102]"),
        ("loop.yaml", b"x: &a [*a]\n", 1, "loop.yaml:1:1: error"),
        ("text.yaml", b"just words\n", 1, "text.yaml:1:1: error"),
        ("list.yaml", b"- 1\n- 2\n", 1, "list.yaml:1:1: error"),
        ("bom.yaml", b"\xef\xbb\xbfrule: x\npattern: Login l BY user_id\n", 0, "no problems"),
        ("crlf.yaml", b"rule: x\r\npattern: |\r\n  Login l\r\n  BY user_id\r\n", 0, "no problems"),
        ("empty.cep", b"", 1, "empty.cep:1:1: error"),
        ("binary.cep", bytes(range(256)), 2, "is not UTF-8 text"),
    ],
)
def test_strange_file(name: str, content: bytes, code: int, words: str) -> None:
    Path(name).write_bytes(content)
    result = cep("check", name)
    assert result.exit_code == code, result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("path", ["nowhere.yaml", "data", "dangling.yaml"])
def test_nothing_to_check(path: str) -> None:
    Path("dangling.yaml").symlink_to("gone.yaml")
    result = cep("check", path)
    assert result.exit_code == 2
    assert path in result.output
    assert result.output.count("\n") == 1
