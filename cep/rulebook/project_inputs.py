"""One entry of `inputs:` in the project file, every value checked where it stands."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar, cast

from cep.errors import Diagnostic, Span
from cep.event import parse_duration_ms
from cep.inputs import (
    FORMATS,
    MAX_LATENESS_MS,
    TIME_FORMATS,
    CsvSettings,
    Format,
    InputSettings,
    Path,
    TimeSettings,
    TypeConstant,
    TypeField,
    TypeFromFile,
    TypeFromSchema,
    TypeSettings,
    lacks_year,
    zone_of,
)
from cep.language.suggest import nearest
from cep.rulebook.fields import Fields
from cep.rulebook.project_registry import check_registered, read_registry, read_schema_file
from cep.rulebook.yaml_text import Scalar

KEYS: Final = (
    "name",
    "files",
    "format",
    "type",
    "time",
    "max_lateness",
    "idle_timeout",
    "fields",
    "unknown_types",
    "csv",
    "patterns",
    "unmatched",
    "key",
    "repartition",
    "registry",
    "schema",
)
TYPE_KEYS: Final = ("field", "constant", "from")
TIME_KEYS: Final = ("field", "format", "year", "zone")
CSV_KEYS: Final = ("delimiter", "header", "columns")

YEAR_MAX: Final = 9998
"""The year after the last one must be a year too: a log may run into it."""

T = TypeVar("T")


def read_input(fields: Fields) -> InputSettings:
    """The settings of one input; problems go where those of `fields` go."""
    fields.check_keys(KEYS)
    fields.required("name", "name: events")
    fields.required("files", 'files: ["logs/*.jsonl"]')
    time = _time(fields)
    patterns = _patterns(fields, time)
    settings = InputSettings(
        name=fields.text("name", "name: events"),
        files=tuple(scalar.text for scalar in fields.texts("files", 'files: ["logs/*.jsonl"]')),
        format=_format(fields),
        type=_type(fields),
        time=time,
        max_lateness_ms=_value(
            fields, "max_lateness", parse_duration_ms, MAX_LATENESS_MS, "max_lateness: 30s"
        ),
        idle_timeout_ms=_value(fields, "idle_timeout", _timeout_ms, None, "idle_timeout: 1m"),
        fields=_renames(fields),
        unknown_types=cast(
            Literal["reject", "accept"], fields.choice("unknown_types", ("reject", "accept"), "reject")
        ),
        csv=_csv(fields),
        patterns=patterns,
        unmatched=cast(Literal["skip", "reject"], fields.choice("unmatched", ("skip", "reject"), "skip")),
        key=tuple(scalar.text for scalar in fields.texts("key", "key: user_id")),
        repartition=cast(Literal["auto", "off"], fields.choice("repartition", ("auto", "off"), "auto")),
        registry=read_registry(fields),
        schema=read_schema_file(fields),
    )
    _check_format(fields, settings)
    return settings


def _value(fields: Fields, key: str, read: Callable[[str], T], default: T, example: str) -> T:
    """A text that `read` understands; its ValueError is the problem."""
    entry = fields.entry(key)
    scalar = fields.scalar(key, entry.value, example) if entry is not None else None
    if scalar is None:
        return default
    try:
        return read(scalar.text.strip())
    except ValueError as error:
        fields.error("M103", scalar, f"`{key}`: {error}", "", example)
        return default


def _timeout_ms(text: str) -> int | None:
    timeout_ms = parse_duration_ms(text)
    if timeout_ms == 0:
        raise ValueError("a topic that never waits is always silent; leave it out to wait for ever")
    return timeout_ms


def _format(fields: Fields) -> Format | None:
    known = fields.choice("format", FORMATS, "json")
    entry = fields.entry("format")
    given = entry is not None and isinstance(entry.value, Scalar) and entry.value.text == known
    return cast(Format, known) if given else None


def _path(text: str) -> Path:
    parts = tuple(text.split("."))
    if not all(parts):
        raise ValueError(f"{text!r} is no path of names with dots between them")
    return parts


def _type(fields: Fields) -> TypeSettings:
    example = "type: {field: type}, type: {constant: Payment} or type: {from: file}"
    inner = fields.mapping("type", "type", example)
    if inner is None:
        return TypeField()
    inner.check_keys(TYPE_KEYS)
    given = [entry for entry in inner.node.entries if entry.key.text in TYPE_KEYS]
    if not given:
        inner.error("M101", inner.node, "this does not say where the event type stands", "", example)
    for more in given[1:]:
        message = f"the event type is told by `{given[0].key.text}` already"
        inner.error("M103", more.key, message, "", "keep one of them")
    if inner.entry("constant") is not None:
        return TypeConstant(inner.text("constant", "constant: Payment"))
    if inner.entry("from") is not None:
        source = inner.choice("from", ("file", "schema"), "file")
        return TypeFromSchema() if source == "schema" else TypeFromFile()
    return TypeField(_value(inner, "field", _path, ("type",), "field: type"))


def _time(fields: Fields) -> TimeSettings:
    inner = fields.mapping("time", "time", "time: {field: ts, format: epoch_ms}")
    if inner is None:
        return TimeSettings()
    inner.check_keys(TIME_KEYS)
    time_format = _value(inner, "format", _time_format, None, "format: epoch_ms")
    year = inner.number("year", 1, 0, "year: 2025")
    given = inner.entry("year")
    if given is not None and year > YEAR_MAX:
        inner.error("M103", given.value, f"`year` must be {YEAR_MAX} or less", "", "year: 2025")
    yearless = time_format is not None and "%" in time_format and lacks_year(time_format)
    entry = inner.entry("format")
    if entry is not None and yearless and given is None:
        message = "these times have no year"
        inner.error("M101", entry.value, message, "", "year: 2025, the year of the first event")
    return TimeSettings(
        path=_value(inner, "field", _path, ("ts",), "field: ts"),
        format=time_format,
        year=year or None,
        zone=_value(inner, "zone", _zone, "UTC", 'zone: "+01:00"'),
    )


def _time_format(text: str) -> str | None:
    if text in TIME_FORMATS:
        return text
    if "%" not in text:
        close = nearest(text, TIME_FORMATS)
        meant = (
            f"; did you mean {close[0]}?" if close else f"; one of {', '.join(TIME_FORMATS)}, or as %Y-%m-%d"
        )
        raise ValueError(f"{text!r} is no time format{meant}")
    whole = f"%Y {text}" if lacks_year(text) else text
    try:
        # What it writes it must be able to read; an unknown % is found on the way back.
        datetime.strptime(datetime(2000, 2, 29, tzinfo=UTC).strftime(whole), whole)  # noqa: DTZ007 (a trial)
    except (ValueError, re.error) as error:
        raise ValueError(f"{text!r} is no time format: {error}") from None
    return text


def _zone(text: str) -> str:
    zone_of(text)
    return text


def _renames(fields: Fields) -> tuple[tuple[str, Path], ...]:
    inner = fields.mapping("fields", "set of renames", "fields: {user: login.name}")
    if inner is None:
        return ()
    names = [entry.key.text for entry in inner.node.entries]
    return tuple((name, _value(inner, name, _path, (name,), f"{name}: login.name")) for name in names)


def _csv(fields: Fields) -> CsvSettings:
    inner = fields.mapping("csv", "set of CSV settings", 'csv: {delimiter: ";"}')
    if inner is None:
        return CsvSettings()
    inner.check_keys(CSV_KEYS)
    columns = tuple(scalar.text for scalar in inner.texts("columns", "columns: [ts, user, amount]"))
    header = inner.choice("header", ("true", "false"), "false" if columns else "true") == "true"
    entry = inner.entry("columns")
    if header and entry is not None:
        message = "`columns` is for files without a header"
        inner.error("M103", entry.key, message, "", "header: false, or leave `columns` out")
    elif not header and not columns:
        inner.required("columns", "columns: [ts, user, amount]")
    return CsvSettings(_delimiter(inner), columns or None)


def _delimiter(inner: Fields) -> str | None:
    entry = inner.entry("delimiter")
    if entry is None:
        return None
    text = entry.value.text if isinstance(entry.value, Scalar) else ""
    if len(text) != 1 or text in '"\n\r ':
        message = "the delimiter must be one character, not a quote or a blank"
        inner.error("M103", entry.value, message, "", r'delimiter: ";" or delimiter: "\t"')
        return None
    return text


def _patterns(fields: Fields, time: TimeSettings) -> tuple[tuple[str, str], ...]:
    inner = fields.mapping("patterns", "set of patterns", "patterns: {Login: '…'}")
    if inner is None:
        return ()
    patterns = []
    for entry in inner.node.entries:
        name = entry.key.text
        scalar = inner.scalar(name, entry.value, f"{name}: '(?P<ts>…) accepted for (?P<user>\\S+)'")
        if scalar is not None:
            _check_pattern(inner, scalar, ".".join(time.path))
            patterns.append((name, scalar.text))
    return tuple(patterns)


def _check_pattern(inner: Fields, scalar: Scalar, time_group: str) -> None:
    try:
        with warnings.catch_warnings():
            # A set that may change its meaning in a later Python is no error of the author.
            warnings.simplefilter("ignore")
            pattern = re.compile(scalar.text)
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None) or 0
        source = inner.document.block_source(scalar)
        message = f"this regular expression cannot be read: {getattr(error, 'msg', error)}"
        inner.found.append(Diagnostic("M103", "error", message, source, Span(at, at + 1)))
        return
    if time_group not in pattern.groupindex:
        message = f"this pattern has no group `{time_group}` for the time of the event"
        inner.error("M103", scalar, message, "", f"(?P<{time_group}>…), or name another group in `time`")


def _check_format(fields: Fields, settings: InputSettings) -> None:
    """Keys that mean something for one format only."""
    if settings.format is None and fields.entry("format") is not None:
        return  # it could not be read, so it says nothing about the others
    check_registered(fields, settings)
    is_text = settings.format == "text" or (settings.format is None and fields.entry("patterns") is not None)
    if settings.format == "text":
        fields.required("patterns", "patterns: {Login: '(?P<ts>…) accepted for (?P<user>\\S+)'}")
    for key in ("patterns", "unmatched"):
        _only(fields, key, fits=is_text, why="`format: text`")
    _only(fields, "csv", fits=settings.format in {"csv", None} and not is_text, why="`format: csv`")
    entry = fields.entry("type")
    if is_text and entry is not None:
        message = "the event type of a log line is the name of the pattern that matches"
        fields.error("M103", entry.key, message, "", "leave `type` out")


def _only(fields: Fields, key: str, *, fits: bool, why: str) -> None:
    entry = fields.entry(key)
    if entry is not None and not fits:
        fields.error("M103", entry.key, f"`{key}` means something with {why} only", "", f"leave `{key}` out")
