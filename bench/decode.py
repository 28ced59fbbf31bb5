"""Reads a file of the workload and does nothing with it: `decode.py DATA READER [CHUNK_ROWS]`.

READER is `compiled`, `numpy` or `rows`: the kernel, what there is without one, and row by row.
"""

from __future__ import annotations

import sys

from driver import FIELDS, SCHEMA, SETTINGS

from cep.columns import Projection
from cep.ports import json_blocks
from cep.ports.decode import open_source
from cep.ports.lines import BOUNDS, Bounds

path, reader, *rows = sys.argv[1:]
if reader == "numpy":
    json_blocks.KERNEL = None  # type: ignore[misc]
elif reader == "compiled" and json_blocks.KERNEL is None:
    sys.exit("the compiled reader is not built")
chunk_rows = 10 if reader == "rows" else int(rows[0]) if rows else BOUNDS.chunk_rows
print(
    sum(
        len(chunk.batch)
        for chunk in open_source(
            path, SETTINGS, Projection(frozenset(FIELDS)), SCHEMA, 0, Bounds(chunk_rows=chunk_rows)
        )
    )
)
