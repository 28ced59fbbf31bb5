"""Rules as records of a compacted topic: every change of a rule is a version of its own, which never changes.

    key NAME@1 ─▶ text A, live       key NAME@2 ─▶ text B, shadow      key NAME@3 ─▶ text B, live
    key NAME   ─▶ 3                  the head, for people who look into the topic

Versions have keys of their own, so compaction takes none of them away; what is too old is taken away by
`VERSIONS_MAX`. The topic has one partition. So the place of a record says before which others it was written,
and a place names the set of all rules: the *revision*. What a rule is at a revision does not change when more
is written behind it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Literal, cast, get_args

from cep.ports.alert_lines import json_text
from cep.ports.json_values import parse
from cep.values import value

RuleStatus = Literal["live", "shadow", "disabled"]
RULE_STATUSES: Final[tuple[RuleStatus, ...]] = get_args(RuleStatus)

FORMAT: Final = 1
REFUSED_MAX: Final = 100
VERSIONS_MAX: Final = 50
"""So many versions of a rule are kept; older ones leave the topic."""

RECORD_BYTES_MAX: Final = 900_000
"""What a broker takes in one record, unless it is told otherwise, with room for the rest."""


@value
class RuleVersion:
    """One version of a rule: its text with the text of what it uses, and whether it runs.

    `types` are the declared fields that it was checked against. `by` and `when` are what somebody said of the
    change; nobody else writes them.
    """

    name: str
    number: int
    status: RuleStatus
    text: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by: str = ""
    when: str = ""

    @property
    def hash(self) -> str:
        """What tells its text, and that of what it uses, from all others."""
        parts = [self.text, *(part for pair in sorted(self.libraries.items()) for part in pair)]
        return blake2b("\x00".join(parts).encode(), digest_size=5).hexdigest()

    @property
    def key(self) -> bytes:
        """The key of its record."""
        return version_key(self.name, self.number)

    def same_as(self, other: RuleVersion) -> bool:
        """Whether the other one says the same: text, what it uses, and status."""
        return (self.hash, self.status) == (other.hash, other.status)


def version_key(name: str, number: int) -> bytes:
    """The key of the record of a version; names hold no `@`."""
    return f"{name}@{number}".encode()


def version_value(version: RuleVersion) -> bytes:
    """A version as the value of its record: JSON, for people too."""
    return json_text(
        {
            "format": FORMAT,
            "rule": version.name,
            "version": version.number,
            "hash": version.hash,
            "status": version.status,
            "by": version.by,
            "when": version.when,
            "text": version.text,
            "libraries": dict(version.libraries),
            "types": {name: dict(fields) for name, fields in version.types.items()},
        }
    ).encode()


def read_version(key: bytes, value: bytes) -> RuleVersion:
    """The version of a record; ValueError says why it is none.

    >>> one = RuleVersion("r", 1, "live", "rule: r")
    >>> read_version(one.key, version_value(one)) == one
    True
    """
    found = parse(value)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"not a rule as this version writes it (format {FORMAT})")
    record = cast("dict[str, Any]", found)
    version = RuleVersion(
        name=_text(record, "rule"),
        number=record["version"] if type(record.get("version")) is int else 0,
        status=cast("RuleStatus", _text(record, "status")),
        text=_text(record, "text"),
        libraries=_texts(record.get("libraries")),
        types={name: _texts(fields) for name, fields in _mapping(record.get("types")).items()},
        by=_text(record, "by"),
        when=_text(record, "when"),
    )
    if version.number < 1 or version.status not in RULE_STATUSES:
        raise ValueError(f"version {record.get('version')} and status {version.status} make no sense")
    if version.key != key:
        raise ValueError(f"its key says {key.decode(errors='replace')}, its text {version.key.decode()}")
    if record.get("hash") != version.hash:
        raise ValueError("its hash is not that of its text")
    return version


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is missing, or no text")  # noqa: TRY004 - the record is wrong
    return value


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("`libraries` and `types` are mappings")  # noqa: TRY004
    return value


def _texts(value: object) -> dict[str, str]:
    found = _mapping(value)
    if not all(isinstance(each, str) for each in found.values()):
        raise ValueError("`libraries` and `types` hold texts")
    return found


@dataclass(frozen=True, slots=True, order=True)
class Placed:
    """A version, and where its record stands in the topic."""

    offset: int
    version: RuleVersion = field(compare=False)


@value
class Refused:
    """A record that is no version of a rule, or a version that cannot be used here, and why."""

    offset: int
    key: str
    reason: str
    value: bytes = field(default=b"", repr=False)
    """What the record holds."""


class RuleHistory:
    """All versions of all rules that a topic holds, as far as it was read."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.revision = 0
        """The place behind the last record that was read: the newest set of rules."""
        self.refused: list[Refused] = []
        """Records that are no versions, the newest of them."""
        self._versions: dict[str, list[Placed]] = {}

    def add(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record; heads are passed over, what makes no sense is refused."""
        self.revision = max(self.revision, offset + 1)
        name, at, number = (key or b"").decode(errors="replace").rpartition("@")
        if not at:
            return
        if not value:
            kept = self._versions.get(name, [])
            kept[:] = [each for each in kept if str(each.version.number) != number]
            return
        try:
            version = read_version(key or b"", value)
        except ValueError as error:
            self.refused = [*self.refused, Refused(offset, f"{name}@{number}", str(error), value)][
                -REFUSED_MAX:
            ]
        else:
            insort(self._versions.setdefault(version.name, []), Placed(offset, version))

    def names(self) -> list[str]:
        """All rules, sorted."""
        return sorted(name for name, versions in self._versions.items() if versions)

    def versions(self, name: str, revision: int | None = None) -> list[Placed]:
        """The versions of a rule up to a revision, oldest first."""
        kept = self._versions.get(name, [])
        return kept[:] if revision is None else kept[: bisect_left(kept, revision, key=lambda p: p.offset)]

    def newest(self, name: str) -> RuleVersion | None:
        """The version of a rule that counts; None if there is no such rule."""
        kept = self._versions.get(name)
        return kept[-1].version if kept else None


def changed(history: RuleHistory, wanted: RuleVersion) -> RuleVersion | None:
    """The version to write so that a rule becomes what is wanted; None if it is that already."""
    now = history.newest(wanted.name)
    if now is not None and now.same_as(wanted):
        return None
    return replace(wanted, number=1 if now is None else now.number + 1)


def records_of(history: RuleHistory, versions: Sequence[RuleVersion]) -> Iterator[tuple[bytes, bytes | None]]:
    """Keys and values to write for these versions, tombstones of those that are too old among them."""
    for version in versions:
        yield version.key, version_value(version)
        kept = [placed.version for placed in history.versions(version.name)]
        for old in kept[: max(0, len(kept) + 1 - VERSIONS_MAX)]:
            yield old.key, None
        yield version.name.encode(), json_text({"rule": version.name, "version": version.number}).encode()


def rolled_back(history: RuleHistory, name: str, to: int | None) -> RuleVersion | None:
    """The version to go back to: `to`, or the newest one with another text that was not disabled."""
    versions = [placed.version for placed in history.versions(name)]
    if to is not None:
        return next((each for each in versions if each.number == to), None)
    now = versions[-1]
    others = (each for each in reversed(versions) if each.hash != now.hash and each.status != "disabled")
    return next(others, None)


def enabled(history: RuleHistory, name: str) -> RuleVersion:
    """The newest version, with the status that it had before it was disabled."""
    versions = [placed.version for placed in history.versions(name)]
    before = (each.status for each in reversed(versions) if each.status != "disabled")
    return replace(versions[-1], status=next(before, RULE_STATUSES[0]))
