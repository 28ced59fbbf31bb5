"""Settings for TLS and SASL in the words of the agents' client; what they cannot have is refused."""

import ssl
from pathlib import Path

import pytest
import trustme

from cep.errors import InputError
from cep.live import LiveSettings, checked
from cep.runtimes.tls import ssl_context

TOPICS = (("payments", ""),)


def test_no_tls_where_nobody_asks_for_it() -> None:
    assert ssl_context({}) is None
    assert ssl_context({"security.protocol": "SASL_PLAINTEXT"}) is None


def test_authority_and_a_certificate_of_ours(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    made = authority.issue_cert("worker.example")
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    kafka = {
        "security.protocol": "ssl",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "us.pem"),
    }
    context = ssl_context(kafka)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    with pytest.raises(InputError, match="the files for TLS to Kafka cannot be used"):
        ssl_context({**kafka, "ssl.certificate.location": str(tmp_path / "none.pem")})


def test_agents_promise_at_least_once_only() -> None:
    settings = LiveSettings(topics=TOPICS, mode="agent", guarantee="at_most_once")
    with pytest.raises(InputError, match="`guarantee: at_most_once` needs `mode: batch`"):
        checked(settings)
    assert LiveSettings(mode="agent").promise == "at_least_once"
    assert LiveSettings().promise == "exactly_once"
