"""Which topics are silent, by a clock that the test turns; and silences as records and back."""

from collections.abc import Collection

from cep.ports.topic_records import Part, Records
from cep.runtimes.silences import SilenceWatch, silence_out, silences_of
from cep.stream.silence import SILENCES, Silence, stretches


class Topics:
    """A watch over partition 0 of two topics: `a` may be silent after five seconds, `b` after two."""

    def __init__(self, **timeouts: float | None) -> None:
        self.watch = SilenceWatch(timeouts or {"a": 5.0, "b": 2.0})
        self.known: frozenset[str] = frozenset()
        self.unread: set[str] = set()
        for topic in timeouts or "ab":
            self.watch.heard(Part(topic, 0), 0.0)

    def at(self, now_s: float, brought: Collection[str] = (), furthest: str = "a") -> str:
        for topic in brought:
            self.watch.heard(Part(topic, 0), now_s)
        self.known = self.watch.silent(
            0, self.known, brought, furthest, now_s, lambda part: part.topic not in self.unread
        )
        return "".join(sorted(self.known))


def test_silent_from_its_timeout_until_it_brings_something() -> None:
    topics = Topics()
    assert [topics.at(1.9, "a"), topics.at(2.0, "a"), topics.at(3.0, "a")] == ["", "b", "b"]
    assert [topics.at(3.5, "ab"), topics.at(5.4), topics.at(5.5)] == ["", "", "b"]


def test_not_silent_while_something_is_left_to_read() -> None:
    topics = Topics()
    topics.unread = {"b"}
    assert topics.at(3.0, "a") == ""
    topics.unread = set()
    assert topics.at(3.1, "a") == "b"
    # Once silent it stays so, also when its records cannot be seen for a while.
    topics.unread = {"b"}
    assert topics.at(3.2, "a") == "b"


def test_where_all_are_silent_the_furthest_is_waited_for() -> None:
    assert Topics().at(9.0, furthest="a") == "b"
    assert Topics().at(9.0, furthest="b") == "a"
    assert Topics(a=1.0).at(9.0) == ""


def test_a_topic_without_a_timeout_is_never_silent() -> None:
    topics = Topics(a=None, b=1.0)
    assert topics.at(9.0, furthest="b") == "b"
    assert not SilenceWatch({"a": None}).watches
    # What was silent under settings of before is heard again.
    topics.known = frozenset("ab")
    assert topics.at(9.0) == "b"


def test_as_records_and_back() -> None:
    first, second = Silence(0, {"a": 3, "b": 0}, frozenset("b")), Silence(1, {"a": 7, "b": 0}, frozenset())
    out = [silence_out("t", group, 4, one) for group, one in (("g", first), ("other", first), ("g", second))]
    assert {record.partition for record in out} == {4}
    read = Records(Part("t", 4), [0, 2, 4], [record.value for record in out])
    assert silences_of("g", [[read]]) == [first, second]


def test_topics_come_and_go_between_silences() -> None:
    quiet = Silence(0, {"a": 5, "gone": 9}, frozenset("a"))
    found = list(stretches({"a": 2, "new": 7}, {"a": 8, "new": 9, SILENCES: 1}, [quiet]))
    assert found == [
        ({"a": 2, "new": 7}, {"a": 5, "new": 7}, quiet),
        ({"a": 5, "new": 7}, {"a": 8, "new": 9}, None),
    ]
