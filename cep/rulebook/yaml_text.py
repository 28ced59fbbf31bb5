"""YAML with positions: every value and every key knows where it stands in the file.

    read_document(name, text) ──▶ Document ──▶ roots      a tree of Scalar, MappingNode, ListNode
                                          ├──▶ problems   what is wrong with it as YAML, code E102
                                          └──▶ block_source(scalar): a pattern inside the file

Plain words mean what YAML 1.2 says, not 1.1: `NO` is Norway, `on` and `12:30` are text, only true and false
are booleans. Two things differ from it: a number with leading zeros stays text, for it is a code and no
quantity, and merge keys (`<<`) and tags other than `!!str` are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, TypeAlias

import yaml
from yaml.reader import ReaderError

from cep.errors import Diagnostic, Place, Severity, Source, Span
from cep.rulebook.yaml_blocks import Style, pieces
from cep.rulebook.yaml_problems import syntax_problem
from cep.values import value

CODE: Final = "E102"

NODES_MAX: Final = 1_000_000
"""How many values a file may hold once its aliases are followed: some lines of aliases make billions."""

SCALAR_STYLES: Final[dict[str | None, Style]] = {
    None: "plain",
    "": "plain",
    "'": "single",
    '"': "double",
    "|": "literal",
    ">": "folded",
}
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_TAG: Final = re.compile(r"(?:&\S+\s+)?(!\S*)")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_FLOAT: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,99})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?")


@value
class Scalar:
    """One value. `text` is what YAML makes of it; `span` covers it in the file, quotes and all."""

    place: Place
    span: Span
    text: str
    style: Style
    tagged: bool = False

    @property
    def value(self) -> str | int | float | bool | None:
        """The value a plain word stands for; anything quoted, tagged `!!str` or in a block is text.

        >>> [Scalar(Place(1, 1), Span(0, 1), text, "plain").value for text in ("7", "NO", "007", "~", "1.5")]
        [7, 'NO', '007', None, 1.5]
        """
        text = self.text
        if self.style != "plain" or self.tagged:
            return text
        if text in _NULLS:
            return None
        if text in _BOOLS:
            return _BOOLS[text]
        if _INT.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text


@value
class Entry:
    """A key and its value."""

    key: Scalar
    value: Node


@value
class MappingNode:
    """Keys and values in the order of the file; of a key that stands there twice, the first one."""

    place: Place
    span: Span
    entries: tuple[Entry, ...]

    def get(self, key: str) -> Node | None:
        """The value of a key, None if there is no such key."""
        return next((entry.value for entry in self.entries if entry.key.text == key), None)


@value
class ListNode:
    """Values in the order of the file."""

    place: Place
    span: Span
    items: tuple[Node, ...]


Node: TypeAlias = Scalar | MappingNode | ListNode


@value
class Document:
    """A YAML file: `roots` holds a tree for each of its documents (parted by `---`) up to a syntax error."""

    source: Source
    roots: tuple[Node, ...]
    problems: tuple[Diagnostic, ...]

    @property
    def root(self) -> Node | None:
        """The first document; None for an empty file."""
        return self.roots[0] if self.roots else None

    def diagnostic(
        self,
        code: str,
        where: Node | Span,
        message: str,
        label: str = "",
        repair: str = "",
        severity: Severity = "error",
    ) -> Diagnostic:
        """A problem with something in this file."""
        span = where if isinstance(where, Span) else where.span
        return Diagnostic(code, severity, message, self.source, span, label, repair)

    def block_source(self, scalar: Scalar) -> Source:
        """The text of a scalar as a source of its own, of which every offset knows its place in this file.

        Exact for every way to write a scalar: block, folded, plain, quoted, over lines, with escapes.
        """
        offsets, starts = zip(*pieces(self.source.text, scalar.span, scalar.text, scalar.style), strict=True)
        places = tuple(self.source.place(start) for start in starts)
        return Source(self.source.name, scalar.text, self.source.lines, places, offsets)


def read_document(name: str, text: str) -> Document:
    """Read a YAML text; `name` is what its problems are reported under. Never raises for bad YAML."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    source = Source.whole(name, text)
    tree = _Tree(source)
    roots: list[Node] = []
    try:
        roots.extend(tree.convert(root) for root in _composed(text))
    except yaml.MarkedYAMLError as error:
        begun = error.context_mark.index if error.context_mark else None
        at = error.problem_mark.index if error.problem_mark else 0
        tree.problems.append(syntax_problem(source, error.problem or "", at, error.context or "", begun))
    except ReaderError as error:
        tree.problems.append(syntax_problem(source, error.reason, error.position))
    except RecursionError:
        tree.refuse(Span(0, 1), "this is nested too deep to be read")
    except _TooManyError as error:
        tree.refuse(error.span, "with its aliases followed, this is too large", f"over {NODES_MAX:,} values")
    return Document(source, tuple(roots), tuple(tree.problems))


