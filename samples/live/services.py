"""Kafka and Redis together: `python -m samples.live.services up` starts them, `down` ends them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.live.kafka_broker import Broker, make_broker
from samples.live.processes import Program, ServiceError, started
from samples.live.redis_server import RedisServer, make_redis

FOLDER: Final = Path(".live")
"""Where `up` keeps its services, from the folder of the project."""


@dataclass(slots=True)
class Services:
    """What runs, and how to reach it."""

    broker: Broker
    redis: RedisServer
    kafka_program: Program
    redis_program: Program


@contextmanager
def running(folder: Path, broker: Broker | None = None) -> Iterator[Services]:
    """Both services for as long as the block lasts; they end with it, also when it is interrupted."""
    broker, redis = broker or make_broker(folder / "kafka"), make_redis(folder / "redis")
    with ExitStack() as stack:
        kafka_program = broker.start()
        stack.callback(kafka_program.stop)
        redis_program = redis.start()
        stack.callback(redis_program.stop)
        services = Services(broker, redis, kafka_program, redis_program)
        yield services


def up(folder: Path = FOLDER) -> None:
    """Start both so that they go on after this command; those that run already are left alone."""
    folder = folder.resolve()
    where = folder / "services.json"
    if where.exists() and all(started(name, folder / name) for name in ("kafka", "redis")):
        _tell(json.loads(where.read_text()))
        return
    down(folder)
    broker, redis = make_broker(folder / "kafka"), make_redis(folder / "redis")
    program = broker.start(keep=True)
    try:
        redis.start(keep=True)
    except BaseException:
        program.stop()
        raise
    found = {"CEP_BROKERS": broker.address, "CEP_STATE": redis.url}
    where.write_text(json.dumps(found) + "\n")
    _tell(found)


def _tell(found: dict[str, str]) -> None:
    for name, value in found.items():
        print(f"export {name}={value}")


def down(folder: Path = FOLDER) -> None:
    """End what `up` started and remove its folder."""
    folder = folder.resolve()
    for name in ("redis", "kafka"):
        program = started(name, folder / name)
        if program is not None:
            program.stop()
            print(f"{name} ended", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """`up` or `down`; exit code 2 when it cannot be done."""
    commands = {"up": up, "down": down}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("python -m samples.live.services up|down", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except ServiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
