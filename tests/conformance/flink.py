"""Patterns of semantics `all`, which are Flink CEP's, as text of our language.

What the two mean alike is only spelt anew. Where they differ, the text says what Flink means:

    a window that excludes its end              WITHIN one millisecond less
    a NOT behind a loop reaches into the loop   the NOT stands inside the loop's body
    a greedy loop                               possessive, and its events are forbidden until the next step
    notNext as the last step                    one more event, which is no part of the match
    no window                                   one of a hundred years
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tests.conformance.cases import Case, Json
from tests.conformance.eql_text import Step, disjoint
from tests.conformance.text import (
    NO_WINDOW_MS,
    RESERVED,
    Names,
    RuleText,
    UnsayableError,
    condition_text,
    duration_text,
    event_text,
    name_text,
    nodes_below,
    quantifier_text,
    string_text,
)

MATCHES_MAX: Final = 1_000_000
"""`PICK ALL` must be bounded; this is more than any case has matches."""

_FOLLOW: Final = {"strict": "NEXT ", "relaxed": "", "any": "ANY "}
_INNER: Final = {"strict": " CONSECUTIVE", "relaxed": "", "any": " COMBINATIONS"}
_SKIP: Final = {"none": "NO SKIP", "past_last": "SKIP PAST LAST", "to_next": "SKIP TO NEXT"}


def rule_text(case: Case) -> RuleText:
    """The rule that finds in our engine what the case expects; UnsayableError if there is none."""
    return _Writer(case).rule()


class _Writer:
    """Writes the rule of one case; keeps track of the names given away."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._names = _names(case)
        self._given = set(self._names.written.values())
        self._uncounted: set[str] = set()
        """Variables of ours that take an event which is no part of the match."""

    def rule(self) -> RuleText:
        root = self._case.pattern
        steps = root["seq"] if _is_plain(root) else [root]
        if not steps:
            raise UnsayableError("a sequence of nothing")
        body = ", ".join(self._steps(steps, ends=True, begins=True))
        text = "\n".join([f"SEQ({body})", " ".join(self._clauses(root, steps[-1]))])
        variables: dict[str, str | None] = {ours: name for name, ours in self._names.written.items()}
        variables.update(dict.fromkeys(self._uncounted))
        return RuleText(text, variables)

    # --- clauses -----------------------------------------------------------------------------------------

    def _clauses(self, root: Json, last: Json) -> list[str]:
        found = []
        if types := _types_that_matter(self._case):
            found.append("FROM " + ", ".join(name_text(each) for each in types))
        if self._case.key:
            found.append("BY " + ", ".join(name_text(each) for each in self._case.key))
        if root.get("within"):
            found.append(f"WITHIN {_shorter(root['within'])}")
        elif not _is_undecided(last):
            found.append(f"WITHIN {duration_text(NO_WINDOW_MS)}")
        found += ["PICK ALL", f"AFTER MATCH {self._skip()}", f"LIMIT {MATCHES_MAX}"]
        if self._case.expect_timeout is not None:
            found.append("ON TIMEOUT EMIT (timed_out = TRUE)")
        return found

    def _skip(self) -> str:
        kind, _, variable = self._case.skip.partition(":")
        if kind in ("to_first", "to_last"):
            return f"SKIP TO {kind[3:].upper()} {self._names.variable(variable)}"
        if kind not in _SKIP:
            raise UnsayableError(f"the skip policy {kind}")
        if kind == "past_last" and self._uncounted:
            # The event behind the match is free to start the next one.
            return f"SKIP TO LAST {name_text(min(self._uncounted))}"
        return _SKIP[kind]

    # --- steps -------------------------------------------------------------------------------------------

    def _steps(self, nodes: Sequence[Json], *, ends: bool, begins: bool = False) -> list[str]:
        """The steps of a sequence; `ends` if nothing comes behind it, `begins` if nothing came before it."""
        found: list[str] = []
        spoilers: list[Json] = []
        for position, each in enumerate(nodes):
            behind = nodes[position + 1 :]
            last = ends and not behind
            led = not (begins and all(other.get("optional") for other in nodes[:position]))
            node = self._none_of(spoilers, each)
            spoilers = []
            if "not" in node:
                if "event" in node["not"] and not (ends and len(behind) == 1):
                    # What is forbidden ends the wait even if the next step fits it, unless that is the last.
                    spoilers.append(node["not"])
                before = nodes[position - 1] if position else {}
                if last or before.get("optional") or not _takes_in(before, node):
                    found.append(self._absence(node, last=last))
                continue
            taken_in = behind[0] if behind and _takes_in(node, behind[0]) else None
            if not _needs_guard(node, behind):
                found.append(self._step(node, taken_in, ends=last, led=led))
                continue
            guard = f"NOT {self._event(node)} {self._fresh('no_' + node['event'])}"
            spoilers.append(node)
            if all(each.get("optional") for each in nodes[: position + 1]):
                # Nothing may have been taken before, and then there is no wait to guard either.
                step = self._step(node | {"optional": False}, taken_in, ends=False)
                found.append(f"SEQ({step}, {guard})?+")
            else:
                found += [self._step(node, taken_in, ends=last), guard]
        return found

    def _none_of(self, spoilers: Sequence[Json], node: Json) -> Json:
        """A step of one event that is none of some others; with a loop it would be said of every turn."""
        if "event" not in node or _turns(node)[1] != 1:
            return node
        tests: list[Json] = []
        for spoiler in spoilers:
            condition = condition_text(spoiler.get("where"), replace(self._names, own=spoiler["event"]))
            if condition is None or disjoint(_one(node), _one(spoiler)):
                continue
            kind = "" if spoiler.get("type") is None else f"type(this) = {string_text(spoiler['type'])} AND "
            tests.append(["text", f"(NOT coalesce({kind}({condition}), FALSE))"])
        if not tests:
            return node
        return node | {"where": ["and", *([node["where"]] if node.get("where") else []), *tests]}

    def _step(self, node: Json, absence: Json | None, *, ends: bool, led: bool = False) -> str:
        """One step; the absence must hold after every turn of its loop. `led`: something was taken before."""
        if node.get("until") and "event" in node and node.get("follow") != "strict" and led:
            return self._until_step(node, absence)
        unit = self._unit(node, ends=ends)
        if absence is not None:
            unit = f"SEQ({unit}, {self._absence(absence, last=False)})"
        low, high = _turns(node)
        greed = "+" if _is_possessive(node) else ""
        # Once is no loop and needs no such word. Without a count it is wrong, and is written to be refused.
        inner = "" if high == 1 and "max" in node else _INNER[node.get("inner") or "relaxed"]
        until = self._until(node)
        if node.get("optional") and low > 1:
            unit = f"SEQ({unit}{quantifier_text(low, high, greed)}{inner}{until})?{greed}"
        else:
            low = 0 if node.get("optional") else low
            unit = f"{unit}{quantifier_text(low, high, greed)}{inner}{until}"
        within = f" WITHIN {_shorter(node['within'])}" if node.get("within") else ""
        gap = f" GAP {_shorter(node['gap'])}" if node.get("gap") else ""
        return f"{_FOLLOW[node.get('follow') or 'relaxed']}{unit}{within}{gap}"

    def _unit(self, node: Json, *, ends: bool) -> str:
        """What a step repeats: an event with its variable, or a group."""
        match node:
            case {"event": str(name)}:
                return f"{self._event(node)} {self._names.variable(name)}"
            case {"seq": [head, *rest]}:
                if "max" in head:
                    # Flink takes the contiguity inside a loop that heads a group from the group.
                    head = head | {"inner": node.get("inner")}
                steps = self._steps([head, *rest], ends=ends and _turns(node)[1] == 1)
                return f"SEQ({', '.join(steps)})"
            case {"and": [*branches]} | {"permute": [*branches]}:
                return f"AND({', '.join(self._branch(each) for each in branches)})"
            case {"or": [*branches]}:
                return f"OR({', '.join(self._branch(each) for each in branches)})"
            case _:
                raise UnsayableError(f"a pattern node with {', '.join(sorted(node)) or 'nothing'} in it")

    def _branch(self, node: Json) -> str:
        if "not" in node:
            return self._absence(node, last=False)
        return self._step(node, None, ends=False)

    def _event(self, node: Json) -> str:
        names = replace(self._names, own=node["event"])
        return event_text(node.get("type"), condition_text(node.get("where"), names))

    def _until_step(self, node: Json, absence: Json | None) -> str:
        """A loop with an end that may come before its first turn.

        With us that means nothing to a loop which must take something. In Flink an event that is the end and
        also fits the loop is never taken, and one that a relaxed loop waits for is lost, and the run with it.
        """
        names = replace(self._names, own=node["event"])
        until = condition_text(node["until"], names)
        where = [] if node.get("where") is None else [node["where"]]
        bare = {name: value for name, value in node.items() if name not in ("follow", "within", "gap")}
        kept = {"where": ["and", *where, ["text", f"(NOT coalesce({until}, FALSE))"]], "optional": False}
        parts = [self._step(bare | kept, absence, ends=False)]
        both = Step(node["event"], None, ["and", *where, node["until"]])
        if node.get("follow") != "any" and not disjoint(both, both):
            lost = event_text(node.get("type"), condition_text(["and", *where, node["until"]], names))
            parts.insert(0, f"NOT {lost} {self._fresh('no_' + node['event'])}")
        text = f"SEQ({', '.join(parts)})" if node.get("optional") or len(parts) > 1 else parts[0]
        option = ("?+" if _is_possessive(node) else "?") if node.get("optional") else ""
        within = f" WITHIN {_shorter(node['within'])}" if node.get("within") else ""
        gap = f" GAP {_shorter(node['gap'])}" if node.get("gap") else ""
        return f"{_FOLLOW[node.get('follow') or 'relaxed']}{text}{option}{within}{gap}"

    def _until(self, node: Json) -> str:
        if node.get("until") is None:
            return ""
        return f" UNTIL {event_text(None, condition_text(node['until'], self._names))}"

    # --- absences ----------------------------------------------------------------------------------------

    def _absence(self, node: Json, *, last: bool) -> str:
        if _is_strict_not(node):
            if last and not _is_quantified(node):
                return self._other_event(node["not"])
            return f"NEXT NOT {self._forbidden(node['not'], node)}"
        lasting = f" FOR {_shorter(node['for'])}" if node.get("for") else ""
        return f"NOT {self._forbidden(node['not'], node)}{lasting}"

    def _forbidden(self, node: Json, loop: Json | None = None) -> str:
        """What an absence forbids. A quantifier on it is wrong; it is written all the same, to be refused."""
        if "event" not in node:
            raise UnsayableError("an absence of something other than one event")
        low, high = _turns(loop or node)
        low = 0 if (loop or node).get("optional") else low
        return f"{self._event(node)} {self._fresh(node['event'])}{quantifier_text(low, high)}"

    def _other_event(self, node: Json) -> str:
        """Any next event but this one."""
        condition = condition_text(node.get("where"), self._names)
        tests = [f"(type(this) != {name_text(node['type'])!r})"] if node.get("type") else []
        tests += [f"(NOT coalesce({condition}, FALSE))"] if condition else []
        name = self._fresh(node["event"])
        self._uncounted.add(name)
        return f"NEXT {event_text(None, ' OR '.join(tests) or 'FALSE')} {name_text(name)}"

    def _fresh(self, name: str) -> str:
        """A name like this one that no other variable has. Absences repeated in a text need one each."""
        number, fresh = 1, name
        while fresh in self._given:
            number += 1
            fresh = f"{name}_{number}"
        self._given.add(fresh)
        return name_text(fresh)


