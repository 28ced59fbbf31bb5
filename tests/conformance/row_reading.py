"""Which row an expression of a row pattern reads, said with the variables of our rule.

SQL counts rows: the row before this one, the last row of A or B. We name events: last(B).x, A[-2].x. Where
several variables may hold the row that is meant, the text asks which of them took one last:

    PREV(x) in C of (A B* C)      if(count(B) > 0, last(B).x, A.x)
    LAST(U.x), U = (A, B),        if(last(A).ts > last(B).ts, last(A).x, last(B).x)
      in C of ((A | B)+ C)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.conformance.cases import Json
from tests.conformance.row_fold import condition, fold
from tests.conformance.row_graph import START, Graph, Slot
from tests.conformance.text import RESERVED, UnsayableError, name_text

NO_CONCAT: Final = "joining texts, which no function of ours does"
AGGREGATES: Final = frozenset({"sum", "avg", "min", "max", "count", "array_agg"})


@dataclass(frozen=True, slots=True)
class This:
    """The row under test."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A row that a slot took, as an event of our language."""

    slot: Slot
    text: str


@dataclass(frozen=True, slots=True)
class Outside:
    """The row that stands `back` rows before the first one of the match."""

    back: int


Place: TypeAlias = This | Ref | Outside | None
"""Where a reading ends; None: there is no such row."""

Reader: TypeAlias = Callable[[Place], Json]


