"""Patterns of semantics `row_pattern`, SQL's MATCH_RECOGNIZE, as text of our language.

Our `SEQ STRICT … PICK LEFTMOST` gives the preferred match of each start from left to right, as SQL does. What
is left to the text:

    parts that may take no row          said by options, so that a match has a row (row_tree)
    a match that takes no row           there is one at each row where the search finds no match of ours
    a variable in several places        a variable of ours for each (row_graph)
    PREV, LAST(x, n), FIRST, CLASSIFIER the variable that took the row (row_reading)
    aggregates in a condition           SQL counts the row under test: sum(A.x) + x
    PREV before the first row           one event more in front, which is no part of the match
    ^ and $ around a pattern            events of the runner that mark the start and the end of a partition
    no window                           one of fifty years, so that the end of all input ends it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from cep.event import Value
from tests.conformance.cases import Case, Json
from tests.conformance.row_around import (
    MARKS,
    held_back,
    marked,
    refuse_what_has_no_words,
    types_that_matter,
)
from tests.conformance.row_fold import may_be_true
from tests.conformance.row_graph import START, Graph, Slot, graph_of
from tests.conformance.row_reading import Notes, Reading
from tests.conformance.row_tree import (
    EMPTY,
    Anchor,
    Either,
    Leaf,
    Loop,
    Row,
    Tree,
    empty,
    hasty,
    leaves,
    read_tree,
    rebuilt,
    some,
    unanchored,
)
from tests.conformance.text import (
    NO_WINDOW_MS,
    RESERVED,
    Names,
    RuleText,
    UnsayableError,
    condition_text,
    duration_text,
    event_text,
    expression_text,
    name_text,
    nodes_below,
    quantifier_text,
    string_text,
)

ENDLESS_MS: Final = NO_WINDOW_MS // 2
"""Longer than any case lasts, and over at the end of everything: then what waits for more is decided."""

MATCHES_MAX: Final = 1_000_000
"""`PICK ALL` must be bounded; this is more than any case has matches."""

NO_NAMES: Final = Names()

NO_ROWS: Final = Graph({}, (), {}, (), frozenset(), {}, frozenset())
"""The graph of a match that took nothing."""


def rule_text(case: Case) -> RuleText:
    """The rule that finds in our engine what the case expects; UnsayableError if there is none."""
    raw = case.raw or {}
    refuse_what_has_no_words(case, raw)
    plain = _Plain(case, raw).settled()
    body, outside = plain.body(None)
    if outside and "start" in plain.anchors:
        raise UnsayableError("an anchor at the start, and a look at the row before the match")
    lead = None
    if outside:
        lead = plain.lead()
        body, _ = plain.body(lead)
    within = case.pattern.get("within")
    if lead is not None:
        # The window is that of the match, and the event in front is none of it.
        span = f" WITHIN {duration_text(within)}" if within and not plain.anchors else ""
        body = marked(body, within, {at: plain.mark(at) for at in plain.anchors}) if plain.anchors else body
        body, within = f"SEQ STRICT(EVENT {name_text(lead)}, {body}{span})", None
    elif plain.anchors:
        body, within = marked(body, within, {at: plain.mark(at) for at in plain.anchors}), None
    elif not isinstance(plain.tree, Row):
        # Loops are contiguous inside a strict sequence only.
        body = f"SEQ STRICT({body})"
    if (interval := raw.get("interval")) is not None:
        body, within = held_back(case, body, within, interval, lead), interval - 1
    clauses = []
    if types := types_that_matter(case, plain.tree) if lead is None else []:
        types += ["Never"] if "NOT Never" in body else []
        types += [MARKS[at] for at in sorted(plain.anchors)]
        clauses.append("FROM " + ", ".join(name_text(each) for each in types))
    if case.key:
        clauses.append("BY " + ", ".join(name_text(each) for each in case.key))
    all_ways = _all_ways(case, raw)
    clauses += [f"WITHIN {duration_text(within or ENDLESS_MS)}", "PICK ALL" if all_ways else "PICK LEFTMOST"]
    clauses.append(f"AFTER MATCH {plain.skip(lead)}")
    if all_ways:
        # At each row the first match, or every one.
        clauses.append(f"LIMIT {MATCHES_MAX if raw.get('all_matches') else 1}")
    columns, emit = plain.emit()
    variables: dict[str, str | None] = {name: slot.var for name, slot in plain.graph.slots.items()}
    if lead is not None:
        variables[lead] = None
    variables |= {plain.mark(at): None for at in plain.anchors}
    lines = [body, " ".join(clauses), *([emit] if emit else [])]
    blank = plain.blank(columns) if plain.may_be_empty else None
    start, end = (MARKS[at] if at in plain.marks else None for at in ("start", "end"))
    return RuleText("\n".join(lines), variables, columns=columns, start=start, end=end, blank=blank)


def _all_ways(case: Case, raw: Mapping[str, Json]) -> bool:
    """Whether a start may match more than once."""
    return bool(raw.get("all_matches")) or case.skip == "to_current"


# --- the pattern ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Plain:
    """A pattern as a tree in which every leaf can match and every match has a row, with its graph."""

    case: Case
    raw: Mapping[str, Json]
    tree: Tree = EMPTY
    graph: Graph = field(init=False)
    notes: Notes = field(default_factory=Notes)
    may_be_empty: bool = False
    anchors: frozenset[str] = frozenset()
    """Where the pattern is held by an anchor: at its `start`, its `end`, both."""
    starts: bool = False
    """Whether the first row of all needs something in front of it."""

    @property
    def marks(self) -> frozenset[str]:
        """Which ends of a partition must be marked by an event."""
        return self.anchors | ({"start"} if self.starts else set())

    def settled(self) -> _Plain:
        """Read the pattern, and leave out leaves whose condition is never true."""
        tree = read_tree(self.case.pattern)
        if tree is not None:
            tree, self.anchors = unanchored(tree)
        self.may_be_empty = tree is not None and empty(tree) != "never"
        if self.anchors and (self.may_be_empty or not self.case.flush):
            raise UnsayableError("an anchor of an empty match, or of a log without an end")
        while True:
            self.tree = self._sayable(tree)
            self.graph = graph_of(self.tree, self._attributes(), self._skipped_to())
            never = {i for i, _ in enumerate(leaves(self.tree)) if not self._possible(i)}
            if not never:
                return self
            tree = rebuilt(self.tree, lambda leaf, never=never: leaf not in never)  # type: ignore[misc]

    def _sayable(self, tree: Tree | None) -> Tree:
        if tree is None:
            raise UnsayableError(
                "a pattern that no row can ever match: such a rule is refused when it is loaded"
            )
        if any(isinstance(leaf, Anchor) for leaf in leaves(tree)):
            raise UnsayableError("an anchor inside a pattern: that a match may also do without it")
        if empty(tree) in ("first", "only"):
            raise UnsayableError("an empty match first of all: a match of ours has an event")
        # Esper gives a match as soon as it is one, unless an interval holds it back.
        at_once = "esper" in self.case.engine.lower() and not self.raw.get("interval")
        return hasty(some(tree)) if at_once and not _all_ways(self.case, self.raw) else some(tree)

    def _attributes(self) -> frozenset[str]:
        names = {name for event in self.case.events for name in event.fields}
        return frozenset(names | set(self.case.key) | RESERVED | set(self.raw.get("subset") or ()))

    def _possible(self, leaf: int) -> bool:
        where = self._leaves()[leaf].where
        if where is None:
            return True
        # There may be a row before the match, whether or not the rule can read it.
        return self.reading(leaf, "before").ask(where) is not False

    def _leaves(self) -> list[Leaf]:
        return [leaf for leaf in leaves(self.tree) if isinstance(leaf, Leaf)]

    # --- text of the tree ----------------------------------------------------------------------------

    def reading(self, leaf: int | None, lead: str | None = None, notes: Notes | None = None) -> Reading:
        """Reads expressions in the condition of a leaf, or (None) at the end of a match."""
        unions = {name: tuple(each) for name, each in (self.raw.get("subset") or {}).items()}
        notes = notes or Notes()
        if leaf is None:
            return Reading(self.graph, self.graph.ends, None, unions, lead, notes)
        own = self.graph.slots[self.graph.of_leaf[leaf]]
        return Reading(self.graph, self.graph.before_leaf[leaf], own, unions, lead, notes)

    def body(self, lead: str | None) -> tuple[str, int]:
        """The pattern as text, and how many rows before the match its conditions read."""
        notes = Notes()
        numbers = iter(range(len(self._leaves())))
        text = self._text(self.tree, numbers, lead, notes)
        if notes.compares_times and self._has_ties():
            raise UnsayableError("which of two variables took the later row, when rows have the same time")
        return text, notes.outside

    def _text(self, tree: Tree, numbers: Iterator[int], lead: str | None, notes: Notes) -> str:
        match tree:
            case Leaf():
                return self._leaf(tree, next(numbers), lead, notes)
            case Row(parts):
                return f"SEQ STRICT({', '.join(self._text(part, numbers, lead, notes) for part in parts)})"
            case Either(branches):
                return f"OR({', '.join(self._branches(branches, numbers, lead, notes))})"
            case Loop(body, low, high, greedy):
                quantifier = quantifier_text(low, high, "" if greedy or low == high else "?")
                inner = self._text(body, numbers, lead, notes)
                return f"SEQ STRICT({inner}){quantifier}" if isinstance(body, Loop) else inner + quantifier
            case Anchor():
                raise AssertionError("anchors are refused before")
            case _:
                assert_never(tree)

    def _branches(
        self, branches: Sequence[Tree], numbers: Iterator[int], lead: str | None, notes: Notes
    ) -> Iterator[str]:
        """Branches of OR; of two that take the same rows one is told apart by its label, and that is said."""
        seen: set[str] = set()
        for i, branch in enumerate(branches):
            if not isinstance(branch, Leaf):
                text = self._text(branch, numbers, lead, notes)
                yield f"SEQ STRICT({text})" if isinstance(branch, Loop) else text
                continue
            number = next(numbers)
            condition = self._condition(number, lead, notes)
            if (condition is None and i < len(branches) - 1) or event_text(branch.type, condition) in seen:
                label = f"{string_text(branch.var)} IS NOT NULL"
                condition = label if condition is None else f"({condition}) AND {label}"
            seen.add(event_text(branch.type, condition))
            yield f"{event_text(branch.type, condition)} {name_text(self.graph.of_leaf[number])}"

    def _leaf(self, leaf: Leaf, number: int, lead: str | None, notes: Notes) -> str:
        condition = self._condition(number, lead, notes)
        return f"{event_text(leaf.type, condition)} {name_text(self.graph.of_leaf[number])}"

    def _condition(self, number: int, lead: str | None, notes: Notes) -> str | None:
        where = self._leaves()[number].where
        if where is None:
            return None
        return condition_text(self.reading(number, lead, notes).ask(where), NO_NAMES)

    # --- the row before the match --------------------------------------------------------------------

    def lead(self) -> str:
        """The name of an event in front of the match, where PREV of its first row can be read.

        In front of the very first row it is the mark of the start, which has no attributes: PREV is null.
        """
        if self.body(None)[1] > 1:
            raise UnsayableError("a row further back than the one before the match")
        for number, leaf in enumerate(self._leaves()):
            if START in self.graph.before_leaf[number]:
                first = replace(self.reading(number), near=frozenset({START}))
                self.starts = self.starts or leaf.where is None or may_be_true(first.ask(leaf.where))
        name, number = "before", 1
        while name in self._attributes() | self.graph.slots.keys():
            name, number = f"before_{number}", number + 1
        return name

    # --- anchors -------------------------------------------------------------------------------------

    def mark(self, at: str) -> str:
        """The variable of the event that marks a start or an end."""
        name = MARKS[at].lower()
        while name in self._attributes() | self.graph.slots.keys():
            name += "_"
        return name

    # --- skips ---------------------------------------------------------------------------------------

    def _skipped_to(self) -> frozenset[str]:
        _, _, variable = self.case.skip.partition(":")
        return frozenset((self.raw.get("subset") or {}).get(variable, (variable,)))

    def skip(self, lead: str | None) -> str:
        """The skip policy; with an event in front, the next match may take the last of this one there."""
        kind, _, variable = self.case.skip.partition(":")
        match kind:
            case "past_last" if lead is None:
                return "SKIP PAST LAST"
            case "past_last" if isinstance(self.tree, Either) and all(
                isinstance(branch, Leaf) for branch in self.tree.branches
            ):
                return "SKIP TO NEXT"  # one row, so the next one is behind the match
            case "past_last":
                if len(self.graph.ends) > 1:
                    raise UnsayableError("the row before a match that may end with several variables")
                return f"SKIP TO LAST {name_text(min(self.graph.ends))}"
            case "to_next":
                return "SKIP TO NEXT"
            case "to_current":
                return "NO SKIP"
            case "to_first" | "to_last" if lead is None:
                return (
                    f"SKIP TO {kind[3:].upper()} {name_text(self._target(variable, last=kind == 'to_last'))}"
                )
            case "to_first" | "to_last":
                raise UnsayableError("a skip to the row behind the one that the next match must see")
            case _:
                raise UnsayableError(f"the skip policy {kind}")

    def _target(self, variable: str, *, last: bool) -> str:
        """The slot with the first or the last row of a variable in every match."""
        union = (self.raw.get("subset") or {}).get(variable, [variable])
        slots = self.graph.of(union)
        if not {node.get("event") for node in nodes_below(self.case.pattern)} & set(union):
            return variable  # to be refused
        reach = self.graph.reach
        for name in slots:
            others = [each for each in slots if each != name]
            if name in self.graph.always and not any(
                each in reach[name] if last else name in reach[each] for each in others
            ):
                self._refuse_the_first_row(self.graph.slots[name], last=last)
                return name
        raise UnsayableError("a skip to a variable that a match may lack, or that stands in several places")

    def _refuse_the_first_row(self, slot: Slot, *, last: bool) -> None:
        """A skip to where every match begins; where only some begin there, it depends on the rows."""
        if (not last or not slot.many) and self.graph.before[slot.name] <= {START, slot.name}:
            raise UnsayableError("a skip to the first row of its own match: SQL fails, with us it is no skip")

    # --- measures ------------------------------------------------------------------------------------

    def emit(self) -> tuple[tuple[str, ...], str]:
        """The columns that are compared, and the EMIT that gives them: one row for each match."""
        measures = self.raw.get("measures") or {}
        if self.raw.get("rows") != "one":
            return (), ""
        items = {}
        for name, expr in measures.items():
            notes = Notes()
            try:
                text = expression_text(self.reading(None, None, notes).say(expr), NO_NAMES)
                if self.may_be_empty:
                    self._of_nothing(expr)
            except UnsayableError:
                continue
            if not notes.outside and not (notes.compares_times and self._has_ties()):
                items[name] = text
        if not items:
            return (), ""
        parts = [name_text(each) for each in self.case.key if each not in items]
        parts += [f"{name_text(name)} = {text}" for name, text in items.items()]
        columns = [each for each in self.raw.get("columns") or () if each in self.case.key]
        return (*columns, *items), f"EMIT ({', '.join(parts)})"

    def blank(self, columns: Sequence[str]) -> Mapping[str, Value]:
        """What the columns say of a match that takes no row.

        The source has one at each row that its search comes to and where nothing else fits. To know these
        rows, all rows must be there, and a skip must not ask for a row that an empty match has not.
        """
        if not self.case.flush or self.case.skip not in ("past_last", "to_next"):
            raise UnsayableError("empty matches in a log without an end, or with a skip to a variable")
        measures = self.raw.get("measures") or {}
        return {name: self._of_nothing(measures[name]) for name in columns if name in measures}

    def _of_nothing(self, expr: Json) -> Value:
        """What a measure says when no variable has a row; UnsayableError if that is not plain."""
        unions = {name: tuple(each) for name, each in (self.raw.get("subset") or {}).items()}
        value = Reading(NO_ROWS, frozenset(), None, unions).say(expr)
        if isinstance(value, (list, tuple)):
            raise UnsayableError("a measure of an empty match that must be computed")
        said: Value = value
        return said

    def _has_ties(self) -> bool:
        """Whether two rows of a partition have the same time."""
        seen: set[tuple[Value, ...]] = set()
        for event in self.case.events:
            place = (*(event.fields.get(name) for name in self.case.key), event.ts_ms)
            if place in seen:
                return True
            seen.add(place)
        return False
