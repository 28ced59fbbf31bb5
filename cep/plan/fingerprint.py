"""A short name for what a plan means: state of one plan is of no use to another.

Everything that two plans are compared by counts, so places in the source do not. Sets are sorted: the name is
the same in every process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b

from cep.plan.compile import Plan

BYTES = 8


def fingerprint(plan: Plan) -> bytes:
    """Equal for equal plans, on every machine; other for any other plan."""
    digest = blake2b(digest_size=BYTES)
    for part in _parts(plan):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\x00")
    return digest.digest()


def _parts(value: object) -> Iterator[str]:
    match value:
        case _ if is_dataclass(value) and not isinstance(value, type):
            yield f"{type(value).__name__}("
            for each in fields(value):
                if each.compare:
                    yield each.name
                    yield from _parts(getattr(value, each.name))
            yield ")"
        case Mapping():
            yield "{"
            for key, item in sorted(value.items(), key=lambda pair: repr(pair[0])):
                yield repr(key)
                yield from _parts(item)
            yield "}"
        case frozenset():
            yield "{"
            yield from sorted("\x01".join(_parts(item)) for item in value)
            yield "}"
        case tuple() | list():
            yield "("
            for item in value:
                yield from _parts(item)
            yield ")"
        case _:
            yield f"{type(value).__name__} {value!r}"
