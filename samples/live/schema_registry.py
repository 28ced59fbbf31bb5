"""One schema registry without a container: Apicurio from Maven, which has the API of Confluent's too."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.live.kafka_broker import java_program
from samples.live.maven import fetched
from samples.live.processes import Program, free_ports, start, wait_for_port

VERSION: Final = "3.0.9"
START_SECONDS: Final = 90


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """A registry's folder and port. What it is told it keeps in memory."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The address of its API that is as Confluent's."""
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> Program:
        """Start it and wait until it listens. ServiceError if it cannot be."""
        place = [f"-Dquarkus.http.port={self.port}", "-Dquarkus.http.host=127.0.0.1"]
        tuning = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
        jar = registry_jars() / f"apicurio-registry-app-{VERSION}-runner.jar"
        program = start("registry", [java_program(), *tuning, *place, "-jar", str(jar)], self.folder)
        wait_for_port(program, self.port, START_SECONDS)
        return program


def make_registry(folder: Path) -> SchemaRegistry:
    """A registry that is not started yet, on a free port."""
    return SchemaRegistry(folder, free_ports(1)[0])


def registry_jars() -> Path:
    """The folder with the program, fetched by Maven when it is not in the cache."""
    artifact = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
    goal = ["dependency:copy", f"-Dartifact={artifact}", "-DoutputDirectory={out}"]
    return fetched(f"apicurio-registry-{VERSION}", "109 MB", goal, arrange=_unpacked)


def _unpacked(folder: Path) -> None:
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()
