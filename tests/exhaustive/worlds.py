"""Every small pattern and every small stream.

A pattern's types are named in the order of their first use (A before B before C), since names do not
matter. `plain` are all ways to put steps together, `loops` puts one loop into or around each, `absences`
one NOT at each place, `clauses` says every clause of a few patterns.

A stream holds only types that the pattern names: no other event gets to a matcher (`tests/properties/`). It
begins with an event that the pattern may begin with: what comes before can neither be taken nor be in the
way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

Stream = tuple[tuple[str, int], ...]

TYPES = "ABC"
PICKS = ("FIRST", "LAST", "EACH", "ALL LIMIT 9999", "LEFTMOST")
MODES = ("FIRST", "ALL LIMIT 9999", "LEFTMOST")
"""One pick for each way that a run may deal with an event."""
QUANTS = tuple(quant + greed for quant in ("?", "+", "*", "{2}", "{1,2}", "{2,}") for greed in ("", "?", "+"))
LOOPS = ("+", "+?", "*", "{2}", "{1,2}+")
MARKED = ("+", "*")
LOOP_MARKS = (" CONSECUTIVE", " COMBINATIONS", " UNTIL B", " UNTIL C")
SKIPS = ("NO SKIP", "SKIP PAST LAST", "SKIP TO NEXT", "SKIP TO FIRST v1", "SKIP TO LAST v1", "STOP")
FOLLOWS = ("", "NEXT ", "ANY ")


@cache
def streams(types: str, first: str, events: int, *, timed: bool) -> tuple[Stream, ...]:
    """Every stream of up to so many events; each comes with the one before it, or a millisecond later.

    A pattern that is not `timed` says nothing of durations: for it all come at once, or each is later.
    """
    found: list[Stream] = []
    for rest in range(events):
        pauses = list(product((0, 1), repeat=rest)) if timed else [(0,) * rest, (1,) * rest]
        for kinds in product(first, *[types] * rest):
            for pause in dict.fromkeys(pauses):
                times = (sum(pause[:i]) for i in range(rest + 1))
                found.append(tuple(zip(kinds, times, strict=True)))
    return tuple(found)


def starts(text: str, types: str) -> str:
    """The types that a match may begin with: the first step's, if it stands in plain sight; else any."""
    plainly = re.match(r"SEQ\(([ABC]) v1(?![?*])", text)
    return plainly[1] if plainly else types


@cache
def typings(steps: int) -> tuple[str, ...]:
    """The types of so many steps, in every way that is not another one with other names.

    >>> typings(3)
    ('AAA', 'AAB', 'ABA', 'ABB', 'ABC')
    """
    found = [""]
    for _ in range(steps):
        found = [some + kind for some in found for kind in TYPES[: len(set(some)) + 1]]
    return tuple(found)


def named(types: str) -> list[str]:
    """Steps with variables: the text of each."""
    return [f"{kind} v{i}" for i, kind in enumerate(types, start=1)]


def shapes(steps: tuple[str, ...], within: str = "") -> Iterator[str]:
    """Every way to put steps together, in this order; an operator is never put straight `within` itself."""
    if len(steps) == 1:
        yield steps[0]
        return
    for parts in _partitions(steps):
        inner = [list(shapes(part)) if len(part) == 1 else None for part in parts]
        for operator in ("SEQ", "AND", "OR", *(f"ATLEAST {n}" for n in range(1, len(parts)))):
            if operator == within:
                continue
            choices = [
                texts if texts is not None else list(shapes(part, operator))
                for texts, part in zip(inner, parts, strict=True)
            ]
            for texts in product(*choices):
                yield from _joined(operator, texts)


def _joined(operator: str, parts: tuple[str, ...]) -> Iterator[str]:
    if operator == "SEQ":
        for follows in product(FOLLOWS, repeat=len(parts) - 1):
            yield f"SEQ({', '.join(f + part for f, part in zip(('', *follows), parts, strict=True))})"
    elif operator.startswith("ATLEAST"):
        yield f"ATLEAST({operator[-1]}, {', '.join(parts)})"
    else:
        yield f"{operator}({', '.join(parts)})"


