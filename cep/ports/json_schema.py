"""JSON that is held to a schema; the only importer of jsonschema_rs (extra `registry`)."""

from __future__ import annotations

from collections.abc import Mapping

from cep.errors import InputError
from cep.event import Value
from cep.ports.json_values import inexact, parse, parse_exact
from cep.ports.registry import NEEDS_EXTRA, Registered
from cep.ports.rows import Reading

try:
    import jsonschema_rs
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]

# Names of references are relative to the schema that names them.
_BASE = "json-schema:///"


class JsonRecords:
    """Reads texts of JSON that fit one schema."""

    def __init__(self, registered: Registered, _: Reading) -> None:
        """ValueError if the schema is none."""
        if jsonschema_rs is None:
            raise InputError(NEEDS_EXTRA)
        references = registered.all_references()

        def referred(address: str) -> Value:
            # Never from the network: what a schema needs is registered with it.
            text = references.get(address.removeprefix(_BASE))
            if text is None:
                raise ValueError(f"nothing is registered as {address}")
            return parse(text.encode())

        try:
            schema = parse(registered.text.encode())
            self._validator = jsonschema_rs.validator_for(schema, retriever=referred)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            first = str(error).partition("\n")[0]
            raise ValueError(f"no JSON Schema: {first:.200}") from None
        title = schema.get("title") if isinstance(schema, dict) else None
        self._name = title if isinstance(title, str) else ""

    def read(self, value: bytes, start: int) -> tuple[str, Mapping[str, Value]]:
        """The title of the schema and the fields of the text there; ValueError if it does not fit."""
        text = value[start:]
        record = parse(text)
        try:
            self._validator.validate(record)
        except jsonschema_rs.ValidationError as error:
            where = ".".join(str(part) for part in error.instance_path)
            at = f" at `{where}`" if where else ""
            raise ValueError(f"does not fit its JSON Schema{at}: {error.message!s:.200}") from None
        if not isinstance(record, dict):
            raise ValueError("JSON, but no object with fields")  # noqa: TRY004 - the data is wrong
        return self._name, parse_exact(text) if inexact(b" " + text) else record
