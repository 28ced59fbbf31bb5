"""A live task goes on from stored state; a rule that was changed since begins anew and harms no other."""

from pathlib import Path

import pytest

from cep.cli.live_setup import open_live
from cep.ports.topic_records import Part, Records
from cep.runtimes.live_task import Done, Task
from tests.live.project import RULES, make_events, write_project

QUICK = RULES.replace("FOR 4s", "FOR 400ms")


def task(folder: Path, rules: str) -> Task:
    config = write_project(folder, rules=rules)
    return Task(open_live({"CEP_CONFIG": str(config)}).tasks, 0)


def records(first: int, last: int) -> list[Records]:
    values = [value for _, value in make_events(1_200, seed=2, keys=10)][first:last]
    return [Records(Part("events", 0), list(range(first, last)), values)]


@pytest.mark.parametrize("changed", [False, True])
def test_goes_on_from_stored_state(tmp_path: Path, changed: bool) -> None:
    whole = task(tmp_path / "a", QUICK)
    whole.begin({"events": 0})
    first, second = whole.process(records(0, 600)), whole.process(records(600, 1_200))
    assert second.alerts["pair"]
    assert second.alerts["silence"]
    entries = [(key, value) for key, value in first.delta.changes.items() if value is not None]
    rules = QUICK.replace("FOR 400ms", "FOR 500ms") if changed else QUICK
    resumed = task(tmp_path / "b", rules)
    begin = resumed.restore(iter(entries), {"events": 600}, {"events": 0})
    resumed.refill(records(begin["events"], 600))
    again = resumed.process(records(600, 1_200))

    def of(name: str, done: Done) -> list[bytes]:
        values = [one.value or b"" for one in done.out]
        return [value for value in values if f'"rule":"{name}"'.encode() in value]

    for name in ("pair", "burst") if changed else ("pair", "burst", "silence"):
        assert of(name, again) == of(name, second)
    assert (of("silence", again) == of("silence", second)) is not changed
