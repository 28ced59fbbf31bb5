"""The keys of a YAML mapping, read one by one: each that is missing, unknown or wrong is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cep.errors import Diagnostic, Span
from cep.language.suggest import listed, nearest
from cep.rulebook.yaml_text import Document, Entry, ListNode, MappingNode, Node, Scalar
from cep.values import value


@value
class Fields:
    """A mapping of the document; `what` is what it describes, for messages; problems go to `found`."""

    document: Document
    node: MappingNode
    what: str
    found: list[Diagnostic]

    def error(self, code: str, where: Node | Span, message: str, label: str = "", help_: str = "") -> None:
        """Note a problem at a node."""
        self.found.append(self.document.diagnostic(code, where, message, label, help_))

    def check_keys(self, known: Collection[str], later: Mapping[str, str] | None = None) -> list[str]:
        """Refuse keys that mean nothing (M102), and those of `later`, which mean nothing yet (E501).

        Those that mean nothing are given back, for `required`.
        """
        unknown = []
        for entry in self.node.entries:
            name = entry.key.text
            if later and name in later:
                self.error(
                    "E501", entry.key, f"`{name}` is not supported yet", later[name], f"remove `{name}`"
                )
            elif name not in known:
                close = nearest(name, known)
                label = f"did you mean `{close[0]}`?" if close else ""
                help_ = "" if close else f"the keys of {_a(self.what)} are {listed(known, most=20)}"
                self.error("M102", entry.key, f"unknown key `{name}`", label, help_)
                unknown.append(name)
        return unknown

    def entry(self, key: str) -> Entry | None:
        """The key with its value, None if it is not there."""
        return next((entry for entry in self.node.entries if entry.key.text == key), None)

    def required(self, key: str, example: str, unknown: Collection[str] = ()) -> Node | None:
        """The value of a key that must be there (M101); one misspelt among `unknown` was told already."""
        found = self.entry(key)
        if found is None:
            if nearest(key, unknown):
                return None
            first = self.node.entries[0].key.span if self.node.entries else self.node.span
            self.error("M101", first, f"the key `{key}` is missing from this {self.what}", "", example)
            return None
        return found.value

    def scalar(self, key: str, node: Node, example: str) -> Scalar | None:
        """A value that is no list, no mapping and not empty."""
        if not isinstance(node, Scalar):
            kind = "a list" if isinstance(node, ListNode) else "a mapping"
            self.error("M103", _head(node), f"`{key}` takes one value, this is {kind}", "", example)
            return None
        if node.value is None or not node.text.strip():
            where = node.span if node.span.end > node.span.start else self._key_span(key, node)
            self.error("M103", where, f"`{key}` is empty", "", example)
            return None
        return node

    def text(self, key: str, example: str) -> str:
        """A text, empty if the key is not there."""
        found = self.entry(key)
        scalar = self.scalar(key, found.value, example) if found is not None else None
        return scalar.text.strip() if scalar is not None else ""

    def texts(self, key: str, example: str) -> list[Scalar]:
        """A list of texts; a single one may stand without brackets."""
        found = self.entry(key)
        if found is None:
            return []
        items = found.value.items if isinstance(found.value, ListNode) else (found.value,)
        scalars = (self.scalar(key, item, example) for item in items)
        return [scalar for scalar in scalars if scalar is not None]

    def number(self, key: str, least: int, default: int, example: str) -> int:
        """A whole number from `least` on."""
        found = self.entry(key)
        if found is None:
            return default
        scalar = self.scalar(key, found.value, example)
        if scalar is None:
            return default
        value = scalar.value
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            message = f"`{key}` must be a whole number, {least} or more"
            self.error("M103", scalar, message, "", example)
            return default
        return value

    def choice(self, key: str, names: Collection[str], default: str) -> str:
        """One of a few words."""
        found = self.entry(key)
        example = f"{key}: {default}"
        scalar = self.scalar(key, found.value, example) if found is not None else None
        if scalar is None:
            return default
        if scalar.text not in names:
            close = nearest(scalar.text, names)
            label = f"did you mean `{close[0]}`?" if close else ""
            message = f"`{scalar.text}` is no {key}"
            self.error("M103", scalar, message, label, f"one of {listed(names, most=20)}")
            return default
        return scalar.text

    def mapping(self, key: str, what: str, example: str) -> Fields | None:
        """A mapping under a key, ready to be read."""
        found = self.entry(key)
        return None if found is None else self.inside(key, found.value, what, example)

    def inside(self, key: str, node: Node, what: str, example: str) -> Fields | None:
        """The fields of a value that must be a mapping."""
        if isinstance(node, MappingNode):
            return Fields(self.document, node, what, self.found)
        found = self.entry(key)
        alone = found is not None and found.value is node
        message = (
            f"`{key}` takes names with values" if alone else f"{_a(what)} is written as names with values"
        )
        self.error("M103", _visible(node, self._key_span(key, node)), message, "", example)
        return None

    def items(self, key: str, example: str) -> tuple[Node, ...]:
        """The items of a list under a key."""
        found = self.entry(key)
        if found is None:
            return ()
        if isinstance(found.value, ListNode):
            return found.value.items
        self.error("M103", _visible(found.value, found.key.span), f"`{key}` takes a list", "", example)
        return ()

    def _key_span(self, key: str, node: Node) -> Span:
        found = self.entry(key)
        return found.key.span if found is not None else node.span


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _head(node: Node) -> Span:
    """A caret under the first sign of something long."""
    return Span(node.span.start, node.span.start + 1) if not isinstance(node, Scalar) else node.span


def _visible(node: Node, otherwise: Span) -> Span:
    return _head(node) if node.span.end > node.span.start else otherwise