def _names(case: Case) -> Names:
    """Names for all variables that take events; a variable called like an attribute gets another name."""
    attributes = {name for event in case.events for name in event.fields} | RESERVED
    taken = list(dict.fromkeys(_variables(case.pattern)))
    written: dict[str, str] = {}
    for name in taken:
        ours = name
        while ours in attributes or (ours != name and ours in taken):
            ours += "_"
        written[name] = ours
    return Names(written, frozenset(_repeated(case.pattern, inside=False)))


def _one(node: Json) -> Step:
    return Step(node["event"], node.get("type"), True if node.get("where") is None else node["where"])


def _shorter(ms: int) -> str:
    """A time span that excludes its end, as one that includes it."""
    if ms == 1:
        raise UnsayableError("a window of 1 ms: with us of no time at all, which is refused")
    return duration_text(ms - 1)


def _variables(node: Json) -> list[str]:
    if "not" in node:
        return []
    if "event" in node:
        return [node["event"]]
    return [name for child in _children(node) for name in _variables(child)]


def _repeated(node: Json, *, inside: bool) -> list[str]:
    """Variables that may take more than one event."""
    if "not" in node:
        return []
    inside = inside or _turns(node)[1] != 1
    if "event" in node:
        return [node["event"]] if inside else []
    return [name for child in _children(node) for name in _repeated(child, inside=inside)]


