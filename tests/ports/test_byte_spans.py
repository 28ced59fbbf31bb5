"""Numbers in a block of bytes, more of them than are worked on at a time."""

from __future__ import annotations

import numpy as np

from cep.ports.byte_spans import AT_ONCE, Block, read_numbers


def test_each_of_many_numbers_is_read_as_it_stands() -> None:
    texts = [f"{'-' if i % 3 else ''}{i}{'.25' if i % 2 else ''}" for i in range(2 * AT_ONCE + 17)]
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = ends - np.array([len(text) for text in texts])
    parsed = read_numbers(Block(" ".join(texts).encode()), starts, ends)
    assert parsed.good.all()
    assert parsed.floats()[0].tolist() == [float(text) for text in texts]
    assert parsed.ints()[1].tolist() == ["." not in text for text in texts]
