"""A worker says what is wrong at its start, waits for a broker for a while, and ends when it is told to."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from samples.live.processes import free_ports, wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster
from tests.live.project import write_project
from tests.live.workers import workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


def code_of(program: object) -> int | None:
    child = program._child  # type: ignore[attr-defined]
    return None if child is None else child.poll()


def test_a_broker_that_is_down(tmp_path: Path) -> None:
    """It says so as JSON, without the secrets that it was given."""
    config = write_project(tmp_path)
    cluster = Cluster(f"127.0.0.1:{free_ports(1)[0]}", "down")
    settings = {
        "CEP_WAIT_FOR_BROKER_S": "6",
        "CEP_LOG_FORMAT": "json",
        "CEP_KAFKA_SASL_PASSWORD": "hush-kafka",
        "CEP_KAFKA_SASL_MECHANISMS": "PLAIN",
        "CEP_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "CEP_KAFKA_SASL_USERNAME": "cep",
    }
    with workers(cluster, config, "redis://cep:hush-redis@127.0.0.1:1/0", settings=settings) as group:
        program = group.start("one")
        started = time.monotonic()
        assert wait_until(lambda: not program.running(), 40)
        assert time.monotonic() - started > 4
        text = program.log.read_text()
    assert code_of(program) == 3
    assert f"no broker at {cluster.address} yet, next try in" in text
    assert f"no broker at {cluster.address} within 6s" in text
    assert "Traceback" not in text
    assert "hush" not in text
    told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    ours = [line for line in told if line["event"] != "log"]
    assert [ours[place]["event"] for place in (0, 1, -1)] == ["started", "waiting", "ended"]
    assert ours[0]["state"] == "redis://cep:***@127.0.0.1:1/0"
    assert ours[1]["brokers"] == cluster.address


def test_dead_letters_of_a_broker_that_is_down(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    commands = [
        [sys.executable, "-m", "cep", "dlq", what, "--brokers", address, "--config", str(config)]
        for what in ("list", "replay")
    ]
    # Side by side: what takes long is to wait for an answer.
    under_way = [subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) for command in commands]
    for program in under_way:
        out, errors = program.communicate(timeout=60)
        assert program.returncode == 2
        assert out == ""
        assert errors.startswith(
            f"error: no broker answers at {address}\n  is it running, and is `brokers` right?"
        )


def test_a_topic_that_is_missing(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "missing")
    with workers(cluster, config, "memory:") as group:
        program = group.start("one")
        assert wait_until(lambda: not program.running(), 40)
        assert "the brokers have no topic missing-events: create it" in group.log("one")
    assert code_of(program) == 3


def test_told_to_end(services: Services, tmp_path: Path) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, "ended")
    cluster.create("events")
    with workers(cluster, config, "memory:", settings={"CEP_KAFKA_SASL_PASSWORD": "hush"}) as group:
        program = group.start("one")
        group.ready("one")
        assert group.page("one", "/healthz") == (200, "ok\n")
        program.signal(signal.SIGTERM)
        assert wait_until(lambda: not program.running(), 20), group.log("one")
        text = program.log.read_text()
    assert code_of(program) == 0
    assert "hush" not in text
    assert "rules" in text
    assert "3 rules live: pair, silence, burst" in text
