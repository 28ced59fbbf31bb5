"""`docs/command.md`: every verb with every option, from the command itself. `make golden` writes it."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from cep.cli.main import app
from cep.cli.terminal import FAILURE, FINDINGS, INTERRUPTED, OK, USAGE
from cep.ports.alert_lines import alert_line
from tests.cli.made_alerts import AT_MS, alert, event
from tests.docs.blocks import read, rows
from tests.docs.test_complete import in_code
from tests.golden import check_golden
from tests.shared import ROOT

PAGE: Final = "docs/command.md"
BEGIN: Final = "<!-- help: what the command prints, `make golden` renews it -->\n"
END: Final = "<!-- end of help -->\n"


def test_the_help_is_what_is_printed() -> None:
    before, begin, rest = read(PAGE).partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"{PAGE} lacks the mark {BEGIN}"
    assert end, f"{PAGE} lacks the mark {END}"
    check_golden(ROOT / PAGE, f"{before}{BEGIN}{''.join(helps())}{END}{after}")


def helps() -> Iterator[str]:
    """A section for each verb, in the order of the command's own help."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    yield from sections(root, "cep")
    yield "\n"


def sections(group: TyperGroup, above: str) -> Iterator[str]:
    for name, verb in group.commands.items():
        whole = f"{above} {name}"
        if isinstance(verb, TyperGroup):
            yield from sections(verb, whole)
            continue
        yield f"\n### `{whole}`\n\n{verb.help}\n\n```sh\n{examples(verb.epilog or '')}\n```\n\n"
        yield "| write | |\n|---|---|\n"
        for param in verb.params:
            assert isinstance(param, TyperArgument | TyperOption)
            yield f"| `{written(param)}` | {meaning(param)} |\n"


def examples(epilog: str) -> str:
    """The lines of the examples, what they say of themselves as a comment."""
    lines = [line.strip() for line in epilog.partition("Examples:")[2].split("\n\n")[0].splitlines()]
    return "\n".join(re.sub(r" {2,}(?=\S)", "  # ", line) for line in lines if line)


def written(param: TyperArgument | TyperOption) -> str:
    """An option as it is typed, an argument by its name."""
    names = ", ".join(param.opts) if param.param_type_name == "option" else ""
    return f"{names} {param.metavar or ''}".strip()


def meaning(param: TyperArgument | TyperOption) -> str:
    """What the help says, with the choices and what is taken when nothing is said."""
    assert param.help, f"{param.opts} says nothing of itself"
    words = [param.help]
    if isinstance(param.default, Enum):
        words.append(f"One of {', '.join(f'`{each.value}`' for each in type(param.default))}.")
    if param.default not in (None, False, 0, ()) and not callable(param.default):
        shown = param.default.value if isinstance(param.default, Enum) else param.default
        words.append(f"Default: `{shown}`.")
    return " ".join(words).replace("|", r"\|")


def test_every_verb_has_examples_that_begin_with_it() -> None:
    verbs = [text for text in helps() if text.startswith("\n###")]
    told = re.findall(r"### `(.*)`\n(?:.*\n)*?```sh\n\1", "".join(verbs))
    assert len(told) > 3
    assert len(told) == len("".join(verbs).split("### ")) - 1


def test_every_member_of_an_alert_is_told() -> None:
    record = json.loads(alert_line(alert(("f", event("LoginFailed", AT_MS, 7)))))
    names = [*record, *record["events"][0]]
    told = rows(PAGE, "| member |")
    assert sorted(set(names) - {name for _, cells in told for name in in_code(" ".join(cells))}) == []
    assert sorted({name for _, cells in told for name in in_code(cells[0])} - set(record)) == []


def test_every_exit_code_is_told() -> None:
    told = {int(number) for number in re.findall(r"^\| (\d+) \|", read(PAGE), re.MULTILINE)}
    assert told == {OK, FINDINGS, USAGE, FAILURE, INTERRUPTED}
