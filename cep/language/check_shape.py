"""Shapes that can never work: NOT where there is nothing to forbid, loops that are none, dead branches."""

from __future__ import annotations

from typing import Final

from cep.errors import Span
from cep.language.expressions import CountSyntax
from cep.language.printer import show
from cep.language.report import Report
from cep.language.sites import is_loop
from cep.language.syntax import (
    AndSyntax,
    AtLeastSyntax,
    BySuffix,
    Core,
    EventSyntax,
    ForSuffix,
    GapSuffix,
    OrSyntax,
    PatternSyntax,
    QuantSyntax,
    SeqSyntax,
    StepSyntax,
    UnitSyntax,
    UseSyntax,
    WithinSuffix,
)
from cep.language.tree import outline
from cep.values import replaced, value

BRANCHES_MAX: Final = 8
"""Branches in any order have a state for every set of them."""


def check_shape(pattern: PatternSyntax, report: Report) -> None:
    """Everything that the tree alone shows to be wrong, apart from clauses."""
    if pattern.negated:
        _only_not(Span(pattern.span.start, pattern.unit.span.end), show(pattern.unit), report)
    every = pattern.pick is not None and pattern.pick.pick == "all"
    _unit(pattern.unit, _Around(every=every), report)
    steps = [node for node in outline(pattern.unit) if isinstance(node, StepSyntax) and not node.negated]
    units = [pattern.unit, *(step.unit for step in steps)]
    for unless in pattern.unless:
        for unit in units:
            if isinstance(unit.core, EventSyntax) and _covers(unless.event, unit.core):
                name = unit.name or show(replaced(unit.core, filter=None))
                message = f"UNLESS cancels every event that `{name}` could take"
                repair = "tell the two apart by a filter, or remove the UNLESS"
                report.error("E209", unless.span, message, "cancelling comes first", repair)
                break


@value
class _Around:
    """`first`: no event is taken before. `looped`: a loop is around. `every`: all matches are asked for."""

    first: bool = True
    looped: bool = False
    every: bool = False


def _unit(unit: UnitSyntax, around: _Around, report: Report) -> None:
    _loop(unit, report)
    if unit.quant is not None and is_loop(unit.quant):
        around = replaced(around, looped=True)
    match unit.core:
        case EventSyntax() | UseSyntax():
            return
        case SeqSyntax(_, steps):
            _chain(unit.core, steps, around, report)
        case AndSyntax(branches):
            _several(branches, unit.core, report)
            _branches(branches, around, report)
        case AtLeastSyntax(count, branches):
            _several(branches, unit.core, report)
            wanted = sum(not branch.negated for branch in branches)
            if count.number is not None and not 1 <= count.number <= wanted:
                message = f"{count.number} of {wanted} branches cannot be"
                label = f"a number from 1 to {wanted}" if wanted else "there is no branch to count"
                report.error(
                    "E309", count.span, message, label, f"ATLEAST({max(1, min(count.number, wanted))}, …)"
                )
            _branches(branches, around, report)
        case OrSyntax(branches):
            if not around.every:
                _dead_branches(branches, report)
            _branches(branches, around, report)


def _chain(seq: SeqSyntax, steps: tuple[StepSyntax, ...], around: _Around, report: Report) -> None:
    if all(step.negated for step in steps):
        _only_not(seq.span, show(replaced(steps[0], suffixes=())).removeprefix("NOT "), report)
    for step in steps:
        if step.follow is not None and not step.negated and around.first and not around.looped:
            word = "NEXT" if step.follow == "strict" else "ANY"
            message = f"{word} changes nothing on the first step"
            span = Span(step.span.start, step.span.start + len(word))
            report.warning("W406", span, message, "no step is before it", show(replaced(step, follow=None)))
        if around.first and not around.looped and not step.negated:
            _gap_before_all(step, report)
        _step(step, around, report)
        around = replaced(around, first=around.first and step.negated)


