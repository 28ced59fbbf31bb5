"""A live task goes on from stored state; a rule that was changed since begins anew and harms no other."""

import json
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from cep.cli.live_setup import open_live
from cep.errors import CepError
from cep.ports.topic_records import Part, Records
from cep.runtimes.live_metrics import OTHER_RULES, RULES_MAX, Metrics
from cep.runtimes.live_task import Done, Task
from cep.stream.cost import RuleCost
from tests.live.project import CONFIG, RULES, make_events, write_project

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


def test_what_rules_cost(tmp_path: Path) -> None:
    """Seconds of the clock that is handed in, events and matches; all tasks of a worker add to it."""
    ticks = count()
    config = write_project(tmp_path, rules=QUICK)
    settings = replace(
        open_live({"CEP_CONFIG": str(config)}).tasks, cost=RuleCost(lambda: float(next(ticks)))
    )
    tasks = [Task(settings, number) for number in (0, 1)]
    for one in tasks:
        one.begin({"events": 0})
    done = [one.process(records(0, 1_200)) for one in tasks]
    spent = settings.cost.rules
    assert {name: one.seconds for name, one in spent.items()} == {"pair": 2.0, "silence": 2.0, "burst": 2.0}
    assert spent["pair"].matches == sum(one.alerts["pair"] for one in done) > 0
    assert spent["burst"].matches > sum(one.alerts["burst"] for one in done) > 0
    kinds = Counter(json.loads(value)["type"] for _, value in make_events(1_200, seed=2, keys=10))
    # What waits for the watermark was not looked at yet.
    assert 2 * (kinds["B"] - 150) < spent["burst"].events <= 2 * kinds["B"]
    assert spent["silence"].events < spent["pair"].events
    page = Metrics(settings.cost).text().decode()
    assert 'cep_rule_seconds_total{rule="pair"} 2.0' in page
    assert f'cep_rule_matches_total{{rule="pair"}} {float(spent["pair"].matches)}' in page


def test_many_rules_share_a_label() -> None:
    cost = RuleCost(float)
    for number in range(RULES_MAX + 7):
        cost.add(f"r{number}", 0.5, 2, 1)
    page = Metrics(cost).text().decode()
    assert page.count("cep_rule_seconds_total{") == RULES_MAX + 1
    assert f'cep_rule_events_total{{rule="{OTHER_RULES}"}} 14.0' in page


def test_live_inputs_must_say_how_times_are_written(tmp_path: Path) -> None:
    config = write_project(tmp_path, CONFIG.replace(", format: epoch_ms", ""))
    with pytest.raises(
        CepError, match=r"topic events: live, input `events` must say how its times are written"
    ):
        open_live({"CEP_CONFIG": str(config)})
