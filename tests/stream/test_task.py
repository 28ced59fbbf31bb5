"""A task put down to bytes and taken up again, cut into any batches, gives the alerts of one plain run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.event import Event
from cep.ports.alert_lines import alert_line
from cep.state.codec import SnapshotCodec, StateFormatError
from cep.stream.alert import Rule
from cep.stream.task import HEADER, ChangedRulesError, Rows, TaskState, codecs_of, entry
from tests.engines.story import plan_of

TOPICS = {"logins": 4, "payments": 2}

PATTERNS = (
    "SEQ(Login a, Pay b) BY u WITHIN 9ms",
    "SEQ(Login a, NOT Pay b FOR 5ms) BY u",
    "SEQ(NOT Login l FOR 6ms, Pay p) BY u LIMIT 1 PER 7ms",
    "Pay p{3,} BY u WITHIN 12ms ON CLOSE EMIT (n = count(p))",
    "SEQ(Pay p, Pay[x > p.x] q) BY u AFTER MATCH STOP WITHIN 9ms",
)


@cache
def rules(patterns: tuple[str, ...] = PATTERNS) -> tuple[Rule, ...]:
    return tuple(Rule(f"r{i}", 1, plan_of(text), order=i) for i, text in enumerate(patterns))


@cache
def codecs() -> dict[str, SnapshotCodec]:
    return codecs_of(rules())


def log_of(steps: Sequence[tuple[int, int, int, str]]) -> dict[str, list[Event]]:
    """Events of each topic, an offset each, with times that go back and forth a little."""
    log: dict[str, list[Event]] = {topic: [] for topic in TOPICS}
    now_ms = 100
    for which, later_ms, x, user in steps:
        topic = list(TOPICS)[which % 2]
        now_ms = max(1, now_ms + later_ms)
        offset = len(log[topic])
        kind = "Login" if topic == "logins" else "Pay"
        event = Event(kind, now_ms, 2 * offset + which % 2, {"x": x, "u": user}, offset + 1, topic)
        log[topic].append(event)
    return log


def rows(log: dict[str, list[Event]], topic: str, first: int, behind: int) -> Rows:
    return Rows(topic, Batch.of(log[topic][first:behind]), first, behind)


def plain(log: dict[str, list[Event]]) -> list[str]:
    """One run over everything."""
    task = TaskState(rules(), TOPICS)
    task.begin({})
    outcome = task.process([rows(log, topic, 0, len(log[topic])) for topic in TOPICS])
    return [alert_line(alert) for alert in outcome.alerts]


STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-3, 5), st.integers(1, 3), st.sampled_from("uv")), max_size=40
)
SIZES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, sizes=SIZES)
def test_put_down_after_every_batch(
    steps: list[tuple[int, int, int, str]], sizes: list[tuple[int, int]]
) -> None:
    log = log_of(steps)
    stored: dict[bytes, bytes] = {}
    to: dict[str, int] = dict.fromkeys(TOPICS, 0)
    found: list[str] = []
    sizes = [*sizes, (3, 3)]
    for turn in range(1000):
        if all(to[topic] == len(log[topic]) for topic in TOPICS):
            break
        task = TaskState(rules(), TOPICS, codecs=codecs())
        again = task.restore(stored.items(), to)
        for topic in TOPICS:
            # Read again in two pieces: how it is cut must not matter.
            middle = (again[topic] + to[topic]) // 2
            task.refill([rows(log, topic, again[topic], middle)])
            task.refill([rows(log, topic, middle, to[topic])])
        # Read in other pieces, less may have to be read the next time, never more.
        assert all(task.resume()[topic] >= again[topic] for topic in TOPICS)
        behind = {
            topic: min(to[topic] + size, len(log[topic]))
            for topic, size in zip(TOPICS, sizes[turn % len(sizes)], strict=True)
        }
        outcome = task.process([rows(log, topic, to[topic], behind[topic]) for topic in TOPICS])
        found += [alert_line(alert) for alert in outcome.alerts]
        assert outcome.delta.since == to
        to = dict(outcome.delta.to)
        for key, value in outcome.delta.changes.items():
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
    assert sorted(found) == sorted(plain(log))


@pytest.mark.parametrize("engine", ["reference", "vector"])
@settings(max_examples=40, deadline=None)
@given(steps=STEPS, at=st.floats(0, 1))
def test_a_cut_is_of_its_moment_whenever_it_is_packed(
    engine: str, steps: list[tuple[int, int, int, str]], at: float
) -> None:
    log = log_of(steps)
    middle = {topic: int(len(log[topic]) * at) for topic in TOPICS}
    first = [rows(log, topic, 0, middle[topic]) for topic in TOPICS]
    rest = [rows(log, topic, middle[topic], len(log[topic])) for topic in TOPICS]
    now, later = (TaskState(rules(), TOPICS, ENGINES[engine], codecs=codecs()) for _ in range(2))
    for task in (now, later):
        task.begin({})
        task.process(first, put_down=False)
    cut = later.cut()
    expected = now.put_down()
    for task in (now, later):
        task.process(rest, put_down=False)
    pieces = 0
    while (delta := cut.written(lambda: True)) is None:
        pieces += 1
    assert delta == expected
    assert pieces == len(delta.changes) - 1
    # What came behind it is in the next, and nothing else.
    assert later.put_down() == now.put_down()


def some_state() -> tuple[dict[bytes, bytes], dict[str, int]]:
    """A login of `u` that waits for a payment."""
    task = TaskState(rules(), TOPICS)
    task.begin({})
    log = {"logins": [Event("Login", 10, 0, {"u": "u"}), Event("Login", 30, 2, {"u": "v"})], "payments": []}
    log["payments"] = [Event("Pay", 29, 1, {"u": "w", "x": 1})]
    delta = task.process([rows(log, "logins", 0, 2), rows(log, "payments", 0, 1)]).delta
    return {key: value for key, value in delta.changes.items() if value is not None}, dict(delta.to)


def test_only_what_changed_is_written() -> None:
    stored, to = some_state()
    task = TaskState(rules(), TOPICS)
    task.restore(stored.items(), to)
    quiet = task.process([Rows("logins", Batch.of([]), 2, 3)]).delta
    assert set(quiet.changes) == {HEADER}
    assert quiet.to == {"logins": 3, "payments": 1}


def test_state_of_a_changed_rule_is_not_taken_silently() -> None:
    stored, to = some_state()
    other = ("SEQ(Login a, Pay b) BY u WITHIN 8ms", *PATTERNS[1:])
    with pytest.raises(ChangedRulesError, match=r"other versions of these rules: r0$"):
        TaskState(rules(other), TOPICS).restore(stored.items(), to)
    with pytest.raises(ChangedRulesError, match="r4"):
        TaskState(rules(PATTERNS[:4]), TOPICS).restore(stored.items(), to)


def test_forgotten_rules_leave_the_store() -> None:
    task = TaskState(rules(("SEQ(Login a, Pay b) BY u WITHIN 900ms",)), TOPICS)
    task.begin({})
    log = {"logins": [Event("Login", t, t, {"u": "u"}) for t in (10, 90)], "payments": []}
    log["payments"] = [Event("Pay", 99, 1, {"u": "w", "x": 1})]
    delta = task.process([rows(log, "logins", 0, 2), rows(log, "payments", 0, 1)]).delta
    stored = {key: value for key, value in delta.changes.items() if value is not None}
    assert entry("r0", ("u",)) in stored
    changed = TaskState(rules(("SEQ(Login a, Pay b) BY u WITHIN 800ms",)), TOPICS)
    changed.restore(stored.items(), delta.to, forget={"r0"})
    assert changed.detector.open_runs() == {"r0": 0}
    assert changed.process([]).delta.changes[entry("r0", ("u",))] is None


def test_new_rule_does_not_claim_to_know_the_past() -> None:
    stored, to = some_state()
    task = TaskState([*rules(), Rule("late", 1, plan_of("SEQ(NOT Login l FOR 9ms, Pay p) BY u"))], TOPICS)
    task.restore(stored.items(), to)
    assert task.detector.overall()["late"].since_ms == task.clock.watermark_ms + 1


def test_state_without_a_header_is_refused() -> None:
    with pytest.raises(StateFormatError, match="without a header"):
        TaskState(rules(), TOPICS).restore([(b"r0\x00\x90", b"x")], {})


def test_topics_may_come_and_go() -> None:
    stored, to = some_state()
    task = TaskState(rules(), {"logins": 4, "wires": 0})
    again = task.restore(stored.items(), to, {"logins": 2, "wires": 7})
    assert again["wires"] == 7
    delta = task.process([]).delta
    assert delta.since == to
    assert delta.to == {"logins": 2, "wires": 7}


def test_keys_that_are_equal_are_one_whatever_their_spelling() -> None:
    """5 and 5.0 are one key; an alert after a restart spells it as one without a restart."""
    pair = rules(("SEQ(Login a, NOT Pay b FOR 5ms) BY u",))
    logins = [Event("Login", ms, ms, {"u": user}) for ms, user in ((10, 5.0), (12, 5), (14, 9.0), (15, 8))]
    log = {"logins": logins, "payments": [Event("Pay", 16, 1, {"u": 7.5})]}
    going = TaskState(pair, {"logins": 0, "payments": 0})
    going.begin({})
    stored: dict[bytes, bytes] = {}
    for first, behind, paid in ((0, 2, 1), (2, 3, 0), (3, 4, 0)):
        pieces = [rows(log, "logins", first, behind), *[rows(log, "payments", 0, 1)] * paid]
        delta = going.process(pieces).delta
        stored |= {key: value for key, value in delta.changes.items() if value is not None}
    assert set(stored) == {HEADER, entry("r0", (5,)), entry("r0", (9,))}
    restarted = TaskState(pair, {"logins": 0, "payments": 0})
    again = restarted.restore(stored.items(), delta.to)
    restarted.refill([rows(log, topic, again[topic], delta.to[topic]) for topic in TOPICS])
    lines = [[alert_line(alert) for alert in task.detector.flush()] for task in (going, restarted)]
    assert lines[0] == lines[1]
    assert any('"u":9}' in line for line in lines[0])
