"""Reads small files whole, so that a test can look at events and rejects as lists."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cep.columns import Projection
from cep.event import Event
from cep.inputs import InputSettings
from cep.ports.decode import open_source
from cep.ports.json_kernel import KERNEL, Kernel
from cep.ports.lines import BOUNDS, Bounds
from cep.ports.rejects import Reject
from cep.ports.rows import Chunk
from cep.schema import FieldType, Schema


@dataclass(frozen=True, slots=True)
class Read:
    """Everything an input gave."""

    chunks: list[Chunk]

    @property
    def events(self) -> list[Event]:
        return [
            chunk.batch.event(row, sorted(chunk.batch.columns))
            for chunk in self.chunks
            for row in range(len(chunk.batch))
        ]

    @property
    def rejects(self) -> list[Reject]:
        return [reject for chunk in self.chunks for reject in chunk.rejects]

    @property
    def refused(self) -> list[tuple[int, str, str]]:
        """Line, code and reason of each reject."""
        return [(reject.line, reject.reason_code, reject.reason) for reject in self.rejects]

    @property
    def unmatched(self) -> int:
        return sum(chunk.unmatched for chunk in self.chunks)

    def values(self, name: str) -> list[object]:
        """A field of every event, None where it is null."""
        return [event.fields.get(name) for event in self.events]


def schema_of(types: Mapping[str, Mapping[str, str]]) -> Schema:
    """Declared types, with the kinds of fields written as in the project file."""
    return Schema(
        {
            name: {field: FieldType.parse(kind) for field, kind in fields.items()}
            for name, fields in types.items()
        }
    )


def read(
    path: Path | str,
    fields: str = "",
    settings: InputSettings | None = None,
    schema: Schema | None = None,
    bounds: Bounds = BOUNDS,
    projection: Projection | None = None,
    source_index: int = 0,
) -> Read:
    """Read an input whole; `fields` are the names of the fields that rules read, with blanks between them."""
    return Read(
        list(
            open_source(
                str(path),
                settings or InputSettings(),
                projection or Projection(frozenset(fields.split())),
                schema or Schema(),
                source_index,
                bounds,
            )
        )
    )


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with that content; text is written as it stands, in UTF-8."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def the_kernel() -> Kernel:
    """The compiled kernel; where CI is set it must be there, since there nobody reads skips."""
    if KERNEL is None:
        reason = "the kernel is not built from its source as it is: is there a C compiler? install again"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return KERNEL
