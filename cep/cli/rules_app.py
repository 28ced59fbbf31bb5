"""`cep rules`: its verbs and their options; what they do is `pushed_rules.py`."""

# No `annotations` from the future: see `main.py`.
from typing import Annotated

import typer

from cep.cli.given import CheckFormat
from cep.cli.options import BrokersOption, ConfigOption, epilog, guarded
from cep.cli.run_cmd import RunOptions, pushed_rules
from cep.cli.terminal import Color

rules_app = typer.Typer(
    name="rules",
    help="Rules in a topic, which live workers follow.",
    epilog=epilog("cep rules push rules", "cep rules list", "cep rules rollback brute_force"),
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of the rule.")]
TopicOption = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="Their topic; default: that of cep.yaml.")
]
FormatOption = Annotated[CheckFormat, typer.Option("--format", help="How to print.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="TEXT", help="Who changes it; kept with it.")]
WhenOption = Annotated[str | None, typer.Option("--when", metavar="TEXT", help="When; kept with it.")]


@rules_app.command(
    "push",
    epilog=epilog(
        "cep rules push rules                      every rule of a folder, checked first",
        "cep rules push rules/ssh.yaml --shadow    its alerts go to the shadow topic",
        "cep rules push rules/ssh.yaml --by eve --when 2026-03-30",
    ),
)
def push_verb(
    *,
    files: Annotated[list[str], typer.Argument(metavar="FILES", help="Rule files or folders.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="They run, and their alerts go to the shadow topic.")
    ] = False,
    by: ByOption = None,
    when: WhenOption = None,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Check rules and write them to the topic: all of them, or none if one is broken."""
    more = {"changed_by": by, "changed_when": when, "as_shadow": "1" if shadow else None}
    _do(["push", *files], RunOptions(config, settings=_given(brokers, topic, output) | more))


@rules_app.command("list", epilog=epilog("cep rules list", "cep rules list --format json | jq .status"))
def list_verb(
    *,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Show every rule with its newest version."""
    _do(["list"], RunOptions(config, settings=_given(brokers, topic, output)))


@rules_app.command(
    "disable", epilog=epilog("cep rules disable brute_force", "cep rules disable brute_force --by eve")
)
def disable_verb(
    *,
    name: NameArgument,
    by: ByOption = None,
    when: WhenOption = None,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Stop a rule; its partial matches are dropped."""
    more = {"changed_by": by, "changed_when": when}
    _do(["disable", name], RunOptions(config, settings=_given(brokers, topic, output) | more))


@rules_app.command("enable", epilog=epilog("cep rules enable brute_force"))
def enable_verb(
    *,
    name: NameArgument,
    by: ByOption = None,
    when: WhenOption = None,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Let a disabled rule run again, live or as a shadow, as it was."""
    more = {"changed_by": by, "changed_when": when}
    _do(["enable", name], RunOptions(config, settings=_given(brokers, topic, output) | more))


@rules_app.command(
    "rollback",
    epilog=epilog(
        "cep rules rollback brute_force            the text before this one",
        "cep rules rollback brute_force --to 3",
    ),
)
def rollback_verb(
    *,
    name: NameArgument,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="N", help="This version, as `history` shows it.")
    ] = None,
    by: ByOption = None,
    when: WhenOption = None,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Make an earlier version of a rule the newest one."""
    more = {"changed_by": by, "changed_when": when, "to_version": None if to is None else str(to)}
    _do(["rollback", name], RunOptions(config, settings=_given(brokers, topic, output) | more))


@rules_app.command(
    "history", epilog=epilog("cep rules history brute_force", "cep rules history brute_force --format json")
)
def history_verb(
    *,
    name: NameArgument,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    topic: TopicOption = None,
    output: FormatOption = CheckFormat.text,
) -> None:
    """Show the versions of a rule, the newest first."""
    _do(["history", name], RunOptions(config, settings=_given(brokers, topic, output)))


def _given(brokers: str | None, topic: str | None, output: CheckFormat) -> dict[str, str | None]:
    return {"brokers": brokers, "rules_topic": topic, "format": output.value}


def _do(words: list[str], options: RunOptions) -> None:
    guarded(Color.auto, False, 0, lambda _: pushed_rules(words, options))
