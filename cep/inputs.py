"""How an input is to be read: its format, what says the type and the time of an event, and by which names.

path ──settings_for──▶ InputSettings ──▶ type   a field, a constant, or the name of the file
                                     ├─▶ time   field, format, zone, how late an event may come
                                     └─▶ fields our name → where it stands in the record
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from cep.values import value

Path: TypeAlias = tuple[str, ...]
"""Where a value stands in a record: `("meta", "ts")` is `meta.ts`."""

Format = Literal["json", "csv", "parquet", "text", "avro", "protobuf", "json_schema"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

REGISTERED: Final[frozenset[Format]] = frozenset({"avro", "protobuf", "json_schema"})
"""Formats whose records in a topic name the schema they were written with."""

TIME_FORMATS: Final = ("epoch_s", "epoch_ms", "epoch_us", "iso8601")
"""The time formats that have a name; any other is a `strptime` text."""

MAX_LATENESS_MS: Final = 30_000
"""How far behind the newest event of its file an event may come, unless an input says otherwise."""


@value
class TypeField:
    """The event type is what this field holds."""

    path: Path = ("type",)


@value
class TypeConstant:
    """Every event of the input is of this type."""

    name: str


@value
class TypeFromFile:
    """The event type is the base name of the file up to its first dot."""


@value
class TypeFromSchema:
    """The event type is the name of the Avro record or Protobuf message, or the title of a JSON Schema."""


TypeSettings: TypeAlias = TypeField | TypeConstant | TypeFromFile | TypeFromSchema


@value
class TimeSettings:
    """Where the event time stands and how it is written.

    `format` None is guessed from the first time of the file. `year` is that of the first event, for a format
    without one. `zone` counts for times that name no zone.
    """

    path: Path = ("ts",)
    format: str | None = None
    year: int | None = None
    zone: str = "UTC"


@value
class CsvSettings:
    """`delimiter` None: a tab for `.tsv`, else a comma. `columns` None: the first record names them."""

    delimiter: str | None = None
    columns: tuple[str, ...] | None = None


@value
class RegistrySettings:
    """Where schemas are found by their ids. `ca`, `certificate` and `key` are files, for TLS."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = ""
    wait_s: int = 60
    """How long to go on trying when it does not answer."""


@value
class InputSettings:
    """One entry of `inputs:`. `files` are globs, `format` None is told by the ending of the file.

    `fields` are renames: our name, where the input has it. `patterns` (text only) are event types with the
    regular expression their lines match; `unmatched` says what becomes of a line that matches none. Event
    types that are not declared are accepted as long as none is declared, unless `unknown_types` says so.
    """

    name: str = "default"
    files: tuple[str, ...] = ("*",)
    format: Format | None = None
    type: TypeSettings = TypeField()
    time: TimeSettings = TimeSettings()
    max_lateness_ms: int = MAX_LATENESS_MS
    idle_timeout_ms: int | None = None
    fields: tuple[tuple[str, Path], ...] = ()
    unknown_types: Literal["reject", "accept"] = "reject"
    csv: CsvSettings = field(default_factory=CsvSettings)
    patterns: tuple[tuple[str, str], ...] = ()
    unmatched: Literal["skip", "reject"] = "skip"
    key: tuple[str, ...] = ()
    """The fields that a topic is keyed by; empty if nothing is said."""
    repartition: Literal["auto", "off"] = "auto"
    """Whether events of a topic may be moved to the partitions of another key, where rules need that."""
    registry: RegistrySettings | None = None
    schema: str | None = None
    """A file that declares the event types of the input: `.avsc`, `.proto`, or a JSON Schema in `.json`."""


DEFAULT: Final = InputSettings()
"""For a file that no input names: type in `type`, time in `ts`, the rest by the file."""


def settings_for(inputs: Sequence[InputSettings], path: str) -> InputSettings:
    """The first input with a glob that fits the path or its tail; `DEFAULT` if there is none.

    >>> logs = InputSettings("logs", ("logs/*.log",))
    >>> settings_for([logs], "/var/logs/auth.log").name, settings_for([logs], "auth.log").name
    ('logs', 'default')
    """
    fits = (item for item in inputs if any(PurePath(path).match(glob) for glob in item.files))
    return next(fits, DEFAULT)


def with_registry(settings: InputSettings, environment: Mapping[str, str]) -> InputSettings:
    """The input with what the environment says of its registry: `CEP_REGISTRY_URL`, `…_USER`, `…_PASSWORD`.

    >>> with_registry(InputSettings(format="avro"), {"CEP_REGISTRY_URL": "http://r"}).registry.url
    'http://r'
    """
    if settings.format not in REGISTERED:
        return settings
    known = settings.registry or RegistrySettings("")
    found = replace(
        known,
        url=environment.get("CEP_REGISTRY_URL") or known.url,
        user=environment.get("CEP_REGISTRY_USER") or known.user,
        password=environment.get("CEP_REGISTRY_PASSWORD") or known.password,
    )
    return replace(settings, registry=found if found.url else None)


def lacks_year(time_format: str) -> bool:
    """Whether a strptime text says no year.

    >>> lacks_year("%b %d %H:%M:%S"), lacks_year("%d/%m/%y 100%%Y")
    (True, False)
    """
    return not re.search(r"%[YyGcxD]", time_format.replace("%%", ""))


def zone_of(text: str) -> tzinfo:
    """The zone that `UTC`, `+01:00`, `-0530` or `Europe/Stockholm` names; ValueError if it names none."""
    if text in {"UTC", "Z"}:
        return UTC
    if found := re.fullmatch(r"([+-])([01]\d|2[0-3]):?([0-5]\d)", text, re.ASCII):
        sign = -1 if found[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3])))
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"{text!r} is no zone; write UTC, +01:00 or a name as Europe/Stockholm") from error
