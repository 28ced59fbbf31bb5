"""Chunks of inputs, read in a thread of their own while the ones before are matched.

    reader thread   decode 1 │ decode 2 │ decode 3 │ …
    main thread              │ match 1  │ match 2  │ match 3

Which chunk is taken next is up to the caller, so the thread changes nothing in what comes out. Reading spends
most of its time where other threads can run: in the kernel, in NumPy, in unpacking, in waiting for bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import field
from queue import SimpleQueue
from threading import Thread
from typing import Final

from cep.ports.rows import Chunk
from cep.values import value

CHUNKS_AHEAD_MIN: Final = 2

_PATIENCE_S: Final = 1.0


@value
class _Asked:
    """A chunk that the thread is to read, and where it puts what came of it."""

    source: int
    answer: SimpleQueue[Chunk | BaseException | None] = field(default_factory=SimpleQueue)


class ReadAhead:
    """Some inputs, by number. `take` gives the next chunk of one, `close` ends the thread."""

    def __init__(self, inputs: Mapping[int, Iterator[Chunk]], ahead_max: int = CHUNKS_AHEAD_MIN) -> None:
        """Nothing is read before the first chunk is taken.

        `ahead_max`: so many chunks are held, over all inputs, besides the one that was taken.
        """
        self._inputs = dict(inputs)
        self._ahead_max = ahead_max
        self._asked: dict[int, deque[_Asked]] = {source: deque() for source in inputs}
        self._work: SimpleQueue[_Asked | None] = SimpleQueue()
        self._closed = False
        # A daemon: one that waits for bytes that never come must not hold up the end of the process.
        self._thread = Thread(target=self._read, daemon=True, name="cep-reader")

    def waits(self, source: int) -> bool:
        """Whether the next chunk of an input has yet to be read."""
        mine = self._asked[source]
        return not mine or mine[0].answer.empty()

    def take(self, source: int) -> Chunk | None:
        """The next chunk of an input, None at its end; raises what reading it raised."""
        mine = self._asked[source]
        if not mine:
            self._ask(source)
        found = mine.popleft().answer.get()
        if isinstance(found, BaseException):
            raise found
        if found is not None:
            while sum(map(len, self._asked.values())) < self._ahead_max:
                self._ask(source)
        return found

    def close(self) -> None:
        """End the thread; one that waits for bytes is left alone after a moment."""
        self._closed = True
        self._work.put(None)
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _ask(self, source: int) -> None:
        asked = _Asked(source)
        self._asked[source].append(asked)
        self._work.put(asked)
        if self._thread.ident is None:
            self._thread.start()

    def _read(self) -> None:
        """What the thread does. An input that ended, or failed, has nothing more to give."""
        while (asked := self._work.get()) is not None and not self._closed:
            try:
                asked.answer.put(next(self._inputs[asked.source], None))
            except BaseException as error:  # noqa: BLE001 - raised again where the chunk is taken
                asked.answer.put(error)
