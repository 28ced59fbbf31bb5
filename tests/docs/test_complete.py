"""Nothing that a user can write is missing from the documents."""

import re
from collections.abc import Iterable
from typing import Final

import pytest

from cep import live
from cep.cli.check_cmd import CODES
from cep.inputs import FORMATS, TIME_FORMATS
from cep.language.functions import FUNCTIONS
from cep.language.words import CLAUSES, KEYWORDS
from cep.rulebook import project, project_inputs, project_registry, rule_file
from cep.schema import KINDS
from cep.stream.alert import SEVERITIES
from tests.docs.blocks import blocks, read, rows
from tests.docs.stories import story_of
from tests.shared import ROOT
from tests.tidy.sources import tracked_files

LANGUAGE: Final = "docs/language.md"
RULES: Final = "docs/rules.md"
DOCUMENTS: Final = [path for path in tracked_files() if path.endswith(".md")]
EXAMPLES: Final = [(block.headings, story_of(block.text)) for block in blocks(LANGUAGE, word="cep")]


def in_code(text: str) -> set[str]:
    """Every word that stands in backquotes.

    >>> sorted(in_code("`NOT` and `a.b = 1`, not NOT"))
    ['1', 'NOT', 'a', 'a.b', 'b']
    """
    spans = re.findall(r"`([^`\n]+)`", text)
    forms = (r"\w+", r"\w+(?:\.\w+)+")
    return {word for span in spans for form in forms for word in re.findall(form, span)}


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_every_keyword_has_an_example_under_its_own_heading(word: str) -> None:
    own = [story for headings, story in EXAMPLES if any(word in title_words(title) for title in headings)]
    assert own, f"no example stands under a heading that names `{word}`"
    used = [story for story in own if re.search(rf"\b{word}\b", story.definitions + story.pattern)]
    assert used, f"no example under the heading of `{word}` uses it"


def title_words(title: str) -> set[str]:
    """The keywords that a heading names, with those that belong to them."""
    words = in_code(title)
    return words | {more for word in words for more in BELONG.get(word, ())}


# Words that only say more about another one stand in its section.
BELONG: Final = {
    "PICK": ("FIRST", "LAST", "EACH", "ALL", "LEFTMOST"),
    "AFTER": ("SKIP", "PAST", "TO", "NEXT", "NO", "STOP"),
    "LIMIT": ("PER",),
    "AND": ("OR",),
}


def test_the_index_has_every_keyword_and_no_other_word() -> None:
    words = [cells[0].split("`")[1] for _, cells in rows(LANGUAGE, "| word |")]
    assert words == sorted(KEYWORDS)


def test_every_clause_has_a_heading() -> None:
    titles = {title for headings, _ in EXAMPLES for title in headings}
    assert sorted(CLAUSES - {word for title in titles for word in in_code(title)}) == []


def test_every_function_has_a_row_or_is_said_to_come() -> None:
    called = {
        name for _, cells in rows(LANGUAGE, "| write | gives |") for name in re.findall(r"(\w+)\(", cells[0])
    }
    used = {name for _, story in EXAMPLES for name in re.findall(r"(\w+)\(", story.pattern)}
    to_come = in_code(section(LANGUAGE, "Functions to come"))
    missing = [
        f.name for f in FUNCTIONS.values() if f.name not in (to_come if f.group == "later" else called | used)
    ]
    assert missing == []
    assert [f.name for f in FUNCTIONS.values() if f.group != "later" and f.name in to_come] == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/errors.md", CODES),
        (RULES, rule_file.KEYS),
        (RULES, rule_file.LATER),
        (RULES, rule_file.OVERFLOWS),
        (RULES, ("runs_per_key", "events_per_key", "overflow")),
        (RULES, ("name", "events", "expect", "at", "type", "outcome", "count")),
        (RULES, SEVERITIES),
        (RULES, project.KEYS),
        ("docs/live.md", live.KEYS),
        (RULES, project_inputs.KEYS),
        (RULES, project_inputs.TYPE_KEYS),
        (RULES, project_inputs.TIME_KEYS),
        (RULES, project_inputs.CSV_KEYS),
        (RULES, project_registry.REGISTRY_KEYS),
        (RULES, [ending.removeprefix(".") for ending in project_registry.SCHEMA_ENDINGS]),
        (RULES, FORMATS),
        (RULES, TIME_FORMATS),
        (RULES, KINDS),
        (LANGUAGE, KINDS),
    ],
)
def test_every_name_is_told(page: str, names: Iterable[str]) -> None:
    text = read(page)
    told = in_code(text) | set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    told |= {cells[0] for _, cells in rows(page, "| code |")}
    assert sorted(set(names) - told) == []


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", read(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section `{title}`"
    return found[1]


def test_every_page_is_in_the_index() -> None:
    pages = {path.removeprefix("docs/") for path in DOCUMENTS if re.fullmatch(r"docs/[^/]+", path)}
    listed = set(re.findall(r"\]\(([^)\s]+)\)", read("docs/README.md")))
    assert sorted(pages - {"README.md"} - listed) == []


@pytest.mark.parametrize("page", DOCUMENTS)
def test_links_lead_somewhere(page: str) -> None:
    broken = [target for target in re.findall(r"\]\(([^)\s]+)\)", read(page)) if not leads(page, target)]
    assert broken == []


def leads(page: str, target: str) -> bool:
    """Whether a link of a page leads to a file here, and to a heading of it if it names one."""
    if re.match(r"https?:", target):
        return True
    path, _, anchor = target.partition("#")
    folder = ROOT / page
    file = (folder.parent / path).resolve() if path else folder
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    r"""The anchors that headings get: lower case, marks dropped, blanks as hyphens.

    >>> sorted(anchors("# Which match\n## `STRICT` and `NEXT`"))
    ['strict-and-next', 'which-match']
    """
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.*)", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