def _children(node: Json) -> list[Json]:
    return [child for name in ("seq", "and", "or", "permute") for child in node.get(name, ())]


def _is_plain(node: Json) -> bool:
    """A sequence once, so that its steps are the pattern's steps."""
    return "seq" in node and not _is_quantified(node) and "until" not in node


def _turns(node: Json) -> tuple[int, int | None]:
    """How often a node is repeated; `optional` is apart."""
    if "min" not in node and "max" not in node:
        return 1, 1
    low = node.get("min")
    return (1 if low is None else low), node.get("max")


def _is_strict_not(node: Json) -> bool:
    return "not" in node and "strict" in (node.get("negated_follow"), node.get("follow"))


def _is_quantified(node: Json) -> bool:
    return _turns(node) != (1, 1) or bool(node.get("optional"))


def _is_undecided(last: Json) -> bool:
    """Whether a pattern ends with an absence that needs a window of the case's own: it must not get ours.

    A quantifier on it must be what the pattern is refused for, so then it gets one.
    """
    if "not" not in last or _is_strict_not(last) or _is_quantified(last):
        return False
    return last.get("for") is None


def _takes_in(node: Json, absence: Json) -> bool:
    """Whether a step is a loop that must hold the absence right behind it in its own body.

    Flink looks for the forbidden event after every turn. For `notNext` that is so once the loop may end. An
    absence of a given length cannot go in: there it would also hold up the next turn.
    """
    low, high = _turns(node)
    if "not" not in absence or "not" in node or high == 1 or absence.get("for"):
        return False
    return not _is_strict_not(absence) or low <= 1


def _is_possessive(node: Json) -> bool:
    """Whether greed changes anything: not for a fixed number of turns."""
    low, high = _turns(node)
    return bool(node.get("greedy")) and low != high


def _needs_guard(node: Json, behind: Sequence[Json]) -> bool:
    """Whether an event that fits a greedy loop could come when the loop itself cannot take it any more."""
    low, high = _turns(node)
    if not node.get("greedy") or low == high or not behind or "event" not in node or node.get("until"):
        return False
    return high is not None or node.get("inner") == "strict" or node.get("follow") in ("strict", "any")


def _types_that_matter(case: Case) -> list[str]:
    """Every event type, when the rule would otherwise not see those that break strict contiguity."""
    nodes = [node for node in nodes_below(case.pattern) if "event" in node]
    strict = any(
        "strict" in (node.get("follow"), node.get("inner"), node.get("negated_follow"))
        for node in nodes_below(case.pattern)
    )
    if not strict or any(node.get("type") is None for node in nodes):
        return []
    return sorted({event.type for event in case.events} | {node["type"] for node in nodes})
