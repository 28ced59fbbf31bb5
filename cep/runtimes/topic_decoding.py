"""Which decoder reads the records of a topic, and what is done while a schema registry does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from cep.errors import InputError
from cep.inputs import REGISTERED, RegistrySettings
from cep.ports.framed_records import FramedDecoder
from cep.ports.records import RecordDecoder
from cep.ports.registry import Registry
from cep.ports.rows import Chunk, Reading
from cep.runtimes.log_lines import say


class Decoder(Protocol):
    """Decodes the records of one partition in their order."""

    def chunk(self, offsets: Sequence[int], values: Sequence[bytes | None]) -> Chunk:
        """The events among these records, and the records that are none."""
        ...


def decoder_of(reading: Reading) -> Decoder:
    """The decoder for the format of the input. InputError if it lacks a registry, or libraries for one."""
    settings = reading.settings
    if settings.format not in REGISTERED:
        return RecordDecoder(reading)
    if settings.registry is None:
        raise InputError(
            f"input `{settings.name}`: records of format {settings.format} need a schema registry\n"
            "  in cep.yaml: registry: {url: https://registry:8081}"
        )
    return FramedDecoder(reading, open_registry(settings.registry))


@cache
def open_registry(settings: RegistrySettings) -> Registry:
    """One registry for all tasks of the process, so that each schema is fetched once."""
    return Registry(settings, _wait)


def _wait(seconds: float, reason: str) -> None:
    say("waiting", "{reason}; next try in {pause_s:g}s", logging.WARNING, reason=reason, pause_s=seconds)
    time.sleep(seconds)
