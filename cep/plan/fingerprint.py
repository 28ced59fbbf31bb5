"""A short name for what a plan means: state of one plan is of no use to another.

Everything that two plans are compared by counts, so places in the source do not. Sets are sorted: the name is
the same in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b

from cep.plan.compile import Plan

BYTES = 8


def fingerprint(plan: Plan) -> bytes:
    """Equal for equal plans, on every machine; other for any other plan."""
    return _digest(plan, {})[:BYTES]


def _digest(value: object, known: dict[int, bytes]) -> bytes:
    """Of a tree from its leaves up. What stands in it many times, by identity, is read once."""
    match value:
        case _ if is_dataclass(value) and not isinstance(value, type):
            found = known.get(id(value))
            if found is None:
                parts = [_digest(getattr(value, each.name), known) for each in fields(value) if each.compare]
                found = known[id(value)] = _sum(type(value).__name__, parts)
            return found
        case Mapping():
            return _sum("{}", sorted(_digest(pair, known) for pair in value.items()))
        case frozenset():
            return _sum("set", sorted(_digest(item, known) for item in value))
        case tuple() | list():
            return _sum("()", [_digest(item, known) for item in value])
        case _:
            return _sum(type(value).__name__, [repr(value).encode("utf-8", "surrogatepass")])


def _sum(kind: str, parts: list[bytes]) -> bytes:
    digest = blake2b(kind.encode(), digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
