"""One YAML document of a rule file: every key read and checked, the pattern still text.

rule: brute_force              a name; with `pattern` all that must be there
version: 3                     whole number, 1 unless given; alerts of another version are other alerts
title, description             for people
severity: high                 info, low, medium, high or critical; medium unless given
status: shadow                 live or shadow; live unless given. Alerts of a shadow rule say so
tags: [ato, attack.t1110]
references, runbook, owner     for people who get the alert
use: [auth.cep]                libraries: `auth.burst` is then a pattern of auth.cep
params: {n: 3, span: 10m}      what `$n` and `$span` stand for
pattern: |                     see docs/language.md
limits: {runs_per_key: 256, events_per_key: 1000, overflow: drop_oldest}
tests: [...]                   see embedded.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final, cast

from cep.errors import Diagnostic, Source, Span
from cep.language.expressions import LiteralExpr
from cep.rulebook.fields import Fields
from cep.rulebook.params import param_literal, string_literal
from cep.rulebook.yaml_text import Document, MappingNode, Node, Scalar
from cep.stream.alert import SEVERITIES, STATUSES, Severity, Status
from cep.values import value

KEYS: Final = (
    "rule",
    "version",
    "title",
    "description",
    "severity",
    "status",
    "tags",
    "references",
    "runbook",
    "owner",
    "use",
    "params",
    "pattern",
    "limits",
    "tests",
)
LATER: Final[Mapping[str, str]] = {
    "time": "how events are timed is said for each input in cep.yaml: time and max_lateness",
    "suppress": "one incident is one alert by AFTER MATCH and LIMIT in the pattern",
    "entities": "name what an alert is about in EMIT",
    "redact": "an alert holds the fields that the rule reads, as they are",
    "rollout": "a share of the keys is taken by SAMPLE in the pattern",
    "shadow": "write status: shadow",
    "exceptions": "say them in WHERE or in a filter",
}
"""Keys that have no meaning yet, each with what to do meanwhile."""

OVERFLOWS: Final = ("drop_oldest", "drop_newest", "stop_rule")
_NOWHERE: Final = Span(0, 0)
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_PARAM: Final = re.compile(r"[A-Za-z_]\w*")


@value
class Param:
    """A parameter's value, and where its name stands."""

    value: LiteralExpr
    span: Span


@value
class LimitsText:
    """Limits as the file gives them; None where it says nothing."""

    runs_per_key: int | None = None
    events_per_key: int | None = None
    overflow: str | None = None


@value
class RuleText:
    """A rule as it stands in a file: `source` is the file, `pattern` the block in it, `span` its name."""

    source: Source
    span: Span
    name: str
    pattern: Source
    version: int = 1
    title: str = ""
    description: str = ""
    severity: Severity = "medium"
    status: Status = "live"
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    runbook: str = ""
    owner: str = ""
    use: tuple[Scalar, ...] = ()
    params: Mapping[str, Param] = field(default_factory=dict)
    refused_params: frozenset[str] = frozenset()
    """Parameters whose value was told to be wrong: that they lack one is no news."""
    limits: LimitsText = LimitsText()
    tests: tuple[Node, ...] = ()
    whole: Span = _NOWHERE
    """The YAML document in the file."""


