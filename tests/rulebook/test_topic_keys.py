"""A rule whose key is not that of its topic is told so: live, its events must be moved first."""

from pathlib import Path

from cep.errors import Source, render_all
from cep.rulebook.pipeline import compile_text
from cep.rulebook.project import read_project
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "check" / "topic_key.txt"

PROJECT = """\
inputs:
  - {name: payments, files: [p.jsonl], type: {constant: Payment}, key: user_id}
  - {name: audit, files: [a.jsonl], key: [tenant, host]}
"""

TEXTS = (
    "SEQ(Payment a, Payment b) BY card WITHIN 1h",
    "SEQ(Payment a, Payment b) BY user_id, card, tenant, host WITHIN 1h",
    "SEQ(Login l BY host, Payment p BY user_id) WITHIN 1h",
    "Payment[amount > 5] p",
)


def test_what_is_said_of_keys() -> None:
    project, problems = read_project("cep.yaml", PROJECT, Path())
    assert not problems
    told = []
    for text in TEXTS:
        plan, found = compile_text(Source.whole("rule.cep", text), project.schema)
        assert plan is not None
        told.append(f"{text}\n\n{render_all(found) or 'nothing'}\n")
    check_golden(GOLDEN, "\n".join(told))
