"""Files of conformance cases: one neutral format, read into values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cep.event import Event

Json: TypeAlias = Any
"""A value as JSON gives it: patterns and expressions stay in this form until an adapter reads them."""

Found: TypeAlias = Mapping[str, tuple[int, ...]]
"""A match: variable → indexes of the events it took, as taken. A variable that took nothing is left out."""


class CaseFileError(Exception):
    """A file that is missing, is not JSON, or breaks the format; the text says where."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """An entry that is no event: event time has reached `ts_ms`."""

    ts_ms: int


Entry: TypeAlias = Event | Watermark


@dataclass(frozen=True, slots=True)
class Case:
    """A pattern, what arrives, and what another engine answered. `raw` holds every member as it was written.

    An event's `seq` is its index among the entries, watermarks counted. `expect` is None when the pattern
    must be refused (`expect_error`), `expect_timeout` is None when the source does not look at timeouts.
    `engine` is the source's name for itself: what its words mean, its conventions say. `broken` says why a
    case cannot be read; then nothing but its name is known.
    """

    id: str
    semantics: str
    pattern: Json
    entries: tuple[Entry, ...] = ()
    key: tuple[str, ...] = ()
    skip: str = "none"
    flush: bool = False
    expect: tuple[Found, ...] | None = None
    expect_timeout: tuple[Found, ...] | None = None
    expect_error: Literal["parse", "semantic", "runtime"] | None = None
    raw: Mapping[str, Json] | None = None
    engine: str = ""
    broken: str = ""

    @property
    def events(self) -> tuple[Event, ...]:
        """The entries that are events, in the order they arrive."""
        return tuple(entry for entry in self.entries if isinstance(entry, Event))


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one file, in order; `engine` is the one that answered them."""

    path: Path
    engine: str
    cases: tuple[Case, ...]


def read_files(paths: Iterable[Path]) -> list[CaseFile]:
    """The case files named, and those in the folders named, sorted by path within a folder.

    CaseFileError if one cannot be read, or if a folder holds none.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise CaseFileError(f"{path}: no *.json file in this folder")
            found += [read_file(each) for each in inside]
        else:
            found.append(read_file(path))
    return found


def read_file(path: Path) -> CaseFile:
    """One case file; CaseFileError says what is wrong with it. A broken case breaks no other."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CaseFileError(f"{path}: is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list):
        raise CaseFileError(f'{path}: is no file of cases: {{"source": …, "cases": [ … ]}} is expected')
    source = content.get("source")
    engine = str(source.get("engine", "")) if isinstance(source, dict) else ""
    cases = []
    for number, raw in enumerate(content["cases"], start=1):
        try:
            cases.append(read_case(raw, engine))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            name = str(raw.get("id", f"number {number}")) if isinstance(raw, dict) else f"number {number}"
            what = f"member {error} is missing" if isinstance(error, KeyError) else str(error)
            cases.append(Case(name, "", None, engine=engine, broken=what))
    return CaseFile(path, engine, tuple(cases))


def read_case(raw: Mapping[str, Json], engine: str = "") -> Case:
    """One case that `engine` answered; KeyError, TypeError or ValueError if it breaks the format."""
    error = raw.get("expect_error")
    if error is None and "expect" not in raw and "expect_rows" not in raw:
        raise KeyError("expect")
    if not isinstance(raw["pattern"], dict):
        raise TypeError("its pattern is no node")
    return Case(
        id=str(raw["id"]),
        semantics=raw["semantics"],
        pattern=raw["pattern"],
        entries=tuple(_entry(entry, index) for index, entry in enumerate(raw.get("events") or ())),
        key=_key(raw.get("key")),
        skip=raw.get("skip") or "none",
        flush=bool(raw.get("flush")),
        expect=_matches(raw.get("expect")),
        expect_timeout=_matches(raw.get("expect_timeout")),
        expect_error=error,
        raw=raw,
        engine=engine,
    )


def _entry(raw: Mapping[str, Json], index: int) -> Entry:
    if "_watermark" in raw:
        return Watermark(int(raw["_watermark"]))
    fields = {name: value for name, value in raw.items() if not name.startswith("_") and value is not None}
    return Event(str(raw.get("_type", "Event")), int(raw["_ts"]), index, fields)


def _key(raw: Json) -> tuple[str, ...]:
    if raw is None:
        return ()
    return (raw,) if isinstance(raw, str) else tuple(raw)


def _matches(raw: Sequence[Mapping[str, Sequence[int]]] | None) -> tuple[Found, ...] | None:
    if raw is None:
        return None
    return tuple({var: tuple(taken) for var, taken in match.items() if taken} for match in raw)
