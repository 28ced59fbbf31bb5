"""Random rules, as text of the whole language of patterns, and random streams for them."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cep.columns import Batch
from cep.engines.engines import ENGINES
from cep.engines.matcher import FOREVER_MS, Limits
from cep.errors import Source
from cep.event import Event
from cep.language.parser import parse_library
from cep.plan.compile import Plan
from cep.rulebook.pipeline import compile_text
from cep.schema import Schema
from cep.stream.alert import Alert, Rule
from cep.stream.detector import Detector

QUICK: Final = settings(
    derandomize=True, deadline=None, max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip

_TYPES: Final = ("A", "B", "C", "A|B")
_LOOPS: Final = (
    "",
    "",
    "",
    "",
    "+",
    "*",
    "?",
    "{2}",
    "{1,2}",
    "+?",
    "++",
    "+ CONSECUTIVE",
    "+ UNTIL C",
    "+ COMBINATIONS",
)
_FOLLOWS: Final = ("", "", "", "NEXT ", "ANY ")
_ORDERS: Final = ("SEQ", "SEQ", "SEQ", "SEQ STRICT", "SEQ ANY")
_SUFFIXES: Final = ("", "", "", " WITHIN 4ms", " GAP 3ms")
_SKIPS: Final = (
    "NO SKIP", "SKIP PAST LAST", "SKIP TO NEXT", "STOP", "SKIP TO FIRST v0", "SKIP TO LAST v1",
)  # fmt: skip
_PICKS: Final = ("FIRST", "FIRST", "LAST", "EACH", "ALL LIMIT 99", "LEFTMOST")
_MOMENTS: Final = (
    "", "", "", " ON UPDATE EMIT (n = 1)", " ON CLOSE EMIT (n = 1)", " ON TIMEOUT EMIT T(n = 1)", " UNLESS C",
)  # fmt: skip


@st.composite
def _step(draw: st.DrawFn, names: list[str]) -> str:
    before = [f"v{i}" for i in range(len(names))]
    names.append("")
    tests = ["", "", "", "[x > 0]", "[x != 1]", *(f"[x >= {var}.x]" for var in before[:1])]
    loop = draw(st.sampled_from(_LOOPS))
    return f"{draw(st.sampled_from(_TYPES))}{draw(st.sampled_from(tests))} v{len(before)}{loop}"


@st.composite
def patterns(draw: st.DrawFn, *, absences: bool = True) -> str:
    """The text of a pattern without its clauses."""
    names: list[str] = []
    parts = [draw(_step(names)) for _ in range(draw(st.integers(1, 4)))]
    if len(parts) > 2 and draw(st.booleans()):
        inner = draw(st.sampled_from(("AND", "OR", "SEQ", "ATLEAST")))
        both = f"{'1, ' if inner == 'ATLEAST' else ''}{parts[-2]}, {parts[-1]}"
        parts = [*parts[:-2], f"{inner}({both})"]
    outer = draw(st.sampled_from(("SEQ", "SEQ", "SEQ", "AND", "OR")))
    if len(parts) == 1:
        return parts[0]
    if outer != "SEQ":
        return f"{outer}({', '.join(parts)})"
    shown = [parts[0]]
    for part in parts[1:]:
        if absences and draw(st.integers(0, 3)) == 0:
            shown.append(f"NOT C n{draw(st.sampled_from(('', ' FOR 2ms')))}")
            absences = False
        shown.append(f"{draw(st.sampled_from(_FOLLOWS))}{part}{draw(st.sampled_from(_SUFFIXES))}")
    if absences and draw(st.integers(0, 2)) == 0:
        shown.append("NOT B n FOR 3ms")
    elif absences and draw(st.integers(0, 3)) == 0:
        shown.insert(0, "NOT C n FOR 3ms")
    return f"{draw(st.sampled_from(_ORDERS))}({', '.join(shown)})"


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A rule that the checker takes, of any kind."""
    within = draw(st.sampled_from(("WITHIN 5ms", "WITHIN 12ms", "WITHIN 1h", "WITHIN 3 EVENTS")))
    text = (
        f"{draw(patterns())} BY u {within} PICK {draw(st.sampled_from(_PICKS))} "
        f"AFTER MATCH {draw(st.sampled_from(_SKIPS))}{draw(st.sampled_from(_MOMENTS))}"
    )
    plan = plan_of(text)
    assume(plan is not None)
    assert plan is not None
    return plan


def plan_of(text: str, definitions: str = "") -> Plan | None:
    """The plan of a text that may use definitions of the library `lib`; None if it is refused."""
    syntax, _ = parse_library(Source.whole("lib.cep", definitions)) if definitions else (None, [])
    library = {f"lib.{each.name}": each for each in syntax.definitions} if syntax is not None else {}
    return compile_text(Source.whole("pattern", text), Schema(), library)[0]


def streams() -> SearchStrategy[list[Event]]:
    """Events of two keys and three types in the order of time, many with the same time."""
    one = st.tuples(st.sampled_from("ABC"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1))
    return st.lists(one, min_size=1, max_size=14).map(_events)


def _events(drawn: list[tuple[str, int, int, int]]) -> list[Event]:
    found: list[Event] = []
    ms = 100
    for seq, (kind, pause, x, u) in enumerate(drawn):
        ms += pause
        found.append(Event(kind, ms, seq, {"x": x, "u": u}))
    return found


def alerts(plan: Plan, engine: str, batches: list[list[Event]]) -> list[Alert]:
    """What a rule says to batches of events, each followed by the watermark just below the next."""
    rule = Rule(name="r", version=1, plan=plan, limits=Limits(runs_per_key=10**6, events_per_key=10**6))
    detector = Detector([rule], ENGINES[engine])
    found: list[Alert] = []
    kept = [batch for batch in batches if batch]
    for batch, later in zip(kept, [*kept[1:], []], strict=True):
        told_ms = later[0].ts_ms - 1 if later else FOREVER_MS - 1
        found += detector.process(Batch.of(batch), told_ms)
    return found


def ids(found: list[Alert]) -> list[str]:
    """The ids of alerts, in order of their names: one moment's alerts may come in another order."""
    return sorted(alert.alert_id for alert in found)