def _composed(text: str) -> Iterable[yaml.Node]:
    """The documents of a text. Both loaders leave plain words alone: what they mean says `Scalar.value`."""
    if yaml.__with_libyaml__:
        # Ten times as fast. What it refuses, the other one explains, after the documents that are good.
        with suppress(yaml.YAMLError):
            return list(yaml.compose_all(text, Loader=yaml.CBaseLoader))
    return yaml.compose_all(text, Loader=yaml.BaseLoader)


class _TooManyError(Exception):
    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


class _Tree:
    """Turns the parser's nodes into ours; an anchored one, once, so that an alias costs nothing."""

    def __init__(self, source: Source) -> None:
        self.problems: list[Diagnostic] = []
        self._source = source
        # Ours and how many values it holds, by the identity of theirs; None while it is being made.
        self._made: dict[int, tuple[Node, int] | None] = {}
        self._kept: list[yaml.Node] = []
        self._has_anchors = "&" in source.text
        self._has_tags = "!" in source.text

    def refuse(self, span: Span, message: str, label: str = "", repair: str = "") -> None:
        self.problems.append(Diagnostic(CODE, "error", message, self._source, span, label, repair))

    def convert(self, node: yaml.Node) -> Node:
        return self._convert(node)[0]

    def _convert(self, node: yaml.Node) -> tuple[Node, int]:
        span = Span(node.start_mark.index, node.end_mark.index)
        if not self._has_anchors:
            return self._checked(node, span)
        if id(node) in self._made:
            made = self._made[id(node)]
            if made is None:
                self.refuse(span, "an alias inside of what it stands for", "this would have no end")
                return Scalar(self._source.place(span.start), span, "", "plain"), 1
            return made
        self._made[id(node)] = None
        made = self._checked(node, span)
        # The node is kept too: its identity is not given to another one.
        self._made[id(node)] = made
        self._kept.append(node)
        return made

    def _checked(self, node: yaml.Node, span: Span) -> tuple[Node, int]:
        made = self._fresh(node, span)
        if made[1] > NODES_MAX:
            raise _TooManyError(span)
        return made

    def _fresh(self, node: yaml.Node, span: Span) -> tuple[Node, int]:
        place = self._source.place(span.start)
        match node:
            case yaml.ScalarNode():
                tagged = self._tagged(node, span)
                return Scalar(place, span, node.value, SCALAR_STYLES[node.style], tagged), 1
            case yaml.SequenceNode():
                self._tagged(node, span)
                items = [self._convert(item) for item in node.value]
                return ListNode(place, span, tuple(item for item, _ in items)), 1 + sum(n for _, n in items)
            case yaml.MappingNode():
                self._tagged(node, span)
                return self._mapping(node, place, span)
            case _:
                raise AssertionError(node)

    def _mapping(self, node: yaml.MappingNode, place: Place, span: Span) -> tuple[Node, int]:
        entries: list[Entry] = []
        first: dict[str, Place] = {}
        count = 1
        for key_node, value_node in node.value:
            (key, _), (value, size) = self._convert(key_node), self._convert(value_node)
            count += 1 + size
            if not isinstance(key, Scalar):
                self.refuse(key.span, "a key must be a single word or text")
            elif key.text == "<<" and key.style == "plain":
                self.refuse(key.span, "merge keys are not read here", repair="write the keys out")
            elif key.text in first:
                where = first[key.text]
                label = f"the first one is at {where.line}:{where.column}"
                self.refuse(key.span, f"`{key.text}` stands here twice", label, "keep one of them")
            else:
                first[key.text] = key.place
                entries.append(Entry(key, value))
        return MappingNode(place, span, tuple(entries)), count

    def _tagged(self, node: yaml.Node, span: Span) -> bool:
        """Whether a tag says what the node is; the only one we know is `!!str`."""
        written = _TAG.match(self._source.text, span.start, span.end) if self._has_tags else None
        if node.tag not in _TAGS:
            where = Span(*written.span(1)) if written else span
            self.refuse(where, "tags are not read here", repair="take it out")
        return written is not None
