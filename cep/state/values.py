"""Values as bytes and back, each with its type; the only importer of msgpack, which the extra `live` brings.

Beside what MessagePack knows: times, durations, decimals, whole numbers of any size, tuples, and texts that
are no valid Unicode.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from cep.errors import CepError
from cep.event import Timestamp, Value

try:
    import msgpack
except ImportError:
    msgpack = None

NEEDS_EXTRA: Final = "keeping state needs msgpack: pip install '.[live]' in your clone of cep"

_TIMESTAMP, _DURATION, _DECIMAL, _INT, _TUPLE = range(1, 6)


def pack_value(value: Value) -> bytes:
    """One value as bytes: equal values of one type give equal bytes.

    >>> unpack_value(pack_value((Timestamp(5), Decimal("1.50"), 1 << 70, [1, 1.0, True, None])))
    (Timestamp(5), Decimal('1.50'), 1180591620717411303424, [1, 1.0, True, None])
    """
    if msgpack is None:
        raise CepError(NEEDS_EXTRA)
    packed: bytes = msgpack.packb(value, strict_types=True, default=_extended, unicode_errors="surrogatepass")
    return packed


def unpack_value(data: bytes) -> Value:
    """The value again. ValueError if these bytes hold none."""
    if msgpack is None:
        raise CepError(NEEDS_EXTRA)
    return msgpack.unpackb(data, ext_hook=_value_of, strict_map_key=False, unicode_errors="surrogatepass")


def _extended(value: Value) -> Any:  # noqa: ANN401 - what MessagePack cannot say, or a plainer form of it
    match value:
        case Timestamp():
            return msgpack.ExtType(_TIMESTAMP, pack_value(int(value)))
        case timedelta():
            parts = [value.days, value.seconds, value.microseconds]
            return msgpack.ExtType(_DURATION, pack_value(parts))
        case Decimal():
            return msgpack.ExtType(_DECIMAL, str(value).encode())
        case int():
            return msgpack.ExtType(_INT, b"%d" % value)
        case tuple():
            return msgpack.ExtType(_TUPLE, pack_value(list(value)))
        case float():
            return float(value)
        case str():
            return str(value)
        case _:
            raise TypeError(f"a {type(value).__name__} is no value of an event")


def _value_of(code: int, data: bytes) -> Value:
    match code:
        case 1:
            return Timestamp(unpack_value(data))
        case 2:
            days, seconds, microseconds = unpack_value(data)
            return timedelta(days, seconds, microseconds)
        case 3:
            return Decimal(data.decode())
        case 4:
            return int(data)
        case 5:
            return tuple(unpack_value(data))
        case _:
            raise ValueError(f"no value has the code {code}")
