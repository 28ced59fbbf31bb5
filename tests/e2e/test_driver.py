"""Our driver finds what plain Python written by hand for these rules finds, family by family."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.shared import ROOT, shared_path


def result_of(script: Path, *arguments: Path) -> Any:  # noqa: ANN401 - JSON
    done = subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.split("RESULT ")[1])


def test_all_families_agree_with_plain_code(tmp_path: Path) -> None:
    shared = shared_path("bench")
    data, rules = tmp_path / "events.jsonl", tmp_path / "rules.json"
    subprocess.run(
        [sys.executable, shared / "gen.py", "--events", "8000", "--out", data],
        check=True,
        capture_output=True,
    )
    made = subprocess.run([sys.executable, shared / "rules.py", "20"], check=True, capture_output=True)
    rules.write_bytes(made.stdout)
    wanted = result_of(shared / "py" / "handwritten.py", data, rules)["rules"]
    assert len(wanted) == 20
    assert all(count for name, (count, _) in wanted.items() if name.endswith("_0"))
    assert result_of(ROOT / "bench" / "driver.py", data, rules)["rules"] == wanted
