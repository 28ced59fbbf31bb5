"""The compiled kernel as a file: its name, and how a C compiler makes it when the package is installed.

The name holds a hash of the source, so a library that was made of another source is not taken by mistake.
Called by hatch_build.py, which imports nothing but this of the package: so this imports nothing but Python.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""Where the source is; the library is put beside it."""

_FLAGS: Final = ("-O3", "-std=c11", "-fPIC", "-shared")
_SECONDS_MAX: Final = 120


def library_path() -> Path:
    """Where the library that was made of the source as it is now stands, if it was made."""
    texts = (path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]")))
    return FOLDER / f"kernel-{hashlib.sha256(b''.join(texts)).hexdigest()[:16]}.so"


def build() -> str | None:
    """Make the library; what is in the way, or None if all went well."""
    compiler = _compiler()
    if compiler is None:
        return "there is no C compiler"
    library = library_path()
    made = library.with_suffix(f".{os.getpid()}")
    try:
        subprocess.run(  # noqa: S603 - the compiler that Python was made with, or the one that CC names
            [*compiler, *_FLAGS, "-o", str(made), *map(str, sorted(FOLDER.glob("*.c")))],
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
        )
        made.replace(library)
    except subprocess.CalledProcessError as error:
        return f"{shlex.join(compiler)} cannot compile it: {error.stderr.strip()}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        made.unlink(missing_ok=True)
    for other in FOLDER.glob("kernel-*.so"):
        if other != library:
            other.unlink(missing_ok=True)
    return None


def _compiler() -> list[str] | None:
    """The command of a C compiler: what CC says, else what made this Python, else what has a usual name."""
    named = (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang")
    commands = [shlex.split(name) for name in named if name]
    return next((command for command in commands if command and shutil.which(command[0])), None)
