"""Keys: every step must have the fields of `BY`, as many as the others and of the same kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cep.language.expressions import PathSyntax
from cep.language.kinds import NUMBERS, TEXTS, UNKNOWN, Type, of_field
from cep.language.kinds import said as kind_said
from cep.language.report import Report
from cep.language.sites import EventPlace, Survey
from cep.language.suggest import nearest
from cep.language.syntax import BySuffix, EventSyntax, PatternSyntax, StepSyntax, UnitSyntax
from cep.language.tree import outline
from cep.schema import FieldType, Schema


def check_keys(pattern: PatternSyntax, survey: Survey, schema: Schema, report: Report) -> dict[str, Type]:
    """The values of the key by the names that `WHERE` and `EMIT` may use; what does not fit is reported."""
    silent = list(_silent(pattern))
    places = [*survey.places, *silent]
    keyed = [place for place in places if place.by]
    size = len(pattern.by) or max((len(place.by) for place in keyed), default=0)
    first: list[tuple[Type, str] | None] = [None] * size
    for place in places:
        paths = place.by or pattern.by
        if not paths and size:
            _no_key(place, keyed[0], schema, report, can_have_own=place not in silent)
        elif len(paths) != size:
            span = paths[0].span.cover(paths[-1].span)
            message = f"this step has a key of {len(paths)}, the others of {size}"
            report.error("E206", span, message, "keys are compared part by part", "BY (a, b) names two parts")
        else:
            for i, path in enumerate(paths):
                first[i] = _part(path, place, first[i], schema, report, can_have_own=place not in silent)
    keys: dict[str, Type] = {}
    _unread(pattern, schema, report)
    _moved(pattern, places, schema, report)
    for path, found in zip(pattern.by, first, strict=False):
        type_ = found[0] if found is not None else UNKNOWN
        keys[str(path)] = type_
        keys.setdefault(path.parts[-1], type_)
    return keys


def _unread(pattern: PatternSyntax, schema: Schema, report: Report) -> None:
    """A type in FROM without the key: none of its events is ever looked at."""
    for event_type in pattern.from_types:
        lacking = [path for path in pattern.by if _lacks(path, str(event_type), schema)]
        if lacking:
            message = f"{event_type} has no field `{lacking[0]}` to be the key"
            report.error(
                "E206", event_type.span, message, "so none of its events would be read", "remove it from FROM"
            )


def _moved(pattern: PatternSyntax, places: Sequence[EventPlace], schema: Schema, report: Report) -> None:
    """Advice where events of one key may be in several partitions of their topic."""
    for topic in schema.topic_keys:
        for place in places:
            by = place.by or pattern.by
            read = {str(each) for each in place.event.types}
            here = topic.types is None or not read or not read.isdisjoint(topic.types)
            if by and here and not {str(path) for path in by}.issuperset(topic.fields):
                key, said = ", ".join(topic.fields), ", ".join(str(path) for path in by)
                report.warning(
                    "W402",
                    by[0].span.cover(by[-1].span),
                    f"the topics of `{topic.source}` are keyed by {key}, not by {said}",
                    "events of one key are in several partitions: live, they are moved first",
                    f"BY {key}, or key the topic by {said}",
                )
                break


def _lacks(path: PathSyntax, event_type: str, schema: Schema) -> bool:
    return schema.declares(event_type) and path.parts[0] not in {"ts", *schema.types[event_type]}


def _silent(pattern: PatternSyntax) -> Iterator[EventPlace]:
    """Events that cancel a match or close a loop: they need the key too, the latter that of the loop."""
    own: dict[UnitSyntax, tuple[PathSyntax, ...]] = {}
    for node in outline(pattern.unit):  # outer steps first, so that the innermost BY is the one that stays
        if isinstance(node, StepSyntax):
            for suffix in node.suffixes:
                if isinstance(suffix, BySuffix):
                    own |= dict.fromkeys(_loops(node.unit), suffix.paths)
    for loop in _loops(pattern.unit):
        assert loop.until is not None
        yield EventPlace(loop.until, None, own.get(loop, ()), negated=True, looped=False)
    for unless in pattern.unless:
        yield EventPlace(unless.event, unless.name, (), negated=True, looped=False)


def _loops(unit: UnitSyntax) -> Iterator[UnitSyntax]:
    """The loops in it that an event closes."""
    return (node for node in outline(unit) if isinstance(node, UnitSyntax) and node.until is not None)


def _no_key(
    place: EventPlace, other: EventPlace, schema: Schema, report: Report, *, can_have_own: bool
) -> None:
    message = f"{_name(place)} has no key, though {_name(other)} has"
    fields = [schema.types[str(each)] for each in place.event.types if schema.declares(str(each))]
    fits = all(path.parts[0] in each for each in fields for path in other.by)
    by = ", ".join(str(path) for path in other.by) if fits else "…"
    repair = f"{_name(place)} BY {by}" if len(other.by) == 1 else f"{_name(place)} BY ({by})"
    if not can_have_own:
        repair = f"give the whole pattern a key that {_name(place)} has: BY {by}"
    report.error("E206", place.event.span, message, "no BY here, and none for the whole pattern", repair)


def _part(
    path: PathSyntax,
    place: EventPlace,
    first: tuple[Type, str] | None,
    schema: Schema,
    report: Report,
    *,
    can_have_own: bool,
) -> tuple[Type, str] | None:
    """Look at one part of the key in all types of a step; the first kind found is what others must fit."""
    for event_type in (str(each) for each in place.event.types):
        if not schema.declares(event_type) or path.parts[0] == "ts":
            continue
        if path.parts[0] not in schema.types[event_type]:
            repair = _own_key(place, schema.types[event_type]) if can_have_own and not place.by else ""
            _no_field(path, event_type, schema, repair, report)
            continue
        found = _key_type(path, event_type, schema, report)
        if found is None:
            continue
        if first is None:
            first = (found, event_type)
        elif not _same_kind(first[0], found):
            message = f"the key `{path}` is of two kinds"
            label = f"{kind_said(found)} in {event_type}, {kind_said(first[0])} in {first[1]}"
            report.error("E206", path.span, message, label, "declare both fields with one kind")
    return first


def _no_field(path: PathSyntax, event_type: str, schema: Schema, repair: str, report: Report) -> None:
    fields = schema.types[event_type]
    close = nearest(path.parts[0], fields)
    label = f"did you mean `{close[0]}` ({fields[close[0]].kind})?" if close else ""
    message = f"{event_type} has no field `{path}` to be the key"
    report.error("E206", path.span, message, label, "" if close else repair)


def _own_key(place: EventPlace, fields: Mapping[str, FieldType]) -> str:
    likely = next((name for name in fields if name.endswith("_id")), next(iter(fields), None))
    return f"give that step a key of its own: {_name(place)} BY {likely}" if likely else ""


def _key_type(path: PathSyntax, event_type: str, schema: Schema, report: Report) -> Type | None:
    """The type of a part of the key; None if it is nothing that can be compared for being equal."""
    if len(path.parts) > 1:
        return None
    type_ = of_field(schema.types[event_type][path.parts[0]])
    if type_.kind in {"list", "record", "float"}:
        label = f"`{path}` is {kind_said(type_)} in {event_type}"
        report.error("E206", path.span, "this cannot be a key", label, "a key is a text or a whole number")
        return None
    return type_


def _same_kind(one: Type, other: Type) -> bool:
    kinds = {one.kind, other.kind}
    return len(kinds) == 1 or "any" in kinds or kinds <= NUMBERS or kinds <= TEXTS


def _name(place: EventPlace) -> str:
    event: EventSyntax = place.event
    types = "|".join(str(path) for path in event.types) or "EVENT"
    return types if place.var is None else f"{types} {place.var}"