def _gap_before_all(step: StepSyntax, report: Report) -> None:
    """`GAP` on a single first event: there is nothing that it could be far from."""
    if not isinstance(step.unit.core, EventSyntax) or (step.unit.quant and is_loop(step.unit.quant)):
        return
    for suffix in step.suffixes:
        if isinstance(suffix, GapSuffix):
            message = "GAP changes nothing on the first step"
            others = tuple(other for other in step.suffixes if other is not suffix)
            repair = show(replaced(step, suffixes=others))
            report.warning("W406", suffix.span, message, "no event is before it", repair)


def _branches(branches: tuple[StepSyntax, ...], around: _Around, report: Report) -> None:
    for branch in branches:
        _step(branch, around, report)


def _step(step: StepSyntax, around: _Around, report: Report) -> None:
    if step.negated:
        _absence(step, report)
    for i, suffix in enumerate(step.suffixes):
        if isinstance(suffix, ForSuffix) and not step.negated:
            text = show(suffix.duration)
            report.error(
                "E308", suffix.span, "FOR belongs to NOT", "it says how long an absence lasts",
                f"to bound the time of this step write WITHIN {text}",
            )  # fmt: skip
        if any(_same_kind(suffix, earlier) for earlier in step.suffixes[:i]):
            word = show(suffix).split()[0]
            report.error(
                "E308",
                suffix.span,
                f"{word} is written twice on this step",
                "the second one",
                f"keep one {word}",
            )
    if not step.negated:
        _unit(step.unit, around, report)


def _same_kind(one: object, other: object) -> bool:
    if isinstance(one, WithinSuffix) and isinstance(other, WithinSuffix):
        return one.of == other.of
    return type(one) is type(other)


# ------------------------------------------------------------------------------------------------- NOT


def _only_not(span: Span, text: str, report: Report) -> None:
    report.error(
        "E303", span, "a pattern cannot be only a NOT", "there is no event that a match could start at",
        f"name the event that makes the absence matter: SEQ(A a, NOT {text} FOR 10m)",
    )  # fmt: skip


def _absence(step: StepSyntax, report: Report) -> None:
    unit = step.unit
    if not _is_forbidden(unit.core):
        word = show(unit.core).partition("(")[0].split()[0]
        report.error(
            "E501", unit.span, f"NOT of {word} is not supported yet", "NOT takes an event or an OR of events",
            "NOT OR(A a, B b) forbids both; write a NOT for each event",
        )  # fmt: skip
    if step.follow == "any":
        span = Span(step.span.start, step.span.start + len("ANY"))
        report.error(
            "E308", span, "ANY has no meaning before NOT", "nothing is taken here", f"NOT {show(unit)}"
        )
    if unit.quant is not None:
        plain = show(replaced(unit, quant=None, inner=None, until=None))
        report.error(
            "E308",
            unit.quant.span,
            "NOT takes no quantifier",
            "one such event is enough to forbid",
            f"NOT {plain}",
        )
    elif unit.inner is not None or unit.until is not None:
        word = "UNTIL" if unit.until is not None else _inner_word(unit)
        report.error(
            "E308",
            unit.span,
            f"{word} has no meaning under NOT",
            "it belongs to a loop",
            f"NOT {show(unit.core)}",
        )
    for suffix in step.suffixes:
        match suffix:
            case WithinSuffix(duration, _):
                repair = f"NOT {show(unit)} FOR {show(duration)}"
                report.error("E308", suffix.span, "NOT has no WITHIN of its own", "it takes no event", repair)
            case GapSuffix(duration):
                repair = f"NOT {show(unit)} FOR {show(duration)}"
                report.error("E308", suffix.span, "NOT has no GAP of its own", "it takes no event", repair)
            case ForSuffix() | BySuffix():
                pass


def _is_forbidden(core: Core) -> bool:
    match core:
        case EventSyntax() | UseSyntax():
            return True
        case OrSyntax(branches):
            return all(
                isinstance(branch.unit.core, EventSyntax)
                and branch.unit.quant is None
                and not branch.negated
                and not branch.suffixes
                for branch in branches
            )
        case _:
            return False


