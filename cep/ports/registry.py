"""Schemas by their ids from a schema registry; the only importer of httpx (extra `registry`).

An id never changes its meaning, so what was fetched is kept. A registry that does not answer is asked again
for a while and then ends the worker, because events must not be refused for what they have nothing to do
with. Only the registry itself can say that it knows no such id.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from cep.errors import CepError, InputError
from cep.event import Value
from cep.inputs import RegistrySettings
from cep.values import value

try:
    import httpx
except ImportError:
    httpx = None  # type: ignore[assignment]

NEEDS_EXTRA: Final = (
    "reading by a schema registry needs more libraries: pip install '.[registry]' in your clone of cep"
)

SCHEMAS_MAX: Final = 1000
"""Schemas that are kept; a topic has as many as it had versions."""

ANSWER_S: Final = 10.0
PAUSE_S: Final = 0.5
PAUSE_S_MAX: Final = 8.0

_NOT_FOUND: Final = range(40401, 40404)
"""What the registry says itself when it has no such subject, version or schema."""

_PASSING: Final = frozenset({408, 425, 429})

Wait = Callable[[float, str], None]
"""Waits so many seconds, for the reason given."""


class RegistryError(CepError):
    """The registry cannot be asked: nothing is known of the records."""


class UnknownSchemaError(ValueError):
    """The registry answers, and has no such schema."""


@value
class Registered:
    """A schema and those it refers to by name. `kind` is AVRO, PROTOBUF or JSON."""

    kind: str
    text: str
    references: tuple[tuple[str, Registered], ...] = ()

    def all_references(self) -> dict[str, str]:
        """Name and text of all it needs, each after those that it needs itself."""
        found: dict[str, str] = {}
        for name, schema in self.references:
            found |= schema.all_references()
            found[name] = schema.text
        return found


class Registry:
    """One registry, asked through the API that Confluent's has and others too."""

    def __init__(self, settings: RegistrySettings, wait: Wait) -> None:
        """InputError if the library is missing or a file for TLS cannot be read."""
        if httpx is None:
            raise InputError(NEEDS_EXTRA)
        self._settings = settings
        self._wait = wait
        try:
            context = ssl.create_default_context(cafile=settings.ca or None)
            if settings.certificate:
                context.load_cert_chain(settings.certificate, settings.key or None)
        except OSError as error:
            raise InputError(f"the files for TLS of {settings.url} cannot be used: {error}") from None
        self._client = httpx.Client(
            base_url=settings.url.rstrip("/") + "/",
            auth=(settings.user, settings.password) if settings.user else None,
            verify=context,
            timeout=ANSWER_S,
            headers={"Accept": "application/vnd.schemaregistry.v1+json, application/json"},
        )
        self.schema = lru_cache(SCHEMAS_MAX)(self._schema)
        """The schema of an id. UnknownSchemaError if there is none, RegistryError if nobody can say."""

    def close(self) -> None:
        """Give back the connection."""
        self._client.close()

    def _schema(self, schema_id: int) -> Registered:
        return self._registered(self._get(f"schemas/ids/{schema_id}"))

    def _registered(self, answer: Value) -> Registered:
        try:
            kind, text = answer.get("schemaType") or "AVRO", answer["schema"]
            named = [(one["name"], one["subject"], one["version"]) for one in answer.get("references") or ()]
        except (AttributeError, KeyError, TypeError):
            raise RegistryError(
                f"{self._settings.url} is no schema registry: its answer has no schema"
            ) from None
        references = (
            (name, self._registered(self._get(f"subjects/{quote(subject, safe='')}/versions/{version}")))
            for name, subject, version in named
        )
        return Registered(kind, text, tuple(references))

    def _get(self, path: str) -> Value:
        """The answer, asked for again and again until `wait_s` are over."""
        left, pause = float(self._settings.wait_s), PAUSE_S
        while True:
            reason = ""
            try:
                answer = self._client.get(path)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                if answer.status_code < 500 and answer.status_code not in _PASSING:
                    return self._body(answer)
                reason = f"it says {answer.status_code} {answer.reason_phrase}"
            told = f"the schema registry {self._settings.url} does not answer: {reason}"
            if left <= 0:
                raise RegistryError(f"{told}; given up after {self._settings.wait_s}s")
            self._wait(min(pause, left), told)
            left -= pause
            pause = min(2 * pause, PAUSE_S_MAX)

    def _body(self, answer: httpx.Response) -> Value:
        try:
            body = answer.json()
        except ValueError:
            body = None
        code = body.get("error_code") if isinstance(body, dict) else None
        if answer.status_code == 404 and code in _NOT_FOUND:
            # Any other 404 is that of a wrong address, where no schema would ever be found.
            raise UnknownSchemaError(f"the schema registry says: {body['message']!s:.200}")
        if answer.status_code in {401, 403}:
            raise RegistryError(
                f"the schema registry {self._settings.url} refuses us ({answer.status_code}):"
                " CEP_REGISTRY_USER and CEP_REGISTRY_PASSWORD say who we are"
            )
        if answer.status_code != 200 or body is None:
            raise RegistryError(
                f"{answer.url} is no address of a schema registry: it says {answer.status_code}"
                f" {answer.reason_phrase}; `url` must hold the path to its API too"
            )
        return body
