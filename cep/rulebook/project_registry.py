"""What an input says of schemas: the registry that has them, and a file that declares its event types."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from cep.inputs import REGISTERED, InputSettings, RegistrySettings, TypeFromSchema
from cep.rulebook.fields import Fields

REGISTRY_KEYS: Final = ("url", "user", "ca", "certificate", "key", "wait_s")
SCHEMA_ENDINGS: Final = (".avsc", ".proto", ".json")

_EXAMPLE: Final = "registry: {url: https://registry:8081}"
_WAIT_S: Final = 60


def read_registry(fields: Fields) -> RegistrySettings | None:
    """The registry of an input; its password comes from the environment."""
    inner = fields.mapping("registry", "registry", _EXAMPLE)
    if inner is None:
        return None
    if inner.entry("password") is not None:
        message = "a password does not belong into a file that is shared"
        entry = inner.entry("password")
        assert entry is not None
        inner.error("M103", entry.key, message, "", "the environment says it: CEP_REGISTRY_PASSWORD")
    inner.check_keys((*REGISTRY_KEYS, "password"))
    inner.required("url", "url: https://registry:8081")
    return RegistrySettings(
        url=_url(inner),
        user=inner.text("user", "user: cep"),
        ca=inner.text("ca", "ca: certificates/ca.pem"),
        certificate=inner.text("certificate", "certificate: certificates/cep.pem"),
        key=inner.text("key", "key: certificates/cep.key"),
        wait_s=inner.number("wait_s", 0, _WAIT_S, f"wait_s: {_WAIT_S}"),
    )


def _url(inner: Fields) -> str:
    text = inner.text("url", "url: https://registry:8081")
    entry = inner.entry("url")
    if not text or entry is None:
        return text
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        inner.error("M103", entry.value, f"`{text}` is no address", "", "url: https://registry:8081")
    elif parts.password is not None:
        message = "a password does not belong into a file that is shared"
        inner.error("M103", entry.value, message, "", "the environment says it: CEP_REGISTRY_PASSWORD")
    return text


def read_schema_file(fields: Fields) -> str | None:
    """The file that declares the event types of an input, as it is written."""
    entry = fields.entry("schema")
    if entry is None:
        return None
    text = fields.text("schema", "schema: schemas/payment.avsc")
    if text and PurePath(text).suffix not in SCHEMA_ENDINGS:
        message = "the ending of a schema file says what it is"
        fields.error("M103", entry.value, message, "", f"one of {', '.join(SCHEMA_ENDINGS)}")
        return None
    return text or None


def check_registered(fields: Fields, settings: InputSettings) -> None:
    """What means something only where records name their schema."""
    if settings.format in REGISTERED:
        return
    formats = ", ".join(sorted(REGISTERED))
    entry = fields.entry("registry")
    if entry is not None:
        message = f"`registry` means something with these formats only: {formats}"
        fields.error("M103", entry.key, message, "", "leave `registry` out, or say `format`")
    entry = fields.entry("type")
    if entry is not None and isinstance(settings.type, TypeFromSchema) and settings.schema is None:
        message = f"the type comes from a schema with these formats only: {formats}"
        fields.error("M103", entry.key, message, "", "type: {field: type} or type: {constant: Payment}")
