"""Files, functions and lines keep to their limits."""

from tests.tidy.limits import long_file, long_functions, long_lines
from tests.tidy.sources import modules, require_none, snippet, texts, tracked_files

# Everything that people read as code. Scripts in bench and samples are code too.
FOLDERS = ("cep", "tests", "samples", "bench")
CODE = [path for path in tracked_files() if path.endswith((".py", ".lark")) and path.startswith(FOLDERS)]


def test_no_file_is_too_long() -> None:
    require_none(finding for path, text in texts(CODE) for finding in long_file(path, text))


def test_no_line_is_too_long() -> None:
    require_none(finding for path, text in texts(CODE) for finding in long_lines(path, text))


def test_no_function_is_too_long() -> None:
    require_none(finding for module in modules(*FOLDERS) for finding in long_functions(module))


def test_long_file_is_found() -> None:
    assert not list(long_file("a.py", "x\n" * 400))
    assert [f.text[:9] for f in long_file("a.py", "x\n" * 401)] == ["401 lines"]


def test_long_line_is_found() -> None:
    assert not list(long_lines("a.py", "ä" * 110))
    assert [f.line for f in long_lines("a.py", "short\n" + "ä" * 111)] == [2]


def test_long_function_is_found() -> None:
    body = "    x = 1\n"
    assert not list(long_functions(snippet("@mark\ndef f():\n" + body * 59)))
    nested = "class C:\n  async def g(self):\n" + body * 60
    assert [f.text[:16] for f in long_functions(snippet(nested))] == ["`g` has 61 lines"]