def read_rule(document: Document, node: Node, found: list[Diagnostic]) -> RuleText | None:
    """The rule of one YAML document; None if its name or its pattern is missing. Problems go to `found`."""
    if not isinstance(node, MappingNode):
        span = Span(node.span.start, node.span.start + 1)
        help_ = "rule: my_rule"
        found.append(document.diagnostic("M103", span, "a rule is written as keys and values", "", help_))
        return None
    fields = Fields(document, node, "rule", found)
    unknown = fields.check_keys(KEYS, LATER)
    name = _name(fields, unknown)
    pattern = _pattern(fields, unknown)
    severity = fields.choice("severity", SEVERITIES, "medium")
    status = fields.choice("status", STATUSES, "live")
    params, refused = _params(fields)
    rule = RuleText(
        source=document.source,
        span=name.span if name is not None else node.span,
        name=name.text if name is not None else "",
        pattern=document.block_source(pattern) if pattern is not None else document.source,
        version=fields.number("version", 1, 1, "version: 1"),
        title=fields.text("title", "title: Many failed logins"),
        description=fields.text("description", "description: what it means"),
        severity=cast("Severity", severity),
        status=cast("Status", status),
        tags=tuple(scalar.text for scalar in fields.texts("tags", "tags: [ato, attack.t1110]")),
        references=tuple(scalar.text for scalar in fields.texts("references", "references: [https://…]")),
        runbook=fields.text("runbook", "runbook: https://…"),
        owner=fields.text("owner", "owner: fraud-team"),
        use=tuple(fields.texts("use", "use: [auth.cep]")),
        params=params,
        refused_params=frozenset(refused),
        limits=_limits(fields),
        tests=fields.items("tests", "tests: [{name: …, events: [], expect: []}]"),
        whole=node.span,
    )
    return rule if name is not None and pattern is not None else None


def _name(fields: Fields, unknown: list[str]) -> Scalar | None:
    example = "rule: my_rule"
    node = fields.required("rule", example, unknown)
    scalar = fields.scalar("rule", node, example) if node is not None else None
    if scalar is not None and not _NAME.fullmatch(scalar.text):
        message = f"`{scalar.text}` is no name for a rule"
        fields.error("M103", scalar, message, "letters, digits and _ - . after a letter", example)
        return None
    return scalar


def _pattern(fields: Fields, unknown: list[str]) -> Scalar | None:
    example = "pattern: SEQ(Login a, Transfer b) BY user_id WITHIN 10m"
    node = fields.required("pattern", example, unknown)
    return fields.scalar("pattern", node, example) if node is not None else None


def _params(fields: Fields) -> tuple[dict[str, Param], set[str]]:
    """The parameters, and the names of those with a value that cannot be read."""
    example = "params: {n: 3, span: 10m}"
    inner = fields.mapping("params", "params", example)
    params: dict[str, Param] = {}
    refused: set[str] = set()
    for entry in inner.node.entries if inner is not None else ():
        name = entry.key.text
        if not _PARAM.fullmatch(name):
            fields.error("M103", entry.key, f"`{name}` is no name for a parameter", "the pattern says $name")
            continue
        if not isinstance(entry.value, Scalar):
            span = Span(entry.value.span.start, entry.value.span.start + 1)
            fields.error("M103", span, f"the parameter `{name}` takes one value", "", example)
            refused.add(name)
            continue
        value = _literal(fields, entry.value)
        if value is None:
            refused.add(name)
        else:
            params[name] = Param(value, entry.key.span)
    return params, refused


def _literal(fields: Fields, scalar: Scalar) -> LiteralExpr | None:
    if scalar.style != "plain" or scalar.tagged:
        return string_literal(scalar.text)
    if scalar.value is None:
        return param_literal("null")[0]
    value, problem = param_literal(scalar.text)
    if problem is not None:
        fields.error("M103", scalar, problem.message, problem.label, problem.help)
        return None
    return value


def _limits(fields: Fields) -> LimitsText:
    inner = fields.mapping("limits", "set of limits", "limits: {runs_per_key: 256}")
    if inner is None:
        return LimitsText()
    inner.check_keys(("runs_per_key", "events_per_key", "overflow"))
    given = {entry.key.text for entry in inner.node.entries}
    return LimitsText(
        inner.number("runs_per_key", 1, 256, "runs_per_key: 256") if "runs_per_key" in given else None,
        inner.number("events_per_key", 1, 1000, "events_per_key: 1000")
        if "events_per_key" in given
        else None,
        inner.choice("overflow", OVERFLOWS, "drop_oldest") if "overflow" in given else None,
    )
