"""Kafka by TLS and SCRAM, Redis by TLS and a user of few rights, in both modes."""

from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis

from samples.live.processes import wait_until
from samples.live.services import Services
from tests.live.cluster import Cluster, require_equal, truth
from tests.live.project import make_events, write_project
from tests.live.secure import PASSWORD, REDIS_PASSWORD, USER, Secure, add_user, tls_in_front
from tests.live.workers import Workers, workers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]

RIGHTS = ("~cep:*", "+@hash", "+@keyspace", "+@scripting", "+@connection")
"""What `docs/live.md` says that a worker needs in Redis."""


@pytest.mark.parametrize("mode", ["batch", "agent"])
def test_tls_and_passwords(services: Services, secure: Secure, tmp_path: Path, mode: str) -> None:
    config = write_project(tmp_path)
    cluster = Cluster(services.broker.address, f"secure-{mode}", partitions=2)
    cluster.create("events")
    cluster.send("events", make_events(600, seed=61))
    cluster.end("events")
    add_user(services.broker.address)
    redis = Redis.from_url(services.redis.url)
    user = ("SETUSER", USER, "on", f">{REDIS_PASSWORD}", *RIGHTS)
    redis.execute_command("ACL", *user)  # type: ignore[no-untyped-call]
    with tls_in_front(services.redis.port, secure.certificate) as port:
        state = (
            f"rediss://{USER}:{REDIS_PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={quote(str(secure.authority))}"
        )
        settings = {**secure.settings, "CEP_MODE": mode}
        with workers(cluster, config, state, settings=settings) as group:
            if mode == "batch":
                require_refused(group)
            group.start("one", "--instance", "one")
            group.drain()
            assert wait_until(lambda: has_state(redis, group.group), 10)
            group.running["one"].stop()
            text = group.running["one"].log.read_text()
    redis.execute_command("ACL", "DELUSER", USER)  # type: ignore[no-untyped-call]
    redis.close()
    for secret in (PASSWORD, REDIS_PASSWORD):
        assert secret not in text
    require_equal(cluster.values("alerts"), truth(cluster, config, "events"))


def require_refused(group: Workers) -> None:
    """With another password nobody gets in, and the one that was tried is not shown."""
    wrong = {**group.settings, "CEP_KAFKA_SASL_PASSWORD": "hush-wrong", "CEP_WAIT_FOR_BROKER_S": "3"}
    told, group.settings = group.settings, wrong
    program = group.start("one")
    assert wait_until(lambda: not program.running(), 40), group.log("one")
    text = program.log.read_text()
    assert "Authentication failed" in text
    assert "hush" not in text
    group.settings = told


def has_state(redis: Redis, group: str) -> bool:
    return any(redis.keys(f"cep:{group}/*"))
