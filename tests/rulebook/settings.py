"""The event types that the rule files of these tests are checked against."""

from pathlib import Path

from cep.rulebook.project import read_project
from cep.schema import Schema

PROJECT = """
keep: 365d
types:
  Login: {user_id: string, ip: ip, country: "string?"}
  LoginFailed: {user_id: string, ip: ip}
  Logout: {user_id: string}
  Transfer: {user_id: string, amount: decimal, currency: enum(SEK|EUR), risky: bool}
  Device: {device: string, n: int, seen: timestamp, wait: duration, tags: list, more: record, any: any}
"""


def schema() -> Schema:
    """The declared types."""
    project, problems = read_project("cep.yaml", PROJECT, Path())
    assert not problems
    return project.schema
