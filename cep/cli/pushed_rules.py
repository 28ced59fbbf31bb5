"""What `cep rules` does, in a process of its own: no other command may pay for importing the Kafka client."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from cep.cli.problem_text import problem_line, problem_text, tally
from cep.cli.rules import OpenProject, open_project
from cep.cli.run_cmd import config_of
from cep.cli.terminal import FINDINGS, OK, USAGE, Terminal, clean, clean_line, make_terminal
from cep.errors import CepError, Diagnostic, InputError, has_errors
from cep.event import Value
from cep.language.suggest import nearest
from cep.live import LiveSettings, with_environment
from cep.plan.fingerprint import fingerprint
from cep.ports.alert_lines import json_text
from cep.ports.rule_records import (
    RECORD_BYTES_MAX,
    RuleHistory,
    RuleVersion,
    changed,
    enabled,
    records_of,
    rolled_back,
    version_value,
)
from cep.rulebook.loader import LoadedRule, Settings, load, rule_files
from cep.rulebook.packed import pack, unpack
from cep.runtimes.rule_topic import RuleTopic


class Topic(Protocol):
    """The topic of rules; `cep.runtimes.rule_topic.RuleTopic` is the real one."""

    def history(self) -> RuleHistory:
        """All that the topic holds."""
        ...

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all of these, or none."""
        ...


OpenTopic = Callable[[LiveSettings, bool], AbstractContextManager[Topic]]
"""Opens the topic, to be written to or not."""


def main() -> int:
    """The verb and its names or files are arguments, the options are in the environment."""
    verb, *given = sys.argv[1:]
    terminal = make_terminal()
    try:
        return run(verb, given, os.environ, terminal, lambda where, write: RuleTopic(where, write=write))
    except CepError as error:
        terminal.error(clean(f"error: {error}"))
        return USAGE


def run(
    verb: str, given: Sequence[str], options: Mapping[str, str], terminal: Terminal, topic: OpenTopic
) -> int:
    """What the verb says; the exit code."""
    project = open_project(config_of(options))
    settings = with_environment(project.project.live, options)
    show = _json if options.get("CEP_FORMAT") == "json" else _text
    if verb in LOOKS:
        with topic(settings, False) as opened:
            return _show(LOOKS[verb](opened.history(), given), show, terminal)
    packed = _packed(project, given, options, terminal) if verb == "push" else []
    if packed is None:
        return FINDINGS
    by, when = options.get("CEP_CHANGED_BY", ""), options.get("CEP_CHANGED_WHEN", "")
    with topic(settings, True) as opened:
        history = opened.history()
        wanted = packed or [_chosen(verb, history, given[0], options)]
        versions = [
            (history.newest(one.name), changed(history, replace(one, by=by, when=when))) for one in wanted
        ]
        opened.write(list(records_of(history, [new for _, new in versions if new is not None])))
    for old, new in versions:
        terminal.data(clean_line(show(old, new)))
    return OK


# --- looking ----------------------------------------------------------------------------------------------


def _listed(history: RuleHistory, _: Sequence[str]) -> tuple[RuleHistory, list[RuleVersion]]:
    found = (history.newest(name) for name in history.names())
    return history, [version for version in found if version is not None]


def _told(history: RuleHistory, given: Sequence[str]) -> tuple[RuleHistory, list[RuleVersion]]:
    versions = history.versions(_known(history, given[0]))
    return history, [placed.version for placed in reversed(versions)]


LOOKS: Final = {"list": _listed, "history": _told}


def _show(
    found: tuple[RuleHistory, list[RuleVersion]],
    show: Callable[[RuleVersion | None, RuleVersion | None], str],
    terminal: Terminal,
) -> int:
    history, versions = found
    for version in versions:
        terminal.data(clean_line(show(version, version)))
    for refused in history.refused:
        terminal.note(clean_line(f"{refused.key} at {refused.offset} is refused: {refused.reason}"))
    if not versions:
        terminal.note("there are no rules in the topic")
    return OK


# --- changing ---------------------------------------------------------------------------------------------


