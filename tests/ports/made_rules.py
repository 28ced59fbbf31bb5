"""A topic of rules in memory, compacted after every write: of each key only the last record is left."""

from collections.abc import Iterable
from typing import Self

from cep.ports.rule_records import RuleHistory


class MadeTopic:
    """Opened by commands and read by workers as the real one is; each write takes an offset for its mark."""

    def __init__(self) -> None:
        self.records: dict[int, tuple[bytes, bytes | None]] = {}
        self.end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def history(self) -> RuleHistory:
        found = RuleHistory()
        for offset, (key, value) in sorted(self.records.items()):
            found.add(offset, key, value)
        return found

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            self.records = {offset: each for offset, each in self.records.items() if each[0] != key}
            self.records[self.end] = key, value
            self.end += 1
        self.end += 1
