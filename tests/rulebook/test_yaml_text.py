"""Every value, key and problem of a YAML file stands where the file has it, down to the character."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cep.errors import Diagnostic, Place, Source, Span, render
from cep.rulebook.yaml_blocks import Style
from cep.rulebook.yaml_text import Document, ListNode, MappingNode, Node, Scalar, read_document

RULE = """\
rule: brute_force
pattern: |
  SEQ(LoginFailed f{3,},

      Login l) BY user_id
  WITHIN 10m
tags: [ato, "attack.t1110"]
"""


def read(text: str) -> Document:
    """A document that must have no problems."""
    document = read_document("r.yaml", text)
    assert document.problems == ()
    return document


def scalar_of(node: Node | None) -> Scalar:
    assert isinstance(node, Scalar)
    return node


def at(document: Document, *keys: str) -> Node:
    """The value behind some keys of nested mappings."""
    node = document.root
    for key in keys:
        assert isinstance(node, MappingNode)
        node = node.get(key)
    assert node is not None
    return node


def problem(text: str) -> Diagnostic:
    """The one problem of a text."""
    (found,) = read_document("r.yaml", text).problems
    return found


def test_tree() -> None:
    root = read(RULE).root
    assert isinstance(root, MappingNode)
    assert [(entry.key.text, entry.key.place) for entry in root.entries] == [
        ("rule", Place(1, 1)),
        ("pattern", Place(2, 1)),
        ("tags", Place(7, 1)),
    ]
    assert (root.place, scalar_of(root.get("rule")).place) == (Place(1, 1), Place(1, 7))
    tags = root.get("tags")
    assert isinstance(tags, ListNode)
    assert tags.place == Place(7, 7)
    items = [scalar_of(item) for item in tags.items]
    assert [(item.text, item.place, item.style) for item in items] == [
        ("ato", Place(7, 8), "plain"),
        ("attack.t1110", Place(7, 13), "double"),
    ]
    assert RULE[items[1].span.start : items[1].span.end] == '"attack.t1110"'
    assert root.get("severity") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("007", "007"),
        ("00.5", "00.5"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("10m", "10m"),
        (".", "."),
        ("-", "-"),
        ("1e", "1e"),
        ("9" * 500, "9" * 500),
        ("'7'", "7"),
        ('"true"', "true"),
        ("!!str 7", "7"),
        ("''", ""),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found = scalar_of(at(read(f"key: {text}\n" if text != "-" else "key: '-'\n"), "key")).value
    assert (type(found), found) == (type(value), value)


def test_documents_of_one_file() -> None:
    document = read("a: 1\n---\nb: 2\n")
    assert [type(root) for root in document.roots] == [MappingNode, MappingNode]
    assert document.roots[1].place == Place(3, 1)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_empty_file(text: str) -> None:
    assert read(text).root is None


def test_line_ends_of_windows_and_byte_order_mark() -> None:
    document = read("\ufeff" + RULE.replace("\n", "\r\n"))
    assert document.source.text == RULE
    assert scalar_of(at(document, "pattern")).text == scalar_of(at(read(RULE), "pattern")).text


def test_an_alias_is_what_its_anchor_is() -> None:
    document = read("a: &x {user: u}\nb: *x\n")
    assert at(document, "a") is at(document, "b")


# ------------------------------------------------------------------------------------------- problems


@pytest.mark.parametrize(
    ("text", "place", "message", "repair"),
    [
        ("a: b: c\n", "1:5", "a `:` where no key can stand", "quotes"),
        ("a: 1\n b: 2\n", "2:3", "a `:` where no key can stand", "indentation of its neighbours"),
        ("a:\n\tb: 1\n", "2:1", "a tab at the start of a line", "spaces"),
        ("a: 1\nlonely\nb: 2\n", "2:1", "neither `key: value` nor the end of a value", "`:` behind the key"),
        ("a: [1, 2\nb: 3\n", "1:4", "this `[` is not closed", ""),
        ("a: {x: 1\nb: 3\n", "1:4", "this `{` is not closed", ""),
        ("a: [1]]\n", "1:7", "this `]` closes nothing", "take the `]` out"),
        ("a: 'it's'\n", "1:8", "more text behind a value", "written twice"),
        ("a: 'open\nb: 1\n", "1:4", "this quote is not closed", "at the end"),
        ('a: "\\d+"\n', "1:6", r"`\d` means nothing inside double quotes", "single quotes"),
        ("a: @b\n", "1:4", "a value cannot begin with '@'", "in quotes"),
        ("time: %b %d\n", "1:7", "a value cannot begin with '%'", "in quotes"),
        ("a: ? b\n", "1:4", "a value cannot begin with `?`", "in quotes"),
        ("a: - b\n", "1:4", "a list cannot begin here", "next line"),
        ("a:\n  - b\n c: 1\n", "3:2", "elsewhere than its neighbours", "same column"),
        ("a: |x\n  b\n", "1:5", "may follow `|` and `>`", "next line"),
        ("a: *x\n", "1:4", "no `&x` comes before it", ""),
        ("a: &x 1\nb: &x 2\n", "2:4", "named twice", ""),
        ("a: \x01\n", "1:4", "a character that no text holds", "UTF-8"),
        ("--- |\n a\n...\nb\n", "4:1", "text behind the end of a document", "---"),
        ("%A: x\n", "1:3", "this is not YAML: expected alphabetic or numeric character", ""),
        ("a: !x!y 1\n", "1:4", "the tag `!x!` is not known", "quotes"),
        ("a: !!int 1\n", "1:4", "tags are not read here", "take it out"),
        ("a: !mine\n  b: 1\n", "1:4", "tags are not read here", "take it out"),
        ("a: 1\nb: 2\na: 3\n", "3:1", "`a` stands here twice", "keep one"),
        ("<<: {a: 1}\n", "1:1", "merge keys are not read here", "write the keys out"),
        ("[a]: 1\n", "1:1", "a key must be a single word", ""),
        ("a: &x [*x]\n", "1:4", "an alias inside of what it stands for", ""),
        ("[" * 5000, "1:1", "nested too deep", ""),
    ],
)
def test_problem(text: str, place: str, message: str, repair: str) -> None:
    found = problem(text)
    assert (found.code, found.severity) == ("E102", "error")
    assert f"{found.place.line}:{found.place.column}" == place
    assert message in found.message
    assert repair in found.help
    assert render(found).startswith(f"r.yaml:{place}: error[E102]: ")


def test_without_the_library_in_c_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [RULE, *(path.read_text(encoding="utf-8") for path in Path("rules").glob("*.yaml"))]
    fast = [read(text).roots for text in texts]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert [read(text).roots for text in texts] == fast


def test_what_only_the_reader_in_python_refuses_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    found = problem("a: {x: string?}\n")
    assert "a `?` cannot stand in a plain word" in found.message
    assert "double quotes" in found.help


def test_problem_is_drawn_with_a_caret() -> None:
    assert render(problem("n: 1\nn: 2\n")) == (
        "r.yaml:2:1: error[E102]: `n` stands here twice\n"
        "    2 | n: 2\n"
        "      | ^ the first one is at 1:1\n"
        "      = help: keep one of them"
    )


def test_what_stands_before_a_syntax_error_is_read() -> None:
    document = read_document("r.yaml", "a: 1\n---\nb: [\n")
    assert len(document.roots) == len(document.problems) == 1


def test_of_a_key_given_twice_the_first_counts() -> None:
    document = read_document("r.yaml", "n: 1\nn: 2\n")
    assert scalar_of(at(document, "n")).value == 1


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{b}: &{b} [{','.join(['*' + a] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "this is too large" in problem("\n".join(lines)).message


@given(st.text(alphabet="ab:-[]{}'\"|>&*!?#%@, \n\t1", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    document = read_document("r.yaml", text)
    assert document.roots or document.problems or not yaml.safe_load(text)
    for found in document.problems:
        assert 1 <= found.place.line <= text.count("\n") + 1
        render(found)


# ------------------------------------------------------------------------------------------ patterns


def file_text_at(document: Document, block: Source, offset: int) -> str:
    """What the file has from the place of an offset in a block on."""
    place = block.place(offset)
    return document.source.lines[place.line - 1][place.column - 1 :]


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("pattern: SEQ(A a, Bad b)\n", "plain"),
        ("pattern: SEQ(A a,\n   Bad b)\n", "plain"),
        ("pattern:\n\n  SEQ(A a,\n\n  Bad b)\n", "plain"),
        ("pattern: 'SEQ(A[x = ''it''] a, Bad b)'\n", "single"),
        ("pattern: 'SEQ(A[x = ''it''] a,\n\n    Bad b)'\n", "single"),
        ('pattern: "SEQ(A[x = \\"\\x41\\u00e9\\U0001F600\\"] a,\\tBad b)"\n', "double"),
        ('pattern: "SEQ(A a,\n   Bad b)"\n', "double"),
        ('pattern: "SEQ(A a, \\\n   Bad b)"\n', "double"),
        ('pattern: "SEQ(A a, \\\n\n\n   Bad b)"\n', "double"),
        ("pattern: |\n  SEQ(A a,\n    Bad b)\n", "literal"),
        ("pattern: |-\n\n      SEQ(A a,\n\n        Bad b)\n\n", "literal"),
        ("pattern: |2+\n    SEQ(A a,\n  Bad b)\n", "literal"),
        ("pattern: | # why\n  SEQ(A a,\n  Bad b)\n", "literal"),
        ("pattern: >\n  SEQ(A a,\n  Bad b)\n", "folded"),
        ("pattern: >-\n\n  SEQ(A a,\n\n\n    more\n      indented\n\n  Bad b)\n", "folded"),
        ("pattern: &x |\n  SEQ(A a,\n  Bad b)\n", "literal"),
        ("pattern: !!str &x 'SEQ(A a, Bad b)'\n", "single"),
        ("pattern: &x\n  SEQ(A a, Bad b)\n", "plain"),
        ("- é: 1\n- pattern: |\n    SEQ(É a, 𝄞 n,\n      Bad b)\n", "literal"),
        ("{pattern: 'SEQ(A a, Bad b)', n: 1}\n", "single"),
    ],
)
def test_a_word_of_a_pattern_is_found_in_the_file(text: str, style: Style) -> None:
    document = read(text)
    root = document.root
    root = root.items[1] if isinstance(root, ListNode) else root
    assert isinstance(root, MappingNode)
    scalar = scalar_of(root.get("pattern"))
    assert scalar.style == style
    block = document.block_source(scalar)
    assert (block.name, block.text) == ("r.yaml", scalar.text)
    for word in ("SEQ", "a,", "Bad", "b)"):
        assert file_text_at(document, block, scalar.text.index(word)).startswith(word)


def test_caret_points_into_the_yaml_file() -> None:
    document = read(RULE)
    block = document.block_source(scalar_of(at(document, "pattern")))
    start = block.text.index("l)")
    found = Diagnostic("E203", "error", "`l` is not used", block, Span(start, start + 1), "here")
    assert render(found) == (
        "r.yaml:5:13: error[E203]: `l` is not used\n"
        "    5 |       Login l) BY user_id\n"
        "      |             ^ here"
    )


def test_caret_of_a_span_over_folded_lines_stays_on_its_line() -> None:
    document = read("pattern: >\n  SEQ(A a,\n  B b)\n")
    block = document.block_source(scalar_of(at(document, "pattern")))
    lines = render(Diagnostic("E101", "error", "m", block, Span(4, len(block.text)))).split("\n")
    assert lines[1:] == ["    2 |   SEQ(A a,", "      |       ^^^^"]


def test_end_of_a_block_is_the_end_of_its_last_line() -> None:
    document = read("pattern: |\n  SEQ(A a\nrule: r\n")
    block = document.block_source(scalar_of(at(document, "pattern")))
    assert block.place(len("SEQ(A a")) == Place(2, 10)


@pytest.mark.parametrize(
    "text", ["pattern: ''\n", "pattern: |\n", "pattern:\n", "pattern: >-\n\n\nrule: r\n"]
)
def test_an_empty_block_has_a_place(text: str) -> None:
    document = read(text)
    assert document.block_source(scalar_of(at(document, "pattern"))).place(0).line >= 1


@given(
    st.text(alphabet="ab'\"\\:# \n\té𝄞", min_size=1, max_size=60),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.integers(10, 40),
    st.integers(2, 5),
)
def test_every_character_is_where_the_file_has_it(
    text: str, style: str | None, width: int, indent: int
) -> None:
    file = yaml.dump(
        {"outer": {"k": text}}, default_style=style, width=width, indent=indent, allow_unicode=True
    )
    # What is folded behind a blank comes back with a line end: the writer's fault, not the reader's.
    text = yaml.safe_load(file)["outer"]["k"]
    document = read(file)
    scalar = scalar_of(at(document, "outer", "k"))
    assert scalar.text == text
    block = document.block_source(scalar)
    for offset, char in enumerate(text):
        if not char.isspace():
            there = file_text_at(document, block, offset)[0]
            assert there == char or (scalar.style == "double" and there == "\\")
