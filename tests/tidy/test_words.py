"""No clock, chance or print outside its place, no empty names, no notes for later."""

import pytest

from tests.tidy.sources import modules, require_none, snippet, texts, tracked_files
from tests.tidy.words import banned_calls, empty_names, marks

READ_BY_PEOPLE = (".py", ".lark", ".md", ".toml", "Makefile", ".ci/run")


def test_no_banned_calls() -> None:
    require_none(finding for module in modules("cep") for finding in banned_calls(module))


def test_no_empty_names() -> None:
    everywhere = modules("cep", "tests", "samples")
    require_none(finding for module in everywhere for finding in empty_names(module))


def test_no_notes_for_later() -> None:
    read = [path for path in tracked_files() if path.endswith(READ_BY_PEOPLE)]
    require_none(finding for path, text in texts(read) for finding in marks(path, text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nnow = t.time_ns", "time.time_ns"),
        ("from time import time\ndef f(clock=time): ...", "time.time"),
        ("from time import monotonic as m\nm()", "time.monotonic"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime\ndatetime.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date, datetime as d\nd.today()", "datetime.datetime.today"),
        ("from datetime import date\ndate.today()", "datetime.date.today"),
        ("import random\nrandom.Random(1)", "random"),
        ("from random import choice\nchoice([1])", "random"),
        ("import numpy as np\nnp.random.default_rng()", "numpy.random"),
        ("from uuid import uuid4\nuuid4()", "uuid.uuid4"),
        ("print(1)", "print"),
        ("list(map(print, []))", "print"),
    ],
)
def test_banned_call_is_found(text: str, name: str) -> None:
    found = [finding.text for finding in banned_calls(snippet(text, "cep/engines/vector.py"))]
    assert [t.split(":")[0] for t in found] == [f"`{name}` is banned"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("cep/runtimes/replay.py", "import time\ntime.time()"),
        ("cep/cli/main.py", "import random\nprint(random.random())"),
        ("cep/event.py", "def f(time):\n  return time.time"),
        ("cep/event.py", "from datetime import datetime\ndatetime.fromtimestamp(0)"),
        ("cep/event.py", "self.print(1)"),
    ],
)
def test_the_same_name_where_it_is_allowed_or_another_thing(path: str, text: str) -> None:
    require_none(banned_calls(snippet(text, path)))


def test_the_reason_names_the_replacement() -> None:
    found = list(banned_calls(snippet("import time\ntime.time()", "cep/event.py")))
    assert "pass event time in as `ts_ms`" in found[0].text
    assert "allowed in cep.runtimes, cep.cli" in found[0].text


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("cep/x.py", "class RunFactory: ...", "`factory`"),
        ("cep/x.py", "class HTTPBase: ...", "`base`"),
        ("cep/x.py", "class C:\n  def step_helper(self): ...", "`helper`"),
        ("cep/x.py", "async def manager(): ...", "`manager`"),
        ("cep/x.py", "def parse_v2(): ...", "a version"),
        ("cep/utils.py", "", "`utils`"),
        ("cep/plan_v3.py", "", "a version"),
    ],
)
def test_empty_name_is_found(path: str, text: str, expected: str) -> None:
    assert [expected in finding.text for finding in empty_names(snippet(text, path))] == [True]


def test_words_inside_words_are_fine() -> None:
    require_none(empty_names(snippet("class Database: ...\ndef utilise(): ...\ndef ipv6(): ...")))


@pytest.mark.parametrize("mark", ["TO" + "DO", "FIX" + "ME", "X" + "XX"])
def test_note_for_later_is_found(mark: str) -> None:
    assert [f.line for f in marks("a.py", f"x = 1\n# {mark}: later")] == [2]
    assert not list(marks("a.py", f"{mark}S {mark.lower()} a{mark}"))
