"""Programs that are started, waited for and ended by their own process id, whatever happens meanwhile.

A program writes to a log and a pid file in its folder. With `keep` it outlives the command that started it;
otherwise the kernel ends it together with its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 20
"""How long a program may take to end in order before it is killed."""


class ServiceError(Exception):
    """A service that cannot be started here; the message says what is missing or where its log is."""


class Program:
    """One program under way, with its folder."""

    def __init__(self, name: str, folder: Path, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        """`child` is None for a program that another command started."""
        self.name = name
        self.folder = folder
        self.pid = pid
        self._child = child

    @property
    def log(self) -> Path:
        """What the program printed."""
        return self.folder / f"{self.name}.log"

    def running(self) -> bool:
        """Whether the process is there and is the one that was started in this folder."""
        if self._child is not None:
            return self._child.poll() is None
        return _is_ours(self.pid, self.folder)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens to a process that has ended."""
        if self.running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, wait, and kill it when it does not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not wait_until(lambda: not self.running(), seconds):
            self.kill()
        self._forget()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal(signal.SIGKILL)
        wait_until(lambda: not self.running(), STOP_SECONDS)
        self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait()
        (self.folder / f"{self.name}.pid").unlink(missing_ok=True)


def start(
    name: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    keep: bool = False,
) -> Program:
    """Start a program in its folder; a Ctrl-C on the terminal does not reach it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=None if keep else _end_with_parent,  # noqa: PLW1509 - a single call of the kernel
        )
    (folder / f"{name}.pid").write_text(f"{child.pid}\n")
    return Program(name, folder, child.pid, child)


def started(name: str, folder: Path) -> Program | None:
    """A program that another command started in this folder, if it still runs."""
    try:
        pid = int((folder / f"{name}.pid").read_text())
    except (OSError, ValueError):
        return None
    return Program(name, folder, pid, None) if _is_ours(pid, folder) else None


def wait_until(ready: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Ask until the answer is yes; False when the time is over."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def wait_for_port(program: Program, port: int, seconds: float) -> None:
    """Wait until the program listens; ServiceError with the end of its log when it does not."""
    if not wait_until(lambda: _listens(port) or not program.running(), seconds) or not program.running():
        tail = "\n".join(program.log.read_text(errors="replace").splitlines()[-15:])
        program.stop()
        raise ServiceError(f"{program.name} did not start; its log {program.log} ends:\n{tail}")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ours(pid: int, folder: Path) -> bool:
    """A pid is used again one day: the working folder tells whether the process is the one we mean."""
    if sys.platform != "linux":
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    try:
        where = Path(f"/proc/{pid}/cwd").readlink()
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
    return where == folder.resolve() and not ended


def _end_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
