"""What `cep state` does, in a process of its own: no other command may pay for importing stores."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cep.cli.live_setup import compiler
from cep.cli.rules import chosen_paths, load_rules, open_project
from cep.cli.run_cmd import SEPARATOR, config_of
from cep.cli.terminal import clean_line
from cep.cli.words import span_text, time_text, value_text
from cep.errors import CepError
from cep.live import with_environment
from cep.ports.alert_lines import json_text
from cep.runtimes.rule_sets import Compile, Reader
from cep.runtimes.rule_topic import open_rules
from cep.state.opening import open_store
from cep.stream.alert import Rule
from cep.stream.open_matches import OpenMatch, stored_matches


def main() -> int:
    """Print the open partial matches of the key in the arguments; 1 if there is none."""
    try:
        found = _found(os.environ, sys.argv[1:])
    except CepError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    as_json = os.environ.get("CEP_FORMAT") == "json"
    for match in found:
        for line in [json_line(match)] if as_json else told(match):
            sys.stdout.write(line + "\n")
    if not found:
        sys.stderr.write("nothing is open for this key\n")
    return 0 if found else 1


def _found(environment: Mapping[str, str], parts: list[str]) -> list[OpenMatch]:
    project = open_project(config_of(environment))
    settings = with_environment(project.project.live, environment)
    if settings.state.startswith("memory:"):
        raise CepError("state in memory can be seen by its worker only: name the store with --state URL")
    if settings.rules_from == "topic":
        rules = pushed(open_rules(settings), compiler(project.project.schema))
    else:
        given = [path for path in environment.get("CEP_RULES", "").split(SEPARATOR) if path]
        rules = [one.rule for one in load_rules(project, chosen_paths(project, given)).rules]
    store = open_store(settings.state, None, lambda: time.time_ns() // 1_000_000, read_only=True)
    try:
        found = stored_matches(store, settings.group, rules, parts)
        return sorted(found, key=lambda match: (match.rule, match.since_ms))
    finally:
        store.close()


def pushed(reader: Reader, compiled: Compile) -> list[Rule]:
    """All versions of all rules of a topic that compile, the newest first: tasks may run older ones."""
    try:
        reader.to_end()
        history = reader.history
    finally:
        reader.close()
    found = []
    for name in history.names():
        for placed in reversed(history.versions(name)):
            rule, _ = compiled(placed.version)
            if rule is not None:
                found.append(replace(rule, number=placed.version.number))
    return found


def told(match: OpenMatch) -> Iterator[str]:
    r"""A partial match in a few lines.

    >>> from cep.event import Event
    >>> from cep.state.store import TaskId
    >>> bound = (("f", (Event("Fail", 1000, 0, {}), Event("Fail", 3000, 1, {}))),)
    >>> print("\n".join(told(OpenMatch("r", TaskId("g", 0), (("user", "eve"),), bound, "s", 1000, 61000))))
    r  user=eve
      since    1970-01-01 00:00:01Z
      reached  f ×2
      wants    s
      until    1970-01-01 00:01:01Z, 58s after its newest event
    """
    key = " ".join(f"{name}={value_text(value)}" for name, value in match.key)
    newest_ms = max(events[-1].ts_ms for _, events in match.bound)
    bound = ", ".join(var if len(events) == 1 else f"{var} ×{len(events)}" for var, events in match.bound)
    until = "no end"
    if match.until_ms is not None:
        until = f"{time_text(match.until_ms)}, {span_text(match.until_ms - newest_ms)} after its newest event"
    version = f"@{match.number}" if match.number else ""
    yield clean_line(f"{match.rule}{version}  {key}".rstrip())
    yield f"  since    {time_text(match.since_ms)}"
    yield f"  reached  {bound}"
    yield clean_line(f"  wants    {match.left or 'time to pass'}")
    yield f"  until    {until}"


def json_line(match: OpenMatch) -> str:
    """The same for programs."""
    return json_text(
        {
            "rule": match.rule,
            "version": match.number or None,
            "partition": match.task.partition,
            "key": dict(match.key),
            "step": match.step,
            "bound": {var: list(events) for var, events in match.bound},
            "wants": match.left,
            "since": match.since_ms,
            "until": match.until_ms,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
