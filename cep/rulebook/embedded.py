"""The tests in a rule file as values: events at times from 0, and the alerts they shall give.

    tests:
      - name: three failures, then another address
        events:
          - {LoginFailed: {user_id: u, ip: 192.0.2.1}, at: 0s}
          - {Login: {user_id: u, ip: 192.0.2.2}, at: 5s}
        expect:
          - {type: BruteForce, failures: 1, at: 5s}

An event has one key for its type and `at` for its time. An expectation names any of `type`, `outcome`, `at`,
parts of the key and fields of the alert; `count: 3` stands for three of them. `expect: []` is no alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cep.errors import Diagnostic, Span
from cep.event import Event, Value, parse_duration_ms
from cep.language.suggest import listed, nearest
from cep.plan.compile import Plan
from cep.rulebook.fields import Fields
from cep.rulebook.given_values import plain_value, typed_value
from cep.rulebook.yaml_text import Document, Entry, MappingNode, Node, Scalar
from cep.schema import Schema
from cep.values import value

COUNT_MAX: Final = 1000
AT_MS_MAX: Final = 36_600 * 86_400_000
"""No test tells a story of more than a hundred years."""
_EVENT: Final = "{Login: {user_id: u}, at: 5s}"
_EXPECT: Final = "{type: BruteForce, at: 5s}"


@value
class RuleTest:
    """A test as values. Each member of `expect` is what one alert must have; see `rule_tests.compare`."""

    name: str
    events: tuple[Event, ...]
    expect: tuple[Mapping[str, Value], ...]


def read_tests(
    document: Document, nodes: tuple[Node, ...], schema: Schema, plan: Plan | None, found: list[Diagnostic]
) -> tuple[RuleTest, ...]:
    """The tests of a rule. Problems go to `found`; with a plan the names in `expect` are checked too."""
    tests: list[RuleTest] = []
    names: set[str] = set()
    for number, node in enumerate(nodes, start=1):
        if not isinstance(node, MappingNode):
            span = Span(node.span.start, max(node.span.start + 1, node.span.end))
            help_ = "{name: what is tested, events: […], expect: […]}"
            found.append(document.diagnostic("M103", span, "a test is written as keys and values", "", help_))
            continue
        fields = Fields(document, node, "test", found)
        unknown = fields.check_keys(("name", "events", "expect"))
        name = _name(fields, number, unknown)
        if name in names:
            entry = fields.entry("name")
            where = entry.value if entry is not None else node
            fields.error(
                "M104", where, f"two tests of this rule are called `{name}`", "", "rename one of them"
            )
        names.add(name)
        fields.required("events", f"events: [{_EVENT}]", unknown)
        fields.required("expect", "expect: []", unknown)
        reading = _Reading(fields, schema, plan)
        items = enumerate(fields.items("events", f"events: [{_EVENT}]"))
        events = (reading.event(item, seq) for seq, item in items)
        wanted = (
            each
            for item in fields.items("expect", f"expect: [], or expect: [{_EXPECT}]")
            for each in reading.expected(item)
        )
        tests.append(RuleTest(name, tuple(event for event in events if event is not None), tuple(wanted)))
    return tuple(tests)


def _name(fields: Fields, number: int, unknown: list[str]) -> str:
    found = fields.required("name", "name: three failures, then a login", unknown)
    scalar = fields.scalar("name", found, "name: what is tested") if found is not None else None
    return scalar.text if scalar is not None else f"test {number}"


@value
class _Reading:
    """Reads the events and expectations of one test."""

    fields: Fields
    schema: Schema
    plan: Plan | None

    def event(self, node: Node, seq: int) -> Event | None:
        inner = self.fields.inside("", node, "test event", _EVENT)
        if inner is None:
            return None
        at = inner.required("at", _EVENT)
        at_ms = self._at_ms(inner, at) if at is not None else None
        kinds = [entry for entry in inner.node.entries if entry.key.text != "at"]
        if len(kinds) != 1:
            message = "an event has one type and `at`"
            named = listed(entry.key.text for entry in kinds)
            label = f"here are {named}" if kinds else "here is no type"
            inner.error("M103", Span(node.span.start, node.span.start + 1), message, label, _EVENT)
            return None
        kind = kinds[0].key
        if self.schema.types and not self.schema.declares(kind.text):
            close = nearest(kind.text, self.schema.types)
            label = f"did you mean `{close[0]}`?" if close else ""
            inner.error("E201", kind, f"there is no event type `{kind.text}`", label)
            return None
        given = kinds[0].value
        values: dict[str, Value] = {}
        if not (isinstance(given, Scalar) and given.value is None):
            body = inner.inside(kind.text, given, "test event", _EVENT)
            for entry in body.node.entries if body is not None else ():
                self._field(inner, kind.text, entry, values)
        if at_ms is None:
            return None
        return Event(kind.text, at_ms, seq, values, line=seq + 1, source="test")

    def _field(self, inner: Fields, kind: str, entry: Entry, values: dict[str, Value]) -> None:
        name = entry.key.text
        declared = self.schema.field(kind, name)
        if declared is None:
            close = nearest(name, self.schema.types[kind])
            label = f"did you mean `{close[0]}`?" if close else ""
            inner.error("E201", entry.key, f"{kind} has no field `{name}`", label)
            return
        try:
            value = typed_value(entry.value, declared)
        except ValueError as error:
            span = entry.value.span if isinstance(entry.value, Scalar) else entry.key.span
            inner.error("M103", span, f"`{name}` of {kind} cannot hold this", str(error))
            return
        if value is not None:
            values[name] = value

    def expected(self, node: Node) -> Iterator[Mapping[str, Value]]:
        inner = self.fields.inside("", node, "expectation", _EXPECT)
        if inner is None:
            return
        wanted: dict[str, Value] = {}
        for entry in inner.node.entries:
            name = entry.key.text
            match name:
                case "count":
                    continue
                case "at":
                    wanted["at"] = self._at_ms(inner, entry.value)
                case "outcome":
                    wanted["outcome"] = inner.choice("outcome", ("match", "timeout"), "match")
                case "type":
                    wanted["type"] = inner.text("type", _EXPECT)
                case _:
                    if self._is_said(inner, entry):
                        wanted[name] = plain_value(entry.value)
        count = inner.number("count", 1, 1, "count: 2")
        if count > COUNT_MAX:
            inner.error("M103", inner.required("count", "") or node, f"more than {COUNT_MAX} alerts")
            count = 1
        yield from [wanted] * count

    def _is_said(self, inner: Fields, entry: Entry) -> bool:
        """Whether alerts of the rule have such a member; not asked when the pattern is broken."""
        if self.plan is None:
            return False
        known = alert_names(self.plan)
        name = entry.key.text
        if name in known:
            return True
        close = nearest(name, known)
        label = f"did you mean `{close[0]}`?" if close else ""
        help_ = f"alerts of this rule have {listed(known, most=20)}"
        inner.error("M103", entry.key, f"no alert of this rule has `{name}`", label, help_)
        return False

    def _at_ms(self, inner: Fields, node: Node) -> int:
        """A time from the start of the test; 0 with an error noted if it is none."""
        if isinstance(node, Scalar):
            if node.text == "0":
                return 0
            try:
                at_ms = parse_duration_ms(node.text)
            except ValueError:
                at_ms = AT_MS_MAX + 1
            if at_ms <= AT_MS_MAX:
                return at_ms
            help_ = f"at: {node.text}s" if node.text.isdecimal() else "at: 1m30s"
            inner.error("M103", node, f"`{node.text}` is no time since the start of the test", "", help_)
        else:
            inner.error(
                "M103", Span(node.span.start, node.span.start + 1), "`at` takes a duration", "", "at: 5s"
            )
        return 0


def alert_names(plan: Plan) -> list[str]:
    """What an expectation of a rule's alert may name besides `type`, `outcome`, `at` and `count`."""
    pattern = plan.pattern
    paths = pattern.by or next((step.by for step in pattern.steps if step.by), ())
    names = [".".join(path) for path in paths]
    for emit in (pattern.emit, pattern.emit_timeout):
        names += [name for name, _ in emit.items] if emit is not None else []
    return list(dict.fromkeys(names))
