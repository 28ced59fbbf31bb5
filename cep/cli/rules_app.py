"""`cep rules`: its verbs and their options; what they do is `pushed_rules.py`."""

# No `annotations` from the future: see `main.py`.
import inspect
from collections.abc import Callable, Mapping
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

Asked = tuple[list[str], Mapping[str, str | None]]
"""A verb with its names or files, and what else was given, by the name of its variable."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of the rule.")]
TopicOption = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="Their topic; default: that of cep.yaml.")
]
FormatOption = Annotated[CheckFormat, typer.Option("--format", help="How to print.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="TEXT", help="Who changes it; kept with it.")]
WhenOption = Annotated[str | None, typer.Option("--when", metavar="TEXT", help="When; kept with it.")]


def on_topic(verb: Callable[..., Asked]) -> Callable[..., None]:
    """The verb as a command with the options that every verb has, behind its own."""

    def command(
        *,
        config: ConfigOption = None,
        brokers: BrokersOption = None,
        topic: TopicOption = None,
        output: FormatOption = CheckFormat.text,
        **own: object,
    ) -> None:
        words, more = verb(**own)
        shared = {"brokers": brokers, "rules_topic": topic, "format": output.value}
        options = RunOptions(config, settings={**shared, **more})
        guarded(Color.auto, False, 0, lambda _: pushed_rules(words, options))

    *shared, _ = inspect.signature(command).parameters.values()
    parameters = [*inspect.signature(verb).parameters.values(), *shared]
    command.__doc__ = verb.__doc__
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


@rules_app.command(
    "push",
    epilog=epilog(
        "cep rules push rules                      every rule of a folder, checked first",
        "cep rules push rules/ssh.yaml --shadow    its alerts go to the shadow topic",
        "cep rules push rules/ssh.yaml --by eve --when 2026-03-30",
    ),
)
@on_topic
def push_verb(
    *,
    files: Annotated[list[str], typer.Argument(metavar="FILES", help="Rule files or folders.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="They run, and their alerts go to the shadow topic.")
    ] = False,
    by: ByOption = None,
    when: WhenOption = None,
) -> Asked:
    """Check rules and write them to the topic: all of them, or none if one is broken."""
    return ["push", *files], {**_change(by, when), "as_shadow": "1" if shadow else None}


@rules_app.command("list", epilog=epilog("cep rules list", "cep rules list --format json | jq .status"))
@on_topic
def list_verb() -> Asked:
    """Show every rule with its newest version."""
    return ["list"], {}


@rules_app.command(
    "disable", epilog=epilog("cep rules disable brute_force", "cep rules disable brute_force --by eve")
)
@on_topic
def disable_verb(*, name: NameArgument, by: ByOption = None, when: WhenOption = None) -> Asked:
    """Stop a rule; its partial matches are dropped."""
    return ["disable", name], _change(by, when)


@rules_app.command("enable", epilog=epilog("cep rules enable brute_force"))
@on_topic
def enable_verb(*, name: NameArgument, by: ByOption = None, when: WhenOption = None) -> Asked:
    """Let a disabled rule run again, live or as a shadow, as it was."""
    return ["enable", name], _change(by, when)


@rules_app.command(
    "rollback",
    epilog=epilog(
        "cep rules rollback brute_force            the text before this one",
        "cep rules rollback brute_force --to 3",
    ),
)
@on_topic
def rollback_verb(
    *,
    name: NameArgument,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="N", help="This version, as `history` shows it.")
    ] = None,
    by: ByOption = None,
    when: WhenOption = None,
) -> Asked:
    """Make an earlier version of a rule the newest one."""
    return ["rollback", name], {**_change(by, when), "to_version": None if to is None else str(to)}


@rules_app.command(
    "history", epilog=epilog("cep rules history brute_force", "cep rules history brute_force --format json")
)
@on_topic
def history_verb(*, name: NameArgument) -> Asked:
    """Show the versions of a rule, the newest first."""
    return ["history", name], {}


def _change(by: str | None, when: str | None) -> dict[str, str | None]:
    return {"changed_by": by, "changed_when": when}
