"""The state of a task as it was at one moment, on its way to keys and bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cep.state.store import Delta, Offsets


class Cut:
    """The state of a task as it was at one moment: what had changed by then, packed when there is time."""

    def __init__(
        self,
        since: Offsets,
        to: Offsets,
        changes: dict[bytes, bytes | None],
        more: Iterator[tuple[bytes, bytes | None]],
        last: Mapping[bytes, bytes],
    ) -> None:
        """`more` are changes that are not packed yet; what is given later counts, key by key."""
        self.to = to
        self._since, self._changes, self._more, self._last = since, changes, more, last

    def written(self, enough: Callable[[], bool] = lambda: False) -> Delta | None:
        """Pack until it is enough for now; the delta once there is no more."""
        for key, packed in self._more:
            self._changes[key] = packed
            if enough():
                return None
        return Delta(self._since, self.to, {**self._changes, **self._last})
