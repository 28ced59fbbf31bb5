"""`cep state` where rules come from a topic: the version that the state is of is named."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cep.cli import stored_state
from cep.columns import Batch
from cep.event import Event
from cep.live import LiveSettings
from cep.ports.rule_records import RuleVersion, changed, records_of
from cep.rulebook.packed import PackedRule, unpack
from cep.schema import Schema
from cep.state.rocks_store import RocksStore
from cep.state.store import TaskId
from cep.stream.task import Rows, TaskState
from tests.ports.made_rules import MadeTopic
from tests.runtimes.test_rule_sets import MadeReader

TEXT = "rule: pair\npattern: SEQ(A a, B b) BY k WITHIN 10s\n"
BROKEN = "rule: pair\npattern: SEQ(A\n"


@pytest.mark.parametrize(("held", "told"), [("10s", 1), ("20s", 2)])
def test_the_version_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    held: str,
    told: int,
) -> None:
    topic = MadeTopic()
    for text in (TEXT, TEXT.replace("10s", "20s"), BROKEN):
        new = changed(topic.history(), RuleVersion("pair", 1, "live", text))
        assert new is not None
        topic.write(records_of(topic.history(), [new]))
    rule, _ = unpack(PackedRule("pair", TEXT.replace("10s", held)), Schema())
    assert rule is not None
    state = tmp_path / "state"
    store = RocksStore(state)
    task = TaskState([rule], {"log": 0})
    task.begin({})
    events = [Event("A", 1_000, 0, {"k": "x"}, 1, "log"), Event("A", 2_000, 1, {"k": "y"}, 2, "log")]
    delta = task.process([Rows("log", Batch.of(events), 0, 2)]).delta
    store.fence(TaskId("cep", 0), "worker")
    store.apply(TaskId("cep", 0), "worker", replace(delta, first=True))
    store.close()

    def opened(settings: LiveSettings) -> MadeReader:
        assert settings.rules_topic == "my.rules"
        return MadeReader(topic)

    live = f"{{state: 'rocksdb:{state}', rules_from: topic, rules_topic: my.rules}}"
    (tmp_path / "cep.yaml").write_text(f"live: {live}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stored_state, "open_rules", opened)
    monkeypatch.setattr(sys, "argv", ["cep state", "x"])
    assert stored_state.main() == 0
    assert capsys.readouterr().out.startswith(f"pair@{told}  k=x\n")
    monkeypatch.setenv("CEP_FORMAT", "json")
    assert stored_state.main() == 0
    assert json.loads(capsys.readouterr().out)["version"] == told