def _several(branches: tuple[StepSyntax, ...], core: Core, report: Report) -> None:
    """Branches in any order: not too many, and something to take."""
    wanted = [branch for branch in branches if not branch.negated]
    word = "AND" if isinstance(core, AndSyntax) else "ATLEAST"
    if len(wanted) > BRANCHES_MAX:
        report.error(
            "E307", core.span, f"{word} over {len(wanted)} branches has too many states",
            f"at most {BRANCHES_MAX} branches", "put some of them in a SEQ, or in a pattern of their own",
        )  # fmt: skip
    if not wanted:
        _only_not(core.span, show(branches[0].unit), report)
    if len(wanted) == 1 and isinstance(wanted[0].unit.core, EventSyntax) and wanted[0].unit.quant is None:
        for branch in branches:
            if branch.negated and not any(isinstance(suffix, ForSuffix) for suffix in branch.suffixes):
                message, label = (
                    "this NOT forbids nothing",
                    f"{word} has one event, and nothing is inside one event",
                )
                report.warning("W406", branch.span, message, label, f"{show(branch)} FOR 10m")


# ----------------------------------------------------------------------------------------------- loops


_ONE_OR_MORE: Final = QuantSyntax(CountSyntax(1, None), None)


def _loop(unit: UnitSyntax, report: Report) -> None:
    quant = unit.quant
    if quant is not None:
        _bounds(unit, quant, report)
    if quant is None or not is_loop(quant):
        for word in [*([_inner_word(unit)] if unit.inner else []), *(["UNTIL"] if unit.until else [])]:
            looped = show(replaced(unit, quant=_ONE_OR_MORE))
            label = "only a loop has rounds" if word != "UNTIL" else "there is no loop that it could close"
            report.error("E308", unit.span, f"{word} needs a loop", label, looped)
    elif unit.until is not None and quant.max is not None:
        low = quant.min.number
        repair = f"{show(replaced(unit, quant=replaced(quant, max=None)))}" if low is not None else ""
        report.error(
            "E308", unit.until.span, "UNTIL needs a loop without an upper bound",
            f"`{show(quant)}` ends by its count", repair,
        )  # fmt: skip


def _bounds(unit: UnitSyntax, quant: QuantSyntax, report: Report) -> None:
    low, high = quant.min.number, None if quant.max is None else quant.max.number
    if high == 0 and not low:
        plain = show(replaced(unit, quant=None))
        report.error(
            "E306", quant.span, "a loop of no rounds takes nothing", "", f"remove the step, or write {plain}?"
        )
    elif low is not None and high is not None and low > high:
        message = f"at least {low} and at most {high} cannot both hold"
        report.error("E309", quant.span, message, "", f"{{{high},{low}}}")


def _inner_word(unit: UnitSyntax) -> str:
    return "CONSECUTIVE" if unit.inner == "strict" else "COMBINATIONS"


# -------------------------------------------------------------------------------------------- branches


def _dead_branches(branches: tuple[StepSyntax, ...], report: Report) -> None:
    for i, branch in enumerate(branches):
        for earlier in branches[:i]:
            if _repeats(earlier, branch) or _swallows(earlier, branch):
                same = "is the same as" if _repeats(earlier, branch) else "takes less than"
                message = "this branch of OR is never taken"
                label = f"it {same} `{show(earlier)}`, which comes first"
                repair = "remove it" if "same" in same else "put the branch with the filter first"
                report.error("E209", branch.span, message, label, repair)
                break


def _repeats(one: StepSyntax, other: StepSyntax) -> bool:
    def plain(step: StepSyntax) -> StepSyntax:
        return replaced(step, unit=replaced(step.unit, name=None))

    return plain(one) == plain(other)


def _swallows(one: StepSyntax, other: StepSyntax) -> bool:
    """Whether every event that the other branch could take is a match of the first one already."""
    simple = all(
        isinstance(step.unit.core, EventSyntax)
        and step.unit.quant is None
        and not step.negated
        and not step.suffixes
        for step in (one, other)
    )
    if not simple:
        return False
    assert isinstance(one.unit.core, EventSyntax)
    assert isinstance(other.unit.core, EventSyntax)
    return one.unit.core.filter is None and _covers(one.unit.core, other.unit.core)


def _covers(one: EventSyntax, other: EventSyntax) -> bool:
    """Whether every event that fits the other fits the one."""
    types = not one.types or (bool(other.types) and set(other.types) <= set(one.types))
    return types and (one.filter is None or one.filter == other.filter)
