"""What an input says of schemas, and what is wrong with it."""

from pathlib import Path

import pytest

from cep.inputs import InputSettings, RegistrySettings, TypeFromSchema, with_registry
from cep.rulebook.project import read_project
from tests.rulebook.test_project import input_problem, one_input


def test_all_settings() -> None:
    found = one_input(
        "format: avro\n    type: {from: schema}\n    schema: schemas/a.avsc\n"
        "    registry: {url: 'https://r:8081/x', user: me, "
        "ca: ca.pem, certificate: c.pem, key: k.pem, wait_s: 5}"
    )
    assert (found.format, found.type) == ("avro", TypeFromSchema())
    assert found.registry == RegistrySettings("https://r:8081/x", "me", "", "ca.pem", "c.pem", "k.pem", 5)
    assert found.schema == "schemas/a.avsc"


def test_the_schema_file_is_found_from_the_project_file() -> None:
    text = "inputs: [{name: a, files: a, type: {constant: A}, schema: s/a.json}]"
    project, found = read_project("shop/cep.yaml", text, Path("shop"))
    assert (found, project.inputs[0].schema) == ([], "shop/s/a.json")


def test_the_environment_counts_more_and_says_the_password() -> None:
    settings = InputSettings(format="avro", registry=RegistrySettings("http://a", "me"))
    environment = {"CEP_REGISTRY_PASSWORD": "pw", "CEP_REGISTRY_URL": "http://b"}
    assert with_registry(settings, environment).registry == RegistrySettings("http://b", "me", "pw")
    assert with_registry(settings, {}).registry == settings.registry
    assert with_registry(InputSettings(format="avro"), {"CEP_REGISTRY_USER": "me"}).registry is None
    assert with_registry(InputSettings(), environment).registry is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("registry: {url: 'http://r'}", "4:5 M103 `registry` means something with these formats only"),
        ("type: {from: schema}", "4:5 M103 the type comes from a schema with these formats only"),
        ("format: avro\n    registry: {user: me}", "5:16 M101 the key `url` is missing from this registry"),
        ("format: avro\n    registry: {url: registry}", "5:21 M103 `registry` is no address"),
        ("format: avro\n    registry: {url: 'http://a:b@r'}", "5:21 M103 a password does not belong into"),
        (
            "format: avro\n    registry: {url: 'http://r', password: x}",
            "5:33 M103 a password does not belong into",
        ),
        ("format: avro\n    registry: {url: 'http://r', wait_s: x}", "5:41 M103 `wait_s` must be a whole"),
        ("format: avro\n    registry: {urls: 'http://r', url: 'http://r'}", "5:16 M102 unknown key `urls`"),
        ("schema: a.txt", "4:13 M103 the ending of a schema file says what it is"),
        ("format: avros", "4:13 M103 `avros` is no format"),
    ],
)
def test_what_is_wrong(settings: str, problem: str) -> None:
    assert input_problem(settings).startswith(problem)
