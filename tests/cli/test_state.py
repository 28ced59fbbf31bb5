"""`cep state KEY`: the open partial matches of a key, read from a store beside the worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cep.cli.stored_state import main
from cep.columns import Batch
from cep.errors import Source
from cep.event import Event
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from cep.state.rocks_store import RocksStore
from cep.state.store import StateStore, TaskId
from cep.stream.alert import Rule
from cep.stream.open_matches import stored_matches
from cep.stream.task import Rows, TaskState
from tests.shared import ROOT

RULES = """\
rule: brute_force
pattern: SEQ(Fail f{2,}, Login l) BY user WITHIN 10m
---
rule: dormant
pattern: SEQ(Login l, NOT Logout o FOR 1h) BY user
---
rule: pairs
pattern: SEQ(Login l, Fail f) BY user, port WITHIN 5m
"""

EVENTS = [
    Event("Fail", 1_774_886_400_000, 0, {"user": "eve", "port": 22}, 1, "log"),
    Event("Fail", 1_774_886_401_000, 1, {"user": "eve", "port": 22}, 2, "log"),
    Event("Login", 1_774_886_402_000, 2, {"user": "bob", "port": 22}, 3, "log"),
    Event("Fail", 1_774_886_409_000, 3, {"user": "joe", "port": 22}, 4, "log"),
]


def rules() -> list[Rule]:
    found = []
    for order, text in enumerate(RULES.split("---\n")):
        name, pattern = (line.partition(": ")[2] for line in text.splitlines())
        plan, problems = compile_text(Source.whole(name, pattern), Schema())
        assert plan is not None, problems
        found.append(Rule(name, 1, plan, order=order))
    return found


def filled(store: StateStore) -> None:
    """What a worker leaves of the events."""
    task = TaskState(rules(), {"log": 0})
    task.begin({})
    delta = task.process([Rows("log", Batch.of(EVENTS), 0, 4)]).delta
    id_ = TaskId("cep", 0)
    store.fence(id_, "worker")
    store.apply(id_, "worker", replace(delta, first=True))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.yaml").write_text(RULES)
    state = tmp_path / "state"
    (tmp_path / "cep.yaml").write_text(f"rules: [rules]\nlive: {{state: 'rocksdb:{state}'}}\n")
    store = RocksStore(state)
    filled(store)
    store.close()
    return tmp_path


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


State = Callable[..., Done]


@pytest.fixture
def state(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> State:
    """The command inside this process."""
    monkeypatch.chdir(project)

    def call(*key: str, **options: str) -> Done:
        for name, value in options.items():
            monkeypatch.setenv(f"CEP_{name.upper()}", value)
        monkeypatch.setattr(sys, "argv", ["cep state", *key])
        code = main()
        return Done(code, *capsys.readouterr())

    return call


def test_command_as_it_is_typed(project: Path) -> None:
    command = [sys.executable, "-m", "cep", "state", "bob", "--format", "json"]
    done = subprocess.run(
        command, cwd=project, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["key"] == {"user": "bob"}


def test_open_matches_are_told(state: State) -> None:
    done = state("eve")
    assert done.stdout.splitlines()[:5] == [
        "brute_force  user=eve",
        "  since    2026-03-30 16:00:00Z",
        "  reached  f ×2",
        "  wants    …f{2,} then l",
        "  until    2026-03-30 16:10:00Z, 9m 59s after its newest event",
    ]
    # Each failure may be the first of a match: the second is open, too.
    assert "reached  f\n" in done.stdout
    assert done.returncode == 0, done.stderr


def test_open_matches_for_programs(state: State) -> None:
    done = state("bob", "22", format="json")
    (record,) = (json.loads(line) for line in done.stdout.splitlines())
    assert (record["rule"], record["key"], record["step"]) == ("pairs", {"user": "bob", "port": 22}, "l")
    assert (record["since"], record["until"]) == (1_774_886_402_000, 1_774_886_702_000)


def test_absence_that_time_completes(state: State) -> None:
    done = state("bob")
    assert "wants    no o for 3600000ms" in done.stdout
    assert "until    2026-03-30 17:00:02Z" in done.stdout


def test_nothing_open_is_a_finding(state: State) -> None:
    done = state("nobody")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing is open for this key\n")


def test_state_in_memory_cannot_be_seen(state: State) -> None:
    done = state("eve", state="memory:")
    assert done.returncode == 2
    assert "state in memory can be seen by its worker only" in done.stderr


def test_worker_may_have_it_open(project: Path, state: State) -> None:
    store = RocksStore(project / "state")
    assert state("eve").returncode == 0
    assert [match.step for match in stored_matches(store, "cep", rules(), ["eve"])] == ["f", "f"]
    store.close()
