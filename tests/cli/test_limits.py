"""`cep replay` says what a limit gave up: in the summary, and on each alert that may lack something."""

import json
from pathlib import Path

import pytest

from tests.cli.shop import cep, failed, login, transcript
from tests.golden import check_golden
from tests.shared import ROOT

GOLDEN = ROOT / "tests" / "golden" / "limits"

LINES = [failed(i) for i in range(5)] + [login(9), failed(900), login(910)]


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "stop_rule"])
def test_what_was_given_up_is_told(shop: Path, overflow: str) -> None:
    (shop / "data" / "day.jsonl").write_text("".join(LINES))
    (shop / "rules" / "unpaid_order.yaml").unlink()
    (shop / "rules" / "brute_force.yaml").write_text(
        f"rule: pairs\nlimits: {{runs_per_key: 3, overflow: {overflow}}}\n"
        "pattern: SEQ(LoginFailed f, Login l) BY user_id WITHIN 10m PICK EACH EMIT (began = f.ts)\n"
    )
    check_golden(GOLDEN / f"{overflow}.txt", transcript(cep("replay", "--format", "table")))
    alerts = [json.loads(line) for line in cep("replay").stdout.splitlines()]
    expected = [] if overflow == "stop_rule" else [True, True, True, False]
    assert [alert["incomplete"] for alert in alerts] == expected
