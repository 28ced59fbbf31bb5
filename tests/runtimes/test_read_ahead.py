"""Reading ahead changes when chunks are read and nothing else: order, errors and bounds are as without it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, active_count, current_thread, main_thread

import pytest

from cep.columns import Batch
from cep.errors import InputError
from cep.ports.rows import Chunk
from cep.runtimes.read_ahead import CHUNKS_AHEAD_MIN, ReadAhead


class Watched:
    """An input of numbered chunks: tells how many were read, and waits or fails at the end if told to."""

    def __init__(self, count: int, fails: bool = False, waits: Event | None = None) -> None:
        self.count, self.fails, self.waits = count, fails, waits
        self.read = 0
        self.reached = Event()

    def __iter__(self) -> Iterator[Chunk]:
        for number in range(self.count):
            self.read = number + 1
            assert current_thread() is not main_thread()
            yield Chunk(Batch.of([]), unmatched=number)
        self.reached.set()
        if self.waits is not None:
            self.waits.wait()
        if self.fails:
            raise InputError("damaged")


def numbers(reader: ReadAhead, source: int) -> list[int]:
    found = []
    while (chunk := reader.take(source)) is not None:
        found.append(chunk.unmatched)
    return found


def test_every_chunk_comes_once_and_in_order() -> None:
    reader = ReadAhead({0: iter(Watched(7)), 1: iter(Watched(0)), 2: iter(Watched(3))})
    assert reader.take(2) is not None
    assert [numbers(reader, source) for source in (0, 1, 2)] == [list(range(7)), [], [1, 2]]
    assert reader.take(0) is None
    reader.close()


def test_no_more_is_read_than_the_bound_over_all_inputs() -> None:
    inputs = [Watched(100) for _ in range(5)]
    reader = ReadAhead({source: iter(one) for source, one in enumerate(inputs)})
    assert [one.read for one in inputs] == [0] * 5
    for taken in range(1, 20):
        for source in range(5):
            assert reader.take(source) is not None
            assert reader.take((source + 1) % 5) is not None
            held = sum(one.read for one in inputs) - (taken - 1) * 10 - 2 * (source + 1)
            assert 0 <= held <= CHUNKS_AHEAD_MIN
    reader.close()


def test_an_error_comes_where_it_would_have_come() -> None:
    reader = ReadAhead({0: iter(Watched(2, fails=True))})
    assert [chunk.unmatched for chunk in (reader.take(0), reader.take(0)) if chunk] == [0, 1]
    with pytest.raises(InputError, match="damaged"):
        reader.take(0)
    reader.close()


def test_closing_ends_the_thread_before_all_is_read() -> None:
    threads, endless = active_count(), Watched(10**9)
    reader = ReadAhead({0: iter(endless)})
    assert reader.take(0) is not None
    assert active_count() == threads + 1
    reader.close()
    assert active_count() == threads
    assert endless.read <= 1 + CHUNKS_AHEAD_MIN


def test_closing_does_not_wait_for_bytes_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cep.runtimes.read_ahead._PATIENCE_S", 0.01)
    released = Event()
    waits = Watched(1, waits=released)
    reader = ReadAhead({0: iter(waits)})
    assert reader.take(0) is not None
    waits.reached.wait()
    reader.close()
    released.set()


def test_a_reader_that_was_never_asked_has_no_thread() -> None:
    threads = active_count()
    reader = ReadAhead({0: iter(Watched(1))})
    assert active_count() == threads
    reader.close()
