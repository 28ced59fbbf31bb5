"""TLS, users and passwords for the services of the tests: made for one run, worth nothing after it."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from samples.live.kafka_broker import Broker
from samples.live.processes import free_ports

USER: Final = "cep"
PASSWORD: Final = secrets.token_hex(8)
REDIS_PASSWORD: Final = secrets.token_hex(8)

_BROKER: Final = """listeners={doors},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={doors}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={store}
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={module} required;
"""
_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Secure:
    """Where a broker listens for TLS, and what proves who is who."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def settings(self) -> dict[str, str]:
        """What a worker is told by its environment."""
        return {
            "CEP_BROKERS": self.address,
            "CEP_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "CEP_KAFKA_SASL_MECHANISMS": "SCRAM-SHA-256",
            "CEP_KAFKA_SASL_USERNAME": USER,
            "CEP_KAFKA_SASL_PASSWORD": PASSWORD,
            "CEP_KAFKA_SSL_CA_LOCATION": str(self.authority),
        }


def secured(broker: Broker, folder: Path) -> tuple[Broker, Secure]:
    """A broker that is not started yet, listening for TLS too, with certificates of its own authority."""
    folder.mkdir(parents=True)
    secure = Secure(free_ports(1)[0], folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(secure.authority))
    made = authority.issue_cert("127.0.0.1")
    # The broker reads keys of this form only.
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    whole = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    whole += b"".join(blob.bytes() for blob in made.cert_chain_pems)
    secure.certificate.write_bytes(whole)
    more = _BROKER.format(
        doors=f"PLAINTEXT://{broker.address},SASL_SSL://{secure.address}",
        controller=broker.controller,
        store=secure.certificate,
        module=_MODULE,
    )
    return replace(broker, more=more), secure


def add_user(address: str) -> None:
    """Let the broker know the user."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    wanted = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.alter_user_scram_credentials([wanted]).values():
        future.result(30)


@contextmanager
def tls_in_front(port: int, certificate: Path) -> Iterator[int]:
    """A port that speaks TLS and hands on to one that does not: not every Redis server is built with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    (front,) = free_ports(1)
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        for source, sink in ((reader, behind_writer), (behind_reader, writer)):
            task = loop.create_task(_pump(source, sink))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", front, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, tasks), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _end(server: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
    server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
