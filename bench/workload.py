"""The workload of the comparison with other engines: events and rules, made by the folder of the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache" / "cep-peers"))
PEERS = os.environ.get("CEP_PEERS", str(Path(os.environ.get("CEP_SHARED", ROOT.parent / "shared")) / "bench"))


def events(peers: Path, count: int, accounts: int = 0) -> Path:
    """A file of events of the workload; made once."""
    path = HOME / "data" / f"e{count}{f'-{accounts}' if accounts else ''}.jsonl"
    if not path.exists():
        keys = ["--accounts", str(accounts)] if accounts else []
        making = path.with_suffix(".part")
        command = [sys.executable, peers / "gen.py", "--events", str(count), *keys, "--out", making]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        making.replace(path)
    return path


def rules(peers: Path, count: int) -> dict[str, Any]:
    """The rules of the workload."""
    made = subprocess.run(
        [sys.executable, peers / "rules.py", str(count)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(made.stdout))
