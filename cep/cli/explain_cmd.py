"""`cep explain`: what a rule is to the engine, from its canonical text down to its automaton and its cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from cep.cli.given import ExplainFormat
from cep.cli.line import Text
from cep.cli.problem_text import problem_text
from cep.cli.rules import chosen_paths, load_rules, open_project, overrides
from cep.cli.terminal import FINDINGS, OK, Terminal, clean
from cep.cli.words import counted
from cep.engines.constant_index import indexed_fields
from cep.engines.vector import Choice, choice
from cep.errors import CepError
from cep.event import duration_text
from cep.language.printer import show
from cep.language.suggest import nearest
from cep.plan.compile import Plan
from cep.plan.cost import COST_WORDS, Cost, cost
from cep.plan.expr import conjuncts
from cep.plan.nfa import dot, dump
from cep.plan.pattern import Pattern
from cep.plan.words import node_text
from cep.rulebook.loader import LoadedRule

WIDTH = 96


def explain(
    terminal: Terminal,
    name: str,
    rules: list[str],
    config: Path | None,
    output: ExplainFormat,
    params: list[str],
) -> int:
    """Explain the rule of a name, or every rule of a file."""
    project = open_project(config)
    path = Path(name)
    is_file = path.is_file()
    book = load_rules(project, [path] if is_file else chosen_paths(project, rules), overrides(params))
    found = [one for one in book.rules if is_file or one.rule.name == name]
    broken = [d for d in book.diagnostics if d.severity == "error" and (is_file or not found)]
    if not found and not broken:
        raise CepError(_unknown(name, [one.rule.name for one in book.rules]))
    for diagnostic in broken:
        terminal.error(problem_text(diagnostic))
    for i, one in enumerate(found):
        if i and output is ExplainFormat.text:
            terminal.data("")
        _print(terminal, one, output)
    return FINDINGS if broken else OK


def _unknown(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    guess = f"did you mean {close[0]}?" if close else f"the rules are {', '.join(known) or 'none at all'}"
    return f"there is no rule and no file {name}; {guess}"


def _print(terminal: Terminal, one: LoadedRule, output: ExplainFormat) -> None:
    match output:
        case ExplainFormat.text:
            for title, lines in _sections(one):
                terminal.data(Text(title, style="bold"))
                for line in lines:
                    terminal.data(clean(f"  {line}").rstrip())
        case ExplainFormat.dot:
            terminal.data(dot(one.rule.plan.nfa, one.rule.name))
        case ExplainFormat.json:
            terminal.data(json.dumps(explanation(one), ensure_ascii=False))


def explanation(one: LoadedRule) -> dict[str, object]:
    """What is known of a rule before it runs, for programs."""
    plan, found = one.rule.plan, cost(one.rule.plan)
    engine = choice(plan, one.rule.limits)
    return {
        "rule": one.rule.name,
        "version": one.rule.version,
        "file": one.rule.path,
        "pattern": _canonical(one),
        "algebra": node_text(plan.pattern.node),
        "states": [
            {"state": state.index, "left": state.text, "arcs": len(state.arcs)} for state in plan.nfa.states
        ],
        "automaton": dump(plan.nfa).split("\n"),
        "types": None if plan.types is None else list(plan.types),
        "fields": sorted(plan.fields),
        "cost": found.cost_class,
        "reasons": list(found.reasons),
        "runs_per_key": one.rule.limits.runs_per_key,
        "events_per_key": one.rule.limits.events_per_key,
        "engine": "vector" if engine.track is not None else "stepped",
        "engine_reason": engine.reason,
        "indexed": _indexed_fields(plan),
        "lookback_ms": found.lookback_ms,
        "delay_ms": found.delay_ms,
        "tests": [test.name for test in one.tests],
    }


def _canonical(one: LoadedRule) -> str:
    assert one.stages.expanded is not None, "a loaded rule has passed every stage"
    return show(one.stages.expanded)


def _sections(one: LoadedRule) -> Iterator[tuple[str, list[str]]]:
    rule, plan, found = one.rule, one.rule.plan, cost(one.rule.plan)
    place = one.text.source.place(one.text.span.start)
    head = [f"{one.text.source.name}:{place.line}"]
    head += [rule.title] if rule.title else []
    head += [line for text in rule.description.split("\n") for line in wrap(text, WIDTH)]
    head += [f"tags: {', '.join(rule.tags)}"] if rule.tags else []
    head += [f"owner: {one.text.owner}"] if one.text.owner else []
    head += [f"runbook: {one.text.runbook}"] if one.text.runbook else []
    head += [f"see: {reference}" for reference in one.text.references]
    yield f"{rule.name} v{rule.version}, {rule.severity}", head
    yield "pattern", [_canonical(one)]
    yield "algebra", [node_text(plan.pattern.node), *_clauses(plan.pattern)]
    yield "automaton", dump(plan.nfa).split("\n")
    types = "every type of event" if plan.types is None else ", ".join(plan.types)
    yield "reads", [types, f"fields: {', '.join(sorted(plan.fields)) or 'none'}"]
    yield "cost", _cost(one, found)
    yield "engine", [_engine(choice(plan, rule.limits)), *_indexed(plan)]
    tests = [test.name for test in one.tests] or ["none: nobody knows whether this rule works"]
    yield "tests", tests


def _engine(chosen: Choice) -> str:
    if chosen.track is None:
        return f"stepped, run by run, because of: {chosen.reason}"
    return f"vector: {counted(len(chosen.track.stages), 'stage')}; keys at a limit are stepped"


def _indexed(plan: Plan) -> Iterator[str]:
    fields = _indexed_fields(plan)
    if fields:
        yield f"looked up, once for all rules, among the constants they name: {', '.join(fields)}"


def _indexed_fields(plan: Plan) -> list[str]:
    return indexed_fields(part for test in plan.tests for part in conjuncts(test.local))


def _key(pattern: Pattern) -> str:
    """The fields of the key; where steps call it by names of their own, those of each step."""

    def fields(by: tuple[tuple[str, ...], ...]) -> str:
        return ", ".join(".".join(path) for path in by)

    if any(step.by for step in pattern.steps):
        return "; ".join(f"{fields(step.by or pattern.by)} of {step.var}" for step in pattern.steps)
    return fields(pattern.by) or "none, all events share one"


def _clauses(pattern: Pattern) -> Iterator[str]:
    """What holds for the whole match, in words."""
    yield f"key: {_key(pattern)}"
    if pattern.within_ms is not None:
        yield f"window: {duration_text(pattern.within_ms)} from the first to the last event"
    if pattern.within_events is not None:
        yield f"window: {counted(pattern.within_events, 'event')} of the key"
    if pattern.unless:
        yield f"cancelled by: {', '.join('|'.join(step.types or ('EVENT',)) for step in pattern.unless)}"
    yield f"pick: {pattern.pick}"
    yield f"after a match: {pattern.after}{f' {pattern.after_var}' if pattern.after_var else ''}"
    if pattern.limit is not None:
        per_ms = pattern.limit.per_ms
        per = "one and the same event" if per_ms is None else f"{duration_text(per_ms)} of a key"
        yield f"limit: {counted(pattern.limit.count, 'alert')} per {per}"
    if pattern.moment != "match":
        yield f"alert on: {pattern.moment}"


def _cost(one: LoadedRule, found: Cost) -> list[str]:
    limits = one.rule.limits
    delay = "none, an alert comes with its last event"
    if found.delay_ms is None:
        delay = "until the window ends"
    elif found.delay_ms:
        delay = f"{duration_text(found.delay_ms)} after the last event"
    return [
        f"{found.cost_class} {COST_WORDS[found.cost_class]}",
        *(f"because of: {reason}" for reason in found.reasons),
        (
            f"state: at most {counted(limits.runs_per_key, 'partial match')} a key"
            f" of {counted(limits.events_per_key, 'event')}; then {limits.overflow}"
        ),
        f"look-back: {duration_text(found.lookback_ms) if found.lookback_ms else 'none'}",
        f"alert delay: {delay}",
    ]
