"""Patterns of semantics `every_once`, those of Siddhi and Esper, as text of our language.

There a query runs from its start on: without `every` it matches once, `every` says where it begins anew, and
several runs may wait for the same event. With us every event that fits may start a match, so the text depends
on where `every` stands:

    every A -> B           each start counts     PICK EACH AFTER MATCH NO SKIP
    every (A -> B)         one run at a time     PICK FIRST, one run a key
    A -> B                 the first start       SEQ(Started started, A a, B b)
    A -> every B           each event            SEQ(Started started, A a, ANY B b) PICK ALL
    every (A -> B) -> C    turns before          SEQ(Started started, SEQ(A a_past, B b_past)*, A a, B b, C c)
    A -> not B for T       the wait              NOT B b FOR (T − 1ms)
    timer T                nothing happens       NOT Never n FOR (T − 1ms)

`Started` is an event that the runner puts before the others: a rule of ours knows no moment of its own start,
or it would answer otherwise when it is replayed, so a rule that needs that moment is told it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cep.engines.matcher import Limits
from tests.conformance.cases import Case, Json
from tests.conformance.every_way import STARTED, Single, Way, is_chain, overlap, sequence_text, single
from tests.conformance.every_ways import Writer
from tests.conformance.text import (
    NO_WINDOW_MS,
    RESERVED,
    RuleText,
    UnsayableError,
    duration_text,
    name_text,
    nodes_below,
)

MATCHES_MAX: Final = 1_000_000
"""`PICK ALL` must be bounded; this is more than any case has matches."""

ONE_RUN: Final = Limits(runs_per_key=1, events_per_key=1_000_000, overflow="drop_newest")

STARTED_TYPE: Final = "Started"


def rule_text(case: Case) -> RuleText:
    """The rule that finds in our engine what the case expects; UnsayableError if there is none."""
    esper = "esper" in case.engine.lower()
    root = case.pattern
    if not esper:
        root = {name: value for name, value in root.items() if name != "within"}
    _refuse(case, root)
    nodes = root["seq"] if is_chain(root) else [root]
    for plan in (_one_run, _each_start):
        rule = plan(case, root, nodes, esper=esper)
        if rule is not None:
            return rule
    return _from_start(case, root, nodes, esper=esper)


def _refuse(case: Case, root: Json) -> None:
    if case.skip != "none":
        raise UnsayableError(f"the skip policy {case.skip} beside `every`")
    names = [each["event"] for node in root.get("seq", ()) for each in _taken(node)]
    if len(names) > len(set(names)):
        raise UnsayableError("a variable of two steps: ours is bound by one")
    nodes = root.get("seq", [root])
    for node in nodes_below(root):
        bound = node.get("max_pending")
        if bound is not None:
            before = [each.get("type") for part in nodes if part is not node for each in nodes_below(part)]
            if sum(event.type in before for event in case.events) > bound:
                raise UnsayableError("a bound on the runs that wait for one step: ours are of a rule and key")


def _taken(node: Json) -> Iterator[Json]:
    """The events that a step takes, if it takes more than one in any case."""
    if "event" in node:
        yield node
    elif "every" in node:
        yield from _taken(node["every"])
    for each in node.get("seq", ()):
        yield from _taken(each)


def _writer(case: Case, *, esper: bool, forks: bool) -> Writer:
    names = {name for event in case.events for name in event.fields}
    end = max((e.ts_ms for e in case.entries), default=0)
    root = case.pattern
    nodes = root.get("seq") or [root]
    sequence = any(node.get("follow") == "strict" for node in nodes_below(root))
    head = nodes[0].get("every", {})
    types = {node.get("type") for node in nodes_below(root) if "event" in node}
    return Writer(
        esper=esper,
        sequence=sequence,
        replaced_by=single(head) if sequence and "event" in head else None,
        types=frozenset(types - {None}),
        forks=forks,
        attributes=frozenset(names | set(case.key) | RESERVED | {STARTED}),
        horizon_ms=None if case.flush else end,
        moments=[(0, STARTED_TYPE), *((event.ts_ms, event.type) for event in case.events)],
        within_ms=None if esper else case.pattern.get("within"),
    )


def _one_run(case: Case, root: Json, nodes: list[Json], *, esper: bool) -> RuleText | None:
    """`every` around everything, or around a first step that may be missing: one run at a time."""
    head = nodes[0].get("every")
    if head is None or sum("every" in node for node in nodes_below(root)) != 1 or _timed(root, esper=esper):
        return None
    skip = "SKIP PAST LAST"
    if "event" in head:
        event = single(head)
        if _holds_a_place(event, nodes):
            skip = "NO SKIP"
        elif event.low == 1 or (event.low and len(nodes) > 1):
            return None
    elif len(nodes) > 1:
        return None
    if nodes[0].get("distinct"):
        return None
    writer = _writer(case, esper=esper, forks=False)
    ways = _possible(writer.chain([head, *nodes[1:]], [Way(anchored=False)], last=True))
    if len(ways) > 1:
        return None
    body = _body(ways[0])
    end = nodes[-1]
    if len(nodes) > 1 and "event" in end and single(end).strict and overlap(single(head), single(end)):
        # What ends a run of a sequence may be the start of the next one.
        skip = f"SKIP TO LAST {name_text(writer.name(end['event']))}"
    return _rule(case, writer, body, f"PICK FIRST AFTER MATCH {skip}", limits=ONE_RUN)


def _holds_a_place(head: Single, nodes: list[Json]) -> bool:
    """A sequence whose second step is counted: a run in it keeps new starts out until it is over."""
    if not head.once or len(nodes) != 3 or any("event" not in node for node in nodes[1:]):
        return False
    second, third = single(nodes[1]), single(nodes[2])
    return second.strict and second.high != 1 and third.strict and third.once


def _each_start(case: Case, root: Json, nodes: list[Json], *, esper: bool) -> RuleText | None:
    """`every` around a first step: each event that fits it starts a run, and that is how our rules work."""
    head = nodes[0].get("every")
    if head is None or sum("every" in node for node in nodes_below(root)) != 1:
        return None
    if nodes[0].keys() - {"every", "follow"}:
        return None
    if esper and (root.get("within") or head.get("within") or head.get("within_max")):
        return None
    singles = head["or"] if "or" in head and set(head) == {"or"} else [head]
    if not all("event" in each and "until" not in each and single(each).low == 1 for each in singles):
        return None
    if head is not singles[0] and not all(single(each).once for each in singles):
        return None
    writer = _writer(case, esper=esper, forks=False)
    ways = _possible(writer.chain([head, *nodes[1:]], [Way(anchored=False)], last=True))
    if writer.within_ms is not None and any(_waits(way) for way in ways):
        body = _alternatives(_in_window(case, ways, writer.within_ms), writer.within_ms)
        return _rule(case, writer, body, "PICK EACH AFTER MATCH NO SKIP", windowed=False)
    body = _body(ways[0]) if len(ways) == 1 else f"OR({', '.join(_body(way) for way in ways)})"
    return _rule(case, writer, body, "PICK EACH AFTER MATCH NO SKIP")


def _from_start(case: Case, root: Json, nodes: list[Json], *, esper: bool) -> RuleText:
    """Everything else begins with the start of the query."""
    forks = any("every" in node for node in nodes_below(root))
    writer = _writer(case, esper=esper, forks=forks)
    start = Way(parts=(f"{STARTED_TYPE} {STARTED}",), mark=f"{STARTED}.ts")
    if esper and root.get("within") is not None and "seq" in root:
        nodes = [root]
    if writer.sequence and ("event" in nodes[0] or "or" in nodes[0]) and not _timed(root, esper=esper):
        # The only run of a sequence is over with the first event of its streams that is another one.
        start, nodes = replace(start, fresh=False), [{**nodes[0], "follow": "strict"}, *nodes[1:]]
    ways = _possible(writer.chain(nodes, [start], last=True))
    if any(len(way.parts) == 1 and not way.behind for way in ways):
        raise UnsayableError("a pattern that matches before anything happens")
    body = _alternatives(_in_window(case, ways, writer.within_ms), writer.within_ms)
    writer.variables[STARTED] = None
    pick = f"PICK ALL AFTER MATCH NO SKIP LIMIT {MATCHES_MAX}" if forks else "PICK FIRST AFTER MATCH STOP"
    rule = _rule(case, writer, body, pick, windowed=False)
    return replace(rule, start=STARTED_TYPE)


def _possible(ways: list[Way]) -> list[Way]:
    if not ways:
        raise UnsayableError("a pattern that nothing can match: such a rule is refused when it is loaded")
    return ways


def _timed(root: Json, *, esper: bool) -> bool:
    """Whether a pattern waits for time, or counts windows from moments that no event marks."""
    for node in nodes_below(root):
        if (
            "not" in node
            or "timer" in node
            or isinstance(node.get("until"), dict)
            or (esper and ("within" in node or "while" in node))
        ):
            return True
    return False


def _body(way: Way) -> str:
    parts = (*way.parts, *way.behind)
    bare = len(parts) == 1 and ") WITHIN " not in parts[0]
    return parts[0] if bare else f"SEQ({', '.join(parts)})"


def _waits(way: Way) -> bool:
    """Whether a way ends with a wait: in Siddhi its end must be in the window as well."""
    return bool(way.off_ms) and way.held and way.first is not None


def _in_window(case: Case, ways: list[Way], within_ms: int | None) -> list[Way]:
    """The ways that a window leaves; one of no time leaves those that take one event."""
    if within_ms is None:
        return ways
    ties = len({event.ts_ms for event in case.events}) < len(case.events)
    found = []
    for way in ways:
        left = within_ms - way.off_ms if _waits(way) else within_ms
        if left == 0 and ties and not _takes_one(way):
            raise UnsayableError("a wait as long as the window, after several events of one moment")
        if left > 0 or (left == 0 and _takes_one(way)):
            found.append(way)
    return _possible(found)


def _taken_by(way: Way) -> tuple[str, ...]:
    """The parts of a way from its first event on up to its last."""
    assert way.first is not None
    end = max(i for i, part in enumerate(way.parts) if not part.startswith("NOT ")) + 1
    return way.parts[way.first : end]


def _takes_one(way: Way) -> bool:
    taken = _taken_by(way)
    return len(taken) == 1 and taken[0][-1] not in "}+*)"


def _with_wait(way: Way, within_ms: int) -> tuple[str, ...]:
    """The chain of a way that ends with a wait: what it takes has so much less of the window."""
    if _takes_one(way) or way.first is None:
        return (*way.parts, *way.behind)
    taken = _taken_by(way)
    span = f"SEQ({', '.join(taken)}) WITHIN {duration_text(within_ms - way.off_ms)}"
    return (*way.parts[: way.first], span, *way.parts[way.first + len(taken) :], *way.behind)


def _alternatives(ways: list[Way], within_ms: int | None) -> str:
    """Several ways as one pattern, what they share written once; from the first event on in the window."""
    chains = [(*way.parts, *way.behind) for way in ways]
    shared = _shared(chains)
    firsts = {way.first for way in ways}
    if within_ms is None:
        return sequence_text(_joined(chains, shared))
    span = f" WITHIN {duration_text(within_ms)}"
    waits = any(_waits(way) for way in ways)
    if not waits and len(firsts) == 1 and (first := firsts.pop()) is not None and first < shared:
        whole = sequence_text([*chains[0][first:shared], *_joined([chain[shared:] for chain in chains], 0)])
        return sequence_text([*chains[0][:first], whole + span])
    scoped = []
    for way, chain in zip(ways, chains, strict=True):
        if _waits(way):
            scoped.append(_with_wait(way, within_ms))
            continue
        inside = chain[way.first :] if way.first is not None else ()
        plain = not inside or (len(inside) == 1 and inside[0][-1] not in "}+*)")
        scope = chain if plain else (*chain[: way.first], f"SEQ({', '.join(inside)}){span}")
        scoped.append(scope)
    return sequence_text(_joined(scoped, _shared(scoped)))


def _shared(chains: list[tuple[str, ...]]) -> int:
    """How many parts chains begin with in common, such that every one goes on with more than absences."""
    shared = 0
    while (
        len(chains) > 1
        and len({chain[: shared + 1] for chain in chains}) == 1
        and shared + 1 < min(map(len, chains))
    ):
        shared += 1
    while shared and any(all(part.startswith("NOT ") for part in chain[shared:]) for chain in chains):
        shared -= 1  # a branch of absences alone is refused
    return shared


def _joined(chains: list[tuple[str, ...]], shared: int) -> list[str]:
    """Chains that begin with the same parts as one chain, whose last part is a choice."""
    if len(chains) == 1:
        return list(chains[0])
    # NEXT and ANY stand in a SEQ only.
    rests = [f"SEQ({', '.join(chain[shared:])})" for chain in chains]
    return [*chains[0][:shared], f"OR({', '.join(rests)})"]


def _rule(
    case: Case, writer: Writer, body: str, pick: str, *, limits: Limits | None = None, windowed: bool = True
) -> RuleText:
    clauses = [f"BY {', '.join(name_text(each) for each in case.key)}"] if case.key else []
    within = writer.within_ms if windowed else None
    clauses += [f"WITHIN {duration_text(within or NO_WINDOW_MS)}", pick]
    return RuleText("\n".join([body, " ".join(clauses)]), writer.variables, limits=limits)