def _partitions(steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Every cut of the steps into two parts or more."""
    for cuts in product((False, True), repeat=len(steps) - 1):
        parts = [[steps[0]]]
        for step, cut in zip(steps[1:], cuts, strict=True):
            if cut:
                parts.append([step])
            else:
                parts[-1].append(step)
        if len(parts) > 1:
            yield tuple(tuple(part) for part in parts)


def plain(steps: int) -> Iterator[str]:
    """Every pattern of exactly so many steps that has no loop and no NOT."""
    for types in typings(steps):
        yield from shapes(tuple(named(types)))


def loops(steps: int, quants: tuple[str, ...]) -> Iterator[str]:
    """Every pattern of so many steps with one loop: around a step, or around the whole."""
    for types in typings(steps):
        for quant in quants:
            yield from _looped(types, quant)


def loops_in_turn(steps: int, quants: tuple[str, ...], times: int) -> Iterator[str]:
    """Every shape of so many steps with a loop at every place, so many times: types and loops take turns."""
    choices = [list(_looped(types, quant)) for quant in quants for types in typings(steps)]
    for i in range(len(choices[0])):
        yield from (choices[(i + n * len(choices) // times) % len(choices)][i] for n in range(times))


def _looped(types: str, quant: str) -> Iterator[str]:
    texts = named(types)
    for i in range(len(texts)):
        yield from shapes((*texts[:i], texts[i] + quant, *texts[i + 1 :]))
    if len(texts) > 1:
        yield from (f"{shape} g{quant}" for shape in shapes(tuple(texts)))


def absences(types: str) -> Iterator[str]:
    """Every place of one NOT among steps of these types; the NOT is of the last of them."""
    before, absent = types[:-1], types[-1]
    texts = named(before)
    for text in (f"NOT {absent}", f"NOT {absent} FOR 1ms", f"NEXT NOT {absent}"):
        for i in range(1, len(texts) + 1):
            for follows in product(("", "NEXT "), repeat=len(texts) - 1):
                parts = [f + part for f, part in zip(("", *follows), texts, strict=True)]
                yield f"SEQ({', '.join([*parts[:i], text, *parts[i:]])})"
        if len(texts) == 2:
            yield f"SEQ({texts[0]}, {text}, {texts[1]}?)"
            yield f"SEQ({texts[0]}+, {text}, {texts[1]})"
            yield f"SEQ({texts[0]}, {text}, {texts[1]}) g{{2}}"
    yield f"SEQ(NOT {absent} FOR 1ms, {', '.join(texts)})"
    if len(texts) > 1:
        yield f"AND({', '.join(texts)}, NOT {absent})"
        yield f"AND({', '.join(texts)}, NOT {absent} FOR 1ms)"


BASES = (
    "SEQ(A v1, B v2)", "SEQ(A v1+, B v2)", "SEQ(A v1, B v2+)", "AND(A v1, B v2)", "A v1{2,}",
    "SEQ(A v1, A v2?)",
    "SEQ(A v1, NOT B FOR 1ms)", "SEQ(A v1+, NOT B FOR 1ms)",
)  # fmt: skip
LIMITS = ("WITHIN 1ms", "WITHIN 2ms", "WITHIN 1h GAP 1ms", "WITHIN 1h UNLESS B", "WITHIN 1h UNLESS C")


def clauses() -> Iterator[str]:
    """A few patterns with every PICK and AFTER MATCH, with time limits, UNLESS and ON UPDATE."""
    for base, pick, skip in product(BASES, PICKS, SKIPS):
        yield f"{base} WITHIN 1h PICK {pick} AFTER MATCH {skip}"
        if pick in ("FIRST", "LAST", "EACH"):
            yield f"{base} WITHIN 1h PICK {pick} AFTER MATCH {skip} ON UPDATE EMIT (n = 1)"
    for base, pick, limit in product(BASES, MODES, LIMITS):
        yield f"{base} {limit} PICK {pick}"
    for base, pick in product(
        (
            "SEQ(A v1, B v2 WITHIN 1ms OF v1, A v3)",
            "SEQ(A v1, SEQ(A v2, B v3) WITHIN 1ms)",
            "SEQ(SEQ(A v1+, B v2) WITHIN 1ms, A v3)",
            "SEQ(A v1, B v2+ GAP 1ms)",
        ),
        MODES,
    ):
        yield f"{base} WITHIN 1h PICK {pick}"


def modes(bases: Iterator[str], window: str = "1h") -> Iterator[str]:
    """Each of the patterns with each way to deal with an event."""
    yield from (f"{base} WITHIN {window} PICK {mode}" for base in bases for mode in MODES)
