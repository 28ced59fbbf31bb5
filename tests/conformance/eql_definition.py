"""EQL's sequences by their conventions: for each step and key at most one pending sequence, the newest.

Nothing of ours is in it: neither the language nor an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.conformance.cases import Json
from tests.conformance.row_definition import compute

Key = tuple[Json, ...]


def eql_matches(case: Json) -> list[dict[str, list[int]]]:
    """The matches of a sequence, missing events taken into account."""
    nodes, events = case["pattern"]["seq"], case["events"]
    steps = [node for node in nodes if "not" not in node for _ in range(node.get("min", 1))]
    found = []
    for key, taken in _completed(case, steps):
        if _given_up(nodes, events, key, taken, case["pattern"].get("within")):
            continue
        match: dict[str, list[int]] = {}
        for step, index in zip(steps, taken, strict=True):
            match.setdefault(step["event"], []).append(index)
        found.append(match)
    return found


def _completed(case: Json, steps: Sequence[Json]) -> Iterator[tuple[Key, list[int]]]:
    """Sequences as if no event could be missing."""
    events, within, until = case["events"], case["pattern"].get("within"), case["pattern"].get("until")
    pending: list[dict[Key, list[int]]] = [{} for _ in steps]
    for index, event in enumerate(events):
        for place in reversed(range(len(steps))):
            key = _key_if_fits(steps[place], event)
            before = [] if place == 0 else pending[place - 1].pop(key, None) if key is not None else None
            if key is None or before is None:
                continue
            taken = [*before, index]
            if within is not None and event["_ts"] - events[taken[0]]["_ts"] > within:
                continue
            if place < len(steps) - 1:
                pending[place][key] = taken
            else:
                yield key, taken
        ended = None if until is None else _key_if_fits(until, event)
        for each in pending if ended is not None else ():
            each.pop(ended, None)  # type: ignore[arg-type]


def _given_up(
    nodes: Sequence[Json], events: Sequence[Json], key: Key, taken: Sequence[int], within: int | None
) -> bool:
    """Whether an event is there that must be missing."""
    place, before, behind, outside = 0, list[int](), list[int](), set[str]()
    for node in nodes:
        if "not" not in node:
            place += node.get("min", 1)
            continue
        there = [i for i, event in enumerate(events) if _key_if_fits(node["not"], event) == key]
        if place == 0:
            outside.add("first")
            before += [i for i in there if i < taken[0]]
        elif place == len(taken):
            outside.add("last")
            behind += [i for i in there if i > taken[-1]]
        elif any(taken[place - 1] < i < taken[place] for i in there):
            return True
    ends = before if "first" in outside else taken[:1]
    closes = behind if "last" in outside else taken[-1:]
    if not outside:
        return False
    return any(within is None or events[b]["_ts"] - events[a]["_ts"] <= within for a in ends for b in closes)


def _key_if_fits(node: Json, event: Json) -> Key | None:
    """The key of an event that a node takes; None if it takes it not, or if it has no key."""
    if node.get("type") not in (None, event["_type"]):
        return None
    if node.get("where") is not None and _value(node["where"], event) is not True:
        return None
    parts = [(part, _value(part, event)) for part in node.get("by", ())]
    if any(value is None and part[0] != "optional" for part, value in parts):
        return None
    return tuple(value for _, value in parts)


def _value(expr: Json, event: Json) -> Json:
    match expr:
        case ["field", name]:
            return event.get(name)
        case ["optional", inner]:
            return _value(inner, event)
        case [op, *operands]:
            return compute(op, [_value(each, event) for each in operands])
        case _:
            return expr
