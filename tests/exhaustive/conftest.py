"""No garbage collection while patterns are compared: little of it is garbage, and all of it is looked at."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.collect()
