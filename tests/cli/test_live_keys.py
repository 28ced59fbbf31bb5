"""Which key a worker chooses, which rules it runs then, and which topics are moved."""

from pathlib import Path

import pytest

from cep.cli.live_setup import Live, open_live, start_block
from cep.errors import InputError

RULE = "rule: {0}\npattern: {1} WITHIN 1m\n"
INPUT = "  - {{name: {0}, files: [{0}], type: {{field: type}}, time: {{format: epoch_ms}}, {1}}}\n"


def live(folder: Path, rules: dict[str, str], inputs: dict[str, str], **settings: str) -> Live:
    """`rules` by name with what is behind BY, `inputs` by topic with their settings."""
    made = "inputs:\n" + "".join(INPUT.format(name, given) for name, given in inputs.items())
    topics = ", ".join(f"{name}: {name}" for name in inputs)
    (folder / "cep.yaml").write_text(f"{made}rules: [rules.yaml]\nlive: {{group: g, topics: {{{topics}}}}}\n")
    (folder / "rules.yaml").write_text(
        "---\n".join(RULE.format(name, pattern(by)) for name, by in rules.items())
    )
    return open_live({"CEP_CONFIG": str(folder / "cep.yaml"), **settings})


def pattern(by: str) -> str:
    """Two events with that key; as it is if it is a pattern already."""
    return by if "SEQ" in by or "AND" in by else f"SEQ(A a, B b) BY {by}"


def moves(found: Live) -> list[tuple[str, str]]:
    return [(move.source, move.to) for move in found.moves]


def test_without_a_word_on_keys_nothing_is_moved(tmp_path: Path) -> None:
    found = live(tmp_path, {"a": "k", "b": "j"}, {"t": "fields: {}"})
    assert (moves(found), found.settings.group, len(found.tasks.rules)) == ([], "g", 2)


@pytest.mark.parametrize("by", ["k", "k, j", "j, k"])
def test_a_topic_with_the_key_of_the_rules_is_read_as_it_is(tmp_path: Path, by: str) -> None:
    found = live(tmp_path, {"a": by}, {"t": "key: k"})
    assert (moves(found), found.apart, found.settings.group) == ([], (), "g")
    assert found.settings.topics == (("t", "t"),)


def test_a_topic_of_another_key_is_moved(tmp_path: Path) -> None:
    found = live(tmp_path, {"a": "k"}, {"t": "key: j", "u": "key: [k]", "v": "key: k/2"}, CEP_START="latest")
    assert moves(found) == [("t", "g.t.by.k"), ("v", "g.v.by.k")]
    assert found.settings.topics == (("g.t.by.k", "t"), ("u", "u"), ("g.v.by.k", "v"))
    assert [topic for topic, _ in found.tasks.inputs] == ["g.t.by.k", "u", "g.v.by.k"]
    assert found.tasks.moved == {"g.t.by.k": "t", "g.v.by.k": "v"}
    assert found.settings.start == "latest"
    assert "moved 1       t by k: g.t.by.k" in start_block(found)


def test_what_was_moved_is_read_from_its_beginning(tmp_path: Path) -> None:
    found = live(tmp_path, {"a": "k, j"}, {"t": "key: i"}, CEP_START="latest")
    assert (moves(found), found.settings.start) == ([("t", "g.t.by.k.j")], "earliest")


def test_rules_of_several_keys_are_workers_of_several_groups(tmp_path: Path) -> None:
    rules = {"a": "k", "b": "j", "c": "j, i", "d": "k, i"}
    with pytest.raises(InputError, match=r"have these keys: j; k: each needs(.|\n)*CEP_BY=j cep run"):
        live(tmp_path, rules, {"t": "key: k", "u": "key: j"})
    with pytest.raises(InputError, match="`by: i` is none of them"):
        live(tmp_path, rules, {"t": "key: k"}, CEP_BY="i")
    first = live(tmp_path, rules, {"t": "key: k", "u": "key: j"}, CEP_BY="k")
    assert [rule.name for rule in first.tasks.rules] == ["a", "d"]
    assert (moves(first), first.settings.group) == ([("u", "g.u.by.k")], "g.by.k")
    second = live(tmp_path, rules, {"t": "key: k", "u": "key: j"}, CEP_BY="j")
    assert [rule.name for rule in second.tasks.rules] == ["b", "c"]
    assert (moves(second), second.settings.group) == ([("t", "g.t.by.j")], "g.by.j")


def test_who_does_not_want_it_is_warned(tmp_path: Path) -> None:
    found = live(tmp_path, {"a": "k"}, {"t": "key: j, repartition: off"})
    assert (moves(found), found.apart) == ([], ("t",))
    assert "warning       t keyed by something else than the rules" in start_block(found)


def test_agents_move_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the topic t is keyed by j, the rules by k: moving"):
        live(tmp_path, {"a": "k"}, {"t": "key: j"}, CEP_MODE="agent")


def test_a_key_of_several_places_cannot_be_moved_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the rule a takes its key from several fields"):
        live(tmp_path, {"a": "AND(A a BY k, B b BY j)"}, {"t": "key: i"})
