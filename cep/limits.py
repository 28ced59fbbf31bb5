"""How much is taken on at once: numbers that help texts name, apart from what they bound."""

from __future__ import annotations

from typing import Final

BATCH_ROWS: Final = 1 << 18
"""Events matched at once: what is looked up for a key is looked up once for all of its events in a batch."""

CHUNK_ROWS: Final = 1 << 16
"""Events read at once: few enough that their bytes stay near the processor."""

JOBS_MAX: Final = 256
"""More processes than any machine of ours has processors."""