def _packed(
    project: OpenProject, given: Sequence[str], options: Mapping[str, str], terminal: Terminal
) -> list[RuleVersion] | None:
    """The rules of these files as they shall be written; None if something is wrong, which is told."""
    settings = Settings(project.project.schema, project.libraries)
    book = load(rule_files([Path(path) for path in given]), settings)
    if has_errors(book.diagnostics):
        for diagnostic in book.diagnostics:
            _tell(diagnostic, options, terminal)
        terminal.error(f"nothing was pushed: {tally(book.diagnostics)}")
        return None
    return [_version(one, settings, shadow=bool(options.get("CEP_AS_SHADOW"))) for one in book.rules]


def _tell(diagnostic: Diagnostic, options: Mapping[str, str], terminal: Terminal) -> None:
    if options.get("CEP_FORMAT") == "json":
        terminal.data(problem_line(diagnostic))
        return
    terminal.data(problem_text(diagnostic))
    terminal.data("")


def _version(loaded: LoadedRule, settings: Settings, *, shadow: bool) -> RuleVersion:
    """A rule as a version without a number; what is sent must be the rule that was checked."""
    packed = pack(loaded, settings)
    sent, _ = unpack(packed, settings.schema)
    name = packed.name
    if sent is None or fingerprint(sent.plan) != fingerprint(loaded.rule.plan):
        raise InputError(f"{name}: cut out of its file it is another rule: put it into a file of its own")
    status = "shadow" if shadow else loaded.rule.status
    version = RuleVersion(name, 1, status, packed.text, packed.libraries, packed.types)
    size = len(version_value(version))
    if size > RECORD_BYTES_MAX:
        raise InputError(f"{name}: with what it uses it is {size:,} bytes; {RECORD_BYTES_MAX:,} may be sent")
    return version


def _chosen(verb: str, history: RuleHistory, name: str, options: Mapping[str, str]) -> RuleVersion:
    """What a rule shall become."""
    versions = history.versions(_known(history, name))
    if verb == "enable":
        return enabled(history, name)
    if verb == "disable":
        return replace(versions[-1].version, status="disabled")
    number = options.get("CEP_TO_VERSION")
    found = rolled_back(history, name, None if number is None else int(number))
    if found is None:
        kept = ", ".join(str(placed.version.number) for placed in versions)
        what = f"version {number}" if number is not None else "version with another text to go back to"
        raise CepError(f"{name} has no {what}; its versions are {kept}")
    return found


def _known(history: RuleHistory, name: str) -> str:
    if history.newest(name) is None:
        close = nearest(name, history.names())
        guess = f"did you mean {close[0]}?" if close else "cep rules list shows all"
        raise CepError(f"there is no rule {name}; {guess}")
    return name


# --- words ------------------------------------------------------------------------------------------------


def _text(old: RuleVersion | None, new: RuleVersion | None) -> str:
    """A version in a line, and which one it follows.

    >>> old = RuleVersion("r", 1, "live", "rule: r")
    >>> _text(old, replace(old, number=2, status="disabled", by="eve"))
    'r@2  disabled  8457962311  by eve  (was @1 live)'
    """
    version = new or old
    assert version is not None
    parts = [f"{version.name}@{version.number}", version.status, version.hash]
    parts += [f"by {version.by}"] if version.by else []
    parts += [f"when {version.when}"] if version.when else []
    if new is None:
        parts.append("(unchanged)")
    elif old is not None and old is not new:
        parts.append(f"(was @{old.number} {old.status})")
    return "  ".join(parts)


def _json(old: RuleVersion | None, new: RuleVersion | None) -> str:
    """The same for programs; of versions that are only looked at all of it."""
    version = new or old
    assert version is not None
    record: dict[str, Value] = {
        "rule": version.name,
        "version": version.number,
        "status": version.status,
        "hash": version.hash,
        "by": version.by,
        "when": version.when,
    }
    if old is new:
        record["text"] = version.text
        record["libraries"] = dict(version.libraries)
    else:
        record["changed"] = new is not None
        record["was"] = None if old is None else old.number
    return json_text(record)


if __name__ == "__main__":
    sys.exit(main())
