"""What a live worker runs: project file, rules and settings from the environment, and a block to tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from cep.cli.live_keys import Keyed, keyed_alike
from cep.cli.problem_text import problem_text, tally
from cep.cli.rules import OpenProject, chosen_paths, load_rules, open_project, overrides
from cep.cli.run_cmd import SEPARATOR, config_of
from cep.cli.selection import select_rules
from cep.cli.words import counted
from cep.engines.engines import ENGINES
from cep.errors import CepError, has_errors
from cep.inputs import DEFAULT, REGISTERED, InputSettings, settings_for, with_registry
from cep.live import Guarantee, LiveSettings, checked, secrets_of, with_environment, without_secrets
from cep.ports.outgoing import Topics
from cep.ports.rule_records import RuleVersion
from cep.rulebook.packed import PackedRule, unpack
from cep.runtimes.live_task import TaskSettings
from cep.runtimes.repartition import Move
from cep.runtimes.replay import projection_of
from cep.runtimes.rule_sets import Compile, RuleSets
from cep.runtimes.rule_topic import open_rules
from cep.schema import Schema
from cep.stream.alert import Rule
from cep.values import value

DELIVERY: Final[Mapping[Guarantee, str]] = {
    "exactly_once": "exactly once, to readers of committed data",
    "at_least_once": "at least once: a repeated alert has the same id",
    "at_most_once": "at most once: alerts may get lost when a worker dies",
}

APART: Final = "{} keyed by something else than the rules: events that belong together may not meet"


@value
class Live:
    """A worker that has not started."""

    settings: LiveSettings
    tasks: TaskSettings
    rules: RuleSets | None = None
    """Those of a topic; `tasks` then has none."""
    moves: tuple[Move, ...] = ()
    """Topics that are keyed by something else than the rules."""
    apart: tuple[str, ...] = ()
    """Such topics that nobody moves."""

    @property
    def secrets(self) -> frozenset[str]:
        """What must be neither shown nor logged."""
        registries = (one.registry for _, one in self.tasks.inputs)
        passwords = (registry.password for registry in registries if registry is not None)
        return secrets_of(self.settings).union(password for password in passwords if password)


def open_live(environment: Mapping[str, str]) -> Live:
    """Read everything; CepError with all that is wrong."""
    project = open_project(config_of(environment))
    settings = checked(with_environment(project.project.live, environment))
    from_topic = settings.rules_from == "topic"
    if from_topic:
        _refuse_choices(environment)
    rules = [] if from_topic else _rules(project, environment)
    engine = environment.get("CEP_ENGINE", "auto")
    if engine not in ENGINES:
        raise CepError(f"--engine {engine}: the engines are {', '.join(sorted(ENGINES))}")
    inputs = [(topic, _input(project, topic, name, environment)) for topic, name in settings.topics]
    if from_topic and settings.by:
        raise CepError("`by` chooses among rules from files; these come from a topic")
    keyed = Keyed(settings, rules, tuple(inputs)) if from_topic else keyed_alike(rules, inputs, settings)
    settings, rules = keyed.settings, keyed.rules
    tasks = TaskSettings(
        rules=tuple(rules),
        inputs=keyed.inputs,
        schema=project.project.schema,
        projection=projection_of(rules),
        engine=ENGINES[engine],
        topics=Topics(*settings.written),
        moved={move.to: move.source for move in keyed.moves},
    )
    if settings.promise != "exactly_once" and any(one.idle_timeout_ms is not None for _, one in tasks.inputs):
        raise CepError("`idle_timeout` needs `mode: batch` and `guarantee: exactly_once`")
    _require_time_formats(tasks)
    if not from_topic:
        return Live(settings, tasks, None, keyed.moves, keyed.apart)
    rule_sets = RuleSets(tasks, compiler(project.project.schema), partial(open_rules, settings))
    return Live(settings, tasks, rule_sets)


def compiler(schema: Schema) -> Compile:
    """What makes a rule of a version, against these types."""

    def compiled(version: RuleVersion) -> tuple[Rule | None, str]:
        rule, found = unpack(PackedRule(version.name, version.text, version.libraries, version.types), schema)
        return rule, "; ".join(str(problem_text(each)) for each in found if each.severity == "error")

    return compiled


def _refuse_choices(environment: Mapping[str, str]) -> None:
    for name in ("rules", "set", "select"):
        if environment.get(f"CEP_{name.upper()}"):
            raise CepError(f"--{name} is for rules from files; these come from a topic: see `cep rules`")


def _require_time_formats(tasks: TaskSettings) -> None:
    """A guess is made from the first record, and after a restart another one is the first."""
    for topic, one in tasks.inputs:
        # Avro and Protobuf have a type for times, which needs no guess.
        if one.time.format is None and one.format not in REGISTERED:
            raise CepError(
                f"topic {topic}: live, input `{one.name}` must say how its times are written\n"
                f"  in cep.yaml: time: {{field: {'.'.join(one.time.path)}, format: epoch_ms}}"
            )


def _rules(project: OpenProject, environment: Mapping[str, str]) -> list[Rule]:
    paths = chosen_paths(project, _many(environment.get("CEP_RULES")))
    book = load_rules(project, paths, overrides(_many(environment.get("CEP_SET"))))
    if has_errors(book.diagnostics):
        errors = [d for d in book.diagnostics if d.severity == "error"]
        texts = "\n\n".join(str(problem_text(diagnostic)) for diagnostic in errors)
        raise CepError(f"nothing was started: {tally(errors)} in the rules\n{texts}")
    return select_rules([one.rule for one in book.rules], environment.get("CEP_SELECT"))


def _many(text: str | None) -> Sequence[str]:
    return [item for item in (text or "").split(SEPARATOR) if item]


def _input(project: OpenProject, topic: str, name: str, environment: Mapping[str, str]) -> InputSettings:
    inputs = [with_registry(one, environment) for one in project.project.inputs]
    if not name:
        return settings_for(inputs, topic)
    found = next((one for one in inputs if one.name == name), DEFAULT)
    if found.name != name:
        known = ", ".join(one.name for one in inputs) or "none"
        raise CepError(f"topic {topic}: no input is called {name}; the inputs are: {known}")
    return found


def _rules_text(live: Live) -> str:
    if live.rules is not None:
        return f"those of the topic {live.settings.rules_topic}, followed"
    shadows = [rule.name for rule in live.tasks.rules if rule.status == "shadow"]
    names = [rule.name for rule in live.tasks.rules if rule.status == "live"]
    told = f"{counted(len(names), 'rule')} live: {', '.join(names)}"
    return told + (f"; {counted(len(shadows), 'shadow')}: {', '.join(shadows)}" if shadows else "")


def start_block(live: Live) -> str:
    """What runs, on what, and where to look."""
    rows = start_rows(live)
    width = max(len(name) for name in rows)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows.items())


def start_rows(live: Live) -> dict[str, str]:
    """The same as names and texts."""
    settings, tasks = without_secrets(live.settings), live.tasks
    read = ", ".join(f"{topic} as {one.name}" for topic, one in tasks.inputs)
    registries = sorted({one.registry.url for _, one in tasks.inputs if one.registry is not None})
    lateness = ", ".join(_lateness(topic, one) for topic, one in tasks.inputs)
    return {
        "rules": _rules_text(live),
        "brokers": settings.brokers,
        "group": settings.group + (f", instance {settings.instance}" if settings.instance else ""),
        "topics": read,
        "alerts": settings.alerts,
        "dead letters": f"{settings.dead_letters}; late events {settings.late}",
        "delivery": DELIVERY[settings.promise],
        "state": settings.state,
        "watermark": f"trails by {lateness}",
        **{f"moved {n}": f"{m.source} by {','.join(m.key)}: {m.to}" for n, m in enumerate(live.moves, 1)},
        **({"warning": APART.format(", ".join(live.apart))} if live.apart else {}),
        **({"schemas": ", ".join(registries)} if registries else {}),
        "pages": f"http://{settings.web}/metrics /healthz /readyz",
    }


def _lateness(topic: str, settings: InputSettings) -> str:
    idle_ms = settings.idle_timeout_ms
    silent = "" if idle_ms is None else f" until it was silent for {idle_ms / 1000:g}s"
    return f"{topic} {settings.max_lateness_ms / 1000:g}s{silent}"
