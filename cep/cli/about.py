"""What `cep --version` says: the version, and which reader of JSON lines this installation has."""

from __future__ import annotations

from cep import __version__
from cep.ports.json_kernel import KERNEL


def about() -> str:
    """Two lines."""
    reader = "NumPy; the compiled reader is not built" if KERNEL is None else "compiled"
    return f"cep {__version__}\nreader of JSON lines: {reader}"
