"""The command `cep`: its verbs and their options.

Exit codes: 0 all is well, 1 something was found, 2 wrong use or a file that cannot be read, 3 the program
failed, 130 interrupted.
"""

# No `annotations` from the future: typer would compile the text of each, twice.
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from cep.cli import verbs
from cep.cli.given import AtEnd, CheckFormat, ExplainFormat, ReplayFormat, ReplayOptions
from cep.cli.options import (
    BrokersOption,
    ChunkOption,
    ColorOption,
    ConfigOption,
    EventsArgument,
    InputOption,
    JobsOption,
    QuietOption,
    RulesOption,
    SelectOption,
    SetOption,
    VerboseOption,
    epilog,
    guarded,
)
from cep.cli.rules_app import rules_app
from cep.cli.run_cmd import RunOptions, dead_letters, run, stored_state
from cep.cli.terminal import OK, Color
from cep.limits import BATCH_ROWS

app = typer.Typer(
    name="cep",
    help="Complex event processing rules for fraud and security teams.",
    epilog=epilog(
        "cep check rules",
        "cep test rules",
        "cep explain brute_force",
        "cep replay samples --rules rules",
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(verbs.about())
        raise typer.Exit(OK)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Complex event processing rules for fraud and security teams."""


@app.command(
    "check",
    epilog=epilog(
        "cep check                          everything that cep.yaml names",
        "cep check rules --strict           warnings count too",
        "cep check rules --format json      a line for each finding",
        "cep check --explain-code E301      what a code means",
    ),
)
def check_verb(
    *,
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", help="Files or folders.")] = None,
    config: ConfigOption = None,
    output: Annotated[CheckFormat, typer.Option("--format", help="How to print.")] = CheckFormat.text,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    explain_code: Annotated[
        str | None, typer.Option("--explain-code", metavar="CODE", help="Say what a code means.")
    ] = None,
    color: ColorOption = Color.auto,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Check rules and patterns: syntax, names, types, shape, cost."""
    guarded(
        color,
        quiet,
        verbose,
        lambda terminal: verbs.check(terminal, paths or [], config, output, strict, explain_code),
    )


@app.command(
    "explain",
    epilog=epilog(
        "cep explain brute_force                 a rule of the project by its name",
        "cep explain rules/sim_swap.yaml         every rule of a file",
        "cep explain sim_swap --format dot | dot -Tsvg > sim_swap.svg",
    ),
)
def explain_verb(
    *,
    rule: Annotated[
        str, typer.Argument(metavar="RULE", help="A rule's name, or a file of rules or a pattern.")
    ],
    rules: RulesOption = None,
    config: ConfigOption = None,
    output: Annotated[ExplainFormat, typer.Option("--format", help="How to print.")] = ExplainFormat.text,
    params: SetOption = None,
    color: ColorOption = Color.auto,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Show what a rule means: its automaton, cost and delay."""
    guarded(
        color,
        quiet,
        verbose,
        lambda terminal: verbs.explain(terminal, rule, rules or [], config, output, params or []),
    )


@app.command(
    "replay",
    epilog=epilog(
        "cep replay                          files and rules of cep.yaml",
        "cep replay samples --rules rules    these files, these rules",
        "zcat samples/*.gz | cep replay - --rules rules/sim_swap.yaml --format json",
        "cep replay --select tag:ato --set n=3 --out alerts.jsonl --rejects rejects.jsonl",
    ),
)
def replay_verb(
    *,
    events: EventsArgument = None,
    rules: RulesOption = None,
    config: ConfigOption = None,
    as_input: InputOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the alerts there.")] = None,
    output: Annotated[
        ReplayFormat | None,
        typer.Option("--format", help="Default: table on a terminal, else json, one alert a line."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write lines that cannot be read, and late events."),
    ] = None,
    params: SetOption = None,
    select: SelectOption = None,
    engine: Annotated[
        str,
        typer.Option("--engine", metavar="NAME", help="Which engine matches: reference, vector or auto."),
    ] = "auto",
    chunk: ChunkOption = BATCH_ROWS,
    jobs: JobsOption = 1,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Skip events before, such as 2026-03-30.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Skip events from then on.")
    ] = None,
    at_end: Annotated[
        AtEnd,
        typer.Option(
            "--at-end",
            help="Absences still pending at the end: wait (no alert), or flush (time goes on for ever).",
        ),
    ] = AtEnd.wait,
    color: ColorOption = Color.auto,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Run files of events through the rules and print the alerts."""
    options = ReplayOptions(
        events=tuple(events or ()),
        rules=tuple(rules or ()),
        config=config,
        as_input=as_input,
        out=out,
        output=output,
        rejects=rejects,
        params=tuple(params or ()),
        select=select,
        engine=engine,
        chunk=chunk,
        jobs=jobs,
        since=since,
        until=until,
        at_end=at_end,
    )
    guarded(color, quiet, verbose, lambda terminal: verbs.replay(terminal, options))


@app.command(
    "test",
    epilog=epilog(
        "cep test                      every rule of cep.yaml",
        "cep test rules -q             only the tests that fail",
        "cep test rules -k brute       tests whose rule or name holds a word",
    ),
)
def rule_tests_verb(
    *,
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", help="Files or folders.")] = None,
    word: Annotated[
        str | None, typer.Option("-k", metavar="NAME", help="Only tests with this in rule or name.")
    ] = None,
    config: ConfigOption = None,
    color: ColorOption = Color.auto,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Run the tests that rules carry."""
    guarded(color, quiet, verbose, lambda terminal: verbs.run_rule_tests(terminal, paths or [], word, config))


@app.command(
    "run",
    epilog=epilog(
        "cep run                                        as cep.yaml says under live",
        "cep run --brokers kafka:9092 --group fraud --state redis://redis:6379/0",
        "CEP_KAFKA_SASL_PASSWORD=… cep run --instance worker-1",
    ),
)
def run_verb(
    *,
    config: ConfigOption = None,
    rules: RulesOption = None,
    brokers: BrokersOption = None,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="The consumer group.")] = None,
    topics: Annotated[
        str | None,
        typer.Option("--topics", metavar="TOPIC=INPUT,…", help="What to read, and as which input."),
    ] = None,
    alerts: Annotated[str | None, typer.Option("--alerts", metavar="TOPIC", help="Where alerts go.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="URL", help="Where state is kept.")] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="MODE", help="`batch` or `agent`.")] = None,
    instance: Annotated[
        str | None,
        typer.Option("--instance", metavar="NAME", help="A stable name of this worker, for quick restarts."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Offsets were set back on purpose: drop the state and make it again."),
    ] = False,
    web: Annotated[
        str | None, typer.Option("--web", metavar="HOST:PORT", help="Metrics and health pages.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="FORM", help="`text` or `json`, a line an event.")
    ] = None,
    params: SetOption = None,
    select: SelectOption = None,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="Which engine matches.")
    ] = None,
    color: ColorOption = Color.auto,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
) -> None:
    """Run the rules live: a worker on Kafka topics."""
    given: dict[str, str | None] = {
        "rebuild": "1" if rebuild else None,
        "brokers": brokers,
        "group": group,
        "topics": topics,
        "alerts": alerts,
        "state": state,
        "mode": mode,
        "instance": instance,
        "web": web,
        "log_format": log_format,
    }
    level = -1 if quiet else verbose
    options = RunOptions(config, rules or (), params or (), select, engine, level, given)
    guarded(color, quiet, verbose, lambda _: run(options))


@app.command("state", epilog=epilog("cep state alice", "cep state 10.0.0.7 --state redis://redis:6379/0"))
def state_verb(
    *,
    key: Annotated[list[str], typer.Argument(metavar="KEY", help="The key: a word for each of its parts.")],
    config: ConfigOption = None,
    rules: RulesOption = None,
    state: Annotated[str | None, typer.Option("--state", metavar="URL", help="Where state is kept.")] = None,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="The consumer group.")] = None,
    output: Annotated[CheckFormat, typer.Option("--format", help="How to print.")] = CheckFormat.text,
) -> None:
    """Show the open partial matches of a key, from the state of live workers."""
    given = {"state": state, "group": group, "format": output.value}
    options = RunOptions(config, rules or (), settings=given)
    guarded(Color.auto, False, 0, lambda _: stored_state(key, options))


dlq = typer.Typer(
    name="dlq",
    help="Records that a live worker refused.",
    epilog=epilog("cep dlq list", "cep dlq replay"),
    no_args_is_help=True,
)
app.add_typer(dlq)
app.add_typer(rules_app)

LettersOption = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="Their topic; default: that of cep.yaml.")
]


@dlq.command("list", epilog=epilog("cep dlq list | jq .reason", "cep dlq list --brokers kafka:9092"))
def letters_verb(
    *, config: ConfigOption = None, brokers: BrokersOption = None, topic: LettersOption = None
) -> None:
    """Print the refused records, a line of JSON each."""
    options = RunOptions(config, settings={"brokers": brokers, "dead_letters": topic})
    guarded(Color.auto, False, 0, lambda _: dead_letters("list", options))


@dlq.command("replay", epilog=epilog("cep dlq replay", "cep dlq replay --brokers kafka:9092"))
def send_back_verb(
    *, config: ConfigOption = None, brokers: BrokersOption = None, topic: LettersOption = None
) -> None:
    """Send refused records back to where they came from, each once: after settings are mended."""
    options = RunOptions(config, settings={"brokers": brokers, "dead_letters": topic})
    guarded(Color.auto, False, 0, lambda _: dead_letters("replay", options))


def main() -> None:
    """Run the verb that was asked for. What is printed is UTF-8 on every machine, so it is the same bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    app()
