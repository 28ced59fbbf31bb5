"""The compose file starts the same Kafka and Redis as `make up`; containers are not needed to see that."""

import yaml

from samples.live.kafka_broker import SETTINGS, VERSION
from samples.live.redis_server import SAVING
from samples.live.show import ROOT

PLACES = {"log.dirs", "listeners", "advertised.listeners", "controller.quorum.voters"}
"""What names ports and folders, which are other ones in a container."""


def test_same_services_as_without_containers() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    kafka, redis = services["kafka"], services["redis"]
    assert kafka["image"] == f"apache/kafka:{VERSION}"
    wanted = dict(line.split("=", 1) for line in SETTINGS.splitlines())
    told = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in kafka["environment"].items()
    }
    assert told.keys() == wanted.keys()
    assert {name: told[name] for name in wanted.keys() - PLACES} == {
        name: wanted[name] for name in wanted.keys() - PLACES
    }
    assert tuple(redis["command"]) == ("redis-server", *SAVING)


def test_only_this_machine_reaches_them() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    ports = {name: one["ports"] for name, one in services.items()}
    assert ports == {"kafka": ["127.0.0.1:9092:9092"], "redis": ["127.0.0.1:6379:6379"]}
