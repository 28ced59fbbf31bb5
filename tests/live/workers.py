"""Workers of a test: `cep run` as a process of its own, started, hurt and looked at."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from samples.live.processes import Program, free_ports, start, wait_until
from tests.live.cluster import Cluster

QUICK: Final = {"CEP_KAFKA_SESSION_TIMEOUT_MS": "4000", "CEP_KAFKA_HEARTBEAT_INTERVAL_MS": "1000"}
"""The partitions of a killed worker are free after four seconds, not after ten: tests wait for that often."""


@dataclass
class Workers:
    """Any number of workers of one group."""

    cluster: Cluster
    config: Path
    state: str
    inputs: tuple[str, ...] = ("events",)
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, Program] = field(default_factory=dict)
    codes: list[tuple[str, int]] = field(default_factory=list)

    @property
    def group(self) -> str:
        return f"{self.cluster.prefix}-group"

    def start(self, name: str, *options: str) -> Program:
        port = self.ports.setdefault(name, free_ports(1)[0])
        environment = {
            **(QUICK if "--instance" not in options else {}),
            "CEP_BROKERS": self.cluster.address,
            "CEP_GROUP": self.group,
            "CEP_STATE": self.state,
            "CEP_TOPICS": ",".join(f"{self.cluster.topic(one)}=events" for one in self.inputs),
            "CEP_ALERTS": self.cluster.topic("alerts"),
            "CEP_DEAD_LETTERS": self.cluster.topic("dead"),
            "CEP_LATE": self.cluster.topic("late"),
            "CEP_SILENCES": self.cluster.topic("silences"),
            "CEP_WEB": f"127.0.0.1:{port}",
            **self.settings,
        }
        command = [sys.executable, "-m", "cep", "run", "--config", str(self.config), *options]
        program = start(name, command, self.config.parent / "workers", environment)
        self.running[name] = program
        return program

    def page(self, name: str, path: str) -> tuple[int, str]:
        """Status and text of a worker's page; 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def ready(self, name: str, seconds: float = 40) -> None:
        up = wait_until(lambda: self.page(name, "/readyz")[0] == 200, seconds)
        assert up, f"{name} is not ready; its log:\n{self.log(name)}"

    def drain(self, seconds: float = 120, marks: int = 0) -> None:
        """Wait until the group has committed all there is."""

        def ended() -> list[str]:
            return [name for name, program in self.running.items() if not program.running()]

        wait_until(
            lambda: bool(ended()) or self.cluster.drained(self.group, *self.inputs, marks=marks), seconds, 0.3
        )
        logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in self.running)
        done = self.cluster.drained(self.group, *self.inputs, marks=marks)
        assert done, f"not all was committed, ended: {ended()}\n{logs}"

    def log(self, name: str) -> str:
        return "\n".join(self.running[name].log.read_text(errors="replace").splitlines()[-40:])


@contextmanager
def workers(
    cluster: Cluster,
    config: Path,
    state: str,
    inputs: tuple[str, ...] = ("events",),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Workers]:
    """Workers that end with the block."""
    found = Workers(cluster, config, state, inputs, settings or {})
    try:
        yield found
    finally:
        for program in found.running.values():
            program.kill()