@dataclass(slots=True)
class Notes:
    """What was found out while reading: how far outside the match, and whether times had to be compared."""

    outside: int = 0
    compares_times: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads expressions in one place: in the condition of a leaf, or (own None) at the end of a match.

    `near` are the slots that may hold the row just before. `unions` are the variables that a name stands for.
    `lead` is the variable of ours that holds the row before the match, if the rule has one; rows further
    back are read there too, and noted.
    """

    graph: Graph
    near: frozenset[str]
    own: Slot | None = None
    unions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lead: str | None = None
    notes: Notes = field(default_factory=Notes)

    def say(self, expr: Json) -> Json:
        """The expression with every reading of other rows replaced by text, as simple as it can be made."""
        return fold(self._say(expr))

    def ask(self, where: Json) -> Json:
        """A condition, said; True or False where nothing is left to ask."""
        return condition(self.say(where))

    def _say(self, expr: Json) -> Json:
        if not isinstance(expr, (list, tuple)):
            return expr
        match expr:
            case ["field", str()]:
                return self._row(None, "last", 0, lambda place: self._at(place, expr))
            case ["final" | "running", inner]:
                return self._say(inner)
            case ["classifier", *union]:
                var = union[0] if union else None
                return self._row(var, "last", 0, lambda place: self._at(place, ["classifier"]))
            case ["first" | "last" as end, var, what, *rest]:
                return self._row(var, end, rest[0] if rest else 0, lambda place: self._at(place, _over(what)))
            case ["prev_row" | "next_row" as way, inner, *rest]:
                return self._offset(inner, (1 if way == "next_row" else -1) * (rest[0] if rest else 1))
            case [str(name), var, what] if name in AGGREGATES:
                return self._aggregate(name, var, what)
            case ["match_number"]:
                raise UnsayableError("the number of a match: alerts are not numbered")
            case ["call", "concat", *_]:
                raise UnsayableError(NO_CONCAT)
            case ["call", name, *arguments]:
                return ["call", name, *(self._say(each) for each in arguments)]
            case ["in", left, items]:
                return ["in", self._say(left), [self._say(each) for each in items]]
            case [op, *operands]:
                return [op, *(self._say(each) for each in operands)]
            case _:
                raise UnsayableError("an expression without an operator")

    # --- one row -----------------------------------------------------------------------------------------

    def _at(self, place: Place, what: Json) -> Json:
        """An expression over one row, read there."""
        if place is None:
            return None
        if isinstance(place, Outside) and not _reads_fields(what):
            return None
        if isinstance(place, Outside):
            self.notes.outside = max(self.notes.outside, place.back)
            if self.lead is None:
                return None
        match what:
            case ["field", str(name)]:
                if name in RESERVED:
                    raise UnsayableError(f"an attribute called `{name}`, which means something else here")
                match place:
                    case This():
                        return ["field", name]
                    case Ref(_, text):
                        return ["text", f"{text}.{name_text(name)}"]
                    case Outside():
                        return ["text", f"{name_text(self.lead or '')}.{name_text(name)}"]
            case ["classifier"]:
                return place.slot.var if isinstance(place, Ref) else self.own.var if self.own else None
            case ["call", "concat", *_]:
                raise UnsayableError(NO_CONCAT)
            case ["call", name, *arguments]:
                return ["call", name, *(self._at(place, each) for each in arguments)]
            case ["in", left, items]:
                return ["in", self._at(place, left), [self._at(place, each) for each in items]]
            case [op, *operands]:
                return [op, *(self._at(place, each) for each in operands)]
            case _:
                return what

    def _row(self, var: str | None, end: str, steps: int, read: Reader) -> Json:
        """The row `steps` rows from an end of the rows of a variable; `var` None is any variable."""
        slots = self._slots(var)
        mine = self.own is not None and (var is None or self.own.var in self._variables(var))
        if end == "first":
            started = self.graph.after(START) if var is None else slots
            return self._walk(started & slots, slots, steps, read, This() if mine else None, forth=True)
        if mine and steps == 0:
            return read(This())
        steps -= mine
        if var is None:
            return self._walk(self.near, None, steps, lambda p: read(None if isinstance(p, Outside) else p))
        return self._walk(slots, slots, steps, read)

    def _offset(self, inner: Json, rows: int) -> Json:
        """The row so many rows from the one that `inner` reads, in the partition."""
        while isinstance(inner, (list, tuple)) and inner[:1] and inner[0] in ("final", "running"):
            inner = inner[1]
        match inner:
            case ["field" | "classifier", *rest] if not rest or inner[0] == "field":
                what, steps = inner, 0
            case ["last", None, what, *rest]:
                what, steps = _over(what), rest[0] if rest else 0
            case _:
                raise UnsayableError("a row counted from one that another variable took")
        steps -= rows
        if steps < 0:
            if _reads_fields(what):
                raise UnsayableError("NEXT: a row that comes only after the last one of the match")
            return None
        if self.own is None:
            return self._walk(self.near, None, steps, lambda place: self._at(place, what))
        if steps == 0:
            return self._at(This(), what)
        return self._walk(self.near, None, steps - 1, lambda place: self._at(place, what))

    def _walk(
        self,
        among: frozenset[str],
        whole: frozenset[str] | None,
        steps: int,
        read: Reader,
        otherwise: Place = None,
        *,
        forth: bool = False,
        used: Mapping[str, int] | None = None,
    ) -> Json:
        """The row `steps` rows from the latest (`forth`: first) one that slots in `among` hold.

        `used` counts the rows of each slot that lie behind us. `whole` are the slots to go on with; None:
        those that may hold the neighbour of the row we are at, one of which does.
        """
        used = used or {}
        names = {
            name for name in among if name != START and (self.graph.slots[name].many or not used.get(name))
        }
        if not names:
            outside = START in among and whole is None
            return read(Outside(steps + 1) if outside else otherwise if steps == 0 else None)
        only = min(names)
        if whole is not None and set(whole) == {only} and otherwise is None and self.graph.slots[only].many:
            slot = self.graph.slots[only]
            place = Ref(slot, _event(slot, used.get(only, 0) + steps, forth=forth))
            return _or_null(self._exists(slot, used.get(only, 0) + steps), read(place))
        group = sorted(self._extreme(names, forth=forth))
        rest = among - set(group)
        # One of the neighbours exists, so the last one left needs no test.
        certain = whole is None and not rest and not forth
        branches: list[Json] = []
        for i, name in enumerate(group):
            slot, count = self.graph.slots[name], used.get(name, 0)
            if steps == 0:
                value = read(Ref(slot, _event(slot, count, forth=forth)))
            else:
                near = self.graph.before[name] if whole is None else whole
                more = {**used, name: count + 1}
                value = self._walk(near, whole, steps - 1, read, otherwise, forth=forth, used=more)
            if certain and i == len(group) - 1:
                return ["case", *branches, value] if branches else value
            branches += [self._test(slot, group, used, forth=forth), value]
        behind = self._walk(frozenset(rest), whole, steps, read, otherwise, forth=forth, used=used)
        if behind is None and steps == 0 and len(group) == 1:
            return _or_null(*branches)
        return ["case", *branches, behind]

    def _extreme(self, names: Iterable[str], *, forth: bool) -> set[str]:
        """The slots than which no other can be later (`forth`: earlier); of several any may be the latest."""
        reach = self.graph.reach
        for name in sorted(names):
            beyond = {each for each in names if (name in reach[each] if forth else each in reach[name])}
            back = {each for each in names if (each in reach[name] if forth else name in reach[each])}
            if beyond <= back | {name}:
                return {name} | beyond
        raise AssertionError("an order without an end")

    def _test(self, slot: Slot, group: Iterable[str], used: Mapping[str, int], *, forth: bool) -> Json:
        """Whether the row of this slot is there and later (`forth`: earlier) than those of the group."""
        count = used.get(slot.name, 0)
        tests: list[Json] = [self._exists(slot, count)]
        mine = _event(slot, count, forth=forth)
        for name in group:
            if name != slot.name:
                self.notes.compares_times = True
                other = self.graph.slots[name]
                its = _event(other, used.get(name, 0), forth=forth)
                later = f"{mine}.ts {'<' if forth else '>'} {its}.ts"
                absent = ["not", self._exists(other, used.get(name, 0))]
                tests.append(["or", absent, ["text", later]])
        return tests[0] if len(tests) == 1 else ["and", *tests]

    def _exists(self, slot: Slot, count: int) -> Json:
        """Whether a slot has taken more rows than `count`."""
        if self.own is None and count == 0 and slot.name in self.graph.always:
            return True
        name = name_text(slot.name)
        return ["text", f"count({name}) > {count}" if slot.many else f"{name} IS NOT NULL"]

    # --- many rows ---------------------------------------------------------------------------------------

    def _aggregate(self, name: str, var: str | None, what: Json) -> Json:
        """An aggregate over the rows of a variable, this one counted in."""
        slots = [self.graph.slots[each] for each in sorted(self._slots(var))]
        mine = self.own is not None and (var is None or self.own.var in self._variables(var))
        if name == "array_agg":
            if mine or len(slots) != 1 or not slots[0].many:
                raise UnsayableError("a list of what several variables took")
            return ["text", f"collect({self._operand(slots[0], what)})"]
        if name == "avg":
            total, number = self._aggregate("sum", var, what), self._aggregate("count", var, what)
            return ["/", total, number]
        terms = [self._term(name, slot, what) for slot in slots]
        if mine:
            this = self._at(This(), _over(what))
            if name == "count":
                this = 1 if what is None else ["case", ["isnull", this], 0, 1]
            terms.append(this)
        if name == "count":
            return ["+", *terms] if len(terms) > 1 else terms[0] if terms else 0
        if len(terms) < 2:
            return terms[0] if terms else None
        if name in ("min", "max"):
            return ["call", "least" if name == "min" else "greatest", *terms]
        total = ["+", *(["call", "coalesce", term, 0] for term in terms)]
        return ["case", ["isnull", ["call", "coalesce", *terms]], None, total]

    def _term(self, name: str, slot: Slot, what: Json) -> Json:
        """What one slot adds to an aggregate."""
        event = name_text(slot.name)
        if name == "count" and what is None:
            if not slot.many and self._exists(slot, 0) is True:
                return 1
            return ["text", f"count({event})" if slot.many else f"if({event} IS NULL, 0, 1)"]
        value = self._operand(slot, what)
        if slot.many:
            return ["text", f"{name}({value})"]
        return ["text", f"if({value} IS NULL, 0, 1)" if name == "count" else value]

    def _operand(self, slot: Slot, what: Json) -> str:
        """An attribute of the events of a slot, as an aggregate reads it."""
        match _over(what):
            case ["field", str(name)] if name not in RESERVED:
                return f"{name_text(slot.name)}.{name_text(name)}"
        raise UnsayableError("an aggregate of anything but an attribute")

    # --- variables ---------------------------------------------------------------------------------------

    def _variables(self, var: str | None) -> tuple[str, ...]:
        if var is None:
            return tuple({slot.var for slot in self.graph.slots.values()})
        return self.unions.get(var, (var,))

    def _slots(self, var: str | None) -> frozenset[str]:
        """The slots of a variable that may have taken a row by now."""
        return frozenset(name for name in self.graph.of(self._variables(var)) if self._may_precede(name))

    def _may_precede(self, name: str) -> bool:
        if self.own is None:
            return True
        return any(each == name or each in self.graph.reach[name] for each in self.near - {START})


def _over(what: Json) -> Json:
    """What is read of a row: the name of an attribute, or an expression."""
    return ["field", what] if isinstance(what, str) else what


def _reads_fields(what: Json) -> bool:
    if not isinstance(what, (list, tuple)):
        return False
    return what[0] == "field" or any(_reads_fields(each) for each in what[1:])


def _event(slot: Slot, count: int, *, forth: bool) -> str:
    """The event of a slot that stands behind `count` others, from the end or (`forth`) from the start."""
    name = name_text(slot.name)
    if not slot.many:
        return name
    if forth:
        return f"first({name})" if count == 0 else f"{name}[{count}]"
    return f"last({name})" if count == 0 else f"{name}[-{count + 1}]"


def _or_null(test: Json, value: Json) -> Json:
    """A value, null if the event it is read of is not there: a field of it is null by itself."""
    return value if isinstance(value, list) and value[0] == "text" else ["case", test, value, None]
