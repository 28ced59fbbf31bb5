"""Patterns of semantics `eql`, sequences and joins of Elastic's EQL, as text of our language.

For each step and key EQL holds one pending sequence, the newest. All conditions being on single events, the
newest is the one that started last, and that is what `PICK LAST AFTER MATCH NO SKIP` gives: of all that one
event completes, the latest start. What needs more than another spelling:

    with runs=n             e{n}, or n steps
    until                   UNLESS, or NOT in every gap: an `until` event may still be the last step
    by x here, by y there   BY on the steps
    by ?x, by f(x)          a condition: our keys are attributes, and null has no key
    missing first           NOT … FOR the whole window: all there is has been seen
    missing last            NOT; each start having its own deadline, one more NOT says which is newest
    missing first and last  given up if both are there: a branch without the first, one that starts with it
    join                    AND, first of each; one event on both sides is a branch of its own
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.conformance.cases import Case, Json
from tests.conformance.eql_text import (
    Step,
    all_of,
    disjoint,
    key_text,
    read_step,
    same_key,
)
from tests.conformance.text import (
    NO_WINDOW_MS,
    RESERVED,
    RuleText,
    UnsayableError,
    duration_text,
    event_text,
    name_text,
    nodes_below,
    quantifier_text,
    string_text,
)

MATCHES_MAX: Final = 1_000_000
"""`PICK ALL` must be bounded; this is more than any case has matches."""


def rule_text(case: Case) -> RuleText:
    """The rule that finds in our engine what the case expects; UnsayableError if there is none."""
    root = case.pattern
    if any(node.get("fork") for node in nodes_below(root)):
        raise UnsayableError(
            "fork: a start gives one match, or with PICK ALL every one, not the newest each time"
        )
    writer = _Writer(case, root)
    pick, body = writer.join() if "and" in root else writer.sequence()
    clauses = []
    if writer.by:
        clauses.append(f"BY {', '.join(writer.by)}")
    within = root.get("within")
    clauses.append(f"WITHIN {duration_text(within or NO_WINDOW_MS)}")
    clauses += writer.unless
    clauses.append(pick)
    pipes = tuple(_pipe(each) for each in (case.raw or {}).get("pipes") or ())
    text = "\n".join([body, " ".join(clauses)])
    return RuleText(text, writer.variables, complete=True, pipes=pipes)


def _pipe(pipe: Json) -> tuple[str, int]:
    match pipe:
        case ["head" | "tail" as name, int(count)]:
            return name, count
        case _:
            raise UnsayableError(f"the pipe {pipe[0]}: a rule says what a match is, not what becomes of all")


@dataclass(slots=True)
class _Writer:
    """Writes one case; keeps the names given away and what they stand for."""

    case: Case
    root: Json
    variables: dict[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    by: list[str] = field(default_factory=list)
    """The key of the whole rule, if every step has the same."""
    unless: list[str] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    """Places in the `by` lists that are attributes everywhere: a key of ours."""
    attributes: frozenset[str] = frozenset()

    # --- sequences ---------------------------------------------------------------------------------------

    def sequence(self) -> tuple[str, str]:
        """How to pick, and the body of a sequence."""
        nodes = self.root.get("seq", [self.root])
        positives = [i for i, node in enumerate(nodes) if "not" not in node]
        if not positives:
            raise UnsayableError("a sequence of nothing but missing events")
        until = self.root.get("until")
        steps = [read_step(node.get("not", node)) for node in nodes]
        self._keys([*steps, *([read_step(until)] if until else [])])
        leads, trails = positives[0] > 0, positives[-1] < len(nodes) - 1
        total = sum(steps[i].runs for i in positives)
        self._refuse(nodes, positives, total, leads=leads, trails=trails)
        if leads and trails:
            return self._around(*steps)
        stop = self._until(read_step(until), [steps[i] for i in positives], trails=trails) if until else None
        # Steps with something in every gap, or with keys of conditions, are written one by one.
        apart = stop is not None or trails or len(self.columns) < steps[positives[0]].width
        parts: list[str] = []
        first: tuple[Step, str] | None = None
        taken = 0
        for i, step in enumerate(steps):
            if i not in positives:
                ahead = first or self._ahead(steps[positives[0]])
                lasting = (
                    f" FOR {duration_text(self.root.get('within') or NO_WINDOW_MS)}" if first is None else ""
                )
                parts.append(self._forbidden(step, ahead) + lasting)
                continue
            for _ in range(step.runs if apart else 1):
                taken += 1
                if first is not None and stop is not None:
                    parts.append(self._forbidden(stop, first))
                if first is not None and trails:
                    parts.append(self._forbidden(first[0], first))
                name = self._fresh(step.var)
                self.variables[name] = step.var
                # An `until` event may be the last step, but no other one.
                event = self._event(step, first, stop if taken < total else None)
                count = "" if apart else quantifier_text(step.runs, step.runs)
                parts.append(f"{event} {name_text(name)}{count}{self._by_suffix(step)}")
                first = first or (step, name)
        pick = "PICK EACH" if trails or total == 1 else "PICK LAST"
        return f"{pick} AFTER MATCH NO SKIP", f"SEQ({', '.join(parts)})"

    def _around(self, before: Step, step: Step, behind: Step) -> tuple[str, str]:
        """One event, given up only if it has a missing event on both sides within the window.

        Either none comes before it, or the last one that does opens the window in which none may come behind.
        """
        if not disjoint(before, step):
            raise UnsayableError("missing events first and last, of which the first may be the step itself")
        alone, led, opener = (self._fresh(each) for each in (step.var, step.var, before.var))
        self.variables |= {alone: step.var, led: step.var}
        lasting = f" FOR {duration_text(self.root['within'])}"
        suffix = self._by_suffix(step)
        first, opened = (step, alone), (before, opener)
        without = [self._forbidden(before, first) + lasting]
        without.append(f"{self._event(step, None, None)} {name_text(alone)}{suffix}")
        within = [
            f"{self._event(before, None, None)} {name_text(opener)}{self._by_suffix(before)}",
            self._forbidden(before, opened),
            f"ANY {self._event(step, opened, None)} {name_text(led)}{suffix}",
            self._forbidden(behind, opened),
        ]
        body = f"OR(SEQ({', '.join(without)}), SEQ({', '.join(within)}))"
        return f"PICK ALL AFTER MATCH NO SKIP LIMIT {MATCHES_MAX}", body

    def _refuse(
        self, nodes: Sequence[Json], positives: Sequence[int], total: int, *, leads: bool, trails: bool
    ) -> None:
        """What of missing events means something else with us."""
        if leads and trails and (len(nodes) > 3 or total > 1 or not self.root.get("within")):
            raise UnsayableError("missing events first and last: there either may occur, only not both")
        if leads and total > 1:
            raise UnsayableError(
                "a missing event first, looked for in a window counted back from the last event"
            )
        if trails and total > 2:
            raise UnsayableError(
                "a missing event last: each start waits for itself, so the newest is not known"
            )
        if trails and not self.root.get("within"):
            raise UnsayableError("a missing event last without maxspan: nothing ends the wait")
        before_last = nodes[positives[0] : positives[-2]] if len(positives) > 1 else []
        if any("not" in node for node in before_last):
            raise UnsayableError(
                "a missing event before the last gap: a sequence given up still hides an older one"
            )

    def _until(self, until: Step, steps: Sequence[Step], *, trails: bool) -> Step | None:
        """Writes UNLESS if that says it; otherwise gives the step to forbid in every gap."""
        types = {step.type for step in steps}
        plain = (
            len(self.columns) == until.width
            and until.same_key_as(steps[0])
            and bool(self.by or not until.width)
        )
        if plain and not trails and until.type is not None and None not in types and until.type not in types:
            self.unless.append(f"UNLESS {event_text(until.type, until.condition)}")
            return None
        return until

    def _ahead(self, step: Step) -> tuple[Step, str]:
        """The first step, with the name that it will get."""
        name = step.var
        while name in self.attributes:
            name += "_"
        return step, name

    def _forbidden(self, step: Step, first: tuple[Step, str]) -> str:
        """An event that must not occur with the key of the first step, before the next event is taken."""
        name = self._fresh(f"no_{step.var}")
        return f"NOT {self._event(step, first, None)} {name_text(name)}{self._by_suffix(step)}"

    def _event(self, step: Step, first: tuple[Step, str] | None, barrier: Step | None) -> str:
        """An event of a step that is no barrier, with the key of the first one where `BY` does not say it."""
        tests = [step.condition or ""]
        tests += [key_text(step, column, first) for column in range(step.width) if column not in self.columns]
        fits = None if barrier is None else self._also(step, barrier)
        if fits == "":
            raise UnsayableError("a step that every `until` event fits, and that is not the last")
        if fits is not None:
            tests.append(f"NOT coalesce({fits}, FALSE)")
        return event_text(step.type, all_of(tests) or None)

    def _also(self, step: Step, other: Step) -> str | None:
        """When an event of a step fits the other one too, with the same key; None: never, empty: always."""
        if disjoint(step, other):
            return None
        tests = [other.condition or ""] if other.where != step.where else []
        if step.type is None and other.type is not None:
            tests.append(f"type(this) = {string_text(other.type)}")
        tests += [same_key(step, other, column) for column in range(step.width)]
        return all_of(tests)

    # --- keys --------------------------------------------------------------------------------------------

    def _keys(self, steps: Sequence[Step]) -> None:
        """Which parts of the key are attributes, and whether all steps have the same."""
        self.attributes = frozenset({name for event in self.case.events for name in event.fields} | RESERVED)
        if len({step.width for step in steps}) > 1:
            raise UnsayableError("steps with keys of different length")
        self.columns = [i for i in range(steps[0].width) if all(step.attribute(i) for step in steps)]
        paths = {tuple(step.attribute(i) for i in self.columns) for step in steps}
        shared = [name_text(name) for name in self.case.key]
        if shared and len(paths) > 1:
            raise UnsayableError("a key of the whole and other keys of its steps")
        if len(paths) == 1:
            self.by = shared + [name_text(name or "") for name in min(paths)]

    def _by_suffix(self, step: Step) -> str:
        if self.by or not self.columns:
            return ""
        paths = [name_text(step.attribute(i) or "") for i in self.columns]
        return f" BY {paths[0]}" if len(paths) == 1 else f" BY ({', '.join(paths)})"

    def _fresh(self, name: str) -> str:
        """A name like this one that nothing else has."""
        while name in self.attributes:
            name += "_"
        number, fresh = 1, name
        while fresh in self.variables:
            number += 1
            fresh = f"{name}_{number}"
        self.variables[fresh] = None
        return fresh

    # --- joins -------------------------------------------------------------------------------------------

    def join(self) -> tuple[str, str]:
        """How to pick, and the body of a join."""
        nodes = self.root["and"]
        if any("event" not in node for node in nodes):
            raise UnsayableError("a join of other things than events")
        steps = [read_step(node) for node in nodes]
        until = read_step(self.root["until"]) if self.root.get("until") else None
        self._keys([*steps, *([until] if until else [])])
        if len(self.columns) < steps[0].width:
            raise UnsayableError("a join by keys that may be null: none of its sides is the first")
        if until is not None and any(not _types_apart(until, step) for step in steps):
            raise UnsayableError("a join with an `until` event that may also be on a side")
        parts = []
        for step in steps:
            name = self._fresh(step.var)
            self.variables[name] = step.var
            parts.append(f"{event_text(step.type, step.condition)} {name_text(name)}{self._by_suffix(step)}")
        if until is not None:
            event = event_text(until.type, until.condition)
            parts.append(f"NOT {event} {name_text(self._fresh(f'no_{until.var}'))}{self._by_suffix(until)}")
        body = f"AND({', '.join(parts)})"
        both = self._both(steps)
        return "PICK FIRST AFTER MATCH SKIP PAST LAST", f"OR({both}, {body})" if both else body

    def _both(self, steps: Sequence[Step]) -> str:
        """The branch in which one event fills both sides; nothing if none can."""
        if not any(not disjoint(a, b) for i, a in enumerate(steps) for b in steps[:i]):
            return ""
        if len(steps) > 2:
            raise UnsayableError("a join of three sides or more, two of which one event may fill")
        one, other = steps
        fits = self._also(one, other) or ""
        kind = one.type if one.type is not None else other.type
        name = self._fresh(f"{one.var}_{other.var}")
        self.variables[name] = (one.var, other.var)
        event = event_text(kind, all_of([one.condition or "", fits]) or None)
        return f"{event} {name_text(name)}{self._by_suffix(one)}"


def _types_apart(one: Step, other: Step) -> bool:
    return one.type is not None and other.type is not None and one.type != other.type
