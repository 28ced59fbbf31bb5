"""Settings of librdkafka for TLS as an `SSLContext`, for clients that want one."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from cep.errors import InputError


def ssl_context(kafka: Mapping[str, str]) -> ssl.SSLContext | None:
    """What `ssl.…` settings come to; None where `security.protocol` says no TLS."""
    if not kafka.get("security.protocol", "plaintext").lower().endswith("ssl"):
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.get("ssl.ca.location"))
        if certificate := kafka.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, kafka.get("ssl.key.location"), kafka.get("ssl.key.password"))
    except OSError as error:
        raise InputError(f"the files for TLS to Kafka cannot be used: {error}") from None
    return context
