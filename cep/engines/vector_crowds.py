"""Keys in which a batch may have had more open runs than a rule allows, or a longer one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cep.columns import Bools, Codes, Ints, distinct_of
from cep.engines.answers import KeyOrder
from cep.engines.matcher import Limits
from cep.engines.vector_pool import NONE, Runs
from cep.engines.vector_step import OVER, Index, Stepping


def overflowing(stepping: Stepping, limits: Limits) -> Codes:
    """Keys that may at some moment have had more open runs, or a longer one, than the limits allow."""
    runs = stepping.runs
    long = runs.size > limits.events_per_key
    suspects = distinct_of(runs.key[long]) if long.any() else runs.key[:0]
    if len(runs) > limits.runs_per_key:
        # Each variant has the limit for itself.
        pairs = np.stack([runs.key, stepping.variants], axis=1)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        crowded = [
            key for key, variant in found[counts > limits.runs_per_key].tolist()
            if _most(stepping, key, variant) > limits.runs_per_key
        ]  # fmt: skip
        suspects = distinct_of(np.concatenate([suspects, np.array(crowded, dtype=np.int32)]))
    return suspects.astype(np.int32)


def keys_at(order: KeyOrder, places: Index) -> Codes:
    """The keys of some ascending positions, each once, ascending."""
    ids = order.ids[places]
    first = np.ones(len(ids), dtype=np.bool_)
    first[1:] = ids[1:] != ids[:-1]
    return ids[first]


def rows_of(order: KeyOrder, keys: Sequence[Codes], length: int) -> Bools | None:
    """Of a batch of that length the rows of some keys; None if there is no such key."""
    numbers = np.concatenate(keys)
    if not len(numbers):
        return None
    found = np.zeros(length, dtype=np.bool_)
    found[order.rows[np.isin(order.ids, numbers)]] = True
    return found


def _most(stepping: Stepping, key: int, variant: int) -> int:
    """The most runs of a key and variant that were open at once; never too few."""
    runs, order = stepping.runs, stepping.order
    mine = np.flatnonzero((runs.key == key) & (stepping.variants == variant))
    first, past = np.searchsorted(order.ids, [key, key + 1])
    times = order.ts_ms[first:past]
    fresh = runs.cell[mine] == NONE
    born = np.where(fresh, _place(order.ts_ms, order.seq, first, past, runs, mine), first)
    gone = np.where(runs.stage[mine] == OVER, stepping.at[mine], past)
    gone = np.minimum(gone, first + np.searchsorted(times, runs.deadline_ms[mine], side="right"))
    change = np.zeros(past - first + 2, dtype=np.int64)
    np.add.at(change, born - first, 1)
    np.add.at(change, np.maximum(gone, born) - first, -1)
    return int(np.cumsum(change).max())


def _place(ts_ms: Ints, seq: Ints, first: int, past: int, runs: Runs, mine: Index) -> Index:
    """The positions of the starts of runs: by time and then sequence number."""
    times, numbers = ts_ms[first:past], seq[first:past]
    pairs = {pair: first + i for i, pair in enumerate(zip(times.tolist(), numbers.tolist(), strict=True))}
    starts = zip(runs.start_ms[mine].tolist(), runs.start_seq[mine].tolist(), strict=True)
    return np.array([pairs.get(pair, first) for pair in starts], dtype=np.intp)
