"""Where the command starts: what must be said before anything large is imported."""

from __future__ import annotations

import gc
import os
from typing import Final

from cep.cli import verbs

# A start makes a hundred thousand objects that stay. To look for garbage every 700 took a seventh of it.
GARBAGE_EVERY: Final = 100_000


def settle() -> None:
    """What is said of a process that is here to match events."""
    gc.set_threshold(GARBAGE_EVERY)
    # Nothing here multiplies matrices: no thread for that on every processor.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> None:
    """The entry point."""
    settle()
    try:
        verbs.main()
    finally:
        # At its end Python looks for garbage among all that was loaded: a fifth of a small replay, for a
        # process whose memory goes back as a whole.
        gc.freeze()
