"""The library of compiled functions, if it was built, and how arrays are handed to it.

While one of its functions runs, other threads of Python run too.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from numpy.typing import NDArray

from cep.compiled.build import library_path


def load() -> ctypes.CDLL | None:
    """The library; None if it was not built, or was built from another source or for another machine."""
    try:
        return ctypes.CDLL(str(library_path()))
    except OSError:
        return None


LIBRARY: Final = load()


def address(array: NDArray[Any]) -> int:
    """Where an array lies; it must be in one piece, and live as long as it is used."""
    assert array.flags.c_contiguous, "compiled functions take arrays in one piece"
    # Its description as an interface takes eight times as long where columns are of records.
    return array.ctypes.data
