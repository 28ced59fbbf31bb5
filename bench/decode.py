"""Reads a file of the workload and does nothing with it: `decode.py DATA CHUNK_ROWS`."""

from __future__ import annotations

import sys

from driver import FIELDS, SCHEMA, SETTINGS

from cep.columns import Projection
from cep.ports.decode import open_source
from cep.ports.lines import Bounds

path, rows = sys.argv[1:]
print(
    sum(
        len(chunk.batch)
        for chunk in open_source(
            path, SETTINGS, Projection(frozenset(FIELDS)), SCHEMA, 0, Bounds(chunk_rows=int(rows))
        )
    )
)
