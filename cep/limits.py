"""How much is taken on at once: numbers that help texts name, apart from what they bound."""

from __future__ import annotations

from typing import Final

CHUNK_ROWS: Final = 1 << 18
"""Events read at once."""

JOBS_MAX: Final = 256
"""More processes than any machine of ours has processors."""
