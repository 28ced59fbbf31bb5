"""What a verb imports is part of how long it takes to start; times are not asserted, modules are."""

import json
import os
import subprocess
import sys

import pytest

PROBE = """
import json, sys
from cep.cli.start import main
sys.argv[0] = "cep"
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

LIVE = {"faust", "aiokafka", "confluent_kafka", "redis", "prometheus_client", "rocksdict", "asyncio"}
LARGE = {"pyarrow", "pydantic"}
MATCHING = {"numpy", "lark", "yaml", "orjson", "zstandard"}


def loaded(*words: str, probe: str = PROBE) -> set[str]:
    """The foreign packages and our own modules that a process holds after a command."""
    done = subprocess.run(
        [sys.executable, "-c", probe, *words], capture_output=True, text=True, check=False, env=os.environ
    )
    modules = json.loads(done.stderr.splitlines()[-1])
    return {name if name.startswith("cep.") else name.partition(".")[0] for name in modules}


def test_nothing_large_is_loaded_before_the_garbage_collector_is_told() -> None:
    instead = "from cep.cli import verbs; verbs.main = lambda: None\n"
    found = loaded(probe=instead + PROBE)
    assert "cep.cli.start" in found
    assert not found & (LIVE | LARGE | MATCHING | {"typer", "rich", "dataclasses"})


def test_nobody_looks_for_garbage_when_all_is_done() -> None:
    probe = PROBE.replace("sorted(sys.modules)", "[str(gc.get_freeze_count() > 1_000)]")
    assert loaded("--help", probe=f"import gc{probe}") == {"True"}


@pytest.mark.parametrize("words", [("--help",), ("replay", "--help")])
def test_help_loads_nothing_that_matches(words: tuple[str, ...]) -> None:
    found = loaded(*words)
    assert "typer" in found
    assert not found & (LIVE | LARGE | MATCHING)
    assert not {name for name in found if name.startswith(("cep.engines", "cep.language", "cep.plan"))}


def test_check_loads_no_fast_engine() -> None:
    found = loaded("check", "rules")
    assert {"cep.language.reader", "yaml"} <= found
    assert not found & (LIVE | LARGE | {"lark", "multiprocessing", "cep.engines.vector"})


def test_replay_loads_nothing_live_and_no_format_that_is_not_read() -> None:
    found = loaded("replay", "samples", "--rules", "rules/brute_force.yaml", "--quiet")
    assert {"numpy", "orjson"} <= found
    assert not found & (LIVE | LARGE | {"lark", "rich", "multiprocessing"})
